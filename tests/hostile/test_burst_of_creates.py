"""A burst of creates at once: the limit counted what the watch had shown, so all of them were let in. A place is taken before each."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from api_server import ApiServer
from metrics_text import metric_of
from waiting import wait_for

LIMIT = 8
BURST = 60


@pytest.fixture(scope="module")
def strict(plane, kube, tmp_path_factory):
    server = ApiServer(plane, tmp_path_factory.mktemp("strict"), SKILLBOX_MAX_CONCURRENT_EXECS=str(LIMIT)).start()
    yield server
    server.stop()


def burst(client, skill, **fields):
    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(lambda _: client.post({"skill": skill, "async": True, **fields}), range(BURST)))


def check(client, answers):
    """As many as the limit, and what is refused says why."""
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == {202: LIMIT, 429: BURST - LIMIT}
    assert len(client.kube.executions(client.namespace)) == LIMIT
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"] == "no_capacity" and "SKILLBOX_MAX_CONCURRENT_EXECS" in refused.json()["message"]
    assert int(refused.headers["Retry-After"]) >= 1


def test_no_more_than_the_limit(strict, make_client):
    client, other = make_client(strict), make_client(strict)
    skill = client.push()
    check(client, burst(client, skill))
    assert metric_of(strict, "skillbox_requests_refused_total", reason="concurrency") == BURST - LIMIT
    other.start(other.push())  # the limit is the tenant's own
    # Places come back: as many as end, and no more.
    for execution in client.kube.executions(client.namespace)[:3]:
        client.kube.finish(client.namespace, execution["metadata"]["name"])
    wait_for(lambda: len(client.get("/v1/executions?status=success").json()["executions"]) == 3, "three have ended")
    assert Counter(answer.status_code for answer in burst(client, skill)) == {202: 3, 429: BURST - 3}


def test_also_with_an_input_that_is_stored_first(strict, make_client):
    client = make_client(strict)
    check(client, burst(client, client.push(), input="x" * (300 << 10)))


def test_one_key_is_one_place(strict, make_client):
    client = make_client(strict)
    skill = client.push()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.post({"skill": skill, "async": True}, {"Idempotency-Key": "one"}), range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["execution_id"] for answer in answers}) == 1
    for _ in range(LIMIT - 1):
        client.start(skill)
    assert client.post({"skill": skill, "async": True}).status_code == 429
    again = client.post({"skill": skill, "async": True}, {"Idempotency-Key": "one"})
    assert (again.status_code, again.json()["execution_id"]) == (202, answers[0].json()["execution_id"])
