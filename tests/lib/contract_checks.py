"""What every answer about an execution must look like, whatever came of it."""

import datetime
import re

from skillbox_client import is_uuid

STATUSES = {"pending", "running", "success", "failed", "timeout", "cancelled"}
ERROR_CODES = {"exit_nonzero", "timeout", "oom_killed", "cancelled", "output_invalid", "output_too_large",
               "image_not_allowed", "no_entrypoint", "sandbox_lost", "sandbox_start_failed"}
TIMINGS = {"queue", "sandbox", "start", "run", "collect", "total"}

ANSWER_FIELDS = {"execution_id", "status", "output", "files_url", "files_list", "logs", "logs_truncated", "exit_code",
                 "duration_ms", "timings", "warm", "error", "error_code"}
RECORD_FIELDS = {"skill_name", "skill_version", "tenant_id", "created_at", "started_at", "finished_at", "input",
                 "skill_digest", "image"}


def is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def assert_answer(answer):
    """Presence and types of the fields of an ended execution's answer."""
    assert is_uuid(answer["execution_id"])
    assert answer["status"] in STATUSES - {"pending", "running"}, answer
    assert is_whole(answer["duration_ms"]) and answer["duration_ms"] >= 1
    assert isinstance(answer["warm"], bool)

    timings = answer["timings"]
    assert set(timings) <= TIMINGS, timings
    assert {"queue", "total"} <= set(timings), timings
    assert all(isinstance(t, (int, float)) and t >= 0 for t in timings.values()), timings
    assert timings["total"] >= timings.get("run", 0), timings

    assert ("files_url" in answer) == ("files_list" in answer)
    if "files_list" in answer:
        files = answer["files_list"]
        assert files and files == sorted(files, key=str.encode) and isinstance(answer["files_url"], str)
    if "logs" in answer:
        assert isinstance(answer["logs"], str) and answer["logs"] != ""
    assert answer.get("logs_truncated", True) is True
    if "exit_code" in answer:
        assert is_whole(answer["exit_code"])

    if answer["status"] == "success":
        assert answer["error"] is None and "error_code" not in answer, answer
        assert answer["exit_code"] == 0
        assert set(timings) == TIMINGS, timings
    else:
        assert isinstance(answer["error"], str) and answer["error"] != "", answer
        assert answer["error_code"] in ERROR_CODES, answer


def assert_record(record, answer=None):
    """A record of an ended execution; where the answer to its POST is given, both must say the same."""
    assert_answer(record)
    for field in ("skill_name", "skill_version", "tenant_id", "created_at", "finished_at"):
        assert isinstance(record[field], str) and record[field] != "", field
    created, finished = time_of(record["created_at"]), time_of(record["finished_at"])
    assert created <= finished
    if "started_at" in record:
        assert created <= time_of(record["started_at"]) <= finished
    assert "input" in record
    assert set(record) <= ANSWER_FIELDS | RECORD_FIELDS, sorted(set(record) - ANSWER_FIELDS - RECORD_FIELDS)
    if answer is not None:
        assert_answer(answer)
        assert set(answer) <= ANSWER_FIELDS, sorted(set(answer) - ANSWER_FIELDS)
        for field in (set(answer) | ANSWER_FIELDS & set(record)) - {"files_url"}:
            assert record[field] == answer[field], field
    if record["status"] == "success":
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", record["skill_digest"])
        assert record["image"] != ""


def time_of(text):
    """RFC 3339 in UTC to a datetime."""
    assert text.endswith("Z"), text
    return datetime.datetime.fromisoformat(text.removesuffix("Z") + "+00:00")


def assert_error(answer, status, code, *parts):
    """An error answer: status code, shape, code, and words that its message must have."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    body = answer.json()
    assert set(body) == {"error", "message", "request_id"}, body
    assert body["error"] == code, body
    assert body["request_id"] == answer.headers["X-Request-ID"]
    for part in parts:
        assert part in body["message"], body["message"]
    return body["message"]
