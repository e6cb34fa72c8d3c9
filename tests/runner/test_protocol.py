"""Peers: the token, a second connection, a lost one, and frames that break the rules."""

import pytest

from . import frames
from .sandbox import TOKEN, wait_until

SLEEP = {"main.sh": "echo begun; while [ ! -e /tmp/go ]; do sleep 0.02; done; echo '{}' > out/output.json"}


def refused_hello(sandbox, **greeting):
    peer = sandbox.connect(hello=False)
    peer.send(frames.hello(TOKEN, **greeting))
    return refused(peer)


def refused(peer):
    failed = peer.expect(frames.FAILED)
    assert peer.receive() is None
    return failed


@pytest.mark.parametrize("first", [
    frames.hello("0123456789abcdef0123456789abcdeF"), frames.hello("x"), frames.hello("0" * 256),
    frames.job(), frames.hello("0123456789abcdef0123456789abcdef", version=2), frames.frame(99), b"GET / HTTP/1.1\r\n\r\n",
    b"\xff" * 100])
def test_stranger_gets_no_word(sandbox, first):
    peer = sandbox.connect(hello=False)
    peer.send(first)
    assert peer.receive() is None
    assert sandbox.connect().state["state"] == "waiting"


def sockets(sandbox):
    """The runner's ends in the kernel's list: the listener and one for each peer."""
    lines = open(f"/proc/{sandbox.pid}/net/unix").read().splitlines()
    return sum(line.endswith("@skillbox-runner") for line in lines)


def test_silent_strangers_give_way(sandbox):
    silent = []
    for count in range(1, 5):
        silent.append(sandbox.connect(hello=False))
        wait_until(lambda: sockets(sandbox) == 1 + count, what="the relay")
    late = [sandbox.connect(hello=False) for _ in range(2)]  # these may come before the peer or after it
    peer = sandbox.connect()
    assert silent[0].receive() is None  # the oldest went
    got = peer.run({"main.sh": "true"}, interpreter="bash", script="main.sh")
    assert got.exit["exit_code"] == 0
    assert late


def test_wrong_token_does_not_disturb_the_one_that_counts(sandbox):
    peer = sandbox.connect()
    peer.send(frames.job())
    stranger = sandbox.connect(hello=False)
    stranger.send(frames.hello("wrong"))
    assert stranger.receive() is None
    peer.send(frames.whole_job({"main.py": "print(1)"})[len(frames.job()):])
    assert peer.result().logs == b"1\n"


def test_reconnect_while_running(sandbox):
    first = sandbox.connect()
    first.send(frames.whole_job(SLEEP | {}, interpreter="bash", script="main.sh", execution_id="e-7",
                               note="a note of mine"))
    first.expect(frames.STARTED)
    wait_until(lambda: b"begun" in sandbox.logs, what="the script")
    first.close()
    second = sandbox.connect()
    assert second.state["state"] == "running" and second.state["execution_id"] == "e-7"
    assert second.state["note"] == "a note of mine"
    second.expect(frames.STARTED)
    third = sandbox.connect()  # replaces the second
    assert second.receive() is None
    third.send(frames.frame(frames.CANCEL))
    assert third.result().exit["reason"] == "cancelled"


def test_result_again_and_again(sandbox):
    first = sandbox.connect()
    source = "print('log'); open('/sandbox/out/output.json','w').write('[1]'); " \
             "open('/sandbox/out/files/f','wb').write(bytes(2000000))"
    one = first.run({"main.py": source})
    for _ in range(3):
        peer = sandbox.connect()
        assert peer.state["state"] == "finished" and peer.state["execution_id"] == "e-1"
        assert peer.result() == one
    peer.close()
    assert sandbox.connect().result() == one


def test_reconnect_in_the_middle_of_the_result(sandbox):
    first = sandbox.connect()
    first.send(frames.whole_job({"main.py": "open('/sandbox/out/files/f','wb').write(b'7' * 30000000)"}))
    first.expect(frames.STARTED)
    first.expect(frames.EXIT)
    first.expect(frames.OBJECT)
    first.expect(frames.DATA)
    first.close()
    assert sandbox.connect().result().files == {b"f": b"7" * 30000000}


