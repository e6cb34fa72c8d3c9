"""Executions: requests, what becomes of them in the cluster, and how their ends are told."""

import json
import re
import threading

import pytest
import requests

from api_server import ApiServer, condition
from contract_checks import assert_error
from metrics_text import read_metrics
from waiting import unique, wait_for

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"

BAD_BODIES = [
    (b"", "empty"),
    (b"   ", "empty"),
    (b"{", "byte"),
    (b"[]", "object"),
    (b'"text"', "object"),
    (b"{}", "'skill' is required"),
    (b'{"skill":""}', "'skill' is required"),
    (b'{"skill":null}', "'skill' is required"),
    (b'{"skill":5}', "'skill' must be a string such as \"hello\", not 5"),
    (b'{"skill":"a b"}', '"a b"'),
    (b'{"skill":"a\\u0000"}', "NUL"),
    (b'{"skill":"x","version":1}', "'version' must be a string"),
    (b'{"skill":"x","version":"one"}', '"one"'),
    (b'{"skill":"x","timeout":5}', "'timeout' must be a string"),
    (b'{"skill":"x","timeout":"5 parsecs"}', '"5 parsecs"'),
    (b'{"skill":"x","timeout":"0s"}', '"0s"'),
    (b'{"skill":"x","async":"yes"}', "'async' must be true or false"),
    (b'{"skill":"x","env":[]}', "'env' must be an object"),
    (b'{"skill":"x","env":{"A":1}}', "'env.A' must be a string, not 1"),
    (b'{"skill":"x"} {}', "byte"),
    (b'{"skill":"x","input":{"a":01}}', "byte"),
    (b'{"skill":"x","input":"\xff"}', "UTF-8"),
    (b'{"skill":"x","input":\n{"a":NaN}}', "(line 2, column 6): NaN is no JSON: write null or a string"),
    (b'{"skill":"x","input":[-Infinity]}', "-Infinity is no JSON: write null or a string"),
    (b'{"skill":"x","input":' + b"[" * 200 + b"]" * 200 + b"}", "nested deeper than 128 levels, the limit"),
    (b'{"skill":"x","inputs":{}}', "unknown field 'inputs'; did you mean 'input'?"),
    (b'{"skill":"x","callback":"http://x"}', "unknown field 'callback'; the fields are 'skill', 'version', 'input', 'env', 'timeout', 'async'"),
    (b'{"skill":"x","skill":"x"}', "the field 'skill' is there twice"),
    (b'{"skill":"x","input":1,"input":1}', "the field 'input' is there twice"),
    (b'{"skill":"x","env":{"A":"1","A":"1"}}', "'env' has A twice"),
]


@pytest.mark.parametrize("body, word", BAD_BODIES)
def test_bad_requests_say_what_is_wrong(client, body, word):
    assert_error(client.post(body), 400, "bad_request", word)


def test_all_refused_variables_are_named(client):
    env = {"FINE": "1", "PATH": "x", "ld_preload": "x", "A B": "x", "": "x"}
    answer = client.post({"skill": "x", "env": env})
    assert_error(answer, 400, "invalid_env", '"PATH"', '"ld_preload"', '"A B"', '""')
    assert "FINE" not in answer.json()["message"]
    many = {f"V{i}": "x" for i in range(129)}
    assert_error(client.post({"skill": "x", "env": many}), 400, "invalid_env", "128")
    assert_error(client.post({"skill": "x", "env": {"A": "a\0b"}}), 400, "invalid_env", "A")


def test_unknown_skills(client):
    name = unique("none")
    assert assert_error(client.post({"skill": name}), 404, "not_found") == f"skill not found: {name}@latest"
    assert assert_error(client.post({"skill": name, "version": ""}), 404, "not_found") == f"skill not found: {name}@latest"
    assert assert_error(client.post({"skill": name, "version": "1.2.3"}), 404, "not_found") == f"skill not found: {name}@1.2.3"
    assert client.kube.executions(client.namespace) == []


def test_what_is_created_in_the_cluster(client):
    skill = client.push(version="2.0.0")
    body = (f'{{"skill": "{skill}", "input":  {{"b": 1.0, "a": 12345678901234567890, "b": [1e400, "\\u00e9"] }}  , '
            '"env": {"SOME": "2", "ANY": "\\"v\\""}, "timeout": "1m30s", "async": true}')
    execution_id = client.post(body).json()["execution_id"]
    made = client.kube.execution(client.namespace, execution_id)
    assert made["spec"] == {
        "skillRef": {"name": skill, "version": "2.0.0"},
        "inputText": '{"b": 1.0, "a": 12345678901234567890, "b": [1e400, "\\u00e9"] }',
        "env": [{"name": "SOME", "value": "2"}, {"name": "ANY", "value": '"v"'}],
        "timeoutSeconds": 90,
    }
    assert re.fullmatch(r"\d{4}-.*\.\d{3}Z", made["metadata"]["annotations"]["skillbox.dev/requested-at"])


