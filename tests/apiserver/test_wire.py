"""HTTP as clients and proxies really speak it: half-closed connections, absolute targets, reuse after errors, the wrong protocol."""

import http.client
import json
import socket
import ssl
import subprocess
import threading
import time
from urllib.parse import urlsplit

import pytest

from api_server import ApiServer, skill_zip
from contract_checks import assert_error
from waiting import wait_for


def connect(server):
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), timeout=20)


def request_text(client, method, target, body=b"", *headers):
    lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Authorization: Bearer {client.key}", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_all(connection):
    with connection.makefile("rb") as file:
        return file.read()


def test_a_client_that_shuts_down_its_side_gets_its_answer(server, client):
    body = json.dumps({"skill": client.push()}).encode()
    with connect(server) as connection:
        connection.sendall(request_text(client, "POST", "/v1/executions", body))
        connection.shutdown(socket.SHUT_WR)
        (made,) = wait_for(lambda: client.kube.executions(client.namespace), "it is created")
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)  # it waits, as for anybody else
        connection.settimeout(20)
        client.kube.finish(client.namespace, made["metadata"]["name"], output="1")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200 ") and b'"status":"success"' in answer


def test_short_requests_of_such_clients(server, client):
    for method, target, status in (("GET", "/health", b"200"), ("GET", "/v1/skills", b"200"), ("DELETE", "/v1/skills/x/1.0.0", b"404")):
        with connect(server) as connection:
            connection.sendall(request_text(client, method, target))
            connection.shutdown(socket.SHUT_WR)
            assert read_all(connection).startswith(b"HTTP/1.1 " + status)


def test_what_is_there_twice(server, client):
    """A proxy in front may have gone by the other one."""
    twice = [("X-Tenant-ID: " + client.tenant, "X-Tenant-ID: else"), ("Idempotency-Key: a", "idempotency-key: b"),
             (f"Authorization: Bearer {client.key}",)]  # it has one already
    for headers in twice:
        with connect(server) as connection:
            connection.sendall(request_text(client, "GET", "/v1/skills", b"", *headers, "Connection: close"))
            answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 400 ") and headers[0].split(":")[0].encode() + b" is there twice" in answer, answer
    assert_error(client.get("/v1/executions?limit=1&limit=2"), 400, "bad_request", "'limit' is there twice")


def test_a_nul_in_the_path(server, client):
    for target, status in (("/v1/skills\0/x/1.0.0", b"400"), ("/v1/executions\0?limit=1", b"400"), ("/v1/executions/a%00b", b"404")):
        with connect(server) as connection:
            connection.sendall(request_text(client, "GET", target, b"", "Connection: close"))
            assert read_all(connection).startswith(b"HTTP/1.1 " + status), target


def test_absolute_targets(server, client):
    for target, status in (("http://skillbox.example/v1/skills", b"200"), ("HTTP://x:8080/v1/executions?limit=1", b"200"),
                           ("http://x/v1/nothing", b"404"), ("http://x", b"404")):
        with connect(server) as connection:
            connection.sendall(request_text(client, "GET", target, b"", "Connection: close"))
            assert read_all(connection).startswith(b"HTTP/1.1 " + status), target


REUSED = [
    ("POST", "/v1/executions", b"{", {}, 400),
    ("POST", "/v1/executions", b'{"skill":"x","inputs":1}', {}, 400),
    ("POST", "/v1/executions", b'{"skill":"none"}', {}, 404),
    ("POST", "/v1/skills", b"no zip", {"Content-Type": "application/zip"}, 400),
    ("GET", "/v1/nothing", None, {}, 404),
    ("DELETE", "/v1/skills", None, {}, 405),
    ("GET", "/v1/skills", None, {"Authorization": "Bearer x"}, 401),
    ("GET", "/v1/executions?limit=0", None, {}, 400),
]


@pytest.mark.parametrize("method, path, body, headers, status", REUSED)
def test_a_connection_goes_on_after_an_error(server, client, method, path, body, headers, status):
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    for _ in range(2):
        connection.request(method, path, body, {"Authorization": f"Bearer {client.key}", **headers})
        answer = connection.getresponse()
        assert answer.status == status and answer.read()
        assert answer.getheader("Connection") != "close"
        port = connection.sock.getsockname()
        connection.request("GET", "/health")
        assert connection.getresponse().read() == b'{"status":"ok"}'
        assert connection.sock.getsockname() == port
    connection.close()


