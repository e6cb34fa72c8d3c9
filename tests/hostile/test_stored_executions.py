"""Create and cancel, again and again: each leaves up to 1.4 MiB in etcd for a day, and nothing bounded how many. They are counted,
ended ones included, and so are their bytes."""

import pytest

from api_server import ApiServer
from metrics_text import metric_of
from waiting import wait_for

STORED = 6
SIZE = 1 << 20
INPUT = "x" * (200 << 10)


@pytest.fixture(scope="module")
def strict(plane, kube, tmp_path_factory):
    server = ApiServer(plane, tmp_path_factory.mktemp("strict"), SKILLBOX_MAX_STORED_EXECUTIONS=str(STORED),
                       SKILLBOX_MAX_STORED_EXECUTIONS_SIZE="1Mi").start()
    yield server
    server.stop()


def create_and_cancel(client, skill, **fields):
    """Its id, or the answer that refused it."""
    answer = client.post({"skill": skill, "async": True, **fields})
    if answer.status_code != 202:
        return answer
    name = answer.json()["execution_id"]
    client.kube.finish(client.namespace, name, "Cancelled")  # the controller's part of a cancel before the start
    return name


def until_refused(client, skill, **fields):
    names = []
    while len(names) < 50:
        name = create_and_cancel(client, skill, **fields)
        if not isinstance(name, str):
            return names, name
        names.append(name)
    raise AssertionError("nothing was refused")


def check_refusal(answer, limit):
    assert (answer.status_code, answer.json()["error"]) == (429, "no_capacity")
    assert f"({limit})" in answer.json()["message"] and "SKILLBOX_EXECUTION_TTL_SECONDS" in answer.json()["message"]
    assert int(answer.headers["Retry-After"]) >= 1


def test_their_number(strict, make_client):
    client, other = make_client(strict), make_client(strict)
    skill = client.push()
    names, refusal = until_refused(client, skill)
    assert len(names) == STORED
    check_refusal(refusal, "SKILLBOX_MAX_STORED_EXECUTIONS")
    other.start(other.push())
    assert metric_of(strict, "skillbox_limit_used_ratio", limit="stored_executions") >= 1
    client.kube.call("DELETE", client.kube.path(client.namespace, "executions", names[0]))
    wait_for(lambda: client.post({"skill": skill, "async": True}).status_code == 202, "one that is gone makes room")


def test_their_bytes(strict, make_client):
    client = make_client(strict)
    names, refusal = until_refused(client, client.push(), input=INPUT)
    assert SIZE // len(INPUT) - 1 <= len(names) < STORED
    check_refusal(refusal, "SKILLBOX_MAX_STORED_EXECUTIONS_SIZE")
    stored = client.kube.call("GET", client.kube.path(client.namespace, "executions")).content
    assert len(stored) < SIZE + (64 << 10)
