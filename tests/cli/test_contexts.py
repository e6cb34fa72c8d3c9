"""login, contexts and the key: where they come from, who sees them."""

import json
import pathlib
import stat

import pytest

from cli_command import Command
from vector_server import KEY, VectorServer

WHO = {"request": {"method": "GET", "path": "/v1/executions?limit=1"}, "answer": {"status": 200, "json": {"executions": []}}}
ACCOUNT = {"request": {"method": "GET", "path": "/v1/whoami"},
           "answer": {"status": 200, "json": {"tenant": "acme", "namespace": "skillbox-acme", "version": "9.8.7", "new": [1], "key": {
               "id": "6f3c0e1d2b4a5968", "name": "ci", "scopes": ["run", "push"], "created_at": "2026-11-24T10:00:00.000Z"}}}}
LIST = {"request": {"method": "GET", "path": "/v1/skills"}, "answer": {"status": 200, "json": []}}


@pytest.fixture(scope="module")
def server():
    with VectorServer() as server:
        yield server


def expect(server, *exchanges):
    server.play({"exchanges": exchanges})


def config_of(command):
    return command.home / ".config" / "skillbox" / "config.json"


@pytest.fixture
def logged_in(command, server):
    expect(server, WHO)
    assert command.good("login", "-s", server.url, input=KEY + "\n") == f'Logged in to {server.url} as context "default"\n'
    assert server.verdict() == ""
    return command


def test_login_keeps_server_and_key(logged_in, server):
    path = config_of(logged_in)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert json.loads(path.read_text()) == {"current": "default", "contexts": {"default": {"server": server.url, "api_key": KEY, "tenant": ""}}}
    assert [one.name for one in path.parent.iterdir()] == ["config.json"]
    expect(server, LIST)
    assert logged_in.good("skill", "list") == "" and server.verdict() == ""


def test_login_with_a_wrong_key_keeps_nothing(command, server):
    refused = {**WHO, "request": {**WHO["request"], "headers": {"Authorization": "Bearer sk-wrong"}},
               "answer": {"status": 401, "json": {"error": "unauthorized", "message": "invalid or revoked API key", "request_id": "1"}}}
    expect(server, refused)
    error = command.error("login", "-s", server.url, input="sk-wrong\n")
    assert error.startswith("invalid or revoked API key") and "sk-wrong" not in error
    assert not config_of(command).exists()
    assert command.error("login", "-s", server.url, input="\n") == "no key was given on standard input"
    assert "from standard input" in command.error("login", "-k", KEY, code=64)


def test_option_environment_context_default(logged_in, server):
    def who(*options, **environment):
        expect(server, ACCOUNT)
        return json.loads(logged_in.good("whoami", *options, environment=environment))

    found = who()
    assert (found["server_from"], found["key_from"], found["context"], found["key"]) == ("context", "context", "default", "sk-0123…")
    found = who(SKILLBOX_SERVER_URL=server.url, SKILLBOX_API_KEY=KEY)
    assert (found["server_from"], found["key_from"]) == ("SKILLBOX_SERVER_URL", "SKILLBOX_API_KEY")
    found = who("-s", server.url + "/", "-k", KEY, SKILLBOX_SERVER_URL="http://127.0.0.1:1", SKILLBOX_API_KEY="sk-x")
    assert (found["server"], found["server_from"], found["key_from"]) == (server.url, "--server", "--api-key")


def test_whoami_says_what_the_server_knows_of_the_key(logged_in, server):
    expect(server, ACCOUNT)
    found = json.loads(logged_in.good("whoami"))
    assert server.verdict() == ""
    assert found == {"server": server.url, "server_from": "context", "context": "default", "tenant": "acme", "namespace": "skillbox-acme",
                     "key_id": "6f3c0e1d2b4a5968", "key_name": "ci", "scopes": ["run", "push"], "server_version": "9.8.7",
                     "key": "sk-0123…", "key_from": "context"}
    expect(server, ACCOUNT)
    heading, row = logged_in.good("whoami", "-o", "table").splitlines()
    assert "SCOPES" in heading and "acme" in row and '["run","push"]' in row


