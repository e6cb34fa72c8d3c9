"""PostgreSQL's Pod goes away and comes back. Only in the configuration that has one (see conftest.py)."""

import concurrent.futures

import pytest
import requests

from skillbox_client import component_pods, condition_of, is_ready, skill_and_execution
from waiting import unique, wait_for

pytestmark = pytest.mark.alone

POSTGRES = ("-n", "skillbox-backing", "deployment/postgres")


def all_ready(kubectl, component):
    return all(map(is_ready, component_pods(kubectl, component)))


@pytest.fixture
def database(kubectl, client):
    """stop() returns when no Pod of it is left, start() when it and the API server are ready again."""

    class Database:
        def stop(self):
            kubectl.run("scale", *POSTGRES, "--replicas=0")
            wait_for(lambda: not kubectl.items("pods", "-n", "skillbox-backing", "-l", "app=postgres"), "PostgreSQL's Pod is gone")

        def start(self):
            kubectl.run("scale", *POSTGRES, "--replicas=1")
            kubectl.run("rollout", "status", *POSTGRES, "--timeout=100s", timeout=120)
            wait_for(lambda: all_ready(kubectl, "apiserver"), "the API server is ready", timeout=120)

    database = Database()
    yield database
    database.start()

    def status(_):
        try:
            return client.request("GET", "/v1/executions").status_code
        except requests.exceptions.ConnectionError:  # the Service leads nowhere yet
            return 0

    # The next test finds no connection left that leads to the old Pod: more requests at once than there are connections.
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        wait_for(lambda: set(pool.map(status, range(40))) == {200}, "every connection to the database is a new one")


def record_once_back(client, execution_id):
    """Neither a rollout nor /ready tells that every connection leads to the new Pod: until then the answer is 503, and none
    but that."""
    def record():
        try:
            answer = client.request("GET", f"/v1/executions/{execution_id}")
        except requests.exceptions.ConnectionError:  # no server is ready: the Service leads nowhere
            return None
        assert answer.status_code in (200, 503), answer.text
        return answer.status_code == 200 and answer.json()

    return wait_for(record, "the record is read from the database that is back")


def test_nothing_is_lost_while_the_database_is_away(client, push, kubectl, database):
    result = client.run(push("echo '\"before\"' >$SANDBOX_OUTPUT", lang="bash"))
    past = unique("past")
    skill_and_execution(kubectl, past, ttlSecondsAfterFinished=1)
    past_id = kubectl.get("execution", past)["metadata"]["uid"]
    wait_for(lambda: kubectl.get("execution", past) is None, "the Execution is gone")

    database.stop()
    wait_for(lambda: not all_ready(kubectl, "apiserver"), "the API server says that it isn't ready")
    during = unique("during")
    skill_and_execution(kubectl, during, ttlSecondsAfterFinished=1)
    ended = wait_for(lambda: (e := kubectl.get("execution", during)) and condition_of(e, "Succeeded").get("status") == "True" and e,
                     "an Execution ends without the database")
    during_id = ended["metadata"]["uid"]
    database.start()

    # The key is a row in it, so this also tells that keys are back.
    assert record_once_back(client, result["execution_id"])["output"] == "before"
    assert client.record(past_id)["status"] == "success"
    wait_for(lambda: kubectl.get("execution", during) is None, "what ended meanwhile is archived, then gone", timeout=120)
    assert client.record(during_id)["status"] == "success"
    for name, execution_id in ((past, past_id), (during, during_id)):
        listed = client.request("GET", f"/v1/executions?skill={name}").json()["executions"]
        assert [one["execution_id"] for one in listed] == [execution_id]
        kubectl.run("delete", "skill", name)
    assert client.run(push("true", lang="bash"))["status"] == "success"


def test_a_deleted_pod_of_the_database_is_replaced_with_all_it_knew(client, push, kubectl, database):
    result = client.run(push("echo '\"kept\"' >$SANDBOX_OUTPUT", lang="bash"), input=[1])
    kubectl.run("delete", "pod", "-n", "skillbox-backing", "-l", "app=postgres", "--grace-period=0", "--force")
    database.start()

    assert record_once_back(client, result["execution_id"])["output"] == "kept"