@pytest.mark.parametrize("timeout, spec", [("2500ms", {"timeoutMilliseconds": 2500}), ("1h", {}), (None, {})])
def test_a_timeout_only_shortens(client, timeout, spec):
    skill = client.push(timeout="10s")
    fields = {"timeout": timeout} if timeout else {}
    made = client.kube.execution(client.namespace, client.start(skill, **fields))["spec"]
    assert {key: value for key, value in made.items() if key.startswith("timeout")} == spec


@pytest.mark.parametrize("body, text", [("", "{}"), (',"input":null', "{}"), (',"input":0', "0"), (',"input":[ 1 ]', "[ 1 ]")])
def test_input_defaults(client, body, text):
    skill = client.push()
    execution_id = client.post(f'{{"skill":"{skill}","async":true{body}}}').json()["execution_id"]
    assert client.kube.execution(client.namespace, execution_id)["spec"]["inputText"] == text
    record = client.get(f"/v1/executions/{execution_id}")
    assert f'"input":{text}}}' in record.text


def test_a_large_input_goes_to_the_blob_store_and_comes_back(client):
    skill = client.push()
    text = '{"big":"' + "x" * (5 << 20) + '","n":1.0}'
    execution_id = client.post(f'{{"skill":"{skill}","async":true,"input":{text}}}').json()["execution_id"]
    spec = client.kube.execution(client.namespace, execution_id)["spec"]
    assert "inputText" not in spec and spec["inputRef"]["size"] == len(text)
    digest = spec["inputRef"]["digest"].removeprefix("sha256:")
    assert client.get(client.blob_path("executions", digest, "GET"), auth=False).text == text
    assert client.get(f"/v1/executions/{execution_id}").text.endswith(f'"input":{text}}}')


def test_async_by_field_and_by_header(client):
    skill = client.push()
    client.start(skill)
    for value in ("respond-async", "wait=5, Respond-Async;x=1"):
        answer = client.post({"skill": skill}, {"Prefer": value})
        assert answer.status_code == 202, answer.text
        assert answer.json()["status"] == "pending"
    execution_id = answer.json()["execution_id"]
    assert client.get(f"/v1/executions/{execution_id}").status_code == 200, "it is there at once"


# ---- answers


def test_success_in_full(client):
    skill = client.push()
    answer = client.run({"skill": skill, "input": {"a": 1}}, output='{"z": 1.50,\n "a": "\\u00e9"}', logs="line\n",
                        logsTruncated=True, files=["a.txt", "b/c.txt"], filesRef={"digest": "sha256:" + "b" * 64, "size": 3},
                        isolation=[{"name": "seccomp", "active": True}, {"name": "landlock", "active": False, "detail": "no such call"}])
    body = answer.json()
    url = body["files_url"]
    assert re.fullmatch(rf"http://public\.example:8080/blobs/executions/{client.tenant}/b{{64}}/files\.tar\.gz\?expires=\d+&method=GET"
                        r"&signature=[0-9a-f]{64}", url)
    assert answer.text == (
        f'{{"execution_id":"{body["execution_id"]}","status":"success","output":{{"z":1.50,"a":"\\u00e9"}},"files_url":"{url}",'
        '"files_list":["a.txt","b/c.txt"],"logs":"line\\n","logs_truncated":true,"exit_code":0,"duration_ms":12,'
        '"timings":{"queue":0.250,"sandbox":0.000,"start":1.500,"run":12.125,"collect":3.000,"total":16.876},"warm":true,"error":null}')

    record = client.get(f"/v1/executions/{body['execution_id']}").json()
    assert {key: record[key] for key in body if key != "files_url"} == {key: body[key] for key in body if key != "files_url"}
    assert (record["skill_name"], record["skill_version"], record["tenant_id"]) == (skill, "1.0.0", client.tenant)
    assert record["skill_digest"] == "sha256:" + "a" * 64 and record["image"] == "bash:5" and record["input"] == {"a": 1}
    assert record["created_at"] <= record["started_at"] <= record["finished_at"]
    assert record["isolation"] == [{"name": "seccomp", "active": True, "detail": ""}, {"name": "landlock", "active": False, "detail": "no such call"}]


