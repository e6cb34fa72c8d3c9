"""One tenant fills the blob volume: nothing bounded what it kept, until the disk was full for all. Its bytes are counted, those of
puts under way too; what a run brings back beyond them ends that run, and others go on."""

import hashlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from api_server import ApiServer, skill_zip
from metrics_text import metric_of, read_metrics
from waiting import wait_for

LIMIT = 2 << 20
INPUT = 300 << 10  # large enough for the store


@pytest.fixture(scope="module")
def strict(plane, kube, tmp_path_factory):
    server = ApiServer(plane, tmp_path_factory.mktemp("strict"), SKILLBOX_MAX_STORED_SIZE="2Mi").start()
    wait_counted(server)
    yield server
    server.stop()


def wait_counted(server):
    wait_for(lambda: metric_of(server, "skillbox_storage_counted") == 1, "the store is counted")


def text(size=INPUT):
    return os.urandom(size // 2).hex()


def put(client, data):
    digest = hashlib.sha256(data).hexdigest()
    return requests.put(client.server.url + client.blob_path("executions", digest, "PUT"), data=data, timeout=30)


def fill(client, skill):
    """Large inputs, many at once, until no more are taken: their answers."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: client.post({"skill": skill, "async": True, "input": text()}), range(20)))


def test_a_tenants_bytes_have_an_end(strict, make_client):
    client, other = make_client(strict), make_client(strict)
    skill = client.push()
    answers = fill(client, skill)
    assert set(Counter(answer.status_code for answer in answers)) == {202, 429}
    assert 3 <= sum(answer.status_code == 202 for answer in answers) <= LIMIT // INPUT
    stored = sum(path.stat().st_size for path in (strict.data / "executions" / client.tenant).rglob("*") if path.is_file())
    assert stored <= LIMIT
    refusal = next(answer for answer in answers if answer.status_code == 429)
    assert refusal.json()["error"] == "no_capacity" and "(SKILLBOX_MAX_STORED_SIZE)" in refusal.json()["message"]
    assert int(refusal.headers["Retry-After"]) >= 1
    client.start(skill)  # what is small goes on
    # So does another tenant, and the limit is near in the metrics.
    assert other.post({"skill": other.push(), "async": True, "input": text()}).status_code == 202
    metrics = read_metrics(strict.health_url)
    assert metrics.value("skillbox_limit_used_ratio", limit="stored_size") > 0.8
    assert metrics.value("skillbox_requests_refused_total", reason="stored_size") == sum(a.status_code == 429 for a in answers)
    # A push is a put, too.
    answer = client.upload(skill_zip("large", files={"x.bin": os.urandom(1 << 20)}))
    assert (answer.status_code, answer.json()["error"]) == (429, "no_capacity") and "(SKILLBOX_MAX_STORED_SIZE)" in answer.text
    # The controller is told in a way that it doesn't ask again.
    answer = put(client, os.urandom(INPUT))
    assert (answer.status_code, answer.json()["error"]) == (507, "no_capacity")
    # What is there may be stored again, and what goes makes room.
    data = os.urandom(1000)
    assert put(client, data).status_code == 204
    for _ in range(3):
        assert put(client, data).status_code == 204
    gone = next(path for path in (strict.data / "executions" / client.tenant).rglob("*") if path.stat().st_size > INPUT // 2)
    url = client.blob_path("executions", gone.parent.name + gone.name, "DELETE")
    assert requests.delete(strict.url + url, timeout=30).status_code == 204
    assert put(client, os.urandom(INPUT // 2)).status_code == 204


def test_it_is_counted_at_the_start(plane, kube, make_client, tmp_path):
    server = ApiServer(plane, tmp_path, SKILLBOX_MAX_STORED_SIZE="1Mi").start()
    try:
        client = make_client(server)
        assert put(client, os.urandom(900 << 10)).status_code == 204
        server.stop()
        server.start()
        wait_counted(server)
        assert put(client, os.urandom(200 << 10)).status_code == 507
        assert put(client, os.urandom(100 << 10)).status_code == 204
        assert metric_of(server, "skillbox_storage_used_bytes") == 1000 << 10
    finally:
        server.stop()
