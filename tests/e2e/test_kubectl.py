"""The custom resources, with nothing but kubectl: a Skill with inline files, Executions, and what is refused."""

import json

import pytest

from skillbox_client import API, condition_of, execution_object, raw_member, skill_object
from waiting import unique, wait_for


def test_a_skill_and_an_execution_with_kubectl_alone(kubectl, client, name, ended):
    kubectl.apply(skill_object(name))
    kubectl.apply(execution_object(name, name, input={"b": 1, "a": [True, None, "é"]},
                                   env=[{"name": "WHO", "value": "world"}], timeoutSeconds=30))
    kubectl.run("wait", "--for=condition=Succeeded", f"execution/{name}", "--timeout=60s")
    execution = ended(name)
    status = execution["status"]
    assert json.loads(status["output"]) == {"b": 1, "a": [True, None, "é"]}
    assert status["logs"] == "hello, world\n"
    assert status["exitCode"] == 0
    assert condition_of(execution, "Succeeded")["observedGeneration"] == execution["metadata"]["generation"]

    ready = wait_for(lambda: condition_of(kubectl.get("skill", name), "Ready"), "the Skill has a Ready condition")
    assert ready["status"] == "True"

    table = kubectl.text("get", "executions", name)
    assert name in table and "Succeeded" in table
    assert name in kubectl.text("get", "skx", name) and name in kubectl.text("get", "skl", name)
    assert f"execution.skillbox.dev/{name}" in kubectl.text("get", "skillbox", "-o", "name")

    # REST knows both: the skill by its name, the execution by its UID.
    assert name in client.skill_names()
    record = client.record(execution["metadata"]["uid"])
    assert (record["status"], record["skill_name"]) == ("success", name)
    assert client.run(name, input=[1])["output"] == [1]


def test_input_text_keeps_every_digit(kubectl, name, ended):
    kubectl.apply(skill_object(name))
    text = '{"n":1234567890123456789012345678901234567890,"z":1,"a":1e400}'
    kubectl.apply(execution_object(name, name, inputText=text))
    assert ended(name)["status"]["output"] == text


def test_an_execution_may_come_before_its_skill(kubectl, name, ended):
    kubectl.apply(execution_object(name, name))
    kubectl.apply(skill_object(name))
    assert condition_of(ended(name), "Succeeded")["status"] == "True"


def test_an_unknown_skill_fails_with_a_clear_message(kubectl, name, ended):
    kubectl.apply(execution_object(name, name))
    execution = ended(name)
    condition = condition_of(execution, "Succeeded")
    assert (condition["status"], condition["reason"]) == ("False", "Failed")
    assert "skill not found" in condition["message"] and name in condition["message"]
    assert "podName" not in execution["status"]


def test_an_image_off_the_allowlist_fails_by_name(kubectl, name, ended):
    kubectl.apply(skill_object(name, image="evil.example/x:1"))
    kubectl.apply(execution_object(name, name))
    execution = ended(name)
    assert execution["status"]["errorCode"] == "image_not_allowed"
    assert "evil.example/x:1" in condition_of(execution, "Succeeded")["message"]


def test_a_blocked_variable_never_reaches_the_script(kubectl, name, ended):
    kubectl.apply(skill_object(name))
    done = kubectl.apply(execution_object(name, name, env=[{"name": "LD_PRELOAD", "value": "x"}]), check=False)
    if done.returncode == 0:
        condition = condition_of(ended(name), "Succeeded")
        assert condition["status"] == "False" and "LD_PRELOAD" in condition["message"]
    else:
        assert "LD_PRELOAD" in done.stderr or "env" in done.stderr