@pytest.mark.parametrize("part", [0.2, 0.5, 0.999])
def test_job_that_never_started_is_forgotten(sandbox, part):
    whole = frames.whole_job({"a/b/main.py": "print('old')", "a/c.bin": bytes(300000), "d.txt": "x"},
                             script="a/b/main.py", environment=[("OLD", "1")])
    first = sandbox.connect()
    first.send(whole[:int(len(whole) * part)])
    wait_until(lambda: True)
    first.close()
    second = sandbox.connect()
    assert second.state["state"] == "waiting" and second.state["execution_id"] == ""
    source = "import os; print(os.listdir('/sandbox/scripts'), os.environ.get('OLD'), open('input.json').read())"
    got = second.run({"main.py": source}, input_text=b"[2]")
    assert got.logs == b"['main.py'] None [2]\n"


def test_job_that_never_started_is_forgotten_when_replaced(sandbox):
    first = sandbox.connect()
    first.send(frames.job(execution_id="old") + frames.file("main.py", b"print('old')"))
    second = sandbox.connect()
    assert second.state["state"] == "waiting"
    assert first.receive() is None
    assert second.run({"main.py": "print('new')"}).logs == b"new\n"


def test_end_of_stdin_lets_the_result_through(sandbox):
    peer = sandbox.connect()
    peer.send(frames.whole_job({"main.sh": "sleep 0.2; echo done"}, interpreter="bash", script="main.sh"))
    peer.process.stdin.close()
    assert peer.result().logs == b"done\n"


def test_an_older_controller_takes_nothing(sandbox):
    """Two controllers that don't know of each other: the one that started last has the sandbox for good, whatever the other does."""
    newer = sandbox.connect(generation=7)
    newer.send(frames.whole_job(SLEEP, interpreter="bash", script="main.sh"))
    newer.expect(frames.STARTED)
    for generation in (6, 0):
        older = sandbox.connect(hello=False)
        older.send(frames.hello(TOKEN, generation=generation) + frames.frame(frames.CANCEL))
        assert refused(older) == {"reason": "superseded", "message": "a newer controller has this sandbox"}
    newer.send(frames.frame(frames.CANCEL))
    assert newer.expect(frames.EXIT)["reason"] == "cancelled"
    newer.close()
    assert refused_hello(sandbox, generation=6)["reason"] == "superseded"  # also when the other is gone
    for generation in (7, 8, 1 << 63):  # the same, over another stream; later ones
        peer = sandbox.connect(generation=generation)
        assert peer.state["state"] == "finished" and peer.result().exit["reason"] == "cancelled"
    assert refused_hello(sandbox, generation=8)["reason"] == "superseded"


def test_a_newer_controller_takes_it_over(sandbox):
    older = sandbox.connect(generation=3)
    older.send(frames.whole_job(SLEEP, interpreter="bash", script="main.sh", execution_id="e-3"))
    older.expect(frames.STARTED)
    newer = sandbox.connect(generation=4)
    assert newer.state["state"] == "running" and newer.state["execution_id"] == "e-3"
    assert older.receive() is None
    newer.send(frames.frame(frames.CANCEL))
    assert newer.result().exit["reason"] == "cancelled"


def test_the_generation_counts_with_the_token_only(sandbox):
    stranger = sandbox.connect(hello=False)
    stranger.send(frames.hello("wrong", generation=1 << 62))
    assert stranger.receive() is None
    assert sandbox.connect(generation=1).state["state"] == "waiting"


def test_controllers_of_other_releases(sandbox):
    """One of the release before, which has no generation, and one of a later release, which says more in its HELLO."""
    assert sandbox.connect(version=3).state["version"] == 3
    assert sandbox.connect(version=9, generation=1, more=b"what a later version says").state["version"] == 5
    # it would take another reason than this for the end of the run
    assert refused_hello(sandbox, version=3)["reason"] == "protocol"
    assert refused_hello(sandbox, version=9, generation=0)["reason"] == "superseded"


