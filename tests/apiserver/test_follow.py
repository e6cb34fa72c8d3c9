"""Logs while an execution runs: as they stand, and followed."""

import json
import signal
import time

import pytest

from api_server import ApiServer, condition
from contract_checks import assert_error
from fake_kubelet import FakeKubelet
from waiting import unique, wait_for


@pytest.fixture(scope="session")
def kubelet(kube, tmp_path_factory):
    kubelet = FakeKubelet(kube, tmp_path_factory.mktemp("kubelet"))
    yield kubelet
    kubelet.close()


@pytest.fixture
def running(client, kubelet):
    """running(): an execution that the server sees running: (its id, its Pod)."""

    def make(who=client):
        execution_id, pod = who.start(who.push()), unique("pod")
        kubelet.pod(who.namespace, pod)
        who.kube.patch_status(who.namespace, execution_id, {"podName": pod, "conditions": [condition("Unknown", "Running")]})
        wait_for(lambda: who.get(f"/v1/executions/{execution_id}").json()["status"] == "running", "it runs")
        return execution_id, pod

    return make


class Events:
    """The server-sent events of a request, one by one: (event, data)."""

    def __init__(self, client, execution_id, **options):
        path = f"/v1/executions/{execution_id}/logs"
        if not options:
            path += "?follow=true"
        self.answer = client.get(path, stream=True, timeout=20, **options)
        assert self.answer.status_code == 200, self.answer.text
        assert self.answer.headers["Content-Type"] == "text/event-stream"
        assert self.answer.headers["Cache-Control"] == "no-store"
        assert self.answer.headers["X-Accel-Buffering"] == "no"
        self.lines = self.split()
        self.comments = 0

    def split(self):
        rest = b""
        for chunk in self.answer.iter_content(None):  # as it comes
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
        assert rest == b""

    def next(self):
        event, data = "message", []
        for line in self.lines:
            if not line:
                if data:
                    return event, "\n".join(data)
                continue
            if line.startswith(b":"):
                self.comments += 1
                continue
            field, value = line.decode().split(": ", 1)
            if field == "event":
                event = value
            else:
                assert field == "data"
                data.append(value)
        return None

    def rest(self):
        found = []
        while event := self.next():
            found.append(event)
        return found


def assert_end(event, status):
    assert event[0] == "end"
    end = json.loads(event[1])
    assert end["status"] == status
    return end


def test_the_log_so_far(client, kubelet, running):
    execution_id, pod = running()
    kubelet.say(pod, b"one\ntwo\xff\0")
    answer = client.get(f"/v1/executions/{execution_id}/logs")
    assert answer.text == "one\ntwo\ufffd\ufffd" and answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert f"/containerLogs/{client.namespace}/{pod}/sandbox?limitBytes=1048576" in kubelet.asked


def test_lines_come_as_they_are_said(client, kubelet, running):
    execution_id, pod = running()
    events = Events(client, execution_id)
    for piece, line in ((b"one\n", "one"), (b"tw", None), (b"o\n\n", "two"), (b"", ""), (b"h\xc3\xa9 \xff\r\n", "h\u00e9 \ufffd"),
                        (b"10%\r20%\n", "10%\n20%")):
        if piece:
            kubelet.say(pod, piece)
        if line is not None:
            assert events.next() == ("message", line)
    log = "one\ntwo\n\nh\u00e9 \ufffd\r\n10%\r20%\nlast"
    client.kube.finish(client.namespace, execution_id, logs=log)
    assert events.next() == ("message", "last"), "what the Pod didn't say any more comes from the record"
    end = assert_end(events.next(), "success")
    assert end["execution_id"] == execution_id and end["exit_code"] == 0 and end["error"] is None
    assert events.next() is None


def test_the_accept_header_follows_too(client, kubelet, running):
    execution_id, pod = running()
    events = Events(client, execution_id, headers={"Accept": "text/event-stream"})
    kubelet.say(pod, b"line\n")
    assert events.next() == ("message", "line")
    client.kube.finish(client.namespace, execution_id, "Cancelled", errorCode="cancelled", error="cancelled", logs="line\n")
    assert_end(events.next(), "cancelled")


def test_one_that_is_pending_at_first(client, kubelet):
    execution_id, pod = client.start(client.push()), unique("pod")
    events = Events(client, execution_id)
    kubelet.pod(client.namespace, pod)
    kubelet.say(pod, b"begun\n")
    client.kube.patch_status(client.namespace, execution_id, {"podName": pod, "conditions": [condition("Unknown", "Running")]})
    assert events.next() == ("message", "begun")
    client.kube.finish(client.namespace, execution_id, logs="begun\nended\n")
    assert events.next() == ("message", "ended")
    assert_end(events.next(), "success")


def test_one_that_never_showed_as_running(client):
    execution_id = client.start(client.push())
    events = Events(client, execution_id)
    client.kube.finish(client.namespace, execution_id, "Failed", errorCode="exit_nonzero", error="no", logs="a\nb\n")
    found = events.rest()
    assert found[:2] == [("message", "a"), ("message", "b")] and len(found) == 3
    assert assert_end(found[2], "failed")["error"] == "no"


