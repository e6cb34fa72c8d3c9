"""What is different in each configuration of storage and database that `make test` runs these tests in."""

import urllib.parse

import requests

from skillbox_client import skill_and_execution
from waiting import unique, wait_for


def test_ready_names_what_is_configured(client, configuration):
    answer = client.request("GET", "/ready", auth=False)
    assert answer.status_code == 200
    expected = {"kubernetes": "ok", "storage": "ok"}
    if configuration.has_history:
        expected["postgres"] = "ok"
    assert answer.json() == {"status": "ready", "checks": expected}


def test_files_come_from_where_they_are_kept(client, push, configuration):
    result = client.run(push("head -c 3000000 /dev/zero >$SANDBOX_FILES_DIR/zeros", lang="bash"))
    url = urllib.parse.urlsplit(result["files_url"])
    assert f"{url.scheme}://{url.netloc}" == configuration.files_origin
    answer = requests.get(result["files_url"], timeout=60, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200, answer.text
    assert answer.content[:2] == b"\x1f\x8b" and "Content-Encoding" not in answer.headers
    again = urllib.parse.urlsplit(client.record(result["execution_id"])["files_url"])
    assert again[:3] == url[:3], "the record names another file than the answer"


def test_history_outlives_the_resource_where_there_is_a_database(client, kubectl, configuration):
    name = unique("history")
    skill_and_execution(kubectl, name, ttlSecondsAfterFinished=1, inputText='{"n":1e2}')
    execution_id = kubectl.get("execution", name)["metadata"]["uid"]
    wait_for(lambda: kubectl.get("execution", name) is None, "the Execution is gone", timeout=60)

    answer = client.request("GET", f"/v1/executions/{execution_id}")
    listed = client.request("GET", f"/v1/executions?skill={name}").json()["executions"]
    if configuration.has_history:
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "success"
        assert '"input":{"n":1e2}' in answer.text
        assert [one["execution_id"] for one in listed] == [execution_id]
    else:
        assert (answer.status_code, listed) == (404, [])
    kubectl.run("delete", "skill", name)
