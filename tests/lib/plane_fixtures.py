"""Fixtures of tests against the API server: the real program against a real Kubernetes API; the test is the controller.

tests/conftest.py has them for all folders, so that a worker makes one Kubernetes API for all tests that share it."""

import pytest

from api_server import ApiServer, Client, KEYS_NAMESPACE, Kube
from control_plane import running_plane
from waiting import unique, wait_for


@pytest.fixture(scope="session")
def plane(tmp_path_factory):
    with running_plane(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture(scope="session")
def kube(plane):
    kube = Kube(plane)
    kube.namespace(KEYS_NAMESPACE)
    return kube


@pytest.fixture(scope="session")
def server(plane, kube, tmp_path_factory):
    server = ApiServer(plane, tmp_path_factory.mktemp("apiserver")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def make_client(kube):
    """make_client(server): a client of a new tenant."""

    def make(server, scopes="run,push"):
        tenant = unique("tenant")
        namespace = f"ns-{tenant}"
        kube.namespace(namespace, tenant)
        key = server.key("create", "--name", "test", "--tenant", tenant, "--scopes", scopes).stdout.strip()
        client = Client(server, key, tenant, namespace, kube)
        wait_until_known(client)
        return client

    return make


def wait_until_known(client):
    def known():
        answer = client.get("/v1/skills")
        return answer.status_code == 200 or "lacks the scope" in answer.text

    wait_for(known, "the server knows the key and the tenant")


@pytest.fixture
def client(server, make_client):
    return make_client(server)
