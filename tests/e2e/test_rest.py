"""The rules of the REST API: health, authentication, request ids, routes, bad requests, lists, idempotency."""

import http.client
import json
import re
import socket
from urllib.parse import urlsplit

import pytest
import requests

from contract_checks import assert_error
from skillbox_client import ROOT, is_uuid, minified
from waiting import unique

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def test_health_and_ready_need_no_key(client):
    answer = client.request("GET", "/health", auth=False)
    assert (answer.status_code, answer.text) == (200, '{"status":"ok"}')
    answer = client.request("GET", "/ready", auth=False)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["status"] == "ready"
    assert body["checks"]["kubernetes"] == "ok" and body["checks"]["storage"] == "ok"


AUTH = [
    ({}, "missing Authorization header"),
    ({"Authorization": "Basic c2stMTIz"}, "Authorization header must use Bearer scheme"),
    ({"Authorization": "sk-123"}, "Authorization header must use Bearer scheme"),
    ({"Authorization": "Bearer"}, "empty bearer token"),
    ({"Authorization": "Bearer sk-" + "0" * 48}, "invalid or revoked API key"),
]


@pytest.mark.parametrize("headers, message", AUTH)
@pytest.mark.parametrize("method, path", [("GET", "/v1/skills"), ("POST", "/v1/executions"), ("POST", "/v1/skills")])
def test_authentication_messages(client, headers, message, method, path):
    answer = client.request(method, path, headers=headers, auth=False)
    assert assert_error(answer, 401, "unauthorized") == message


def test_scheme_is_case_insensitive_and_the_key_is_trimmed(client):
    for value in (f"bearer {client.api_key}", f"BEARER   {client.api_key}", f"Bearer \t{client.api_key}"):
        assert client.request("GET", "/v1/skills", headers={"Authorization": value}).status_code == 200, value


def test_a_refused_upload_gets_its_answer_though_it_is_long(client):
    """The server must not reset the connection of a client that still sends."""
    body = bytes(20 << 20)
    for data in (body, (body[i:i + 65536] for i in range(0, len(body), 65536))):
        answer = client.request("POST", "/v1/skills", auth=False, data=data, headers={"Content-Type": "application/zip"})
        assert_error(answer, 401, "unauthorized", "missing Authorization header")


def test_tenant_header_must_be_the_keys_tenant(client, push):
    tenant = client.record(client.run(push("true", lang="bash"))["execution_id"])["tenant_id"]
    assert client.request("GET", "/v1/skills", headers={"X-Tenant-ID": tenant}).status_code == 200
    answer = client.request("GET", "/v1/skills", headers={"X-Tenant-ID": tenant + "x"})
    assert_error(answer, 403, "forbidden")


def test_request_id_is_echoed_or_made(client):
    for headers, path, auth in (({}, "/health", False), ({}, "/v1/nothing", True), ({}, "/v1/skills", False)):
        answer = client.request("GET", path, headers=headers, auth=auth)
        assert is_uuid(answer.headers["X-Request-ID"])
        answer = client.request("GET", path, headers={"X-Request-ID": "abc !~123"}, auth=auth)
        assert answer.headers["X-Request-ID"] == "abc !~123"
    for unusable in ("x" * 129, "caf\xe9".encode("latin-1")):
        assert is_uuid(client.request("GET", "/health", headers={"X-Request-ID": unusable}).headers["X-Request-ID"])
    assert client.request("GET", "/health", headers={"X-Request-ID": "x" * 128}).headers["X-Request-ID"] == "x" * 128


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v2/skills", "/v1/skills/a/b/c", "/v1/executions/a/b", "/v1//skills",
                                  "/v1/skills/../skills"])
def test_unknown_routes_are_404_in_json(client, path):
    request = requests.Request("GET", client.base_url + path, headers={"Authorization": f"Bearer {client.api_key}"}).prepare()
    request.url = client.base_url + path  # as it is: no dots removed
    with requests.Session() as session:
        assert_error(session.send(request, timeout=10), 404, "not_found")


@pytest.mark.parametrize("method, path, allowed", [
    ("PUT", "/v1/skills", {"GET", "POST"}),
    ("PATCH", "/v1/executions", {"GET", "POST"}),
    ("POST", f"/v1/executions/{UNKNOWN_ID}", {"GET", "DELETE"}),
    ("DELETE", f"/v1/executions/{UNKNOWN_ID}/logs", {"GET"}),
    ("PUT", "/v1/skills/a/1.0.0", {"GET", "DELETE"}),
    ("DELETE", "/health", {"GET"}),
])
def test_wrong_methods_are_405_and_name_the_right_ones(client, method, path, allowed):
    answer = client.request(method, path)
    assert answer.status_code == 405, answer.text
    assert set(answer.headers["Allow"].replace(" ", "").split(",")) - {"HEAD", "OPTIONS"} == allowed
    assert set(answer.json()) == {"error", "message", "request_id"}