REFUSED = {
    "no skillRef": ({"inputText": "{}"}, "skillRef"),
    "skillRef without name": ({"skillRef": {}}, "name"),
    "a bad skill name": ({"skillRef": {"name": "-bad name-"}}, "skillRef.name"),
    "a negative timeout": ({"skillRef": {"name": "x"}, "timeoutSeconds": -1}, "timeoutSeconds"),
    "a timeout of the wrong type": ({"skillRef": {"name": "x"}, "timeoutSeconds": "5s"}, "timeoutSeconds"),
    "an environment that is no list": ({"skillRef": {"name": "x"}, "env": "A=1"}, "env"),
    "too many variables": ({"skillRef": {"name": "x"}, "env": [{"name": f"V{i}", "value": ""} for i in range(300)]}, "env"),
    "two inputs": ({"skillRef": {"name": "x"}, "input": {}, "inputText": "{}"}, "input"),
    "an unknown field": ({"skillRef": {"name": "x"}, "colour": "red"}, "colour"),
    "a negative time to live": ({"skillRef": {"name": "x"}, "ttlSecondsAfterFinished": -5}, "ttlSecondsAfterFinished"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_executions_are_refused_by_the_api_server(kubectl, case):
    spec, word = REFUSED[case]
    bad = {"apiVersion": API, "kind": "Execution", "metadata": {"name": unique("bad")}, "spec": spec}
    done = kubectl.run("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(bad), check=False)
    assert done.returncode != 0, f"{case} was accepted"
    assert word in done.stderr, done.stderr


BAD_SKILLS = {
    "no source": ({"source": None}, "source"),
    "an unknown language": ({"lang": "cobol"}, "lang"),
    "a version that is none": ({"version": "one"}, "version"),
    "no description": ({"description": ""}, "description"),
    "both sources": ({"source": {"files": {"main.sh": ""}, "bundle": {"digest": "sha256:" + "0" * 64, "size": 1}}}, "source"),
    "a digest that is none": ({"source": {"bundle": {"digest": "md5:1", "size": 1}}}, "digest"),
}


@pytest.mark.parametrize("case", BAD_SKILLS)
def test_bad_skills_are_refused_by_the_api_server(kubectl, case):
    change, word = BAD_SKILLS[case]
    bad = skill_object(unique("bad"), **change)
    bad["spec"] = {key: value for key, value in bad["spec"].items() if value is not None}
    done = kubectl.run("create", "--dry-run=server", "-f", "-", stdin=json.dumps(bad), check=False)
    assert done.returncode != 0, f"{case} was accepted"
    assert word in done.stderr, done.stderr


def test_specs_do_not_change(kubectl, name, ended):
    kubectl.apply(skill_object(name))
    kubectl.apply(execution_object(name, name, timeoutSeconds=20))
    for kind, patch in (("execution", {"timeoutSeconds": 30}), ("execution", {"skillRef": {"name": "other"}}),
                        ("execution", {"inputText": "1"}), ("execution", {"env": [{"name": "A", "value": "1"}]}),
                        ("skill", {"description": "changed"}), ("skill", {"source": {"files": {"main.sh": "exit 1"}}})):
        done = kubectl.run("patch", kind, name, "--type=merge", "-p", json.dumps({"spec": patch}), check=False)
        assert done.returncode != 0, f"{kind} took {patch}"
        assert "immutable" in done.stderr, done.stderr
    assert condition_of(ended(name), "Succeeded")["status"] == "True"


def test_pods_of_a_skill_are_as_the_design_demands(kubectl, name, ended, sandbox_pods):
    kubectl.apply(skill_object(name, source={"files": {"main.sh": "sleep 2"}}))
    kubectl.apply(execution_object(name, name))
    uid = kubectl.get("execution", name)["metadata"]["uid"]
    pod = wait_for(lambda: sandbox_pods(uid), "the sandbox Pod is there")[0]
    owner = pod["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Execution", uid, True)
    spec = pod["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["restartPolicy"] == "Never"
    assert spec["activeDeadlineSeconds"] > 0
    assert len(spec["containers"]) == 1
    container = spec["containers"][0]
    security = {**spec.get("securityContext", {}), **container["securityContext"]}
    assert security["runAsNonRoot"] is True
    assert (security["runAsUser"], security["runAsGroup"]) == (65534, 65534)
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"]["drop"] == ["ALL"]
    assert security["seccompProfile"] in ({"type": "RuntimeDefault"},
                                          {"type": "Localhost", "localhostProfile": "skillbox/sandbox.json"})
    resources = container["resources"]
    assert resources["requests"]["memory"] == resources["limits"]["memory"]
    assert "cpu" in resources["limits"]
    assert condition_of(ended(name), "Succeeded")["status"] == "True"


def test_raw_record_of_a_kubectl_execution_has_its_input(kubectl, client, name, ended):
    kubectl.apply(skill_object(name))
    kubectl.apply(execution_object(name, name, inputText='{"x":1.50}'))
    uid = ended(name)["metadata"]["uid"]
    answer = client.request("GET", f"/v1/executions/{uid}")
    assert raw_member(answer.text, "input") == '{"x":1.50}'
    assert raw_member(answer.text, "output") == '{"x":1.50}'
