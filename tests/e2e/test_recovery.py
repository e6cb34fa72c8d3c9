"""Parts of the product are killed with SIGKILL while work is under way: nothing is lost, nothing is done twice."""

import threading

import pytest
import requests

from contract_checks import assert_record
from skillbox_client import component_pods, condition_of, is_ready, kill_component, restart_count
from waiting import wait_for

SLOW = """
import json, os, sys, time, uuid
run = str(uuid.uuid4())
print("begun", run, flush=True)
number = json.load(open(os.environ["SANDBOX_INPUT_FILE"]))
time.sleep(5)
json.dump({"run": run, "number": number}, open(os.environ["SANDBOX_OUTPUT"], "w"))
print("ended", run)
"""

pytestmark = pytest.mark.alone


@pytest.fixture(autouse=True)
def everything_is_up_again(kubectl):
    """Whatever a test here kills is back before the next test, of this file or another."""
    yield
    for component in ("controller", "apiserver"):
        wait_for(lambda: (pods := component_pods(kubectl, component, check=False)) and all(map(is_ready, pods)),
                 f"the {component} is ready", timeout=120)


def assert_ran_once(client, execution_id, number):
    record = client.wait_until_ended(execution_id, timeout=150)
    assert_record(record)
    assert record["status"] == "success", record
    assert record["output"]["number"] == number
    run = record["output"]["run"]
    assert record["logs"] == f"begun {run}\nended {run}\n", "the log and the output come from different runs"
    return record


def test_a_controller_killed_in_the_middle_of_a_run_finds_its_result(
        client, push, kubectl, node, execution_object, sandbox_pods, assert_pods_gone):
    skill = push(SLOW)
    execution_id = client.start(skill, input=7)
    client.wait_until(execution_id, "running")
    before = execution_object(execution_id)
    wait_until_back = kill_component(kubectl, node, "controller")
    wait_until_back()

    assert_ran_once(client, execution_id, 7)
    after = execution_object(execution_id)
    assert after["status"]["podName"] == before["status"]["podName"], "the run was begun again instead of found"
    assert_pods_gone(after["metadata"]["uid"])
    assert client.run(skill, input=8)["output"]["number"] == 8


def test_a_burst_survives_the_controllers_death(client, push, kubectl, node, execution_object, assert_pods_gone):
    skill = push(SLOW)
    ids = [client.start(skill, input=number) for number in range(5)]
    waiting = []
    caller = threading.Thread(target=lambda: waiting.append(client.post_execution({"skill": skill, "input": 5}, timeout=170)))
    caller.start()
    client.wait_until(ids[0], "running")
    wait_until_back = kill_component(kubectl, node, "controller")

    for number, execution_id in enumerate(ids):
        assert_ran_once(client, execution_id, number)
    caller.join(timeout=170)
    assert waiting and waiting[0].status_code == 200, "the synchronous caller got no answer"
    assert waiting[0].json()["output"]["number"] == 5

    listed = client.request("GET", f"/v1/executions?skill={skill}").json()["executions"]
    assert len(listed) == 6
    for execution_id in ids:
        execution = execution_object(execution_id)
        assert condition_of(execution, "Succeeded")["status"] == "True"
        assert_pods_gone(execution["metadata"]["uid"])
    wait_until_back()


def test_an_api_server_killed_while_a_caller_waits_loses_no_execution(client, push, kubectl, node):
    skill = push(SLOW)
    problems = []

    def call():
        try:
            problems.append(client.post_execution({"skill": skill, "input": 9}, timeout=100))
        except requests.exceptions.ConnectionError as problem:
            problems.append(problem)

    caller = threading.Thread(target=call)
    caller.start()

    def running():
        listed = client.request("GET", f"/v1/executions?skill={skill}&status=running").json()["executions"]
        return listed[0]["execution_id"] if listed else None

    execution_id = wait_for(running, "the execution runs")
    wait_until_back = kill_component(kubectl, node, "apiserver")
    caller.join(timeout=60)
    assert isinstance(problems[0], requests.exceptions.ConnectionError)
    wait_until_back()

    def answers():
        try:
            return client.request("GET", "/ready", auth=False, timeout=5).status_code == 200
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout):  # Timeout: its way still leads to the old Pod
            return False

    wait_for(answers, "the API server answers again")
    listed = client.request("GET", f"/v1/executions?skill={skill}").json()["executions"]
    assert [e["execution_id"] for e in listed] == [execution_id]
    assert_ran_once(client, execution_id, 9)
    assert skill in client.skill_names()
    assert client.run(skill, input=10)["output"]["number"] == 10


def test_a_sandbox_deleted_by_hand_is_replaced_and_counted(client, push, kubectl, execution_object, sandbox_pods):
    """Running it again is harmless, since a sandbox has no effect but its result; but only so many times."""
    execution_id = client.start(push(SLOW), input=1)
    client.wait_until(execution_id, "running")
    first_run = wait_for(lambda: client.logs(execution_id).text, "the running script's log").split()[1]
    uid = execution_object(execution_id)["metadata"]["uid"]
    pod = sandbox_pods(uid)[0]["metadata"]["name"]
    kubectl.run("delete", "pod", pod, "--grace-period=0", "--force")
    record = assert_ran_once(client, execution_id, 1)
    assert record["output"]["run"] != first_run
    assert execution_object(execution_id)["status"].get("attempt", 0) == 1, "the lost sandbox was not counted"


def test_a_skill_deleted_during_its_run_does_not_disturb_it(client, push, kubectl, execution_object, sandbox_pods):
    skill = push(SLOW)
    execution_id = client.start(skill, input=3)
    client.wait_until(execution_id, "running")
    assert client.request("DELETE", f"/v1/skills/{skill}/1.0.0").status_code == 204
    assert_ran_once(client, execution_id, 3)


def test_a_sandbox_lost_after_its_skill_was_deleted_is_a_clear_failure(
        client, push, kubectl, execution_object, sandbox_pods, assert_pods_gone):
    skill = push(SLOW)
    execution_id = client.start(skill, input=3)
    client.wait_until(execution_id, "running")
    uid = execution_object(execution_id)["metadata"]["uid"]
    restarts = [restart_count(pod) for pod in component_pods(kubectl, "controller")]
    assert client.request("DELETE", f"/v1/skills/{skill}/1.0.0").status_code == 204
    kubectl.run("delete", "pod", sandbox_pods(uid)[0]["metadata"]["name"], "--grace-period=0", "--force")
    record = client.wait_until_ended(execution_id, timeout=150)
    assert record["status"] == "failed", record
    assert record["error"] != ""
    assert_pods_gone(uid)
    assert [restart_count(pod) for pod in component_pods(kubectl, "controller")] == restarts, "the controller died of it"
