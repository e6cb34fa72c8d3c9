"""1,100 connections, each with a header byte now and then: the server's thousand places were theirs for as long as they liked, and
the probes timed out with everybody else's requests. Now the probes have a port of their own, headers have a deadline, and whoever
asks for something gets a place, or a 503."""

import time

import pytest
import requests

from api_server import ApiServer
from connections import close_all, drip, opened, read_until_closed
from metrics_text import metric_of, read_metrics
from waiting import wait_for

COUNT = 1100


@pytest.fixture
def patient(plane, kube, tmp_path):
    server = ApiServer(plane, tmp_path, SKILLBOX_HEADER_TIMEOUT="4s", SKILLBOX_LOG_LEVEL="info").start()
    yield server
    server.stop()


def test_slow_headers_keep_nobody_away(patient, make_client):
    client = make_client(patient)
    statuses, began = [], time.monotonic()
    slow = opened(patient.url, COUNT, b"GET /v1/skills HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    try:
        while time.monotonic() - began < 4:
            drip(slow)
            assert requests.get(patient.health_url + "/health", timeout=3).status_code == 200
            statuses.append(client.get("/v1/skills", timeout=2).status_code)
        assert set(statuses) <= {200, 503} and statuses.count(200) >= len(statuses) / 2, statuses
        gone = read_until_closed(slow, 6)
        assert len(gone) == COUNT, f"{COUNT - len(gone)} are still there after their time"
        assert {text[:12] for text in gone.values()} <= {b"", b"HTTP/1.1 503"}
    finally:
        close_all(slow)
    wait_for(lambda: metric_of(patient, "skillbox_http_connections") <= 1, "their places are free")
    cut = read_metrics(patient.health_url)
    assert cut.value("skillbox_http_connections_cut_total", phase="headers") > 500
    assert cut.value("skillbox_http_connections_cut_total", phase="room") > 0
    assert client.get("/v1/skills").status_code == 200
