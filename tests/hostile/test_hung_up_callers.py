"""200 POSTs with the Idempotency-Key of a run under way, each hung up: every one held a waiter, its connection and its input until
the run ended. Now a caller that is gone is noticed at once and everything that waited for it is free; those that stay are counted, a
tenant has so many, and the next is refused."""

import json
import socket

import pytest
import requests

from api_server import ApiServer
from connections import close_all, head, opened
from contract_checks import assert_error
from metrics_text import metric_of
from waiting import unique, wait_for

COUNT, PLACES = 200, 250


@pytest.fixture(scope="module")
def own(plane, kube, tmp_path_factory):
    server = ApiServer(plane, tmp_path_factory.mktemp("own"), SKILLBOX_MAX_WAITING_CALLS=str(PLACES), SKILLBOX_LOG_LEVEL="info").start()
    yield server
    server.stop()


def waiting(server):
    return metric_of(server, "skillbox_waiting_requests", topic="execution")


def memory(server):
    return metric_of(server, "process_resident_memory_bytes")


def test_callers_that_hang_up_leave_nothing(own, make_client):
    client = make_client(own)
    body = json.dumps({"skill": client.push(), "input": {"text": "x" * 200_000}}).encode()
    request = head(client, "POST", "/v1/executions", len(body), Idempotency_Key=unique("key")) + body
    with opened(own.url, 1, request)[0] as first:
        wait_for(lambda: waiting(own) == 1, "the first waits")
        for _ in range(COUNT):
            close_all(opened(own.url, 1, request))
        wait_for(lambda: waiting(own) == 1, "those that hung up wait no more", timeout=20)
        wait_for(lambda: metric_of(own, "skillbox_http_requests_in_flight") == 1, "their requests are over", timeout=20)
        (made,) = client.kube.executions(client.namespace)
        client.kube.finish(client.namespace, made["metadata"]["name"], output="1")
        assert b"HTTP/1.1 200 " in first.recv(65536)


def test_what_a_caller_wished_for_is_done_without_him(own, make_client):
    client = make_client(own)
    body = json.dumps({"skill": client.push()}).encode()
    close_all(opened(own.url, 1, head(client, "POST", "/v1/executions", len(body)) + body))
    (made,) = wait_for(lambda: client.kube.executions(client.namespace), "it is created")
    wait_for(lambda: waiting(own) == 0, "nobody waits for it")
    client.kube.finish(client.namespace, made["metadata"]["name"], output="1")
    wait_for(lambda: client.get(f"/v1/executions/{made['metadata']['name']}").json()["status"] == "success", "its record is there")


def test_who_only_sends_no_more_gets_the_answer_and_nothing_else(own, make_client):
    client = make_client(own)
    body = json.dumps({"skill": client.push()}).encode()
    with opened(own.url, 1, head(client, "POST", "/v1/executions", len(body), Connection="close") + body)[0] as connection:
        connection.shutdown(socket.SHUT_WR)
        (made,) = wait_for(lambda: client.kube.executions(client.namespace), "it is created")
        wait_for(lambda: waiting(own) == 1, "it waits")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(20)
        client.kube.finish(client.namespace, made["metadata"]["name"], output="1")
        with connection.makefile("rb") as file:
            answer = file.read()
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"}")


def test_a_tenant_has_so_many_that_wait(plane, kube, tmp_path, make_client):
    server = ApiServer(plane, tmp_path, SKILLBOX_MAX_WAITING_CALLS="3").start()
    try:
        client, other = make_client(server), make_client(server)
        body = json.dumps({"skill": client.push()}).encode()
        waiters = opened(server.url, 3, head(client, "POST", "/v1/executions", len(body), Idempotency_Key="k") + body)
        wait_for(lambda: waiting(server) == 3, "three wait")
        refused = client.post(body)
        assert_error(refused, 429, "no_capacity", "SKILLBOX_MAX_WAITING_CALLS")
        assert refused.headers["Retry-After"] == "1"
        (made,) = client.kube.executions(client.namespace)
        follow = f"/v1/executions/{made['metadata']['name']}/logs?follow=true"
        assert_error(client.get(follow), 429, "no_capacity", "SKILLBOX_MAX_WAITING_CALLS")
        assert client.start(other and client.push()), "what does not wait goes on"
        with other.waiting({"skill": other.push()}) as (name, _):
            other.kube.finish(other.namespace, name)
        assert metric_of(server, "skillbox_requests_refused_total", reason="waiting_calls") == 2
        close_all(waiters)
        wait_for(lambda: waiting(server) == 0, "their places are free")
        with requests.get(server.url + follow, headers={"Authorization": f"Bearer {client.key}"}, stream=True, timeout=5) as answer:
            assert answer.status_code == 200
    finally:
        server.stop()
