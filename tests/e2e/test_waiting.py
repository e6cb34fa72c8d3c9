"""Why a run waits, where a scheduler, a kubelet and the controllers of Kubernetes are real; what kube-apiserver alone refuses is
in tests/apiserver/test_waiting.py."""

import json
import threading

import pytest

from skillbox_client import Kubectl, condition_of, skill_zip
from tenant import new_tenant
from waiting import unique, wait_for


@pytest.fixture(scope="module")
def own(client, kubectl):
    """A tenant that nobody else has: its client, and kubectl in its namespace."""
    with new_tenant(kubectl, client.base_url, "e2e-waiting", "run,push") as tenant:
        yield tenant, Kubectl(kubectl.environment, tenant.tenant)


def push(client, script, **options):
    name = unique("waits")
    client.push(skill_zip(name, script, "bash", **options))
    return name


def wait_reason(client, execution_id, *reasons):
    def told():
        record = client.record(execution_id)
        return record.get("reason") in reasons and record

    record = wait_for(told, lambda: f"it waits for {reasons}: {client.record(execution_id)}", timeout=30)
    assert record["status"] == "pending"
    return record


def events(kubectl, name):
    return [(e["type"], e["reason"]) for e in kubectl.items("events.v1.events.k8s.io") if e["regarding"]["name"] == name]


def test_a_quota_that_is_used_up_and_freed(own):
    client, kubectl = own
    kubectl.run("create", "quota", "none", "--hard=pods=0")
    wait_for(lambda: kubectl.get("quota", "none").get("status", {}).get("hard"), "the quota counts")
    execution_id = client.start(push(client, "true"))
    record = wait_reason(client, execution_id, "QuotaExceeded")
    assert "exceeded quota: none, requested: pods=1" in record["message"]
    assert condition_of(kubectl.get("execution", execution_id), "Succeeded")["message"] == record["message"]
    wait_for(lambda: ("Warning", "QuotaExceeded") in events(kubectl, execution_id), "an Event says so")
    kubectl.run("delete", "quota", "none")
    ended = client.wait_until_ended(execution_id)
    assert ended["status"] == "success" and "reason" not in ended and "message" not in ended


def test_an_image_that_can_not_be_pulled(own):
    """It is told while it may heal, and the run fails with the same words."""
    client, kubectl = own
    execution_id = client.start(push(client, "true", image=f"bash:5@sha256:{'0' * 64}"))
    record = wait_reason(client, execution_id, "ImageUnavailable")
    assert "0" * 64 in record["message"] and "check the image's name" in record["message"]
    wait_for(lambda: ("Warning", "ImageUnavailable") in events(kubectl, execution_id), "an Event says so")
    ended = client.wait_until_ended(execution_id)
    assert (ended["status"], ended["error_code"]) == ("failed", "sandbox_start_failed")
    assert ended["error"].startswith("sandbox did not start: ") and "0" * 64 in ended["error"]


def test_no_node_has_room(own):
    """The namespace's default asks for more than any node has."""
    client, kubectl = own
    skill = push(client, "true")
    kubectl.apply({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "huge"}, "spec": {"limits": [
        {"type": "Container", "defaultRequest": {"ephemeral-storage": "900Ti"}, "default": {"ephemeral-storage": "900Ti"}}]}})
    execution_id = client.start(skill)
    record = wait_reason(client, execution_id, "Unschedulable")
    assert "no node takes a sandbox: 0/1 nodes are available" in record["message"]
    assert client.request("DELETE", f"/v1/executions/{execution_id}").status_code == 202
    assert client.wait_until_ended(execution_id)["status"] == "cancelled"
    kubectl.run("delete", "limitrange", "huge")


def test_deleted_while_a_finalizer_holds_it(own):
    """The script is ended and its caller answered, though the object stays."""
    client, kubectl = own
    skill, answers = push(client, "sleep 300"), []
    caller = threading.Thread(target=lambda: answers.append(client.run(skill)))
    caller.start()

    def running():
        return [e["metadata"] for e in kubectl.items("executions") if e["spec"]["skillRef"]["name"] == skill
                and condition_of(e, "Succeeded").get("reason") == "Running"]

    (meta,) = wait_for(running, "the script runs")
    kubectl.run("patch", "execution", meta["name"], "--type=merge", "-p", json.dumps({"metadata": {"finalizers": ["example.com/held"]}}))
    kubectl.run("delete", "execution", meta["name"], "--wait=false")
    caller.join(60)
    assert answers and answers[0]["status"] == "cancelled"
    wait_for(lambda: not kubectl.items("pods", "-l", f"skillbox.dev/execution-uid={meta['uid']}"), "the sandbox is gone")
    assert kubectl.get("execution", meta["name"])
    kubectl.run("patch", "execution", meta["name"], "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    wait_for(lambda: not kubectl.get("execution", meta["name"]), "the object is gone")


def test_cancel_after_the_end(own):
    """Whoever waits for the condition goes on at once."""
    client, kubectl = own
    result = client.run(push(client, "true"))
    kubectl.run("patch", "execution", result["execution_id"], "--type=merge", "-p", '{"spec":{"cancel":true}}')
    kubectl.run("wait", "--for=condition=Succeeded", f"execution/{result['execution_id']}", "--timeout=20s")
    assert client.record(result["execution_id"])["status"] == "success"
