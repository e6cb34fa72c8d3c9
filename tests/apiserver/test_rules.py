"""What holds for every request: health, keys and tenants, request ids, unknown routes, uploads that are refused early."""

import json
import re
import socket
import subprocess
import uuid

import pytest
import requests

from api_server import skill_zip
from contract_checks import assert_error
from waiting import unique, wait_for

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def test_health_and_ready_need_no_key(server):
    answer = requests.get(server.url + "/health", timeout=5)
    assert (answer.status_code, answer.text) == (200, '{"status":"ok"}')
    answer = requests.get(server.url + "/ready", timeout=5)
    assert answer.text == '{"status":"ready","checks":{"kubernetes":"ok","storage":"ok"}}'
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


AUTHORIZATIONS = [
    (None, "missing Authorization header"),
    ("", "missing Authorization header"),
    ("Basic c2stMTIz", "Authorization header must use Bearer scheme"),
    ("sk-123", "Authorization header must use Bearer scheme"),
    ("Bearersk-123", "Authorization header must use Bearer scheme"),
    ("Bearer", "empty bearer token"),
    ("bearer   ", "empty bearer token"),
    ("Bearer sk-" + "0" * 48, "invalid or revoked API key"),
]


@pytest.mark.parametrize("value, message", AUTHORIZATIONS)
@pytest.mark.parametrize("method, path", [("GET", "/v1/skills"), ("POST", "/v1/executions"), ("POST", "/v1/skills"),
                                          ("GET", f"/v1/executions/{UNKNOWN_ID}"), ("GET", "/v1/keys")])
def test_authentication_messages(client, method, path, value, message):
    answer = client.request(method, path, auth=False, headers={} if value is None else {"Authorization": value})
    assert assert_error(answer, 401, "unauthorized") == message
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_scheme_is_case_insensitive_and_the_key_is_trimmed(client):
    for value in (f"bearer {client.key}", f"BEARER \t {client.key}  "):
        assert client.get("/v1/skills", headers={"Authorization": value}).status_code == 200, value


def test_a_tenant_header_must_name_the_keys_tenant(client):
    assert client.get("/v1/skills", headers={"X-Tenant-ID": client.tenant}).status_code == 200
    answer = client.get("/v1/skills", headers={"X-Tenant-ID": "else"})
    assert_error(answer, 403, "forbidden", '"else"')


def test_scopes(server, make_client):
    runner, pusher = make_client(server, "run"), make_client(server, "push")
    assert "push" in assert_error(runner.upload(skill_zip("x")), 403, "forbidden")
    assert "push" in assert_error(runner.request("DELETE", "/v1/skills/x/1.0.0"), 403, "forbidden")
    assert "run" in assert_error(pusher.post({"skill": "x"}), 403, "forbidden")
    assert "run" in assert_error(pusher.get("/v1/executions"), 403, "forbidden")
    assert "admin" in assert_error(runner.get("/v1/keys"), 403, "forbidden")
    assert runner.get("/v1/skills").status_code == pusher.get("/v1/skills").status_code == 200
    assert pusher.upload(skill_zip("x")).status_code == 201


def test_a_tenant_without_namespace_is_told_so(server, client, kube):
    kube.call("PATCH", f"/api/v1/namespaces/{client.namespace}", {"metadata": {"labels": {"skillbox.dev/tenant": None}}},
              "application/merge-patch+json")
    wait_for(lambda: client.get("/v1/skills").status_code == 403, "the namespace has lost its tenant")
    assert_error(client.get("/v1/skills"), 403, "forbidden", f"skillbox.dev/tenant={client.tenant}")


def test_request_ids(server, client):
    for path, auth in (("/health", False), ("/v1/nothing", True), ("/v1/skills", False), ("/v1/skills", True)):
        made = client.get(path, auth=auth).headers["X-Request-ID"]
        assert str(uuid.UUID(made)) == made
        assert client.get(path, auth=auth, headers={"X-Request-ID": "a b!~"}).headers["X-Request-ID"] == "a b!~"
    assert client.get("/health", headers={"X-Request-ID": "x" * 128}).headers["X-Request-ID"] == "x" * 128
    for unusable in ("x" * 129, "caf\xe9".encode("latin-1"), "a\tb"):
        uuid.UUID(client.get("/health", headers={"X-Request-ID": unusable}).headers["X-Request-ID"])


