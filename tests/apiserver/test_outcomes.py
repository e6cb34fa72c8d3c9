"""What is told of a create is what is: answers of the cluster that never come, come late, or say less than they seem to."""

import concurrent.futures
import contextlib
import threading

import pytest

from api_server import ApiServer, Kube
from contract_checks import assert_error
from kube_proxy import CUT, LOSE, Held, KubeProxy
from waiting import unique, wait_for

AT_ONCE = 16
SOON = 20  # seconds, which a waiting caller is far from without an answer


@pytest.fixture(scope="module")
def proxy(plane, tmp_path_factory):
    proxy = KubeProxy(plane, tmp_path_factory.mktemp("proxy"))
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def behind(proxy, kube, tmp_path_factory):
    """An API server whose cluster is behind the proxy."""
    server = ApiServer(proxy, tmp_path_factory.mktemp("behind"), SKILLBOX_MAX_CONCURRENT_EXECS="1000").start()
    yield server
    server.stop()


@pytest.fixture
def client(proxy, behind, make_client):
    yield make_client(behind)
    proxy.rule = lambda method, path: None
    proxy.watching.set()


def of_executions(client, name=""):
    return client.kube.path(client.namespace, "executions", name)


def names(client):
    return [e["metadata"]["name"] for e in client.kube.executions(client.namespace)]


# ---- 409


