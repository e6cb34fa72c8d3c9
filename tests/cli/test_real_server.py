"""Against the real API server, with the test as the controller: what the vectors' server doesn't judge."""

import json
import os
import sys

import pytest

from cli_command import Command
from tiny_packages import make_wheel
from waiting import wait_for

MANIFEST = "---\nname: {name}\ndescription: Greets.\nlang: bash\nversion: {version}\n---\nCall it.\n"


@pytest.fixture
def rest(client):
    return client


@pytest.fixture
def command(tmp_path, rest):
    return Command(tmp_path, SKILLBOX_SERVER_URL=rest.server.url, SKILLBOX_API_KEY=rest.key)


def make_skill(command, name="greet", version="1.0.0", **files):
    folder = command.home / name
    folder.mkdir(exist_ok=True)
    (folder / "SKILL.md").write_text(MANIFEST.format(name=name, version=version))
    for path, text in {"main.sh": "echo hello\n", **files}.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_skills(command):
    make_skill(command)
    assert command.good("push", "greet") == 'Pushed skill "greet" successfully\n'
    make_skill(command, version="1.10.0-rc.1")
    command.good("package", "greet")
    assert json.loads(command.good("push", "greet-1.10.0-rc.1.zip", "-o", "json"))["version"] == "1.10.0-rc.1"
    assert command.good("skill", "list").splitlines() == [
        "NAME   VERSION      DESCRIPTION", "greet  1.0.0        Greets.", "greet  1.10.0-rc.1  Greets."]
    assert json.loads(command.good("skill", "get", "greet"))["version"] == "1.10.0-rc.1"
    assert command.good("skill", "delete", "greet", "1.0.0") == 'Deleted skill "greet" version 1.0.0\n'
    assert command.error("skill", "delete", "greet", "1.0.0") == "skill not found: greet@1.0.0"


def test_lint_says_what_the_server_says(command):
    """The same parser here and there."""
    folder = make_skill(command)
    (folder / "SKILL.md").write_text("---\nname: -x\nversion: one\ntimeout: soon\nlang: cobol\nlang: bash\n---\n")
    here = json.loads(command.run("lint", "greet", "-o", "json", code=1).out)
    there = json.loads(command.run("skill", "validate", "greet", "-o", "json", code=1).out)
    assert here["problems"] and here["problems"] == there["problems"]
    assert command.run("skill", "validate", "greet", code=1).out == command.run("lint", "greet", code=1).out
    assert command.error("push", "greet") == "invalid skill: " + "; ".join(here["problems"])


def test_a_case_whose_input_the_schema_refuses(command):
    """Nothing runs, so nothing is waited for."""
    folder = make_skill(command, **{"references/input.schema.json": '{"required": ["who"]}',
                                    "tests/none.json": '{"input": {}, "error_code": "input_schema_mismatch", "error": "/who: is missing"}'})
    assert "1 passed, 0 failed" in command.good("test", folder)
    command.good("push", folder)
    assert command.error("run", "greet") == "the input doesn't match the skill's input_schema: /who: is missing"


def test_a_run_is_followed(command, rest):
    skill = rest.push()
    known = {e["metadata"]["name"] for e in rest.kube.executions(rest.namespace)}
    process = command.start("run", skill, "--input", '{"n": 1.10}', "-f", stdout=-1, stderr=-1)
    name = wait_for(lambda: next((e["metadata"]["name"] for e in rest.kube.executions(rest.namespace) if e["metadata"]["name"] not in known),
                                 None), "the execution is there")
    rest.kube.finish(rest.namespace, name, "Succeeded", output='{"n":1.10}', logs="one\ntwo\n")
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, b"one\ntwo\n")
    assert b'"n": 1.10\n' in out and json.loads(out)["execution_id"] == name
    assert command.good("exec", "logs", name) == "one\ntwo\n"
    assert command.good("exec", "logs", name, "-f") == "one\ntwo\n"
    assert command.good("exec", "wait", name, "-o", "name") == name + "\n"


def test_cancel(command, rest):
    execution = command.good("run", rest.push(), "--async", "-o", "name").strip()
    assert command.good("exec", "cancel", execution) == f"Cancelled execution {execution}\n"
    assert json.loads(command.good("exec", "get", execution))["execution_id"] == execution
    assert command.good("exec", "list", "-o", "name") == execution + "\n"