@pytest.mark.parametrize("path, headers, status", [
    ("/v1/executions", {"Content-Encoding": "gzip"}, 415), ("/v1/skills", {"Content-Type": "text/plain"}, 415),
    ("/v1/nothing", {}, 404), ("/v1/executions", {"Authorization": "Bearer x"}, 401)])
def test_what_is_refused_before_its_body_says_that_it_closes(server, client, path, headers, status):
    with connect(server) as connection:
        fields = {"Authorization": f"Bearer {client.key}", **headers}
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n".encode() +
                           "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\npart")
        answer = read_all(connection)  # though the rest of the body never comes
    head = answer.split(b"\r\n\r\n")[0]
    assert head.startswith(b"HTTP/1.1 %d " % status) and b"\r\nConnection: close" in head


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip", "x"])
def test_encoded_bodies_are_refused_with_a_reason(client, coding):
    for send in (lambda headers: client.post(b"{}", headers), lambda headers: client.request(
            "POST", "/v1/skills", data=skill_zip("x"), headers={"Content-Type": "application/zip", **headers})):
        answer = send({"Content-Encoding": coding})
        assert_error(answer, 415, "unsupported_media_type", f"Content-Encoding {coding.split(', ')[-1]} is not supported",
                     "send the body as it is")
        assert answer.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("coding", ["identity", "", "Identity"])
def test_no_encoding_is_none(client, coding):
    assert_error(client.post({"skill": "none"}, {"Content-Encoding": coding}), 404, "not_found")


def test_ambiguous_requests_get_an_error_as_any_other(server, client):
    with connect(server) as connection:
        connection.sendall(b"POST /v1/executions HTTP/1.1\r\nHost: x\r\nX-Request-ID: mine\r\nContent-Length: 2\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n{}")
        head, body = read_all(connection).split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 400 ") and b"X-Request-ID: mine" in head
    error = json.loads(body)
    assert (error["error"], error["request_id"]) == ("bad_request", "mine") and "Content-Length" in error["message"]


def test_tls_to_the_plain_port_ends_at_once(server):
    address = urlsplit(server.url)
    context = ssl.create_default_context()
    began = time.monotonic()
    with pytest.raises(ssl.SSLError) as failure, socket.create_connection((address.hostname, address.port), timeout=30) as plain:
        context.wrap_socket(plain, server_hostname="localhost")
    assert time.monotonic() - began < 5
    assert "WRONG_VERSION_NUMBER" in str(failure.value), "which is what people look for"
    wait_for(lambda: server.logged("a client sent TLS to the plain port"), "it is logged")
    assert server.logged("a client sent TLS to the plain port")[0]["level"] == "debug"


@pytest.fixture(scope="module")
def tls_server(plane, kube, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, capture_output=True, timeout=60)
    server = ApiServer(plane, folder, SKILLBOX_TLS_CERT=str(folder / "cert.pem"), SKILLBOX_TLS_KEY=str(folder / "key.pem"),
                       SKILLBOX_IDLE_TIMEOUT="2s").start(ready=False)
    yield server
    server.stop()


def test_plain_http_to_the_tls_port_is_told_so(tls_server):
    for request in (b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /v1/executions HTTP/1.1\r\nHost: x\r\n"
                    b"Content-Length: 100000\r\n\r\n" + b"x" * 100000):
        with connect(tls_server) as connection:
            connection.sendall(request)
            head, body = read_all(connection).split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 400 ") and "https://" in json.loads(body)["message"]


def test_idle_connections_are_closed(tls_server):
    """And a TLS client that shuts down its side gets its answer, too."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(connect(tls_server)) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        began = time.monotonic()
        answer = read_all(connection)
        assert answer.startswith(b"HTTP/1.1 200 ") and 1 < time.monotonic() - began < 10
    with context.wrap_socket(connect(tls_server)) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)  # of the TCP connection, without TLS's own word for it
        raw = connection.detach()
        with socket.socket(fileno=raw) as plain:
            plain.settimeout(20)
            assert plain.recv(1), "something came back"


def test_many_half_closed_at_once(server, client):
    skill = client.push()
    answers = []

    def call():
        with connect(server) as connection:
            connection.sendall(request_text(client, "POST", "/v1/executions", json.dumps({"skill": skill}).encode()))
            connection.shutdown(socket.SHUT_WR)
            answers.append(read_all(connection))

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(client.kube.executions(client.namespace)) == 20, "all are created")
    for execution in client.kube.executions(client.namespace):
        client.kube.finish(client.namespace, execution["metadata"]["name"])
    for thread in threads:
        thread.join(30)
    assert len(answers) == 20
    assert [answer for answer in answers if not answer.startswith(b"HTTP/1.1 200 ")] == []