def test_one_that_has_ended(client):
    body = client.run({"skill": client.push()}, logs="a\n\nno line feed").json()
    found = Events(client, body["execution_id"]).rest()
    assert found[:3] == [("message", "a"), ("message", ""), ("message", "no line feed")]
    assert_end(found[3], "success")


def test_a_large_log_from_the_blob_store(client):
    lines = [f"line {number}" + "x" * (number % 100) for number in range(60_000)]
    log = ("\n".join(lines) + "\n").encode()
    body = client.run({"skill": client.push()}, logs="tail", logsRef=client.put_blob("executions", log)).json()
    found = Events(client, body["execution_id"]).rest()
    assert [data for event, data in found[:-1]] == lines
    assert_end(found[-1], "success")


def test_a_log_with_a_gap_is_not_repeated(client, kubelet, running):
    execution_id, pod = running()
    events = Events(client, execution_id)
    kubelet.say(pod, b"one\ntwo\nthr")
    assert [events.next(), events.next()] == [("message", "one"), ("message", "two")]
    client.kube.finish(client.namespace, execution_id, logs="one\n[gap]\nlast\n", logsTruncated=True)
    assert events.next() == ("message", "thr")
    assert_end(events.next(), "success")


def test_a_lost_log_is_made_good_at_the_end(client, kubelet, running):
    execution_id, pod = running()
    events = Events(client, execution_id)
    kubelet.say(pod, b"one\n")
    assert events.next() == ("message", "one")
    kubelet.end(pod)
    client.kube.finish(client.namespace, execution_id, logs="one\ntwo\nthree\n")
    assert [events.next(), events.next()] == [("message", "two"), ("message", "three")]
    assert_end(events.next(), "success")


def test_a_client_that_hangs_up_ends_the_watch_of_the_log(client, kubelet, running):
    execution_id, pod = running()
    events = Events(client, execution_id)
    kubelet.say(pod, b"one\n")
    assert events.next() == ("message", "one")
    events.answer.close()
    before = len(kubelet.asked)

    def gone():
        kubelet.say(pod, b"more\n")
        return "gone" in kubelet.asked[before:]

    wait_for(gone, "nobody reads the log any more")
    client.kube.finish(client.namespace, execution_id)
    wait_for(lambda: client.get(f"/v1/executions/{execution_id}").json()["status"] == "success", "it has ended")


def test_a_client_that_reads_slowly_holds_the_log_up(client, kubelet, running):
    """Nothing is lost, and the server doesn't collect it all."""
    execution_id, pod = running()
    events = Events(client, execution_id)
    lines = [b"%d " % number + b"x" * 10_000 for number in range(2000)]
    for line in lines:
        kubelet.say(pod, line + b"\n")
    found = [events.next() for _ in lines]
    assert [data.encode() for _, data in found] == lines
    client.kube.finish(client.namespace, execution_id, logs="x", logsTruncated=True)
    assert_end(events.next(), "success")


def test_the_execution_is_deleted(client, kubelet, running):
    execution_id, pod = running()
    events = Events(client, execution_id)
    client.kube.call("DELETE", client.kube.path(client.namespace, "executions", execution_id))
    event, data = events.next()
    assert event == "error" and json.loads(data)["error"] == "unavailable" and "deleted" in data
    assert events.next() is None


def test_signs_of_life(client, kubelet, running):
    """While nothing comes, a comment every 15 s, so that nobody between takes the connection for dead."""
    execution_id, pod = running()
    events = Events(client, execution_id)
    kubelet.say(pod, b"one\n")
    assert events.next() == ("message", "one")
    began = time.monotonic()
    assert next(events.lines) == b": nothing new" and next(events.lines) == b""
    assert 10 < time.monotonic() - began < 20
    client.kube.finish(client.namespace, execution_id, logs="one\ntwo\n")
    assert events.next() == ("message", "two")
    assert_end(events.next(), "success")


def test_follow_is_yes_or_no(client):
    execution_id = client.run({"skill": client.push()}, logs="a\n").json()["execution_id"]
    for value, streams in (("true", True), ("1", True), ("false", False), ("0", False), ("", False)):
        answer = client.get(f"/v1/executions/{execution_id}/logs?follow={value}")
        assert answer.headers["Content-Type"].startswith("text/event-stream") == streams, value
    assert_error(client.get(f"/v1/executions/{execution_id}/logs?follow=yes"), 400, "bad_request", '"yes"')


def test_unknown_ones_are_404(client):
    assert_error(client.get("/v1/executions/00000000-0000-4000-8000-000000000000/logs?follow=true"), 404, "not_found")


def test_the_end_of_the_server(plane, kube, make_client, kubelet, running, tmp_path):
    """Followers get their end, too, and nothing leaks."""
    server = ApiServer(plane, tmp_path).start()
    client = make_client(server)
    execution_id, pod = running(client)
    events = Events(client, execution_id)
    kubelet.say(pod, b"one\n")
    assert events.next() == ("message", "one")
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: client.get("/ready").status_code == 503, "it ends")
    client.kube.finish(client.namespace, execution_id, logs="one\n")
    assert_end(events.next(), "success")
    server.stop()