def test_every_request_is_logged_once_without_its_query_or_key(server, client):
    rid = unique("rid")
    client.get("/v1/skills?secret=hush", headers={"X-Request-ID": rid})
    lines = wait_for(lambda: [line for line in server.lines if rid in line], "the request is logged")
    assert len(lines) == 1
    entry = json.loads(lines[0])
    assert (entry["method"], entry["path"], entry["status"], entry["tenant"]) == ("GET", "/v1/skills", "200", client.tenant)
    assert float(entry["duration_ms"]) >= 0
    assert not any(client.key in line or "hush" in line for line in server.lines)


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v2/skills", "/v1/skills/a/b/c", "/v1/executions/a/b", "/v1//skills",
                                  "/v1/skills/", "/v1/skills/../skills", "/v1/skills/%zz/1.0.0", "/" + "x" * 3000])
def test_unknown_routes(server, client, path):
    request = requests.Request("GET", server.url + path, headers={"Authorization": f"Bearer {client.key}"}).prepare()
    request.url = server.url + path  # as it is
    with requests.Session() as session:
        assert_error(session.send(request, timeout=10), 404, "not_found")


@pytest.mark.parametrize("method, path, allowed", [
    ("PUT", "/v1/skills", "POST, GET"),
    ("PATCH", "/v1/executions", "POST, GET"),
    ("POST", f"/v1/executions/{UNKNOWN_ID}", "GET, DELETE"),
    ("DELETE", f"/v1/executions/{UNKNOWN_ID}/logs", "GET"),
    ("PUT", "/v1/skills/a/1.0.0", "GET, DELETE"),
    ("GET", "/v1/skills/validate", "POST"),
    ("DELETE", "/health", "GET"),
    ("POST", "/blobs/skills/t/x", "GET, PUT, DELETE"),
])
def test_wrong_methods(client, method, path, allowed):
    answer = client.request(method, path)
    assert_error(answer, 405, "method_not_allowed", method, allowed)
    assert answer.headers["Allow"] == allowed


def test_head_is_get_without_body(client):
    answer = client.request("HEAD", "/v1/skills")
    assert answer.status_code == 200 and answer.text == "" and answer.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("method, path", [("GET", "/mcp"), ("POST", "/mcp"), ("DELETE", "/mcp")])
def test_what_is_not_built_says_so(client, method, path):
    assert_error(client.request(method, path), 501, "not_implemented")


# ---- an early answer reaches a client that is still sending


def pieces(data, size=65536):
    return (data[i:i + size] for i in range(0, len(data), size))


@pytest.mark.parametrize("headers, status, code", [
    ({"Authorization": "Bearer wrong", "Content-Type": "application/zip"}, 401, "unauthorized"),
    ({"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
])
@pytest.mark.parametrize("chunked", [False, True])
def test_refused_uploads_get_their_answer(client, headers, status, code, chunked):
    data = bytes(8 << 20)
    answer = client.request("POST", "/v1/skills", data=pieces(data) if chunked else data, headers=headers)
    assert_error(answer, status, code)


@pytest.mark.parametrize("options", [[], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"], ["-H", "Expect:"]])
def test_curl_with_a_wrong_key_gets_its_answer(server, tmp_path, options):
    file = tmp_path / "skill.zip"
    file.write_bytes(bytes(8 << 20))
    done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", "-H", "Authorization: Bearer wrong", "-H", "Content-Type: application/zip",
                           *options, "--data-binary", f"@{file}", server.url + "/v1/skills"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    body, status = done.stdout.rsplit("\n", 1)
    assert status == "401" and json.loads(body)["message"] == "invalid or revoked API key"


def test_what_is_too_large_is_refused_by_its_length_or_as_it_comes(client):
    for data in (bytes(17 << 20), pieces(bytes(17 << 20))):
        answer = client.request("POST", "/v1/executions", data=data, headers={"Content-Type": "application/json"})
        assert_error(answer, 413, "too_large", "16777216")


def test_expect_100_continue(server, client):
    host, port = server.url.removeprefix("http://").split(":")
    body = b'{"skill":"none"}'
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"POST /v1/executions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.key}\r\n"
                           f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        answer = connection.makefile("rb").read()
    assert re.match(rb"HTTP/1.1 404", answer) and b"skill not found: none@latest" in answer