def test_second_job(sandbox):
    peer = sandbox.connect()
    peer.run({"main.sh": "true"}, interpreter="bash", script="main.sh")
    peer.send(frames.whole_job({"main.py": "pass"}))
    failed = refused(peer)
    assert failed["reason"] == "protocol" and "has a job already" in failed["message"]
    assert sandbox.connect().result().exit["exit_code"] == 0  # the first result stays


MAIN = frames.file("main.py", b"pass")
BROKEN = {
    "ENV first": (frames.env("A", "b"), "without JOB"),
    "START first": (frames.start(0, 0), "without JOB"),
    "DATA first": (frames.data(b"x"), "without a FILE"),
    "CANCEL first": (frames.frame(frames.CANCEL), "without JOB"),
    "HELLO twice": (frames.hello("x"), "HELLO without JOB"),
    "ENV before JOB, after FILE": (MAIN + frames.env("A", "b"), "without JOB"),
    "INPUT before JOB": (MAIN + frames.input_(b"1"), "without JOB"),
    "START without JOB": (MAIN + frames.start(1, 4), "without JOB"),
    "JOB inside a file": (frames.file("main.py", b"pa", size=4) + frames.job(), "2 bytes are missing"),
    "ENV after a FILE after JOB": (MAIN + frames.job() + frames.file("x", b"1") + frames.env("A", "b"), "ENV after FILE"),
    "count without the files before JOB": (MAIN + frames.job() + frames.input_(b"1") + frames.start(0, 1),
                                           "START counts 0 files"),
    "JOB twice": (frames.job() + frames.job(), "a job already"),
    "CANCEL too early": (frames.job() + frames.frame(frames.CANCEL), "middle of a job"),
    "DATA for nothing": (frames.job() + frames.data(b"x"), "without a FILE"),
    "DATA after an empty file": (frames.job() + frames.file("a", b"") + frames.data(b"x"), "without a FILE"),
    "ENV too late": (frames.job() + MAIN + frames.env("A", "b"), "ENV after FILE"),
    "FILE too late": (frames.job() + frames.input_(b"1") + MAIN, "FILE after INPUT"),
    "INPUT twice": (frames.job() + frames.input_(b"1") + frames.input_(b"1"), "INPUT twice"),
    "no INPUT": (frames.job() + MAIN + frames.start(1, 4), "START without INPUT"),
    "file too short": (frames.job() + frames.file("main.py", b"pass", size=5) + frames.input_(b"1"), "1 bytes are missing"),
    "file too long": (frames.job() + frames.file("main.py", b"pass", size=3), "more bytes than announced"),
    "input too short": (frames.job() + MAIN + frames.input_(b"1", size=2) + frames.start(1, 6), "missing"),
    "wrong count": (frames.job() + MAIN + frames.input_(b"1") + frames.start(2, 5), "START counts 2 files"),
    "wrong bytes": (frames.job() + MAIN + frames.input_(b"1") + frames.start(1, 6), "6 bytes"),
    "path with ..": (frames.job() + frames.file("a/../../x", b"1"), "not a plain relative path"),
    "absolute path": (frames.job() + frames.file("/tmp/x", b"1"), "not a plain relative path"),
    "empty path": (frames.job() + frames.file("", b"1"), "out of range"),
    "path with NUL": (frames.job() + frames.file("a\0b", b"1"), "NUL"),
    "script outside": (frames.job(script="../x.py"), "script"),
    "no timeout": (frames.job(timeout_ms=0), "timeout_ms"),
    "huge log": (frames.job(max_logs=1 << 30), "max_logs"),
    "huge frame": (b"\x7f\xff\xff\xff\x02", "2147483647 bytes"),
    "runner's frame": (frames.frame(frames.END, bytes(12)), "may not send"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_rule(sandbox, name):
    content, word = BROKEN[name]
    peer = sandbox.connect()
    peer.send(content)
    failed = refused(peer)
    assert failed["reason"] == "protocol" and word in failed["message"], failed
    # and the sandbox is as good as before
    again = sandbox.connect()
    assert again.state["state"] == "waiting"
    assert again.run({"main.sh": "echo $(ls scripts)"}, interpreter="bash", script="main.sh").logs == b"main.sh\n"


BAD_JOBS = {
    "unknown interpreter": ({"main.rb": "1"}, {"interpreter": "ruby", "script": "main.rb"}, "no_interpreter", "no ruby"),
    "no script": ({"other.py": "1"}, {}, "bad_job", "no file main.py"),
    "script is a directory": ({"main.py/x": "1"}, {}, "bad_job", "no file main.py"),
    "file below a file": ({"a": "1", "a/b": "2", "main.py": ""}, {}, "bad_job", "a/b"),
    "file for a directory": ({"a/b": "1", "a": "2", "main.py": ""}, {}, "bad_job", "create a"),
    "name of 256 bytes": ({"x" * 256: "1", "main.py": ""}, {}, "bad_job", "name too long"),
    "PATH": ({"main.py": ""}, {"environment": [("PATH", "/x")]}, "bad_job", "PATH"),
    "ld_preload": ({"main.py": ""}, {"environment": [("ld_preload", "/x")]}, "bad_job", "ld_preload"),
    "SANDBOX_X": ({"main.py": ""}, {"environment": [("SANDBOX_X", "/x")]}, "bad_job", "SANDBOX_X"),
    "no name": ({"main.py": ""}, {"environment": [("A B", "/x")]}, "bad_job", "A B"),
    "too many": ({"main.py": ""}, {"environment": [(f"V{i}", "") for i in range(300)]}, "bad_job", "256"),
    "too much": ({"main.py": ""}, {"environment": [(f"V{i}", "x" * 120000) for i in range(60)]}, "bad_job",
                 "too large for the kernel"),
}


@pytest.mark.parametrize("name", BAD_JOBS)
def test_bad_job(sandbox, name):
    files, options, reason, word = BAD_JOBS[name]
    peer = sandbox.connect()
    got = peer.run(files, **options)
    assert got.failed and got.failed["reason"] == reason and word in got.failed["message"], got
    # the same again for a controller that comes later; the connection it came on is still good
    assert sandbox.connect().receive() == (frames.FAILED, got.failed)


def test_duplicate_file(sandbox):
    peer = sandbox.connect()
    peer.send(frames.job() + MAIN + MAIN + frames.input_(b"1") + frames.start(2, 9))
    failed = peer.expect(frames.FAILED)
    assert failed["reason"] == "bad_job" and "main.py: File exists" in failed["message"]


def test_frames_in_single_bytes(sandbox):
    peer = sandbox.connect()
    for byte in frames.whole_job({"main.sh": "echo ok"}, interpreter="bash", script="main.sh"):
        peer.send(bytes([byte]))
    assert peer.result().logs == b"ok\n"


def test_files_before_the_job(sandbox):
    """A skill's files come ahead; the job that follows finds them, its own files and its environment."""
    peer = sandbox.connect()
    peer.send(frames.file("lib/a.txt", b"ahead") + frames.file("empty", b""))
    script = b"cat scripts/lib/a.txt; ls scripts; echo $A"
    peer.send(frames.job(interpreter="bash", script="main.sh") + frames.env("A", "b") + frames.file("main.sh", script) +
              frames.input_(b"{}") + frames.start(3, 5 + len(script) + 2))
    got = peer.result()
    assert got.logs == b"aheadempty\nlib\nmain.sh\nb\n", got


def test_files_before_a_job_are_forgotten_with_their_connection(sandbox):
    peer = sandbox.connect()
    peer.send(frames.file("lib/a.txt", b"ahead") + frames.file("half", b"12", size=4))
    other = sandbox.connect()
    assert other.state["state"] == "waiting"
    got = other.run({"main.sh": "ls -A scripts"}, interpreter="bash", script="main.sh")
    assert got.logs == b"main.sh\n", got


def test_file_before_the_job_that_cannot_be_laid_out(sandbox):
    peer = sandbox.connect()
    peer.send(frames.file("a", b"1") + frames.file("a/b", b"2"))
    failed = peer.expect(frames.FAILED)
    assert failed["reason"] == "bad_job" and "a/b" in failed["message"]
    assert sandbox.connect().state["state"] == "finished"