def test_an_output_less_success_leaves_out_what_is_not_there(client):
    body = client.run({"skill": client.push()}).json()
    assert set(body) == {"execution_id", "status", "exit_code", "duration_ms", "timings", "warm", "error"}
    assert body["error"] is None


@pytest.mark.parametrize("reason, status, code", [("Failed", "failed", "exit_nonzero"), ("TimedOut", "timeout", "timeout"),
                                                  ("Cancelled", "cancelled", "cancelled")])
def test_failures_are_200(client, reason, status, code):
    body = client.run({"skill": client.push()}, reason, error="container exited with code 3: oops", errorCode=code, exitCode=3,
                      durationMilliseconds=0, output='"partial"').json()
    assert (body["status"], body["error"], body["error_code"]) == (status, "container exited with code 3: oops", code)
    assert body["exit_code"] == 3 and body["duration_ms"] == 1 and body["output"] == "partial"
    record = client.get(f"/v1/executions/{body['execution_id']}").json()
    assert record["status"] == status and record["error"] == body["error"]


def test_large_output_and_logs_come_from_the_blob_store(client):
    output, logs = b'{"x": "' + b"y" * 600_000 + b'"}', b"0123456789\n" * 50_000
    refs = {"outputRef": client.put_blob("executions", output), "logsRef": client.put_blob("executions", logs), "logs": "the tail"}
    body = client.run({"skill": client.push()}, **refs).json()
    assert body["output"] == json.loads(output) and body["logs"] == logs.decode()
    answer = client.get(f"/v1/executions/{body['execution_id']}/logs")
    assert answer.content == logs and answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_blob_that_is_gone_is_a_500_without_details(client):
    missing = {"digest": "sha256:" + "c" * 64, "size": 3}
    with client.waiting({"skill": client.push()}) as (name, answers):
        client.kube.finish(client.namespace, name, outputRef=missing)
    message = assert_error(answers[0], 500, "internal_error", "output could not be read")
    assert "sha256" not in message and "/" not in message


def test_the_caller_waits_through_running(client):
    with client.waiting({"skill": client.push()}) as (name, answers):
        client.kube.run(client.namespace, name)
        wait_for(lambda: client.get(f"/v1/executions/{name}").json()["status"] == "running", "it runs")
        record = client.get(f"/v1/executions/{name}").json()
        assert record["error"] is None and "finished_at" not in record and "duration_ms" not in record
        assert not answers
        client.kube.finish(client.namespace, name)
    assert answers[0].json()["status"] == "success"


def test_a_caller_who_hangs_up_leaves_the_execution_alone(server, client):
    skill = client.push()
    with pytest.raises(requests.exceptions.ReadTimeout):
        client.post({"skill": skill}, timeout=0.5)
    made = client.kube.executions(client.namespace)
    assert len(made) == 1 and not made[0]["spec"].get("cancel")
    name = made[0]["metadata"]["name"]
    client.kube.finish(client.namespace, name, output="1")
    wait_for(lambda: client.get(f"/v1/executions/{name}").json()["status"] == "success", "it has ended")


