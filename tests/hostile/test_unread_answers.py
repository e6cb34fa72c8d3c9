"""30 answers with an input of 15 MiB that nobody reads: each was in memory twice (923 MiB). Now a large answer is composed into a
file and sent from it, and counts while it lasts; beyond the tenant's share it is refused with 503 until others are read."""

import json

import pytest

from connections import close_all, head, opened
from contract_checks import assert_error
from metrics_text import metric_of
from waiting import wait_for

COUNT, SIZE = 30, 15 << 20


def test_unread_answers_are_in_files_and_bounded(narrow, make_client):
    client = make_client(narrow)
    run = client.start(client.push(), input={"text": "x" * SIZE})
    assert len(client.get(f"/v1/executions/{run}").content) > SIZE
    before = metric_of(narrow, "process_resident_memory_bytes")
    unread = opened(narrow.url, COUNT, head(client, "GET", f"/v1/executions/{run}"))
    try:
        wait_for(lambda: metric_of(narrow, "skillbox_transfer_bytes", kind="files") >= 5 * SIZE, "answers wait for their readers")
        wait_for(lambda: metric_of(narrow, "skillbox_http_requests_in_flight") == 5, "the rest were refused")
        assert metric_of(narrow, "skillbox_transfer_bytes", kind="files") < 80 << 20
        assert metric_of(narrow, "process_resident_memory_bytes") - before < 60 << 20
        refused = client.get(f"/v1/executions/{run}")
        assert_error(refused, 503, "unavailable", "SKILLBOX_TRANSFER_SIZE")
        assert refused.headers["Retry-After"] == "1"
        assert client.get("/v1/executions?limit=1").status_code == 200
    finally:
        close_all(unread)
    wait_for(lambda: metric_of(narrow, "skillbox_transfer_bytes", kind="files") == 0, "all is given back")
    assert len(client.get(f"/v1/executions/{run}").content) > SIZE


@pytest.mark.parametrize("size", [1000, 70_000, 300_000])
def test_large_texts_arrive_byte_for_byte(narrow, make_client, size):
    """Output, logs and input, in the object and in the blob store, with what has to be escaped."""
    client = make_client(narrow)
    text = "é\"\\\n\u0001" * (size // 6)
    name = client.start(client.push(), input=text)
    output = json.dumps({"b": 1.0, "a": text})
    status = {"output": output, "logs": text} if size < 200_000 else {
        "outputRef": client.put_blob("executions", output.encode()), "logs": "end",
        "logsRef": client.put_blob("executions", text.encode())}
    client.kube.finish(client.namespace, name, **status)
    record = wait_for(lambda: (r := client.get(f"/v1/executions/{name}")).json()["status"] == "success" and r, "it has ended")
    assert record.json()["output"] == {"b": 1.0, "a": text} and '"output":{"b":1.0,"a":"' in record.text
    assert record.json()["input"] == text and record.json()["logs"] == text
    assert int(record.headers["Content-Length"]) == len(record.content)
    assert client.get(f"/v1/executions/{name}/logs").content == text.encode()
