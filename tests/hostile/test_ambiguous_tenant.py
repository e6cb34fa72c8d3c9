"""Somebody labels a second namespace as a tenant's, by mistake or to get at the tenant's inputs: the one whose name came first used
to get them. Now neither is served, both say so, and when the label is taken from one everything goes on."""

import pytest
import requests

from controller import Controller, clear
from waiting import unique, wait_for

API = "skillbox.dev/v1alpha1"


@pytest.fixture(scope="module")
def controller(plane, kube, server, tmp_path_factory):
    home = unique("home")
    kube.namespace(home)
    controller = Controller(plane, home, server.signing_key, server.url).start()
    yield controller
    controller.stop()


def label(kube, namespace, tenant):
    kube.call("PATCH", f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {"skillbox.dev/tenant": tenant}}},
              "application/merge-patch+json")


def run(kube, namespace):
    return kube.call("POST", kube.path(namespace, "executions"),
                     {"apiVersion": API, "kind": "Execution", "metadata": {"name": unique("x")}, "spec": {"skillRef": {"name": "s"}}}).json()


def condition(kube, execution):
    meta = execution["metadata"]
    conditions = kube.execution(meta["namespace"], meta["name"]).get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == "Succeeded"), {})


def pods(kube, namespace):
    return [pod["metadata"]["name"] for pod in kube.call("GET", f"/api/v1/namespaces/{namespace}/pods").json()["items"]]


def events(kube, namespace, kind):
    return [event["note"] for event in kube.call("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events").json()["items"]
            if event["reason"] == "AmbiguousTenant" and event["regarding"]["kind"] == kind]


def ambiguous(controller):
    lines = requests.get(f"http://127.0.0.1:{controller.port}/metrics", timeout=5).text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith("skillbox_namespaces_ambiguous "))


@pytest.mark.parametrize("which", ["first by name", "last by name"])
def test_a_second_namespace(controller, kube, client, which):
    skill = client.push()
    second = ("a-" if which == "first by name" else "z-") + client.namespace
    kube.namespace(second)
    for namespace in (client.namespace, second):
        kube.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "default"}})
    kube.apply_skill(client.namespace, "s")
    kube.apply_skill(second, "s")
    before = client.start(skill)
    wait_for(lambda: len(pods(kube, client.namespace)) == 1, "the tenant is served")

    label(kube, second, client.tenant)
    wait_for(lambda: client.get("/v1/skills").status_code == 503, "its calls are refused")
    refused = client.post({"skill": skill, "async": True})
    assert refused.status_code == 503 and refused.json()["error"] == "unavailable", refused.text
    assert "several namespaces have its label" in refused.text and second not in refused.text
    for path in ("/v1/skills", "/v1/executions", f"/v1/executions/{before}"):
        assert client.get(path).status_code == 503
    warned = client.server.logged("several namespaces have the label of one tenant: its requests are refused")
    assert any({client.namespace, second} == {line["namespace"], line["other"]} for line in warned)

    made = [run(kube, namespace) for namespace in (client.namespace, second)]
    first, last = sorted((client.namespace, second))
    words = f"namespaces {first} and {last} have the same label skillbox.dev/tenant"
    for execution in made:
        wait_for(lambda e=execution: condition(kube, e).get("reason") == "AmbiguousTenant", "it waits and says why")
        assert words in condition(kube, execution)["message"]
        namespace = execution["metadata"]["namespace"]
        wait_for(lambda n=namespace: events(kube, n, "Namespace") and events(kube, n, "Execution"), "there are Events")
        assert all(client.namespace in note and second in note for note in events(kube, namespace, "Namespace"))
    assert ambiguous(controller) == 2
    assert len(pods(kube, client.namespace)) == 1 and not pods(kube, second)

    label(kube, second, None)
    wait_for(lambda: client.get("/v1/skills").status_code == 200, "the tenant is served again")
    wait_for(lambda: f"skx-{made[0]['metadata']['uid']}-0" in pods(kube, client.namespace), "what waited goes on")
    assert client.post({"skill": skill, "async": True}).status_code == 202
    # The other namespace is nobody's now, and says so.
    wait_for(lambda: "belongs to no tenant" in condition(kube, made[1]).get("message", ""), "the other one is told")
    assert not pods(kube, second) and ambiguous(controller) == 0
    clear(kube, client.namespace, second)
