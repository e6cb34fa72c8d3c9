"""The document itself, and what generated requests don't reach: keys that lack, paths and methods that aren't there, whole runs."""

import json

import pytest
import requests
import schemathesis

from openapi_document import METHODS, SOURCE, conforms, operations, references, resolve, responses, validator
from skillbox_client import skill_zip
from waiting import unique

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def test_it_is_the_source_without_its_white_space(server_url):
    answer = requests.get(server_url + "/openapi.json", timeout=10)
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    source = json.loads(SOURCE.read_text())
    assert answer.json() == source, "the server was built from another apiserver/http/openapi.json"
    assert answer.content == json.dumps(source, ensure_ascii=False, separators=(",", ":")).encode()


def test_it_is_openapi(document):
    schemathesis.openapi.from_dict(document).validate()
    for reference in references(document):
        assert reference.startswith("#/") and resolve(document, {"$ref": reference}), reference
    identifiers = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(identifiers)) == len(identifiers)
    used = {reference.split("/", 3)[3] for reference in references(document)} | {"MethodNotAllowed"}
    for kind in ("parameters", "headers", "responses", "schemas"):
        assert set(document["components"][kind]) <= used, f"components of no use: {set(document['components'][kind]) - used}"


def test_examples_are_what_they_are_examples_of(strict_document):
    contents = [content for _, _, response in responses(strict_document) for content in response.get("content", {}).values()]
    contents += [content for _, _, operation in operations(strict_document)
                 for content in operation.get("requestBody", {"content": {}})["content"].values()]
    checked = 0
    for content in contents:
        examples = [content["example"]] if "example" in content else [e["value"] for e in content.get("examples", {}).values()]
        for example in examples:
            if not isinstance(example, str):  # the text of a log
                validator(strict_document, content["schema"]).validate(example)
                checked += 1
    assert checked > 30


@pytest.mark.parametrize("field, value", [
    ("surprise", 1), ("status", "done"), ("error", "but it succeeded"), ("duration_ms", 0), ("files_list", ["only", "these"]),
])
def test_the_strict_schemas_refuse(strict_document, field, value):
    """A check of the checks: what these tests would find."""
    response = resolve(strict_document, strict_document["paths"]["/v1/executions"]["post"]["responses"]["200"])["content"]["application/json"]
    assert not validator(strict_document, response["schema"]).is_valid({**response["example"], field: value})


def requests_of(document, only_guarded=False):
    """A request for each operation, with ids of nothing."""
    for path, method, operation in operations(document):
        if operation["security"] or not only_guarded:
            yield path, method, path.format(id=UNKNOWN_ID, name="no-such-skill", version="1.0.0", path="no/such")


def test_without_a_key_everything_guarded_is_401(strict_document, server_url):
    for path, method, url in requests_of(strict_document, only_guarded=True):
        answer = requests.request(method, server_url + url, timeout=10)
        assert answer.status_code == 401, (method, path)
        conforms(strict_document, answer, path, method)


def test_another_tenant_is_403(strict_document, client):
    for path, method, url in requests_of(strict_document, only_guarded=True):
        answer = client.request(method, url, headers={"X-Tenant-ID": "somebody-else"})
        assert answer.status_code == 403, (method, path)
        conforms(strict_document, answer, path, method)


def test_other_methods_are_405_and_name_those_that_are_documented(strict_document, client):
    wrong = resolve(strict_document, {"$ref": "#/components/responses/MethodNotAllowed"})
    for path, item in strict_document["paths"].items():
        for method in set(METHODS) - set(item) - {"head"}:
            answer = client.request(method, path.format(id=UNKNOWN_ID, name="x", version="1.0.0", path="x/y"))
            assert answer.status_code == 405, (method, path)
            assert set(answer.headers["Allow"].lower().split(", ")) == set(METHODS) & set(item)
            validator(strict_document, wrong["content"]["application/json"]["schema"]).validate(answer.json())


