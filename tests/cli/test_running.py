"""Runs that are followed, interrupted and downloaded; what is printed, byte for byte."""

import json
import signal

import pytest

from cli_command import Command
from vector_server import KEY, VectorServer
from waiting import wait_for

ID = "0b8f4c7e-6a1d-4a5e-9c3b-2f7d8e9a1b2c"
PENDING = {"execution_id": ID, "status": "pending", "error": None}
SUCCESS = {"execution_id": ID, "status": "success", "error": None}


@pytest.fixture(scope="module")
def server():
    with VectorServer() as server:
        yield server


@pytest.fixture
def client(tmp_path, server):
    return Command(tmp_path, SKILLBOX_SERVER_URL=server.url, SKILLBOX_API_KEY=KEY, SKILLBOX_RETRY_PAUSE="20ms")


def post(answer, **request):
    return {"request": {"method": "POST", "path": "/v1/executions", **request}, "answer": answer}


def delete(status=202):
    return {"request": {"method": "DELETE", "path": f"/v1/executions/{ID}"}, "answer": {"status": status, "json": PENDING}}


def test_numbers_keys_and_escapes_pass(client, server):
    """Also numbers that no double keeps, keys that are there twice, and lone surrogates."""
    text = '{"b":1.10,"a":12345678901234567890,"a":-0.0,"e":1E400,"s":"\\u00e9é\\ud800\\/","deep":[[],{},[{"x":[1,2]}]],"t":true,"n":null}'
    body = json.dumps(SUCCESS)[:-1] + f', "output":  {text} }}'
    server.play({"exchanges": [post({"status": 200, "text": body}, has=f'"input":{text}')]})
    out = client.good("run", "greet", "--input", text)
    assert server.verdict() == ""
    assert out.endswith('''  "output": {
    "b": 1.10,
    "a": 12345678901234567890,
    "a": -0.0,
    "e": 1E400,
    "s": "\\u00e9é\\ud800\\/",
    "deep": [
      [],
      {},
      [
        {
          "x": [
            1,
            2
          ]
        }
      ]
    ],
    "t": true,
    "n": null
  }
}
''')


def test_input_of_a_file_and_of_standard_input(client, server, tmp_path):
    text = '\n{"n": 1.10 }\n'
    (tmp_path / "in.json").write_text(text)
    for words, data in ((["@in.json"], ""), (["-"], text), (["@-"], text)):
        server.play({"exchanges": [post({"status": 200, "json": SUCCESS}, has=f'"input":{text}}}')]})
        client.good("run", "greet", "--input", *words, input=data)
        assert server.verdict() == ""


def test_a_failed_run(client, server):
    failed = {**SUCCESS, "status": "failed", "error": "container exited with code 1: boom", "error_code": "exit_nonzero"}
    server.play({"exchanges": [post({"status": 200, "json": failed})]})
    done = client.run("run", "greet", code=2)
    assert json.loads(done.out) == failed
    assert done.err == "Error: the execution failed (exit_nonzero): container exited with code 1: boom\n"
    server.play({"exchanges": [post({"status": 200, "json": {**SUCCESS, "status": "timeout", "error": "execution timed out after 5s"}})]})
    assert client.run("run", "greet", code=2).err == "Error: execution timed out after 5s\n"


@pytest.mark.parametrize("form, printed", [("name", ID + "\n"), ("jsonl", json.dumps(SUCCESS, separators=(",", ":")) + "\n")])
def test_forms_of_output(client, server, form, printed):
    server.play({"exchanges": [post({"status": 200, "json": SUCCESS})]})
    assert client.good("run", "greet", "-o", form) == printed


def interrupt(process, server, requests):
    wait_for(lambda: len(server.moments) >= requests, "the request is there")
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=30)


def test_ctrl_c_cancels_what_is_waited_for(client, server):
    """Its id isn't known yet: the same key asks for it."""
    server.play({"exchanges": [post({"status": 200, "json": SUCCESS, "fault": {"delay": 20}}, headers={"Idempotency-Key": "mine", "Prefer": None}),
                               post({"status": 202, "json": PENDING}, headers={"Idempotency-Key": "mine", "Prefer": "respond-async"}),
                               delete()]})
    process = client.start("run", "greet", "--idempotency-key", "mine", stdout=-1, stderr=-1)
    out, error = interrupt(process, server, 1)
    assert (process.returncode, out, server.verdict()) == (130, b"", "")
    assert error.decode() == f"cancelling …\ncancelled execution {ID}\n"


def test_ctrl_c_cancels_what_is_followed(client, server):
    stream = {"request": {"method": "GET", "path": f"/v1/executions/{ID}/logs?follow=true"},
              "answer": {"status": 200, "headers": {"Content-Type": "text/event-stream"}, "text": "data: one\n\n", "fault": {"delay": 20}}}
    server.play({"exchanges": [post({"status": 202, "json": PENDING}), stream, delete()]})
    process = client.start("run", "greet", "-f", stdout=-1, stderr=-1)
    _, error = interrupt(process, server, 2)
    assert (process.returncode, server.verdict()) == (130, "") and f"cancelled execution {ID}" in error.decode()


