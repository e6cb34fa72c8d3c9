"""The end of a run: deadlines, cancelling, and processes that don't want to die."""

import time

import pytest

from . import frames
from .sandbox import wait_until

STUBBORN = """
import os, signal, sys, time
for number in range(1, 32):
    if number not in (9, 17, 19):
        try: signal.signal(number, signal.SIG_IGN)
        except OSError: pass
def linger():
    for i in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True: time.sleep(0.01)
            os._exit(0)
linger()
open("/sandbox/out/output.json", "w").write("{}")
print("waiting", flush=True)
%s
"""


def test_timeout_ends_the_whole_tree(sandbox):
    peer = sandbox.connect()
    begin = time.monotonic()
    got = peer.run({"main.py": STUBBORN % "time.sleep(60)"}, timeout_ms=700)
    assert 0.7 <= time.monotonic() - begin < 5
    assert (got.exit["reason"], got.exit["exit_code"]) == ("timed_out", 137)
    assert 700_000 <= got.exit["run_us"] < 1_500_000
    assert got.output == b"{}" and got.logs == b"waiting\n"
    assert sandbox.processes() == []


def test_background_processes_die_with_the_script(sandbox):
    got = sandbox.connect().run({"main.py": STUBBORN % "pass"}, seconds=10, timeout_ms=60000)
    assert (got.exit["reason"], got.exit["exit_code"]) == ("exited", 0)
    assert sandbox.processes() == []


def test_cancel(sandbox):
    peer = sandbox.connect()
    peer.send(frames.whole_job({"main.py": STUBBORN % "time.sleep(60)"}, timeout_ms=60000))
    peer.expect(frames.STARTED)
    wait_until(lambda: b"waiting" in sandbox.logs, what="the script")
    peer.send(frames.frame(frames.CANCEL))
    got = peer.result()
    assert (got.exit["reason"], got.exit["exit_code"]) == ("cancelled", 137)
    assert sandbox.processes() == []
    peer.send(frames.frame(frames.CANCEL))  # once more is no error
    assert sandbox.connect().state["state"] == "finished"


def test_fork_bomb(sandbox):
    # 400 at most: this test's own bound in place of the Pod's limit of processes
    source = """
import os, time
open("/tmp/count", "w").close()
def bomb():
    while True:
        try:
            with open("/tmp/count", "a") as f:
                f.write("x")
            if os.path.getsize("/tmp/count") > 400:
                print("full", flush=True)
                time.sleep(60)
            if os.fork() == 0:
                os.setsid()
        except OSError:
            pass
bomb()
"""
    peer = sandbox.connect()
    peer.send(frames.whole_job({"main.py": source}, timeout_ms=60000))
    wait_until(lambda: b"full" in sandbox.logs, seconds=20, what="400 processes")
    assert len(sandbox.processes()) > 100
    peer.send(frames.frame(frames.CANCEL))
    assert peer.result().exit["reason"] == "cancelled"
    assert sandbox.processes() == []


def test_process_whose_first_thread_has_ended(sandbox):
    source = """
import ctypes, os, threading, time
child = os.fork()
if child == 0:
    threading.Thread(target=lambda: time.sleep(60)).start()
    ctypes.CDLL(None).pthread_exit(None)
while open(f"/proc/{child}/stat").read().rsplit(")", 1)[1].split()[0] != "Z":
    time.sleep(0.001)
print("its first thread has ended")
"""
    got = sandbox.connect().run({"main.py": source}, timeout_ms=20000)
    assert got.exit["reason"] == "exited" and got.logs == b"its first thread has ended\n", got
    assert sandbox.processes() == []


def test_stopped_script(sandbox):
    got = sandbox.connect().run({"main.sh": "kill -STOP $$; echo never"}, interpreter="bash", script="main.sh",
                                timeout_ms=500)
    assert got.exit["reason"] == "timed_out" and got.logs == b""


def test_relay_survives_the_end_of_the_tree(sandbox):
    peer = sandbox.connect()
    got = peer.run({"main.py": STUBBORN % "time.sleep(60)"}, timeout_ms=300)
    assert got.exit["reason"] == "timed_out"
    assert peer.process.poll() is None


@pytest.mark.parametrize("number", ["TERM", "INT", "KILL", "HUP", "STOP", "SEGV"])
def test_script_cannot_signal_the_runner(sandbox, number):
    peer = sandbox.connect()
    got = peer.run({"main.sh": f"kill -{number} 1; sleep 0.1; echo alive"}, interpreter="bash", script="main.sh")
    assert b"alive" in got.logs and got.exit["exit_code"] == 0


def test_script_that_kills_whomever_it_can(sandbox):
    """Without Landlock's scopes that takes the relay with it; PID 1 keeps the result for the next."""
    peer = sandbox.connect()
    peer.send(frames.whole_job({"main.sh": "trap '' TERM; echo before; kill -TERM -1; kill -KILL -1; echo after"},
                               interpreter="bash", script="main.sh"))
    wait_until(lambda: b"before" in sandbox.logs, what="the script")
    got = wait_until(lambda: sandbox.connect(), what="another connection").result()
    assert got.exit["reason"] == "exited" and got.logs.startswith(b"before\n")
