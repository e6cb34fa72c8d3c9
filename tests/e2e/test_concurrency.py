"""Many callers at once."""

import concurrent.futures
import random
import time

from contract_checks import assert_answer, assert_record
from skillbox_client import skill_zip
from waiting import unique, wait_for

CALLERS = 12


def test_twelve_callers_each_get_their_own_answer(client, push):
    skill = push("""
import json, os
number = json.load(open(os.environ["SANDBOX_INPUT_FILE"]))["number"]
print(f"this is {number} of", os.environ["SANDBOX_EXECUTION_ID"])
open(os.environ["SANDBOX_FILES_DIR"] + f"{number}.txt", "w").write(str(number))
json.dump({"number": number, "id": os.environ["SANDBOX_EXECUTION_ID"], "who": os.environ["WHO"]},
          open(os.environ["SANDBOX_OUTPUT"], "w"))
""")
    with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
        results = list(pool.map(lambda n: client.run(skill, input={"number": n}, env={"WHO": f"caller {n}"}), range(CALLERS)))

    assert len({result["execution_id"] for result in results}) == CALLERS
    for number, result in enumerate(results):
        assert_answer(result)
        assert result["status"] == "success", result
        assert result["output"] == {"number": number, "id": result["execution_id"], "who": f"caller {number}"}
        assert result["logs"] == f"this is {number} of {result['execution_id']}\n"
        assert result["files_list"] == [f"{number}.txt"]


def test_uploads_and_runs_at_the_same_time(client, push):
    """Each caller pushes a skill of its own and uses it at once."""

    def push_and_run(number):
        skill = push(f"echo {number} >$SANDBOX_OUTPUT", lang="bash")
        return client.run(skill)["output"]

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert list(pool.map(push_and_run, range(6))) == list(range(6))


def test_a_burst_of_thirty_is_worked_off(client, push, kubectl):
    skill = push("cat $SANDBOX_INPUT_FILE >$SANDBOX_OUTPUT", lang="bash")
    ids = [client.start(skill, input=number) for number in range(30)]
    assert len(set(ids)) == 30
    for number, execution_id in enumerate(ids):
        record = client.wait_until_ended(execution_id, timeout=150)
        assert (record["status"], record["output"]) == ("success", number), record


def test_cancelling_at_any_moment_ends_in_one_state(client, push, sandbox_pods, execution_object):
    """The cancellation races with the Pod's start, the script's end and the collection."""
    skill = push("sleep 0.3; echo 1 >$SANDBOX_OUTPUT", lang="bash")
    moments = random.Random(7)
    delays = [moments.uniform(0, 2.5) for _ in range(16)]

    def start_and_cancel(delay):
        execution_id = client.start(skill)
        time.sleep(delay)  # the moment is the point: there is nothing to wait for
        return execution_id, client.request("DELETE", f"/v1/executions/{execution_id}").status_code

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        cancelled = list(pool.map(start_and_cancel, delays))
    for execution_id, status_code in cancelled:
        record = client.wait_until_ended(execution_id)
        assert_record(record)
        if status_code == 200:
            assert record["status"] == "success"
        else:
            assert status_code == 202 and record["status"] in ("cancelled", "success")
        uid = execution_object(execution_id)["metadata"]["uid"]
        wait_for(lambda: not sandbox_pods(uid), f"no Pod of {execution_id} is left")


def test_uploads_of_the_same_version_at_the_same_time_leave_one(client, kubectl):
    name = unique("race")

    def upload(number):
        return client.upload(skill_zip(name, f"echo {number} >$SANDBOX_OUTPUT", lang="bash")).status_code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(upload, range(8))) == {201}
    assert [s["name"] for s in client.request("GET", "/v1/skills").json()].count(name) == 1
    assert client.run(name)["output"] in range(8)
    assert client.request("DELETE", f"/v1/skills/{name}/1.0.0").status_code == 204
    assert not [s for s in kubectl.items("skills") if s["spec"]["name"] == name], "an overwritten upload was left behind"