def test_many_callers_wait_at_once(client):
    skill = client.push()
    answers = {}

    def call(number):
        answers[number] = client.post({"skill": skill, "input": number})

    threads = [threading.Thread(target=call, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(client.kube.executions(client.namespace)) == 20, "all are created")
    for execution in client.kube.executions(client.namespace):
        client.kube.finish(client.namespace, execution["metadata"]["name"], output=execution["spec"]["inputText"])
    for thread in threads:
        thread.join(30)
    assert {number: answer.json()["output"] for number, answer in answers.items()} == {number: number for number in range(20)}


def test_an_execution_that_is_deleted_under_a_caller(client):
    with client.waiting({"skill": client.push()}) as (name, answers):
        client.kube.call("DELETE", client.kube.path(client.namespace, "executions", name))
    assert_error(answers[0], 503, "unavailable", name, "deleted")


def test_capacity(plane, make_client, tmp_path):
    server = ApiServer(plane, tmp_path, SKILLBOX_MAX_CONCURRENT_EXECS="2").start()
    client = make_client(server)
    skill = client.push()
    first = client.start(skill)
    client.start(skill)
    wait_for(lambda: len(client.get("/v1/executions").json()["executions"]) == 2, "both are seen")
    answer = client.post({"skill": skill})
    assert_error(answer, 429, "no_capacity", "2")
    assert int(answer.headers["Retry-After"]) >= 1
    client.kube.finish(client.namespace, first)
    wait_for(lambda: client.get(f"/v1/executions/{first}").json()["status"] == "success", "one has ended")
    client.start(skill)
    server.stop()


def test_images_that_are_not_allowed(client):
    name = unique("applied")
    client.kube.apply_skill(client.namespace, name, lang="bash", image="evil/image:1")
    wait_for(lambda: client.get(f"/v1/skills/{name}/latest").status_code == 200, "the skill is known")
    assert_error(client.post({"skill": name}), 400, "image_not_allowed", "evil/image:1", "bash:5")


# ---- idempotency


def test_an_idempotency_key_gives_the_same_execution(server, make_client, client):
    skill = client.push()
    headers = {"Idempotency-Key": "once"}
    with client.waiting({"skill": skill, "input": 1}, headers) as (name, answers):
        second = client.post({"skill": skill, "input": 1}, {**headers, "Prefer": "respond-async"})
        assert (second.status_code, second.json()["execution_id"], second.json()["status"]) == (202, name, "pending")
        client.kube.finish(client.namespace, name, output="7")
    again = client.post({"skill": skill, "input": 1}, headers)
    assert again.status_code == 200 and again.text == answers[0].text
    assert_error(client.post({"skill": skill, "input": 2}, headers), 409, "conflict", name)
    assert len(client.kube.executions(client.namespace)) == 1
    assert client.kube.execution(client.namespace, name)["spec"]["ttlSecondsAfterFinished"] == 86400

    other = make_client(server)
    other_skill = other.push(skill)
    answer = other.post({"skill": other_skill, "input": 1, "async": True}, headers)
    assert answer.status_code == 202 and answer.json()["execution_id"] != name
    assert_error(client.post({"skill": skill}, {"Idempotency-Key": "k" * 129}), 400, "bad_request", "129")


# ---- by id


def test_unknown_ids_and_those_of_other_tenants_are_404(server, make_client, client):
    theirs = make_client(server)
    execution_id = theirs.start(theirs.push())
    assert theirs.get(f"/v1/executions/{execution_id}").status_code == 200
    for unknown in (execution_id, UNKNOWN_ID, "nonsense", "%00", "..%2f..", "x" * 300):
        for method, path in (("GET", ""), ("GET", "/logs"), ("DELETE", "")):
            assert_error(client.request(method, f"/v1/executions/{unknown}{path}"), 404, "not_found")
    assert client.get("/v1/executions").json() == {"executions": []}


def test_executions_made_with_kubectl_have_their_uid_as_id(client):
    made = client.kube.call("POST", client.kube.path(client.namespace, "executions"), {
        "apiVersion": "skillbox.dev/v1alpha1", "kind": "Execution", "metadata": {"name": "by-hand"},
        "spec": {"skillRef": {"name": "x"}, "input": {"n": 1}}}).json()
    record = wait_for(lambda: (r := client.get(f"/v1/executions/{made['metadata']['uid']}")).status_code == 200 and r.json(), "it is known")
    assert record["execution_id"] == made["metadata"]["uid"] and record["input"] == {"n": 1} and record["skill_version"] == ""


@pytest.mark.parametrize("by_hand", [False, True])
def test_the_data_of_what_ended_a_while_ago_comes_from_kubernetes(client, server, by_hand):
    skill = client.push()
    if by_hand:
        made = client.kube.call("POST", client.kube.path(client.namespace, "executions"), {
            "apiVersion": "skillbox.dev/v1alpha1", "kind": "Execution", "metadata": {"name": "by-hand"},
            "spec": {"skillRef": {"name": skill}, "inputText": '{"n": 1.0}'}}).json()["metadata"]
        name, execution_id = made["name"], made["uid"]
    else:
        name = execution_id = client.start(skill, input={"n": 1.0})
    client.kube.finish(client.namespace, name, output='{"m":1e400}', logs="h\u00e9\n")
    path = f"/v1/executions/{execution_id}"

    def is_finished():
        answer = client.get(path)
        return answer.status_code == 200 and answer.json()["status"] == "success" and answer.content

    def questions():
        metrics = read_metrics(server.health_url)
        return metrics.get("skillbox_kubernetes_requests_total", method="GET", resource="executions", code="200")

    def is_asked_for():
        before = questions()
        assert client.get(path).content == first
        return questions() == before + 1

    first = wait_for(is_finished, "it is known as finished")
    assert b'"output":{"m":1e400}' in first and b"1.0" in first
    listed = client.get("/v1/executions").content
    wait_for(is_asked_for, "its data is not in memory any more")
    assert client.get(path + "/logs").content == "h\u00e9\n".encode()
    assert "data: h\u00e9\n" in client.get(path + "/logs?follow=true").content.decode()
    assert client.request("DELETE", path).json()["status"] == "success"
    assert client.get("/v1/executions").content == listed


def test_logs_before_the_end(client):
    execution_id = client.start(client.push())
    answer = client.get(f"/v1/executions/{execution_id}/logs")
    assert (answer.status_code, answer.text) == (200, "")
    client.kube.patch_status(client.namespace, execution_id, {"podName": "no-such-pod", "conditions": [condition("Unknown", "Running")]})
    wait_for(lambda: client.get(f"/v1/executions/{execution_id}").json()["status"] == "running", "it runs")
    answer = client.get(f"/v1/executions/{execution_id}/logs")
    assert (answer.status_code, answer.text) == (200, "")
    client.kube.finish(client.namespace, execution_id, logs="h\u00e9\n")
    wait_for(lambda: client.get(f"/v1/executions/{execution_id}/logs").content == "h\u00e9\n".encode(), "the log is in the record")


def test_cancel(client):
    execution_id = client.start(client.push())
    answer = client.request("DELETE", f"/v1/executions/{execution_id}")
    assert answer.status_code == 202 and answer.json()["execution_id"] == execution_id
    assert client.kube.execution(client.namespace, execution_id)["spec"]["cancel"] is True
    assert client.request("DELETE", f"/v1/executions/{execution_id}").status_code == 202
    client.kube.finish(client.namespace, execution_id, "Cancelled", errorCode="cancelled", error="execution cancelled")
    wait_for(lambda: client.get(f"/v1/executions/{execution_id}").json()["status"] == "cancelled", "it is cancelled")
    answer = client.request("DELETE", f"/v1/executions/{execution_id}")
    assert (answer.status_code, answer.json()["status"], answer.json()["error"]) == (200, "cancelled", "execution cancelled")


def test_a_status_that_lies_does_no_harm(client):
    """Whatever stands in a resource, the answer stays JSON."""
    body = client.run({"skill": client.push()}, output="{no json").json()
    assert "output" not in body and body["status"] == "success"


# ---- list


def test_list_filters_and_pages(client):
    one, two = client.push(), client.push()
    ids = [client.start(skill) for skill in (one, two, one, two, one)]
    client.kube.finish(client.namespace, ids[0])
    client.kube.finish(client.namespace, ids[1], "Failed", errorCode="exit_nonzero", error="no")

    def listed(query=""):
        answer = client.get(f"/v1/executions{query}")
        assert answer.status_code == 200, answer.text
        return [e["execution_id"] for e in answer.json()["executions"]], answer.json().get("next")

    wait_for(lambda: listed("?status=failed")[0] == [ids[1]], "the ends are seen")
    assert listed() == (ids[::-1], None)
    assert listed(f"?skill={one}") == ([ids[4], ids[2], ids[0]], None)
    assert listed("?status=success") == ([ids[0]], None)
    assert listed("?status=pending&skill=" + two) == ([ids[3]], None)
    assert listed("?status=timeout") == ([], None)
    page, cursor = listed("?limit=2")
    assert page == ids[:2:-1]
    new = client.start(one)
    wait_for(lambda: new in listed()[0], "the new one is listed")
    page, cursor = listed(f"?limit=2&cursor={cursor}")
    assert page == [ids[2], ids[1]], "what came meanwhile does not shift the pages"
    assert listed(f"?limit=2&cursor={cursor}") == ([ids[0]], None)
    for bad, word in (("limit=0", '"0"'), ("limit=x", '"x"'), ("limit=201", "200"), ("status=great", '"great"'), ("cursor=!", "cursor")):
        assert_error(client.get(f"/v1/executions?{bad}"), 400, "bad_request", word)


def test_an_entry_of_the_list(client):
    body = client.run({"skill": client.push()}, output="1", logs="x").json()
    entries = wait_for(lambda: client.get("/v1/executions?status=success").json()["executions"], "it is listed")
    assert set(entries[0]) == {"execution_id", "status", "exit_code", "duration_ms", "timings", "warm", "error", "skill_name",
                               "skill_version", "tenant_id", "created_at", "started_at", "finished_at", "skill_digest", "image"}
    assert entries[0]["execution_id"] == body["execution_id"]