BAD_BODIES = [
    ("", "body"),
    ("   ", ""),
    ("{", "byte"),
    ("[]", "object"),
    ('"text"', "object"),
    ("{}", "'skill' is required"),
    ('{"skill":""}', "'skill' is required"),
    ('{"skill":5}', "skill"),
    ('{"skill":null}', "skill"),
    ('{"skill":"a b"}', "a b"),
    ('{"skill":"x","version":1}', "version"),
    ('{"skill":"x","version":"one"}', "one"),
    ('{"skill":"x","timeout":5}', "timeout"),
    ('{"skill":"x","timeout":"5 parsecs"}', "5 parsecs"),
    ('{"skill":"x","timeout":"-1s"}', "-1s"),
    ('{"skill":"x","timeout":"0s"}', "0s"),
    ('{"skill":"x","async":"yes"}', "async"),
    ('{"skill":"x","env":[]}', "env"),
    ('{"skill":"x","env":{"A":1}}', "A"),
    ('{"skill":"x"} {}', ""),
    ('{"skill":"x","input":{"a":01}}', "byte"),
    ('{"skill":"x","input":"\\ud8"}', ""),
    (b'{"skill":"x","input":"\xff"}', ""),
]


@pytest.mark.parametrize("body, word", BAD_BODIES)
def test_bad_execution_requests_say_what_is_wrong(client, body, word):
    assert_error(client.post_execution(body), 400, "bad_request", word)


@pytest.mark.parametrize("name", ["PATH", "HOME", "LD_PRELOAD", "ld_library_path", "PYTHONPATH", "NODE_OPTIONS", "BASH_ENV", "ENV",
                                  "IFS", "PERL5LIB", "RUBYOPT", "PIP_INDEX_URL", "https_proxy", "HTTP_PROXY", "GCONV_PATH",
                                  "MALLOC_ARENA_MAX", "GLIBC_TUNABLES", "SANDBOX_INPUT", "sandbox_x", "SKILL_INSTRUCTIONS",
                                  "", "A=B", "1A", "A-B"])
def test_blocked_variables_are_refused_by_name(client, name):
    answer = client.post_execution({"skill": "x", "env": {"FINE": "1", name: "x"}})
    assert_error(answer, 400, "invalid_env", name)


def test_unknown_skills_and_executions_are_404(client):
    name = unique("none")
    answer = client.post_execution({"skill": name})
    assert assert_error(answer, 404, "not_found") == f"skill not found: {name}@latest"
    answer = client.post_execution({"skill": name, "version": "1.2.3"})
    assert assert_error(answer, 404, "not_found") == f"skill not found: {name}@1.2.3"
    for path in (f"/v1/skills/{name}/latest", f"/v1/skills/{name}/1.0.0"):
        assert_error(client.request("GET", path), 404, "not_found", f"skill not found: {name}@{path.rsplit('/', 1)[1]}")
    assert_error(client.request("DELETE", f"/v1/skills/{name}/1.0.0"), 404, "not_found")
    for unknown in (UNKNOWN_ID, "nonsense", "%00", "..%2f..", "x" * 300):
        assert_error(client.request("GET", f"/v1/executions/{unknown}"), 404, "not_found")
        assert_error(client.request("GET", f"/v1/executions/{unknown}/logs"), 404, "not_found")


def test_async_answers_at_once(client, push):
    skill = push("sleep 1; echo 1 >$SANDBOX_OUTPUT", lang="bash")
    for body, headers in (({"skill": skill, "async": True}, {}), ({"skill": skill}, {"Prefer": "respond-async"})):
        answer = client.post_execution(body, headers=headers)
        assert answer.status_code == 202, answer.text
        body = answer.json()
        assert body["status"] in ("pending", "running") and body["error"] is None and is_uuid(body["execution_id"])
        assert client.wait_until_ended(body["execution_id"])["output"] == 1


