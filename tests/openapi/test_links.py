"""The document's links: what an answer names is read, listed and deleted by following them."""

import pytest

from openapi_document import conforms, operations, responses
from traffic import PREFIX, archive
from waiting import unique, wait_for

JSON = {"Content-Type": "application/json"}


def sources(client, skill):
    """Requests whose answers have links: (operation, status) to a function that makes one."""
    run = {"skill": skill, "input": [1]}
    return {
        ("createExecution", "200"): lambda: client.post_execution(run),
        ("createExecution", "202"): lambda: client.post_execution({**run, "async": True}),
        ("listExecutions", "200"): lambda: client.request("GET", f"/v1/executions?skill={skill}&limit=1"),
        ("pushSkill", "201"): lambda: client.upload(archive(unique(PREFIX + "link"), "1.0.0")),
        ("createKey", "201"): lambda: client.request("POST", "/v1/keys", headers=JSON, json={"name": unique("openapi-link"), "tenant": "default"}),
    }


def follow(document, client, link, body):
    """The operation that the link names, with what it takes from the body: (path, method, answer)."""
    values = {}
    for name, expression in link["parameters"].items():
        assert expression.startswith("$response.body#/"), expression
        values[name] = body[expression.removeprefix("$response.body#/")]
    path, method = [(path, method) for path, method, operation in operations(document) if operation["operationId"] == link["operationId"]][0]
    query = {name.removeprefix("query."): value for name, value in values.items() if name.startswith("query.")}
    return path, method, client.request(method, path.format(**values), params=query)


def test_every_link(strict_document, client, traffic):
    with_links = {(operation["operationId"], status): response["links"] for operation, status, response in responses(strict_document)
                  if "links" in response}
    makers = sources(client, traffic.skill)
    assert set(with_links) == set(makers)
    for (operation, status), links in with_links.items():
        answer = makers[operation, status]()
        assert str(answer.status_code) == status, (operation, answer.text)
        for name, link in links.items():
            path, method, reached = follow(strict_document, client, link, answer.json())
            assert reached.ok, (operation, name, reached.text)
            conforms(strict_document, reached, path, method)


@pytest.mark.parametrize("path, deleted", [("/v1/skills/{name}/{version}", "pushSkill"), ("/v1/keys/{id}", "createKey")])
def test_what_was_deleted_is_gone(strict_document, client, traffic, path, deleted):
    body = sources(client, traffic.skill)[deleted, "201"]().json()
    assert client.request("DELETE", path.format(**body)).status_code == 204
    wait_for(lambda: client.request("DELETE", path.format(**body)).status_code == 404, "the server knows that it is gone")
    conforms(strict_document, client.request("DELETE", path.format(**body)), path, "delete")
