"""Secrets stay where they belong: out of logs, Events, resources, metrics, lists of processes and core dumps."""

import base64
import json
import re
import urllib.parse

import pytest
import requests

from skillbox_client import component_logs, component_pods, is_ready, skill_zip
from waiting import unique, wait_for

PROGRAMS = ("apiserver", "controller")
WRONG_KEY = "sk-" + "ab" * 24
USER_DATA = ("user-data-in-env-5d1f", "user-data-in-input-5d1f", "user-data-in-output-5d1f", "user-data-in-log-5d1f")
SCRIPT = """
import json, os, sys
print("user-data-in-log-5d1f")
json.dump({"token": "user-data-in-output-5d1f"}, open(os.environ["SANDBOX_OUTPUT"], "w"))
open(os.environ["SANDBOX_FILES_DIR"] + "/a.txt", "w").write("x")
import time; time.sleep(4)
"""

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def home(kubectl):
    return component_pods(kubectl, "controller")[0]["metadata"]["namespace"]


@pytest.fixture(scope="module")
def stored_secrets(kubectl, home):
    """{name: text} of what the programs are given in Secrets: signing key, S3's key, the database's password."""
    found = {}
    for program in PROGRAMS:
        spec = component_pods(kubectl, program)[0]["spec"]
        names = {v["secret"]["secretName"] for v in spec["volumes"] if "secret" in v}
        names |= {e["valueFrom"]["secretKeyRef"]["name"] for e in spec["containers"][0].get("env", [])
                  if "secretKeyRef" in e.get("valueFrom", {})}
        for name in names:
            for key, data in json.loads(kubectl.text("get", "secret", name, "-n", home, "-o", "json"))["data"].items():
                text = base64.b64decode(data).decode()
                if key == "dsn":
                    found[f"password of {name}"] = urllib.parse.urlsplit(text).password
                if key not in ("accessKey", "ca.crt"):  # a user's name; a certificate
                    found[f"{name}/{key}"] = text
    assert any(len(text) >= 32 for text in found.values()), "there is no signing key"
    return found


def restarted(kubectl, home, program, level):
    """The program again, with that log level (None: as it was configured)."""
    deployment = f"deployment/skillbox-{program}"
    kubectl.run("set", "env", "-n", home, deployment, f"SKILLBOX_LOG_LEVEL={level}" if level else "SKILLBOX_LOG_LEVEL-")
    kubectl.run("rollout", "status", "-n", home, deployment, "--timeout=120s", timeout=130)
    wait_for(lambda: all(is_ready(p) and not p["metadata"].get("deletionTimestamp") for p in component_pods(kubectl, program)),
             f"the {program} is back")


@pytest.fixture(scope="module")
def traces(client, kubectl, home, tenant_namespace):
    """Everything that can be read after some work at level debug: {where: text}, and the secrets that were in use."""
    for program in PROGRAMS:
        restarted(kubectl, home, program, "debug")
    try:
        wait_for(lambda: client.request("GET", "/ready", auth=False).status_code == 200, "the API answers")
        yield _work(client, kubectl, home, tenant_namespace)
    finally:
        for program in PROGRAMS:
            restarted(kubectl, home, program, None)
        wait_for(lambda: client.request("GET", "/ready", auth=False).status_code == 200, "the API answers")