def test_unknown_paths_are_404(strict_document, client):
    answer = client.request("GET", "/v1/nothing")
    assert answer.status_code == 404
    missing = resolve(strict_document, {"$ref": "#/components/responses/NotFound"})
    validator(strict_document, missing["content"]["application/json"]["schema"]).validate(answer.json())


def test_what_is_not_built_is_501(strict_document, client):
    for path, method, operation in operations(strict_document):
        if "501" in operation["responses"]:
            answer = client.request(method, path)
            assert answer.status_code == 501, (method, path)
            conforms(strict_document, answer, path, method)


def test_a_run_with_everything(strict_document, client, traffic):
    """Output, files and log, in each form in which an execution is given."""
    answer = client.post_execution({"skill": traffic.skill, "input": {"a": [1, None]}}, headers={"Idempotency-Key": unique("key")})
    assert answer.status_code == 200, answer.text
    conforms(strict_document, answer, "/v1/executions", "post")
    result = answer.json()
    assert (result["status"], result["output"], result["files_list"], result["logs"]) == ("success", {"a": [1, None]}, ["x"], "hello\n")
    path = f"/v1/executions/{result['execution_id']}"
    for method, url, template in (("get", path, "/v1/executions/{id}"), ("get", path + "/logs", "/v1/executions/{id}/logs"),
                                  ("get", path + "/files/x", "/v1/executions/{id}/files/{path}"),
                                  ("get", path + "/logs?follow=true", "/v1/executions/{id}/logs"), ("delete", path, "/v1/executions/{id}"),
                                  ("get", f"/v1/executions?skill={traffic.skill}&limit=1", "/v1/executions")):
        answer = client.request(method, url)
        assert answer.status_code == 200, answer.text
        conforms(strict_document, answer, template, method)
    for headers, status in (({"Range": "bytes=0-0"}, 206), ({"Range": "bytes=99-"}, 416), ({"If-None-Match": "*"}, 304)):
        answer = client.request("GET", path + "/files/x", headers=headers)
        assert answer.status_code == status, answer.text
        conforms(strict_document, answer, "/v1/executions/{id}/files/{path}", "get")


def test_a_conflict(strict_document, client, traffic):
    headers = {"Idempotency-Key": unique("key")}
    first = client.post_execution({"skill": traffic.skill, "async": True}, headers=headers)
    assert first.status_code == 202
    conforms(strict_document, first, "/v1/executions", "post")
    second = client.post_execution({"skill": traffic.skill, "async": True, "input": 1}, headers=headers)
    assert second.status_code == 409
    conforms(strict_document, second, "/v1/executions", "post")


def test_a_run_that_fails_and_one_that_is_cancelled(strict_document, client):
    name = unique("openapi-fuzz-fails")
    client.push(skill_zip(name, "echo no >&2; exit 3", lang="bash"))
    started = client.post_execution({"skill": name, "async": True}).json()["execution_id"]
    cancelled = client.request("DELETE", f"/v1/executions/{started}")
    assert cancelled.status_code in (200, 202)
    conforms(strict_document, cancelled, "/v1/executions/{id}", "delete")
    client.wait_until_ended(started)
    conforms(strict_document, client.request("GET", f"/v1/executions/{started}"), "/v1/executions/{id}", "get")
    failed = client.post_execution({"skill": name})
    assert failed.json()["status"] == "failed", failed.text
    conforms(strict_document, failed, "/v1/executions", "post")
    gone = client.request("DELETE", f"/v1/skills/{name}/1.0.0")
    assert gone.status_code == 204
    conforms(strict_document, gone, "/v1/skills/{name}/{version}", "delete")


def test_an_upload_of_another_type_and_one_that_is_too_large(strict_document, client):
    for path in ("/v1/skills", "/v1/skills/validate"):
        for answer, status in ((client.upload(b"x", "text/plain", path=path), 415), (client.upload(bytes(51 << 20), path=path), 413)):
            assert answer.status_code == status
            conforms(strict_document, answer, path, "post")