def test_idempotency_key_gives_the_same_execution(client, push):
    skill = push("cat /proc/sys/kernel/random/uuid | sed 's/.*/\"&\"/' >$SANDBOX_OUTPUT", lang="bash")
    headers = {"Idempotency-Key": unique("key")}
    first = client.post_execution({"skill": skill, "input": 1}, headers=headers).json()
    again = client.post_execution({"skill": skill, "input": 1}, headers=headers).json()
    assert (again["execution_id"], again["output"]) == (first["execution_id"], first["output"])
    assert_error(client.post_execution({"skill": skill, "input": 2}, headers=headers), 409, "conflict")
    other = client.post_execution({"skill": skill, "input": 1}, headers={"Idempotency-Key": unique("key")}).json()
    assert other["execution_id"] != first["execution_id"]
    assert_error(client.post_execution({"skill": skill}, headers={"Idempotency-Key": "k" * 129}), 400, "bad_request")


def test_executions_are_listed_newest_first_in_pages(client, push):
    skill = push("exit $(cat $SANDBOX_INPUT_FILE)", lang="bash")
    ids = [client.run(skill, input=code)["execution_id"] for code in (0, 1, 0, 1)]

    def listed(query):
        answer = client.request("GET", f"/v1/executions?skill={skill}{query}")
        assert answer.status_code == 200, answer.text
        assert answer.text == minified(answer.text)
        return answer.json()

    whole = listed("")
    assert [e["execution_id"] for e in whole["executions"]] == ids[::-1]
    assert "next" not in whole
    assert [e["execution_id"] for e in listed("&status=failed")["executions"]] == [ids[3], ids[1]]
    assert listed("&status=timeout")["executions"] == []

    first = listed("&limit=3")
    assert [e["execution_id"] for e in first["executions"]] == ids[:0:-1]
    second = listed(f"&limit=3&cursor={first['next']}")
    assert [e["execution_id"] for e in second["executions"]] == ids[:1]
    assert "next" not in second
    for bad in ("limit=0", "limit=x", "limit=201", "status=great", "cursor=!"):
        assert_error(client.request("GET", f"/v1/executions?{bad}"), 400, "bad_request")


def test_two_content_lengths_or_both_framings_are_refused(client):
    """A proxy in front could be tricked by such requests."""
    address = urlsplit(client.base_url)
    for framing in ("Content-Length: 2\r\nContent-Length: 3\r\n", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"):
        with socket.create_connection((address.hostname, address.port or 80), timeout=10) as connection:
            connection.sendall(f"POST /v1/executions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.api_key}\r\n"
                               f"Content-Type: application/json\r\n{framing}\r\n{{}}\r\n".encode())
            connection.shutdown(socket.SHUT_WR)
            answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 400"), answer[:200]
        assert answer.count(b"HTTP/1.1") == 1, "the connection was used on"


def test_expect_100_continue_is_honoured(client, push):
    address = urlsplit(client.base_url)
    body = json.dumps({"skill": push("true", lang="bash")}).encode()
    connection = http.client.HTTPConnection(address.hostname, address.port or 80, timeout=60)
    connection.putrequest("POST", "/v1/executions")
    for name, value in (("Authorization", f"Bearer {client.api_key}"), ("Content-Type", "application/json"),
                        ("Content-Length", str(len(body))), ("Expect", "100-continue")):
        connection.putheader(name, value)
    connection.endheaders()
    interim = connection.sock.recv(100)
    assert interim.startswith(b"HTTP/1.1 100"), interim
    connection.send(body)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    connection.close()


def test_what_is_not_built_yet_says_so(client):
    """Whatever the table of routes calls so."""
    routes = (ROOT / "apiserver" / "rest" / "routes.c").read_text()
    for method, path in re.findall(r'\{"([A-Z]+)", "([^"]+)".*not_implemented\}', routes):
        assert_error(client.request(method, path), 501, "not_implemented", path)


def test_a_log_is_followed_while_it_is_written(client, push):
    """Lines come while the script runs, every one of them once, and an end event closes the stream."""
    skill = push("for i in $(seq 20); do echo line $i; sleep 0.2; done; echo -n no newline", lang="bash")
    execution_id = client.start(skill)
    path = f"/v1/executions/{execution_id}/logs"
    events, statuses = [], []
    with client.request("GET", path, headers={"Accept": "text/event-stream"}, stream=True) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        kind = "message"
        for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((kind, line.removeprefix("data: ")))
                kind = "message"
                if len(events) == 1:
                    statuses.append(client.record(execution_id)["status"])
    assert statuses == ["running"], "the first line came only after the end"
    assert [text for kind, text in events if kind == "message"] == [f"line {i}" for i in range(1, 21)] + ["no newline"]
    kind, text = events[-1]
    assert kind == "end" and json.loads(text)["status"] == "success"

    # After the end the same comes from the record.
    text = client.request("GET", path + "?follow=true").text
    assert text.count("data: line ") == 20 and "event: end\n" in text
    assert client.request("GET", path + "?follow=false").text.endswith("line 20\nno newline")