def test_ctrl_c_that_can_not_cancel(client, server):
    gone = {"error": "internal_error", "message": "no", "request_id": "1"}
    server.play({"exchanges": [post({"status": 200, "json": SUCCESS, "fault": {"delay": 20}}),
                               post({"status": 202, "json": PENDING}), {**delete(), "answer": {"status": 500, "json": gone}}]})
    process = client.start("run", "greet", stdout=-1, stderr=-1)
    _, error = interrupt(process, server, 1)
    assert process.returncode == 130 and f"Error: execution {ID} goes on: no" in error.decode()


def test_a_lost_answer_tells_the_key(client, server):
    server.play({"exchanges": [post({"status": 200, "json": SUCCESS, "fault": {"cut_at": 0}})]})
    done = client.run("run", "greet", environment={"SKILLBOX_RETRIES": "0"}, code=1)
    assert "the connection was cut before the answer's end" in done.err and "--idempotency-key " in done.err


def test_api(client, server):
    path = {"method": "GET", "path": "/v1/skills?x=1"}
    server.play({"exchanges": [{"request": path, "answer": {"status": 200, "text": '{"n": 1.10}'}}]})
    assert client.good("api", "GET", "/v1/skills?x=1") == '{"n": 1.10}'
    server.play({"exchanges": [{"request": path, "answer": {"status": 404, "text": "nothing"}}]})
    done = client.run("api", "GET", "/v1/skills?x=1", code=1)
    assert (done.out, done.err) == ("nothing", "Error: GET /v1/skills?x=1: status 404\n")
    server.play({"exchanges": [{"request": {"method": "POST", "path": "/v1/keys", "headers": {"Content-Type": "application/json"}, "has": "{ }"},
                                "answer": {"status": 201, "json": {}}}]})
    client.good("api", "POST", "/v1/keys", "--data", "@-", input="{ }")
    assert server.verdict() == ""


def test_keys(client, server):
    key = {"id": "1", "name": "ci", "tenant": "acme", "scopes": ["run"], "created_at": "2026", "last_used_at": None}
    listed = {"request": {"method": "GET", "path": "/v1/keys"}, "answer": {"status": 200, "json": [key]}}
    made = {"request": {"method": "POST", "path": "/v1/keys", "json": {"name": "ci", "tenant": "acme", "scopes": ["run", "push"]}},
            "answer": {"status": 201, "json": {**key, "key": "sk-new"}}}
    server.play({"exchanges": [listed, made, listed, {"request": {"method": "DELETE", "path": "/v1/keys/1"}, "answer": {"status": 204}}]})
    done = client.run("key", "create", "ci", "--scopes", "run,push", code=0)
    assert json.loads(done.out)["key"] == "sk-new" and "this once" in done.err
    assert client.good("key", "list").splitlines() == ["ID  NAME  TENANT  SCOPES   CREATED  LAST USED", '1   ci    acme    ["run"]  2026']
    assert client.good("key", "revoke", "1") == "Revoked key 1\n"
    assert server.verdict() == ""


def test_a_key_is_not_made_twice(client, server):
    """A request whose answer is lost may have made one that nobody knows."""
    server.play({"exchanges": [{"request": {"method": "POST", "path": "/v1/keys"}, "answer": {"status": 201, "json": {}, "fault": {"cut_at": 0}}}]})
    assert "cut" in client.error("key", "create", "ci", "--for", "acme") and server.verdict() == ""


@pytest.mark.parametrize("client_name, servers, variable", [
    ("claude-code", "mcpServers", "${SKILLBOX_API_KEY}"), ("cursor", "mcpServers", "${env:SKILLBOX_API_KEY}"),
    ("vscode", "servers", "${input:skillbox-api-key}")])
def test_mcp_config(client, server, client_name, servers, variable):
    found = json.loads(client.good("mcp", "config", client_name))
    assert found[servers]["skillbox"]["url"] == server.url + "/mcp"
    assert found[servers]["skillbox"]["headers"] == {"Authorization": f"Bearer {variable}"} and KEY not in json.dumps(found)
    assert KEY in client.good("mcp", "config", client_name, "--with-key")


def test_tables_hold_what_controls_terminals(client, server):
    skill = {"name": "x", "version": "1", "description": "a\u001b[31m\nb\u009bc\u007f", "lang": "bash"}
    server.play({"exchanges": [{"request": {"method": "GET", "path": "/v1/skills"}, "answer": {"status": 200, "json": [skill]}}]})
    assert client.good("skill", "list").splitlines()[1] == "x     1        a?[31m b?c?"
