"""What every answer about an execution must look like, whatever came of it."""

import datetime
import re

from skillbox_client import is_uuid

STATUSES = {"pending", "running", "success", "failed", "timeout", "cancelled"}
ERROR_CODES = {"exit_nonzero", "timeout", "oom_killed", "cancelled", "output_invalid", "output_too_large", "no_capacity",
               "image_not_allowed", "no_entrypoint", "sandbox_lost", "sandbox_start_failed"}
TIMINGS = {"queue", "sandbox", "start", "run", "collect", "total"}

ANSWER_FIELDS = {"execution_id", "status", "output", "files_url", "files_list", "logs", "logs_truncated", "exit_code",
                 "duration_ms", "timings", "warm", "error", "error_code"}
RECORD_FIELDS = {"skill_name", "skill_version", "tenant_id", "created_at", "started_at", "finished_at", "input",
                 "skill_digest", "image", "isolation"}


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


def assert_keys_stay_with_their_tenant(server, make_client):
    """Of an API server, wherever it keeps its keys; make_client(server, scopes): a client of a new tenant."""
    ours, other = make_client(server, "admin"), make_client(server, "run,push,admin")

    def listed(client):
        keys = client.get("/v1/keys").json()
        return {key["id"] for key in keys}, {key["tenant"] for key in keys}

    def wish(tenant, *scopes):
        return {"name": "made", "tenant": tenant, "scopes": list(scopes)}

    # What exists and what doesn't looks the same.
    for tenant in (other.tenant, "nobody"):
        text = assert_error(ours.request("POST", "/v1/keys", json=wish(tenant, "run")), 403, "forbidden", "its own tenant")
        assert text.replace(tenant, "") == f'this API key manages the keys of its own tenant "{ours.tenant}", not of "": use a key ' \
            "of that tenant with the scope admin, or one with the scope operator"
    theirs = other.request("POST", "/v1/keys", json=wish(other.tenant, "run")).json()["id"]
    assert listed(ours)[1] == {ours.tenant} and listed(other)[1] == {other.tenant} and theirs in listed(other)[0]
    assert assert_error(ours.request("DELETE", f"/v1/keys/{theirs}"), 404, "not_found") == f"key not found: {theirs}"
    assert theirs in listed(other)[0], "it was not revoked"

    # The scope for all tenants is given to nobody by REST, from a shell it is.
    operator = make_client(server, "operator")
    for client in (ours, operator):
        for scopes in (["operator"], ["run", "operator"]):
            assert_error(client.request("POST", "/v1/keys", json=wish(client.tenant, *scopes)), 403, "forbidden", "from a shell only")
    assert {ours.tenant, other.tenant, operator.tenant} <= listed(operator)[1]
    made = operator.request("POST", "/v1/keys", json=wish(ours.tenant, "admin"))
    assert made.status_code == 201 and made.json()["id"] in listed(ours)[0], made.text
    assert operator.request("DELETE", f"/v1/keys/{theirs}").status_code == 204 and theirs not in listed(other)[0]

    # An operator's key is not its tenant's to revoke, though it sees it.
    insider = operator.request("POST", "/v1/keys", json=wish(operator.tenant, "admin")).json()
    headers = {"Authorization": f"Bearer {insider['key']}"}
    (key,) = [key for key in operator.get("/v1/keys", headers=headers).json() if key["scopes"] == ["operator"]]
    answer = operator.request("DELETE", f"/v1/keys/{key['id']}", headers=headers)
    assert_error(answer, 403, "forbidden", "has the scope operator")
    assert operator.get("/v1/keys").status_code == 200, "it was not revoked"
    return ours, operator, made.json()["id"], theirs
