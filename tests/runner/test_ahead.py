"""Files that come before any job: unpacked while the sandbox waits, confirmed, and forgotten with the stream they came by."""

import hashlib
import json

import pytest

from . import frames
from . import sandbox as sandboxes
from .test_parked import park, wait_until_parked

SHOW = b"""
import hashlib, json, os, subprocess
seen = {}
for folder, _, names in os.walk("/sandbox/scripts"):
    for name in names:
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        seen[os.path.relpath(path, "/sandbox/scripts")] = [digest, bool(os.stat(path).st_mode & 0o111)]
tool = subprocess.run(["sh", "/sandbox/scripts/lib/a/b/c/tool.sh", "ran"], capture_output=True, text=True).stdout
json.dump([seen, tool], open(os.environ["SANDBOX_OUTPUT"], "w"))
"""
# Every byte value, more than one DATA frame, an empty file, and names that need care.
FILES = {
    "scripts/run.py": (SHOW, 0o644),
    "lib/__init__.py": (b"", 0o644),
    "lib/a/b/c/tool.sh": (b"#!/bin/sh\necho \"tool $1\"\n", 0o755),
    "data/all bytes.bin": (bytes(range(256)) * 1500, 0o644),
    "data/\u00e4.txt": ("\u00e4\r\n".encode(), 0o600),
}
AGAIN = frames.hello(sandboxes.TOKEN)


def ahead(files):
    return b"".join(frames.file(path, content, mode) for path, (content, mode) in files.items())


def job_for(files, text=b"{}", **options):
    total = sum(len(content) for content, _ in files.values()) + len(text)
    return frames.job(script="scripts/run.py", **options) + frames.input_(text) + frames.start(len(files), total)


def told(files):
    return {path: [hashlib.sha256(content).hexdigest(), bool(mode & 0o111)] for path, (content, mode) in files.items()}


def confirm(peer, files):
    peer.send(ahead(files) + AGAIN)
    answer = peer.expect(frames.HELLO)
    assert (answer["state"], answer["execution_id"], answer["note"]) == ("loading", "", "")


def check(peer, files, parked):
    peer.send(job_for(files))
    got = peer.result()
    assert got.failed is None and got.exit["exit_code"] == 0, got
    assert json.loads(got.output) == [told(files), "tool ran\n"], got
    assert got.exit["parked"] == parked


def parked_sandbox(make_sandbox):
    one = park(make_sandbox, "python", SKILLBOX_PARK_SCRIPT="scripts/run.py")
    wait_until_parked(one)
    return one




@pytest.mark.parametrize("runtime", sandboxes.RUNTIMES, indirect=True)
def test_they_are_there_when_the_job_comes(make_sandbox):
    one = parked_sandbox(make_sandbox)
    peer = one.connect()
    confirm(peer, FILES)
    check(peer, FILES, parked=True)


def test_without_an_interpreter_that_waits(sandbox):
    peer = sandbox.connect()
    confirm(peer, FILES)
    check(peer, FILES, parked=False)


def test_before_the_interpreter_is_ready(make_sandbox):
    peer = park(make_sandbox, "python", SKILLBOX_PARK_SCRIPT="scripts/run.py").connect()
    confirm(peer, FILES)
    peer.send(job_for(FILES))
    assert json.loads(peer.result().output) == [told(FILES), "tool ran\n"]


@pytest.mark.parametrize("cut", ["closed", "replaced"])
@pytest.mark.parametrize("part", [0.001, 0.3, 0.9, 1.0, "confirmed"])
def test_a_stream_lost_while_it_waits(make_sandbox, part, cut):
    """The next stream finds an empty sandbox, whatever had arrived, and what it sends is all that is there."""
    one = parked_sandbox(make_sandbox)
    old = {"scripts/run.py": (b"1 / 0", 0o644), "lib/a/b": (b"a file where a folder will be", 0o755),
           "data/old.bin": (bytes(300_000), 0o644), "data/all bytes.bin": (b"other bytes", 0o755)}
    first = one.connect()
    if part == "confirmed":
        confirm(first, old)
    else:
        whole = ahead(old)
        first.send(whole[:max(1, int(len(whole) * part))])
    if cut == "closed":
        first.close()
    second = one.connect()
    assert (second.state["state"], second.state["execution_id"]) == ("waiting", "")
    confirm(second, FILES)
    check(second, FILES, parked=True)


def test_the_same_files_again_and_again(make_sandbox):
    """Each time a controller is started anew."""
    one = parked_sandbox(make_sandbox)
    for _ in range(5):
        confirm(one.connect(), FILES)
    peer = one.connect()
    assert peer.state["state"] == "waiting"
    confirm(peer, FILES)
    check(peer, FILES, parked=True)


def test_a_lost_job_takes_them_along(make_sandbox):
    one = parked_sandbox(make_sandbox)
    first = one.connect()
    confirm(first, FILES)
    first.send(frames.job(script="scripts/run.py") + frames.env("SECRET", "x"))
    second = one.connect()
    assert second.state["state"] == "waiting"
    second.send(frames.whole_job(FILES, script="scripts/run.py"))
    assert json.loads(second.result().output) == [told(FILES), "tool ran\n"]


@pytest.mark.parametrize("again", [AGAIN, b""], ids=["asked", "not asked"])
def test_no_room(make_sandbox, again):
    """It is told why, and not that the question came at a bad time; and whoever comes next hears the same."""
    one = make_sandbox(size="1m")
    peer = one.connect()
    peer.send(frames.file("large.bin", bytes(2 << 20)) + frames.file("main.py", b"1") + again)
    failed = peer.expect(frames.FAILED)
    assert failed["reason"] == "bad_job" and "no space left at large.bin" in failed["message"], failed
    late = one.connect()
    assert (late.state["state"], late.state["execution_id"]) == ("finished", "")
    assert late.expect(frames.FAILED) == failed


@pytest.mark.parametrize("content,word", [
    (frames.file("main.py", b"pa", size=4) + AGAIN, "HELLO without JOB"),
    (frames.file("main.py", b"pass") + frames.job() + AGAIN, "HELLO in the middle of a job"),
], ids=["inside a file", "after JOB"])
def test_hello_at_a_bad_time(sandbox, content, word):
    peer = sandbox.connect()
    peer.send(content)
    failed = peer.expect(frames.FAILED)
    assert failed["reason"] == "protocol" and word in failed["message"], failed
    assert sandbox.connect().state["state"] == "waiting"
