"""A bare LF in the framing of chunks ended a body for the server and, for a proxy in front that is stricter, did not: what came next was
a request of the attacker's in somebody else's connection. And what the HTTP library itself refused came in HTML, with all headers
twice. Both are one 400 (413, 431 …) in JSON now."""

import json

import pytest

from connections import head, opened
from contract_checks import assert_error

CHUNKED = [b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"5\r\nhello\r\n0\n\r\n", b"5\r\nhello\r\n0\r\n\n", b"5 \r\nhello\r\n0\r\n\r\n",
           b"5\r\nhello\r\n0\r\nA: b\n\r\n", b"zz\r\n"]
OTHERS = [(b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505), (b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
          (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 70000 + b"\r\n\r\n", 431), (b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414)]


def told(server, *pieces):
    """The one answer: its status, its JSON."""
    [connection] = opened(server.url, 1)
    with connection, connection.makefile("rb") as file:
        for piece in pieces:
            connection.sendall(piece)
        top, body = file.read().split(b"\r\n\r\n", 1)
    assert b"Content-Type: application/json; charset=utf-8" in top and b"Connection: close" in top
    assert f"Content-Length: {len(body)}".encode() in top, "and nothing behind it"
    answer = json.loads(body)
    assert answer["request_id"] and answer["request_id"].encode() in top
    return int(top.split()[1]), answer


@pytest.mark.parametrize("body", CHUNKED)
def test_framing(server, client, body):
    top = head(client, "POST", "/v1/executions", Transfer_Encoding="chunked")
    behind = head(client, "GET", "/health")
    for pieces in ([top + body + behind], [top, body + behind], [top, *(body[i:i + 1] for i in range(len(body)))]):
        status, answer = told(server, *pieces)
        assert (status, answer["error"]) == (400, "bad_request") and "CR LF" in answer["message"]


def test_sound_framing_goes_on(server, client):
    """Line feeds in the bytes themselves, extensions, a trailer; and the connection is kept."""
    top = head(client, "POST", "/v1/executions", Transfer_Encoding="chunked")
    body = b'10\r\n{"skill":"none"\n\r\n1;a="b"\r\n}\r\n0\r\nA: b\r\n\r\n'
    with opened(server.url, 1, top + body)[0] as connection:
        connection.settimeout(10)
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
        connection.sendall(head(client, "GET", "/health"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("request_bytes, status", OTHERS)
def test_what_is_no_request(server, request_bytes, status):
    assert told(server, request_bytes)[0] == status


def test_others_go_on(client):
    assert_error(client.post(b"{"), 400, "bad_request")