def test_whoami_with_a_server_that_is_too_old_for_it(logged_in, server):
    """It has no such path; whether it takes the key is asked as before."""
    missing = {**ACCOUNT, "answer": {"status": 404, "json": {"error": "not_found", "message": "no such path: /v1/whoami", "request_id": "1"}}}
    expect(server, missing, WHO)
    found = json.loads(logged_in.good("whoami", "-t", "acme"))
    assert server.verdict() == "" and (found["tenant"], found["key"]) == ("acme", "sk-0123…") and "scopes" not in found
    refused = {**WHO, "answer": {"status": 401, "json": {"error": "unauthorized", "message": "invalid or revoked API key", "request_id": "1"}}}
    expect(server, missing, refused)
    assert logged_in.error("whoami").startswith("invalid or revoked API key")


def test_whoami_of_something_else(logged_in, server):
    expect(server, {**ACCOUNT, "answer": {"status": 200, "json": ["hello"]}})
    assert "GET /v1/whoami gave no JSON object" in logged_in.error("whoami")


def test_the_key_of_a_context_is_for_its_server_only(logged_in):
    """Another server gets no key, though a context is current."""
    with VectorServer() as other:
        other.play({"exchanges": [{**LIST, "request": {**LIST["request"], "bare": True}}]})
        logged_in.good("skill", "list", "-s", other.url)
        assert other.verdict() == ""


def test_contexts(logged_in, server):
    expect(server, WHO, LIST)
    logged_in.good("login", "staging", "-s", server.url, "-t", "acme", input=KEY)
    rows = json.loads(logged_in.good("context", "list", "-o", "json"))
    assert [(row["name"], row["tenant"], row["current"]) for row in rows] == [("default", "", False), ("staging", "acme", True)]
    assert KEY not in logged_in.good("context", "list", "-o", "json") + logged_in.good("context", "list")
    assert logged_in.error("context", "use", "stagign") == "there is no context 'stagign': did you mean 'staging'?"
    assert logged_in.good("context", "use", "default") == f'Using context "default": {server.url}\n'
    assert logged_in.good("context", "delete", "default") == 'Deleted context "default"\n'
    assert logged_in.good("context", "list", "-o", "name") == "staging\n"
    assert "is no name for a context" in logged_in.error("login", "a/b", code=64)


def test_others_may_not_read_it(logged_in, server):
    config_of(logged_in).chmod(0o644)
    expect(server, LIST)
    done = logged_in.run("skill", "list", code=0)
    assert done.err.startswith("Warning: ") and "chmod 600" in done.err
    logged_in.good("context", "use", "default")
    assert stat.S_IMODE(config_of(logged_in).stat().st_mode) == 0o600


@pytest.mark.parametrize("text, said", [("{", "invalid JSON"), ("[]", "it is no JSON object"), ('{"contexts": 1}', "'contexts' is no object"),
                                        ('{"contexts": {"a": {"server": 1}}}', "context 'a': 'server' is no string")])
def test_a_damaged_config(command, text, said):
    path = config_of(command)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    error = command.error("skill", "list")
    assert said in error and str(path) in error and "log in again" in error
    assert path.read_text() == text


def test_xdg_config_home(command, server, tmp_path):
    expect(server, WHO)
    command.good("login", "-s", server.url, input=KEY, environment={"XDG_CONFIG_HOME": str(tmp_path / "xdg")})
    assert (tmp_path / "xdg" / "skillbox" / "config.json").exists() and not config_of(command).exists()


def test_a_link_stays_one(logged_in, server, tmp_path):
    """People keep such files elsewhere, with a link in the folder."""
    path, kept = config_of(logged_in), tmp_path / "kept.json"
    path.rename(kept)
    path.symlink_to(kept)
    logged_in.good("context", "delete", "default")
    assert path.is_symlink() and json.loads(kept.read_text())["contexts"] == {}


def test_the_key_leaves_the_command_line(tmp_path, server):
    """Other users of the machine see the words that a process was started with."""
    slow = {**LIST, "answer": {**LIST["answer"], "fault": {"delay": 20}}}
    expect(server, slow)
    command = Command(tmp_path)
    process = command.start("skill", "list", "-s", server.url, "--api-key", KEY, stdout=-1, stderr=-1)
    try:
        from waiting import wait_for
        wait_for(lambda: server.moments, "the request is there")
        words = pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert KEY.encode() not in words and b"--api-key" in words
    finally:
        process.kill()
        process.communicate()


def test_a_proxy_or_ca_of_the_environment(command):
    """As curl reads them; here: a proxy that isn't there."""
    environment = {"http_proxy": "http://127.0.0.1:1", "SKILLBOX_RETRIES": "0"}
    assert "127.0.0.1 port 1" in command.error("health", "-s", "http://skills.example", environment=environment)
