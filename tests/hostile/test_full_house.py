"""More connections than there may be, all at work: one more got nothing at all, not even a refusal. Now it is told so, and by which
setting; somebody at another address, whose share is not used up, is served."""

import json
import ssl

import pytest
import requests

from api_server import ApiServer
from connections import address_of, close_all, head, opened
from metrics_text import metric_of
from waiting import wait_for

OF_ADDRESS, OF_ALL = 16, 20


@pytest.fixture(scope="module")
def small(plane, kube, tmp_path_factory):
    server = ApiServer(plane, tmp_path_factory.mktemp("small"), SKILLBOX_MAX_CONNECTIONS=str(OF_ALL),
                       SKILLBOX_MAX_CONNECTIONS_PER_ADDRESS=str(OF_ADDRESS)).start()
    yield server
    server.stop()


def answer_to(server, source):
    """Of one more connection: the status, the header Retry-After, the body."""
    [connection] = opened(server.url, 1, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", source)
    with connection, connection.makefile("rb") as file:
        top, body = file.read().split(b"\r\n\r\n", 1)
    lines = top.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    assert headers["content-type"] == "application/json; charset=utf-8" and headers["connection"] == "close"
    return int(lines[0].split()[1]), headers.get("retry-after"), json.loads(body)


def test_one_more_is_told(small, make_client):
    client = make_client(small)
    body = json.dumps({"skill": client.push()}).encode()
    wait_for(lambda: metric_of(small, "skillbox_http_connections") == 0, "all are closed")
    at_work = opened(small.url, OF_ADDRESS, head(client, "POST", "/v1/executions", len(body)) + body, "127.0.0.2")
    try:
        wait_for(lambda: metric_of(small, "skillbox_waiting_requests", topic="execution") == OF_ADDRESS, "all wait")
        status, again, refusal = answer_to(small, "127.0.0.2")
        assert (status, again, refusal["error"]) == (503, "1", "unavailable")
        assert "SKILLBOX_MAX_CONNECTIONS_PER_ADDRESS" in refusal["message"] and refusal["request_id"]
        assert answer_to(small, "127.0.0.3") == (200, None, {"status": "ok"})
        at_work += opened(small.url, OF_ALL - OF_ADDRESS, head(client, "POST", "/v1/executions", len(body)) + body, "127.0.0.4")
        wait_for(lambda: metric_of(small, "skillbox_waiting_requests", topic="execution") == OF_ALL, "all wait")
        status, again, refusal = answer_to(small, "127.0.0.3")
        assert (status, again) == (503, "1") and "SKILLBOX_MAX_CONNECTIONS)" in refusal["message"]
        assert requests.get(small.health_url + "/ready", timeout=2).status_code == 200
    finally:
        close_all(at_work)
    wait_for(lambda: answer_to(small, "127.0.0.2")[0] == 200, "there is room again")
    assert metric_of(small, "skillbox_requests_refused_total", reason="connections") >= 2


def test_those_without_a_request_make_room(small):
    wait_for(lambda: metric_of(small, "skillbox_http_connections") == 0, "all are closed")
    silent = opened(small.url, OF_ADDRESS, b"GET / HTTP/1.1\r\n", "127.0.0.2")
    try:
        wait_for(lambda: answer_to(small, "127.0.0.2")[0] == 200, "the oldest of them has gone")
        assert metric_of(small, "skillbox_http_connections_cut_total", phase="room") >= 1
    finally:
        close_all(silent)


def test_over_tls(plane, kube, tmp_path, certificate):
    cert, key = certificate
    server = ApiServer(plane, tmp_path, SKILLBOX_MAX_CONNECTIONS="16", SKILLBOX_TLS_CERT=str(cert), SKILLBOX_TLS_KEY=str(key),
                       SKILLBOX_MAX_CONNECTIONS_PER_ADDRESS="16").start(ready=False)
    context = ssl.create_default_context(cafile=str(cert))
    url = f"https://127.0.0.1:{address_of(server.url)[1]}/health"
    silent = []
    try:
        assert requests.get(url, timeout=5, verify=str(cert)).status_code == 200
        silent = [context.wrap_socket(plain, server_hostname="127.0.0.1") for plain in opened(server.url, 16)]
        answer = requests.get(url, timeout=5, verify=str(cert))
        assert answer.status_code == 503 and answer.headers["Retry-After"] == "1"
        assert "SKILLBOX_MAX_CONNECTIONS" in answer.json()["message"]
    finally:
        close_all(silent)
        server.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    import subprocess
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj",
                    "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key
