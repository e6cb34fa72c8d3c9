"""20 clients that follow the log of one run and hang up: each kept a stream to the Kubernetes API, and the sandbox's node, until the
run ended, since nobody looked at a connection that waits for the next line. Now both are closed at once."""

import os

import pytest

from api_server import ApiServer, condition
from connections import close_all, head, opened
from fake_kubelet import FakeKubelet
from metrics_text import metric_of
from waiting import unique, wait_for

COUNT = 20


@pytest.fixture(scope="module")
def kubelet(kube, tmp_path_factory):
    kubelet = FakeKubelet(kube, tmp_path_factory.mktemp("kubelet"), "hostile-node")
    yield kubelet
    kubelet.close()


@pytest.fixture
def own(plane, kube, tmp_path):
    server = ApiServer(plane, tmp_path).start()
    yield server
    server.stop()


def test_followers_that_hang_up_leave_no_stream(own, make_client, kubelet):
    client = make_client(own)
    run, pod = client.start(client.push()), unique("pod")
    kubelet.pod(client.namespace, pod)
    client.kube.patch_status(client.namespace, run, {"podName": pod, "conditions": [condition("Unknown", "Running")]})
    wait_for(lambda: client.get(f"/v1/executions/{run}").json()["status"] == "running", "it runs")

    def descriptors():
        return len(os.listdir(f"/proc/{own.process.pid}/fd"))

    def followed():
        return sum(f"/{pod}/" in path and "follow=true" in path for path in kubelet.asked)

    wait_for(lambda: metric_of(own, "skillbox_http_connections") == 0, "all are closed")
    before = descriptors()
    followers = opened(own.url, COUNT, head(client, "GET", f"/v1/executions/{run}/logs?follow=true"))
    wait_for(lambda: followed() == COUNT, "all follow")
    assert descriptors() > before + 1.5 * COUNT
    for follower in followers:  # what was not read would make the close a reset
        assert follower.recv(65536).startswith(b"HTTP/1.1 200 ")
    close_all(followers)  # and the run says nothing, nor ends
    wait_for(lambda: descriptors() <= before + 2, "nothing is left of them", timeout=8)  # the next sign of life is 15 s away
    assert client.get(f"/v1/executions/{run}").json()["status"] == "running"
    client.kube.finish(client.namespace, run)
