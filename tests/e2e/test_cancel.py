"""Cancelling: by REST and by a patch, before, while and after."""

import threading

import pytest
import requests

from contract_checks import assert_answer, assert_error, assert_record
from skillbox_client import condition_of
from waiting import wait_for

SLEEPER = """
echo '{"half": 1}' >$SANDBOX_OUTPUT
echo begun
trap '' TERM INT HUP
while true; do sleep 0.2; done
"""


def cancel(client, execution_id):
    return client.request("DELETE", f"/v1/executions/{execution_id}")


def assert_cancelled(client, execution_id):
    record = client.wait_until_ended(execution_id)
    assert (record["status"], record["error_code"]) == ("cancelled", "cancelled"), record
    assert_record(record)
    return record


def test_a_running_execution_is_cancelled_with_its_logs_kept(client, push, execution_object, assert_pods_gone):
    execution_id = client.start(push(SLEEPER, lang="bash"))
    client.wait_until(execution_id, "running")
    assert cancel(client, execution_id).status_code == 202
    record = assert_cancelled(client, execution_id)
    assert record["logs"] == "begun\n"
    assert record["output"] == {"half": 1}

    execution = execution_object(execution_id)
    condition = condition_of(execution, "Succeeded")
    assert (condition["status"], condition["reason"]) == ("False", "Cancelled")
    assert execution["spec"]["cancel"] is True
    assert_pods_gone(execution["metadata"]["uid"])

    assert cancel(client, execution_id).status_code == 200
    assert client.record(execution_id)["status"] == "cancelled"


def test_a_pending_execution_is_cancelled(client, push, execution_object, assert_pods_gone):
    execution_id = client.start(push("sleep 60", lang="bash"))
    assert cancel(client, execution_id).status_code == 202
    assert_cancelled(client, execution_id)
    assert_pods_gone(execution_object(execution_id)["metadata"]["uid"])


def test_a_caller_who_waits_learns_of_the_cancellation(client, push):
    skill = push(SLEEPER, lang="bash")
    answers = []
    caller = threading.Thread(target=lambda: answers.append(client.post_execution({"skill": skill})))
    caller.start()

    def running():
        listed = client.request("GET", f"/v1/executions?skill={skill}&status=running").json()["executions"]
        return listed[0]["execution_id"] if listed else None

    execution_id = wait_for(running, "the execution is listed as running")
    assert cancel(client, execution_id).status_code == 202
    caller.join(timeout=60)
    assert answers, "the caller still waits"
    assert answers[0].status_code == 200
    assert_answer(answers[0].json())
    assert answers[0].json()["status"] == "cancelled"


def test_an_ended_execution_stays_as_it_is(client, push):
    result = client.run(push("echo 1 >$SANDBOX_OUTPUT", lang="bash"))
    assert cancel(client, result["execution_id"]).status_code == 200
    assert client.record(result["execution_id"])["status"] == "success"


def test_cancelling_what_does_not_exist_is_404(client):
    for execution_id in ("00000000-0000-4000-8000-000000000000", "nonsense"):
        assert_error(cancel(client, execution_id), 404, "not_found")


def test_cancel_by_kubectl(client, push, kubectl, execution_object):
    execution_id = client.start(push(SLEEPER, lang="bash"))
    client.wait_until(execution_id, "running")
    name = execution_object(execution_id)["metadata"]["name"]
    kubectl.run("patch", "execution", name, "--type=merge", "-p", '{"spec":{"cancel":true}}')
    assert_cancelled(client, execution_id)
    undo = kubectl.run("patch", "execution", name, "--type=merge", "-p", '{"spec":{"cancel":false}}', check=False)
    assert undo.returncode != 0, "a cancellation can't be taken back"


def test_a_caller_who_hangs_up_does_not_stop_the_execution(client, push):
    skill = push("sleep 3; echo '\"finished\"' >$SANDBOX_OUTPUT", lang="bash")
    with pytest.raises(requests.exceptions.ReadTimeout):
        client.post_execution({"skill": skill}, timeout=1)
    listed = client.request("GET", f"/v1/executions?skill={skill}").json()["executions"]
    assert len(listed) == 1
    record = client.wait_until_ended(listed[0]["execution_id"])
    assert (record["status"], record["output"]) == ("success", "finished")