def test_dev_versions(command, rest):
    make_skill(command)
    process = command.start("dev", "greet", stdout=-1, stderr=-1)
    execution = wait_for(lambda: rest.kube.executions(rest.namespace), "the execution is there")[0]
    assert execution["spec"]["skillRef"]["version"].startswith("1.0.0-dev.")
    rest.kube.finish(rest.namespace, execution["metadata"]["name"], "Succeeded", output="1")
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0 and json.loads(out)["output"] == 1
    assert error.startswith(b"Pushed greet 1.0.0-dev.") and command.good("skill", "list") == ""


def test_dev_runs_again_on_a_save(command, rest):
    folder = make_skill(command)
    process = command.start("dev", "greet", "--watch", "-o", "jsonl", stdout=-1, stderr=-1)
    try:
        for text in ("echo changed\n", "echo again\n", None):
            known = len(rest.kube.executions(rest.namespace))
            pending = wait_for(lambda: [e for e in rest.kube.executions(rest.namespace) if "outcome" not in str(e.get("status", {}))
                                        and not e.get("status", {}).get("conditions")], "an execution is there")
            rest.kube.finish(rest.namespace, pending[0]["metadata"]["name"], "Succeeded", output=json.dumps(known))
            assert json.loads(process.stdout.readline())["status"] == "success"
            if text:
                (folder / "main.sh").write_text(text)
    finally:
        process.send_signal(2)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130 and error.count(b"Pushed greet 1.0.0-dev.") == 3


def test_keys(command, rest, server, make_client, tmp_path):
    assert command.error("key", "list") == "this API key lacks the scope: admin"
    admin = make_client(server, scopes="admin")
    command = Command(tmp_path, SKILLBOX_SERVER_URL=server.url, SKILLBOX_API_KEY=admin.key)
    made = json.loads(command.run("key", "create", "ci", "--scopes", "run", code=0).out)
    assert made["tenant"] == admin.tenant and made["scopes"] == ["run"]
    wait_for(lambda: made["id"] in command.good("key", "list", "-o", "name"), "it is listed")
    assert command.good("key", "revoke", made["id"]) == f"Revoked key {made['id']}\n"


def test_health(command):
    assert command.good("health", "-o", "jsonl") == '{"status":"ok"}\n'
    assert json.loads(command.good("health", "--ready"))["status"] == "ready"
    assert json.loads(command.good("api", "GET", "/openapi.json"))["openapi"].startswith("3.")


def test_packages(command, rest):
    """The server says for which Python, takes the wheels once, and a new version without them."""
    (command.home / "index").mkdir()
    for tag in ("cp312-cp312-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_17_x86_64"):
        make_wheel(command.home / "index", "compiled", tag=tag)
    command.environment |= {"SKILLBOX_PIP_PYTHON": sys.executable, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(command.home / "index"),
                            "PIP_CONFIG_FILE": os.devnull}
    folder = make_skill(command, "calc", **{"main.py": "import compiled\n", "requirements.txt": "compiled\n"})
    (folder / "main.sh").unlink()
    manifest = (folder / "SKILL.md").read_text().replace("lang: bash", "lang: python")
    (folder / "SKILL.md").write_text(manifest)
    said = command.error("push", "calc", "--no-deps")
    assert said.startswith("invalid skill: requirements.txt asks for packages, and the archive has no wheels/") and "'skillbox push'" in said
    assert command.good("skill", "validate", "calc") == "All checks passed\n"
    assert command.good("push", "calc") == 'Pushed skill "calc" successfully\n'
    assert "# target: cp312-manylinux_2_36_x86_64\n" in (folder / "requirements.lock").read_text()
    (folder / "SKILL.md").write_text(manifest.replace("1.0.0", "1.1.0"))
    assert command.good("push", "calc") == 'Pushed skill "calc" successfully\n'
    sets = [skill["spec"]["source"]["packages"] for skill in rest.kube.skills(rest.namespace) if skill["spec"]["name"] == "calc"]
    assert len(sets) == 2 and sets[0] == sets[1]
    pushes = [one["status"] for one in rest.server.logged("request") if (one["method"], one["path"]) == ("POST", "/v1/skills")]
    assert pushes[-4:] == ["400", "409", "201", "201"]