def _work(client, kubectl, home, tenant_namespace):
    name = unique("secrets")
    client.push(skill_zip(name, SCRIPT))
    shell = ("exec", "-n", home, component_pods(kubectl, "apiserver")[0]["metadata"]["name"], "--", "skillbox-apiserver", "key")
    tenant = client.record(client.start(name))["tenant_id"]
    fresh = kubectl.text(*shell, "create", "--name", name, "--tenant", tenant).strip().splitlines()[-1]
    wait_for(lambda: client.request("GET", "/v1/skills", headers={"Authorization": f"Bearer {fresh}"}).status_code == 200,
             "the fresh key is known")
    execution_id = client.start(name, env={"MY_SECRET": USER_DATA[0]}, input={"password": USER_DATA[1]})
    pod = wait_for(lambda: _sandbox_of(kubectl, execution_id), "the sandbox Pod is there")
    token = {v["name"]: v.get("value") for v in pod["spec"]["containers"][0]["env"]}["SKILLBOX_TOKEN"]
    record = client.wait_until_ended(execution_id)
    assert record["status"] == "success" and USER_DATA[2] in json.dumps(record["output"]) and USER_DATA[3] in record["logs"]
    assert requests.get(record["files_url"], timeout=30).status_code == 200
    assert client.request("GET", "/v1/skills", headers={"Authorization": f"Bearer {WRONG_KEY}"}).status_code == 401
    listed = [line.split() for line in kubectl.text(*shell, "list").splitlines()]
    (key_id,) = [words[0] for words in listed if name in words]
    kubectl.run(*shell, "revoke", key_id)
    failed = client.run(name, input=[USER_DATA[1]], timeout="500ms")
    assert failed["status"] == "timeout"
    client.request("DELETE", f"/v1/skills/{name}/1.0.0")
    return {"logs of the apiserver": component_logs(kubectl, "apiserver"),
            "logs of the controller": component_logs(kubectl, "controller"),
            "Events": kubectl.text("get", "events", "-A", "-o", "json"),
            "custom resources": kubectl.text("get", "skills,executions,sandboxpools", "-A", "-o", "json"),
            "ConfigMaps": kubectl.text("get", "configmaps", "-A", "-o", "json"),
            "Deployments and Pods": kubectl.text("get", "deployments,pods", "-n", home, "-o", "json"),
            "metrics of the apiserver": _metrics(kubectl, home, "apiserver"),
            "metrics of the controller": _metrics(kubectl, home, "controller")}, \
        {"the caller's key": client.api_key, "a fresh key": fresh, "a wrong key": WRONG_KEY, "the Pod's token": token}


def _sandbox_of(kubectl, execution_id):
    """Its own Pod, or the one of a pool that its status names once it has run for a second."""
    execution = kubectl.get("execution", execution_id)
    name = execution.get("status", {}).get("podName")
    for pod in kubectl.items("pods"):
        owners = {owner["uid"] for owner in pod["metadata"].get("ownerReferences", [])}
        if execution["metadata"]["uid"] in owners or pod["metadata"]["name"] == name:
            return pod
    return None


def _metrics(kubectl, home, component):
    pod = component_pods(kubectl, component)[0]["metadata"]["name"]
    return kubectl.text("get", "--raw", f"/api/v1/namespaces/{home}/pods/{pod}:8081/proxy/metrics")


def test_no_secret_in_any_trace(traces, stored_secrets):
    texts, used = traces
    for where, text in texts.items():
        assert len(text) > 100, f"{where}: there is nothing to look at"
        for what, secret in {**stored_secrets, **used}.items():
            assert secret and secret not in text, f"{what} is in the {where}"
            assert base64.b64encode(secret.encode()).decode() not in text, f"{what} is in the {where}, in base64"


def test_nothing_that_looks_like_a_secret_in_the_logs(traces):
    for program in PROGRAMS:
        logs = traces[0][f"logs of the {program}"]
        assert not re.search(r"sk-[0-9a-f]{48}", logs)
        assert not re.search(r"eyJ[A-Za-z0-9_-]{20,}\.", logs), f"the {program} logs a service account token"
        assert not re.search(r"[Bb]earer [A-Za-z0-9]", logs)
        assert not re.search(r"[Ss]ignature=[0-9A-Fa-f]{16,}", logs), f"the {program} logs a signed URL"
        assert not re.search(r"postgres(ql)?://[^ \"]*:[^ \"]*@", logs), f"the {program} logs a DSN"


def test_user_data_is_in_the_resource_only(traces):
    for where, text in traces[0].items():
        if where == "custom resources":
            assert all(data in text for data in USER_DATA), "they should be in the Execution"
            continue
        for data in USER_DATA:
            assert data not in text, f"{data} is in the {where}"


