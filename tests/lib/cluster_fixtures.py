"""Fixtures for tests on the cluster of `make up`. Nothing here is skipped: without a cluster the tests fail and say why.

A folder's conftest.py takes them by `from cluster_fixtures import *`."""

import os

import pytest
import requests

from skillbox_client import Client, Kubectl, Node, condition_of, load_environment, skill_zip
from tenant import make_key as key_of_tenant, new_tenant
from waiting import unique, wait_for


@pytest.fixture(scope="session")
def cluster():
    """The variables that `make up` wrote."""
    try:
        return load_environment()
    except RuntimeError as problem:
        message = str(problem)
    pytest.fail(message, pytrace=False)


@pytest.fixture(scope="session")
def environment(cluster):
    """The same; where tests run side by side, with the key of a tenant that this worker has for itself."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield cluster
        return
    with new_tenant(Kubectl(cluster), cluster["SKILLBOX_SERVER_URL"], "tests", "run,push,admin") as own:
        yield {**cluster, "SKILLBOX_API_KEY": own.api_key}


@pytest.fixture(scope="session")
def client(environment):
    client = Client(environment["SKILLBOX_SERVER_URL"], environment["SKILLBOX_API_KEY"])
    try:
        seen = client.request("GET", "/ready", auth=False, timeout=10).text
    except requests.exceptions.RequestException as problem:
        seen = str(problem)
    if '"status":"ready"' not in seen:
        pytest.fail(f"{client.base_url}/ready does not say that it is ready: {seen}; `make up` repairs it", pytrace=False)
    answer = client.request("GET", "/v1/skills", timeout=10)
    if answer.status_code != 200:
        pytest.fail(f"the key of .dev/env does not work: {answer.text}; `make up` repairs it", pytrace=False)
    return client


@pytest.fixture(scope="session")
def tenant_namespace(client, environment):
    """Where this key's executions live: found by running one."""
    name = unique("where")
    client.push(skill_zip(name, "true", lang="bash"))
    execution_id = client.start(name)
    everywhere = Kubectl(environment).items("executions", "-A")
    found = [e["metadata"]["namespace"] for e in everywhere
             if execution_id in (e["metadata"]["name"], e["metadata"]["uid"])]
    assert len(found) == 1, f"execution {execution_id} is in {found}"
    client.wait_until_ended(execution_id)
    client.request("DELETE", f"/v1/skills/{name}/1.0.0")
    return found[0]


@pytest.fixture(scope="session")
def kubectl(environment, tenant_namespace):
    return Kubectl(environment, tenant_namespace)


@pytest.fixture(scope="session")
def node(environment, kubectl):
    return Node(environment, kubectl)


@pytest.fixture
def push(client):
    """push(script, lang=…, memory=…, …) uploads a skill under a new name, and returns the name."""
    names = []

    def push_skill(script, lang="python", **options):
        name = unique("e2e")
        names.append(name)
        client.push(skill_zip(name, script, lang, **options))
        return name

    yield push_skill
    for skill in client.request("GET", "/v1/skills").json():
        if skill["name"] in names:
            client.request("DELETE", f"/v1/skills/{skill['name']}/{skill['version']}")


@pytest.fixture
def name(kubectl):
    """A name for a Skill and Executions that begin with it; all of them go away afterwards."""
    name = unique("kube")
    yield name
    for kind in ("executions", "skills"):
        for found in kubectl.items(kind):
            if found["metadata"]["name"].startswith(name):
                kubectl.run("delete", kind, found["metadata"]["name"], "--wait=false")


@pytest.fixture
def ended(kubectl):
    def wait(name, timeout=60):
        def look():
            execution = kubectl.get("execution", name)
            return execution if condition_of(execution, "Succeeded").get("status") in ("True", "False") else None

        return wait_for(look, f"Execution {name} ends", timeout)

    return wait


@pytest.fixture
def execution_object(kubectl):
    """The Execution resource behind a REST id."""

    def find(execution_id):
        found = kubectl.get("execution", execution_id)
        if found is None:
            by_uid = [e for e in kubectl.items("executions") if e["metadata"]["uid"] == execution_id]
            assert len(by_uid) == 1, f"{len(by_uid)} Executions have the UID {execution_id}"
            found = by_uid[0]
        return found

    return find


@pytest.fixture
def sandbox_pods(kubectl):
    """The Pods of an Execution, by its UID: made for it, or of a pool and named by its status (which a run that takes longer
    than a second has)."""

    def pods(uid):
        made = kubectl.items("pods", "-l", f"skillbox.dev/execution-uid={uid}")
        names = [one.get("status", {}).get("podName") for one in kubectl.items("executions") if one["metadata"]["uid"] == uid]
        return made or [pod for pod in kubectl.items("pods") if pod["metadata"]["name"] in names]

    return pods


@pytest.fixture
def assert_pods_gone(sandbox_pods):
    def check(uid):
        wait_for(lambda: not sandbox_pods(uid), f"no Pod of Execution {uid} is left")

    return check


@pytest.fixture(scope="session")
def tenant(client, tenant_namespace, kubectl):
    """The name of this key's tenant."""
    return kubectl.json("get", "namespace", tenant_namespace)["metadata"]["labels"]["skillbox.dev/tenant"]


@pytest.fixture(scope="session")
def make_key(client, kubectl):
    """make_key(tenant, scopes): a Client with a new key of that tenant."""
    return lambda tenant, scopes: key_of_tenant(kubectl, client.base_url, tenant, scopes)


@pytest.fixture(scope="session")
def stranger(client, kubectl):
    """A client of another tenant."""
    with new_tenant(kubectl, client.base_url, "e2e-tenant", "run,push") as other:
        yield other
