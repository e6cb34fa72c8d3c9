"""Fixtures: the server that `make up` deployed (or the one that SKILLBOX_SERVER_URL names), a key for these tests alone."""

import os

import pytest
import requests

from cluster_fixtures import cluster  # noqa: F401
from openapi_document import closed
from skillbox_client import Client, Kubectl, component_pods
from traffic import Traffic
from waiting import unique, wait_for


@pytest.fixture(scope="session")
def server_url(cluster):
    return os.environ.get("SKILLBOX_SERVER_URL", cluster["SKILLBOX_SERVER_URL"]).rstrip("/")


@pytest.fixture(scope="session")
def document(server_url):
    answer = requests.get(server_url + "/openapi.json", timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="session")
def strict_document(document):
    """The same, in which a field that an answer has and the document hasn't is an error."""
    return closed(document)


@pytest.fixture(scope="session")
def kubectl(cluster):
    return Kubectl(cluster)


@pytest.fixture(scope="session")
def client(server_url, kubectl):
    """A key with every scope, which goes when the tests have ended."""
    name = unique("openapi")
    pod = component_pods(kubectl, "apiserver")[0]["metadata"]
    output = kubectl.text("exec", "-n", pod["namespace"], pod["name"], "--", "skillbox-apiserver", "key", "create",
                          "--name", name, "--tenant", "default", "--scopes", "run,push,admin")
    client = Client(server_url, output.strip().splitlines()[-1].strip())
    wait_for(lambda: client.request("GET", "/v1/keys").status_code == 200, "the new key is known")
    yield client
    for key in client.request("GET", "/v1/keys").json():
        if key["name"] == name:
            client.request("DELETE", f"/v1/keys/{key['id']}")


@pytest.fixture(scope="session")
def skill(kubectl):
    """A tiny skill that gives its input back. Its files stand in the object, so that any server can have it run."""
    name = unique("openapi")
    namespace = kubectl.items("namespaces", "-l", "skillbox.dev/tenant=default")[0]["metadata"]["name"]
    kubectl.apply({
        "apiVersion": "skillbox.dev/v1alpha1", "kind": "Skill", "metadata": {"name": name, "namespace": namespace},
        "spec": {"name": name, "version": "1.0.0", "description": "made by a test", "lang": "bash", "timeoutSeconds": 20,
                 "source": {"files": {"main.sh": 'cat "$SANDBOX_INPUT_FILE" >"$SANDBOX_OUTPUT"; echo hello; echo x >"$SANDBOX_FILES_DIR/x"'}}}})
    yield name
    kubectl.run("delete", "skill", name, "-n", namespace, "--wait=false")


@pytest.fixture(scope="session")
def traffic(client, skill):
    wait_for(lambda: client.request("GET", f"/v1/skills/{skill}/latest").status_code == 200, "the skill is known")
    traffic = Traffic(skill)
    yield traffic
    traffic.tidy(client)