def test_the_pods_token_is_its_own(client, push, kubectl, execution_object, sandbox_pods):
    """Each Pod has another one, and the script can't find it. Who may read Pods of the namespace can: it opens nothing
    without pods/exec, which gives as much without it."""
    skill = push("env; cat /proc/1/environ; sleep 4", lang="bash")
    tokens = set()
    for _ in range(2):
        execution_id = client.start(skill)
        uid = execution_object(execution_id)["metadata"]["uid"]
        pod = wait_for(lambda uid=uid: sandbox_pods(uid), "the sandbox Pod is there")[0]
        token = {v["name"]: v.get("value") for v in pod["spec"]["containers"][0]["env"]}["SKILLBOX_TOKEN"]
        assert re.fullmatch("[0-9a-f]{32}", token)
        record = client.wait_until_ended(execution_id)
        assert "SANDBOX_INPUT" in record["logs"] and token not in record["logs"] and "SKILLBOX_TOKEN" not in record["logs"]
        tokens.add(token)
    assert len(tokens) == 2


LOOK = r"""
for directory in /proc/[0-9]*; do
    program=$(tr '\0' '\n' <"$directory/cmdline" 2>/dev/null | head -n 1)
    case ${program##*/} in skillbox-apiserver|skillbox-controller) name=${program##*/} ;; *)
        [ "$program" = /skillbox/runner ] && name=skillbox-runner || continue ;; esac
    echo "process $name"
    echo "user $(awk '/^Uid:/ {print $2}' "$directory/status") owner $(stat -c %u "$directory/environ")"
    awk '/^Max core file size/ {print "core", $5, $6}' "$directory/limits"
    echo "environment $(tr '\0' ' ' <"$directory/environ" | base64 -w 0)"
    echo "arguments $(tr '\0' ' ' <"$directory/cmdline" | base64 -w 0)"
done
"""


@pytest.fixture
def processes(node, client, push, execution_object, sandbox_pods):
    """[{…}] of our programs on the node, while a sandbox runs."""
    execution_id = client.start(push("sleep 60", lang="bash"))
    client.wait_until(execution_id, "running")
    found = []
    for line in node.execute("bash", "-c", LOOK).splitlines():
        word, *rest = line.split()
        if word == "process":
            found.append({"program": rest[0].removeprefix("skillbox-")})
        elif word == "user":
            found[-1].update(user=int(rest[0]), owner=int(rest[2]))
        elif word == "core":
            found[-1].update(core=rest)
        else:
            found[-1][word] = base64.b64decode(rest[0]).decode() if rest else ""
    client.request("DELETE", f"/v1/executions/{execution_id}")
    client.wait_until_ended(execution_id)
    return found


def test_no_process_can_be_looked_into(processes, client, stored_secrets):
    """Not dumpable (its files in /proc belong to root (its user namespace's, if it has one), and there is no core dump), no core limit, and an environment and
    a command line without secrets, even for root."""
    programs = {p["program"] for p in processes}
    # under gVisor a sandbox's processes are not the node's
    assert {"apiserver", "controller"} <= programs, programs
    for process in processes:
        # Root of its user namespace, where a sandbox has one: 65534 is the uid in there.
        assert process["user"] != 0 and process["owner"] in (0, process["user"] - 65534), process
        if process["program"] != "runner":
            assert process["core"] == ["0", "0"], process
        for what, secret in {**stored_secrets, "the caller's key": client.api_key}.items():
            assert secret not in process["environment"] + process["arguments"], f"{process['program']}: {what}"
        assert "SKILLBOX_TOKEN" not in process["environment"]


def test_a_request_id_can_be_found_in_the_log(client, kubectl):
    answer = client.request("GET", "/v1/skills", headers={"X-Request-ID": "find-me-7c1d"})
    assert answer.headers["X-Request-ID"] == "find-me-7c1d"
    wait_for(lambda: "find-me-7c1d" in component_logs(kubectl, "apiserver"), "the request id is logged", timeout=10)


def test_keys_are_stored_as_hashes_only(client, kubectl):
    secrets = kubectl.text("get", "secrets", "-A", "-o", "json")
    assert client.api_key not in secrets
    assert base64.b64encode(client.api_key.encode()).decode() not in secrets