@contextlib.contextmanager
def churn(plane, path, writers=4):
    """Others write the quota all the time."""
    ended = threading.Event()

    def write(own):
        kube, count = Kube(plane), 0
        while not ended.is_set():
            count += 1
            kube.call("PATCH", path, {"metadata": {"annotations": {own: str(count)}}}, "application/merge-patch+json", ok=False)

    threads = [threading.Thread(target=write, args=(f"writer-{i}",)) for i in range(writers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_a_quota_that_others_write_too(plane, proxy, client):
    """A ResourceQuota answers 409 `Conflict` then, which was taken for "it is there already": 202 for what never was."""
    skill = client.push()
    quotas = f"/api/v1/namespaces/{client.namespace}/resourcequotas"
    hard = {"count/executions.skillbox.dev": "5000"}
    client.kube.call("POST", quotas, {"metadata": {"name": "many"}, "spec": {"hard": hard}})
    client.kube.call("PATCH", f"{quotas}/many/status", {"status": {"hard": hard, "used": {"count/executions.skillbox.dev": "0"}}},
                     "application/merge-patch+json")  # the part of the controller of quotas, which isn't here

    def conflicts():
        return [a for a in proxy.answers if a[:3] == ("POST", of_executions(client), 409) and '"reason":"Conflict"' in a[3]]

    def post(key):
        return client.post({"skill": skill, "async": True}, {"Idempotency-Key": key} if key else {})

    told, refused = [], 0
    with churn(plane, f"{quotas}/many"), concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        def round_of_posts():
            nonlocal refused
            for answer in pool.map(post, [unique("key") if i % 2 else None for i in range(40)]):
                if answer.status_code == 202:
                    told.append(answer.json()["execution_id"])
                else:
                    assert_error(answer, 503, "unavailable", "try again")
                    refused += 1
            return conflicts()

        wait_for(round_of_posts, "the quota answers with a conflict")
    assert sorted(told) == sorted(set(told)), "two answers name one execution"
    assert set(told) <= set(names(client)), "told of what never was"
    assert len(names(client)) == len(told), "refused what is there"
    assert len(told) > refused, f"{refused} refused, {len(told)} not: they were not tried again"


# ---- no answer


@pytest.mark.parametrize("key", [None, "once"])
def test_a_create_whose_answer_is_lost(proxy, client, key):
    """It was "could not be created", and ran."""
    body = {"skill": client.push(), "async": True}
    proxy.rule = lambda method, path: LOSE if (method, path) == ("POST", of_executions(client)) else None
    answer = client.post(body, {"Idempotency-Key": key} if key else {})
    assert answer.status_code == 202, answer.text
    assert names(client) == [answer.json()["execution_id"]]
    proxy.rule = lambda method, path: None
    if key:
        assert client.post(body, {"Idempotency-Key": key}).json()["execution_id"] == answer.json()["execution_id"]
        assert len(names(client)) == 1


def test_a_synchronous_create_whose_answer_is_lost(proxy, client):
    body = {"skill": client.push()}
    proxy.rule = lambda method, path: LOSE if (method, path) == ("POST", of_executions(client)) else None
    assert client.run(body, output="7").json()["output"] == 7
    assert len(names(client)) == 1


def test_it_is_not_known_whether_it_was_created(proxy, client):
    """And is then not claimed either way; the same Idempotency-Key makes one, whatever was."""
    body, headers = {"skill": client.push(), "async": True}, {"Idempotency-Key": "once"}
    proxy.rule = lambda method, path: CUT if of_executions(client) in path and "watch" not in path else None
    told = assert_error(client.post(body, headers), 503, "unavailable", "it is not known whether execution", "Idempotency-Key")
    assert names(client) == []
    proxy.rule = lambda method, path: None
    made = client.post(body, headers).json()["execution_id"]
    assert names(client) == [made] and f"/v1/executions/{made}" in told


# ---- the watch is faster than the answer


@pytest.mark.parametrize("held", ["POST", "GET"])
def test_the_end_is_seen_before_the_answer(proxy, client, held):
    skill, headers, place = client.push(), {"Idempotency-Key": "once"}, Held()
    body, first = {"skill": skill}, None
    with concurrent.futures.ThreadPoolExecutor() as pool:
        if held == "GET":  # of the execution that is joined
            first = pool.submit(client.post, body, headers)
            wait_for(lambda: names(client), "the first has made it")
        at = "/executions/" if held == "GET" else of_executions(client)
        proxy.rule = lambda method, path: place if method == held and at in path and client.namespace in path and "watch" not in path else None
        second = pool.submit(client.post, body, headers)
        assert place.arrived.wait(SOON), "no answer is held"
        proxy.rule = lambda method, path: None
        (name,) = names(client)
        client.kube.finish(client.namespace, name, output="8")
        wait_for(lambda: client.get(f"/v1/executions/{name}").json()["status"] == "success", "the server has seen the end")
        place.released.set()
        for answer in filter(None, (first, second)):
            assert (answer.result(SOON).json()["execution_id"], answer.result().json()["output"]) == (name, 8)


def test_it_is_deleted_before_the_look_up(proxy, client):
    """Between the 409 of its create and the look-up: that was a 500."""
    body, headers, place = {"skill": client.push(), "async": True}, {"Idempotency-Key": "once"}, Held()
    name = client.post(body, headers).json()["execution_id"]
    proxy.rule = lambda method, path: place if method == "POST" and path == of_executions(client) else None
    with concurrent.futures.ThreadPoolExecutor() as pool:
        again = pool.submit(client.post, body, headers)
        assert place.arrived.wait(SOON), "no answer is held"
        proxy.rule = lambda method, path: None
        client.kube.call("DELETE", of_executions(client, name))
        place.released.set()
        answer = again.result(SOON)
    assert (answer.status_code, answer.json().get("execution_id")) == (202, name), answer.text
    assert names(client) == [name]


def test_an_older_one_is_gone(proxy, client):
    """The watch tells late that an execution of that name was deleted: not of the one that was made since."""
    body, headers = {"skill": client.push()}, {"Idempotency-Key": "once"}
    with client.waiting(body, headers) as (name, _):
        client.kube.finish(client.namespace, name)
    proxy.watching.clear()
    client.kube.call("DELETE", of_executions(client, name))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        again = pool.submit(client.post, body, headers)
        wait_for(lambda: names(client) == [name], "it is made again")
        proxy.watching.set()
        client.kube.finish(client.namespace, name, output="9")
        assert again.result(SOON).json().get("output") == 9, again.result().text
