"""One tenant has many archives looked at: they went through one queue, so another tenant's push waited for all of them. Tenants take
turns, so it waits for the one that is being looked at; and a tenant's own queue has an end."""

import io
import os
import threading
import zipfile

import pytest

from api_server import ApiServer, skill_zip
from metrics_text import metric_of
from waiting import wait_for

MANY = 12


@pytest.fixture(scope="module")
def slow_archive():
    """It takes much longer to be looked at than to be sent."""
    archive = io.BytesIO(skill_zip("slow"))
    block = os.urandom(1024).hex() * 90
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as more:
        for i in range(900):
            more.writestr(f"data/{i}.txt", f"{i}{block}")
    return archive.getvalue()


class Validators:
    """Calls of /validate, all at once; answers: their status codes, in the order in which they came."""

    def __init__(self, client, archive, count):
        self.answers = []
        self.threads = [threading.Thread(target=self._call, args=(client, archive)) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _call(self, client, archive):
        self.answers.append(client.upload(archive, path="/v1/skills/validate"))

    def wait(self):
        for thread in self.threads:
            thread.join(60)
        return [answer.status_code for answer in self.answers]


def queue(server):
    return metric_of(server, "skillbox_upload_queue")


def test_a_push_waits_for_one_of_them(server, make_client, slow_archive):
    greedy, other = make_client(server), make_client(server)
    other.push()  # the first in a new namespace takes Kubernetes some time
    validators = Validators(greedy, slow_archive, MANY)
    wait_for(lambda: queue(server) >= MANY // 2, lambda: f"half of them wait ({len(validators.answers)} have their answer)")
    before = queue(server)
    other.push()
    # In one queue it would have waited for all of these. It waited for one, or for two; the rest is for the time that it takes to
    # store it on a busy machine.
    assert queue(server) >= before // 3, f"{len(validators.answers)} of {MANY} were first"
    assert validators.wait() == [200] * MANY


def test_a_tenants_queue_has_an_end(plane, kube, make_client, tmp_path, slow_archive):
    server = ApiServer(plane, tmp_path, SKILLBOX_MAX_WAITING_CALLS="2").start()
    try:
        greedy, other = make_client(server), make_client(server)
        validators = Validators(greedy, slow_archive, 8)
        wait_for(lambda: 429 in [answer.status_code for answer in list(validators.answers)], "the queue is full")
        other.push()
        statuses = validators.wait()
        assert set(statuses) == {200, 429} and statuses.count(200) >= 3
        refusals = [answer for answer in validators.answers if answer.status_code == 429]
        for answer in refusals:
            assert answer.json()["error"] == "no_capacity" and "SKILLBOX_MAX_WAITING_CALLS" in answer.json()["message"]
            assert int(answer.headers["Retry-After"]) >= 1
        assert metric_of(server, "skillbox_requests_refused_total", reason="work") == len(refusals)
    finally:
        server.stop()
