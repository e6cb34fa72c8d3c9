"""40 half-sent bodies of 15 MiB: all that had come was in memory, for as long as the connections lasted (618 MiB). Now what is
announced is reserved before a byte is taken, what comes goes to a file, and beyond the tenant's share it is refused."""

import json
import time

import requests

from connections import close_all, head, opened
from contract_checks import assert_error
from metrics_text import metric_of
from waiting import wait_for

COUNT, SIZE = 40, 15 << 20


def test_half_sent_bodies_are_in_files_and_bounded(narrow, make_client):
    client, other = make_client(narrow), make_client(narrow)
    before = metric_of(narrow, "process_resident_memory_bytes")
    half = b'{"text":"' + b"x" * (SIZE // 2)
    connections = opened(narrow.url, COUNT, head(client, "POST", "/v1/executions", SIZE))
    try:
        reserved = wait_for(lambda: (now := metric_of(narrow, "skillbox_transfer_bytes", kind="files")) >= 5 * SIZE and now, "its share is reserved")
        assert reserved == 5 * SIZE, "80 MiB are a quarter"
        for connection in connections:
            connection.settimeout(20)
            try:
                connection.sendall(half)
            except ConnectionError:
                pass  # refused and gone
        refused = [c for c in connections if answer_of(c)]
        assert len(refused) == COUNT - 5
        assert metric_of(narrow, "skillbox_transfer_bytes", kind="files") == 5 * SIZE
        assert metric_of(narrow, "process_resident_memory_bytes") - before < 60 << 20
        refusal = client.post(b'{"skill":"' + b"x" * SIZE + b'"}')
        assert_error(refusal, 429, "no_capacity", "SKILLBOX_TRANSFER_SIZE")
        assert refusal.headers["Retry-After"] == "1"
        assert client.get("/v1/skills").status_code == 200
        assert_error(other.post(b'{"skill":"' + b"x" * SIZE + b'"}'), 400, "bad_request")  # its share is its own
    finally:
        close_all(connections)
    wait_for(lambda: metric_of(narrow, "skillbox_transfer_bytes", kind="files") == 0, "all is given back")


def answer_of(connection):
    """True: refused; False: nothing was said."""
    connection.settimeout(0.05)
    try:
        text = connection.recv(65536)
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    assert text.startswith(b"HTTP/1.1 429 ") and b"SKILLBOX_TRANSFER_SIZE" in text, text
    return True


def test_a_body_whose_size_nobody_says(narrow, make_client):
    """Chunked: what comes is counted as it comes."""
    client = make_client(narrow)

    def pieces():
        yield b'{"skill":"none","input":"'
        for _ in range(14):
            yield b"x" * (1 << 20)
            time.sleep(0)
        yield b'"}'

    assert_error(client.post(b"", headers={"Transfer-Encoding": "chunked"}), 400, "bad_request")
    answer = requests.post(narrow.url + "/v1/executions", data=pieces(), headers={"Authorization": f"Bearer {client.key}"}, timeout=30)
    assert_error(answer, 404, "not_found", "skill not found: none@latest")
    assert metric_of(narrow, "skillbox_transfer_bytes", kind="files") == metric_of(narrow, "skillbox_transfer_bytes", kind="memory") == 0


def test_a_large_input_arrives_byte_for_byte(narrow, make_client):
    client = make_client(narrow)
    value = json.dumps({"text": "x" * (14 << 20), "n": 1}).replace("1}", "1.50000000000000000001}")
    body = '{"skill":"%s","async":true,"input": %s }' % (client.push(), value)
    started = client.post(body)
    assert started.status_code == 202, started.text
    record = client.get(f"/v1/executions/{started.json()['execution_id']}")
    assert record.text.endswith(f'"input":{value}}}')
    assert metric_of(narrow, "skillbox_transfer_bytes", kind="files") == 0


def test_uploads_count_as_well(narrow, make_client):
    client = make_client(narrow, "run,push")
    head_of_upload = head(client, "POST", "/v1/skills", 45 << 20).replace(b"application/json", b"application/zip")
    connections = opened(narrow.url, 1, head_of_upload)
    try:
        wait_for(lambda: metric_of(narrow, "skillbox_transfer_bytes", kind="files") == 45 << 20, "it is reserved")
        assert_error(client.upload(b"x" * (45 << 20)), 429, "no_capacity", "SKILLBOX_TRANSFER_SIZE")
    finally:
        close_all(connections)
    wait_for(lambda: metric_of(narrow, "skillbox_transfer_bytes", kind="files") == 0, "it is given back")
