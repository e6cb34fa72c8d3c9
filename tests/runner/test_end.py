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


BASH = {"interpreter": "bash", "script": "main.sh"}


def test_writers_in_the_background_say_all(make_sandbox):
    """The end of a log that goes through a process in the background was lost in one of four runs."""
    source = """
exec > >(tee "$SANDBOX_FILES_DIR/log.txt") 2>&1
for i in $(seq 1 400); do echo "line $i"; done
echo '{"lines":400}' >"$SANDBOX_OUTPUT"
"""
    want = b"".join(b"line %d\n" % i for i in range(1, 401))
    for _ in range(20):
        got = make_sandbox().connect().run({"main.sh": source}, **BASH)
        assert got.exit["exit_code"] == 0 and got.logs == want and got.files == {b"log.txt": want}, got.exit
        assert got.output == b'{"lines":400}\n'


def test_writers_that_take_a_while(sandbox):
    """As long as they go on writing, and to files too: all that they write is there."""
    source = """
(for i in 1 2 3 4 5 6; do sleep 0.1; echo "late $i"; done; echo whole >"$SANDBOX_FILES_DIR/late.txt") &
cat >"$SANDBOX_FILES_DIR/quiet.txt" < <(sleep 0.1; echo quiet) &
echo first
exit 3
"""
    got = sandbox.connect().run({"main.sh": source}, **BASH)
    assert got.exit["exit_code"] == 3 and got.exit["run_us"] < 400_000, got.exit
    assert got.logs == b"first\n" + b"".join(b"late %d\n" % i for i in range(1, 7))
    assert got.files == {b"late.txt": b"whole\n", b"quiet.txt": b"quiet\n"}


def test_nobody_left_behind_costs_nothing(make_sandbox):
    """Nothing is waited for where nothing lives: the quickest of some is far below the time that a writer gets."""
    def elapsed():
        peer = make_sandbox().connect()
        peer.send(frames.whole_job({"main.sh": "sleep 0.3 & wait; :"}, **BASH))
        peer.expect(frames.STARTED)
        begin = time.monotonic()
        got = peer.expect(frames.EXIT)
        return time.monotonic() - begin - got["run_us"] / 1e6
    assert min(elapsed() for _ in range(3)) < 0.1


@pytest.mark.parametrize("source", ["sleep 60 &", "sleep 60 >/dev/null 2>&1 &", "kill -STOP $BASHPID & "])
def test_silent_daemon(sandbox, source):
    begin = time.monotonic()
    got = sandbox.connect().run({"main.sh": "echo done\n" + source}, **BASH)
    assert got.exit["reason"] == "exited" and got.exit["exit_code"] == 0 and got.logs == b"done\n", got
    assert time.monotonic() - begin < 2 and got.exit["run_us"] < 1_000_000
    assert sandbox.processes() == []


def test_writer_without_an_end(sandbox):
    """It is given two seconds, and the log says that there was more."""
    begin = time.monotonic()
    got = sandbox.connect().run({"main.sh": "(while sleep 0.05; do echo again; done) &\necho done"}, timeout_ms=60000, **BASH)
    assert 2 <= time.monotonic() - begin < 5
    assert got.exit["exit_code"] == 0 and got.exit["run_us"] < 1_500_000
    assert got.logs.startswith(b"done\nagain\n")
    assert got.logs.endswith(b"\n[skillbox: processes left in the background were still writing, and were ended]\n")
    assert got.exit["logs_total"] == len(got.logs) and sandbox.processes() == []


def test_flood_from_the_background(make_sandbox):
    """Nor does a reader of the container's log that stands still take its time from it."""
    one = make_sandbox(read_logs=False)
    got = one.connect().run({"main.sh": "(yes | head -c 3000000; echo END) &"}, **BASH)
    assert got.exit["exit_code"] == 0 and got.exit["logs_total"] == 3_000_004 and got.tail.endswith(b"END\n")


def test_timeout_bounds_what_lingers(sandbox):
    """The script ended in time, so that is how it went; what it left is ended when its time is over."""
    begin = time.monotonic()
    got = sandbox.connect().run({"main.sh": "(while sleep 0.05; do echo again; done) &\necho done"}, timeout_ms=900, **BASH)
    assert 0.9 <= time.monotonic() - begin < 1.9
    assert (got.exit["reason"], got.exit["exit_code"]) == ("exited", 0)


def test_cancel_while_it_lingers(sandbox):
    peer = sandbox.connect()
    peer.send(frames.whole_job({"main.sh": "(while sleep 0.05; do echo again; done) &\nexit 5"}, timeout_ms=60000, **BASH))
    peer.expect(frames.STARTED)
    wait_until(lambda: sandbox.logs.count(b"again") > 3, what="the writer")
    peer.send(frames.frame(frames.CANCEL))
    got = peer.result()
    assert (got.exit["reason"], got.exit["exit_code"]) == ("exited", 5)
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
