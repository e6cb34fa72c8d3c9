"""What a skill depends on: below /sandbox/packages, on sys.path for all that it starts, and imported before the job comes where
the sandbox is asked to."""

import json

import pytest

from . import frames
from . import sandbox as sandboxes
from .test_ahead import AGAIN
from .test_parked import park, wait_until_parked

PACKAGE = {"dependency/__init__.py": b"import os, sys\nNAME = 'the one below packages'\nLOADED_BY = list(sys.argv)\n",
           "dependency/deep/er/data.bin": bytes(range(256)) * 700, "other.py": b"x = 1\n"}
SHOW = b"""
import json, os, subprocess, sys
early = "dependency" in sys.modules
import dependency
child = subprocess.run([sys.executable, "-c", "import dependency; print(dependency.__file__)"], capture_output=True, text=True)
refused = []
for path in ("/sandbox/packages/new.py", "/sandbox/packages/other.py", "/sandbox/packages/dependency/new.py"):
    try:
        open(path, "w").close()
    except OSError as error:
        refused.append(type(error).__name__)
data = open(os.path.join(os.path.dirname(dependency.__file__), "deep/er/data.bin"), "rb").read()
json.dump({"early": early, "file": dependency.__file__, "child": child.stdout.strip(), "path": sys.path[:2],
           "variable": os.environ.get("PYTHONPATH"), "refused": len(refused), "size": len(data)},
          open(os.environ["SANDBOX_OUTPUT"], "w"))
"""
WANT = {"file": "/sandbox/packages/dependency/__init__.py", "child": "/sandbox/packages/dependency/__init__.py",
        "path": ["/sandbox/scripts", "/sandbox/packages"], "variable": "/sandbox/packages", "refused": 3, "size": 256 * 700}


def packages():
    return b"".join(frames.package(path, content) for path, content in PACKAGE.items())


def in_pieces(stream):
    """PACKED frames of whole frames, as a controller packs them."""
    out, piece = b"", b""
    while stream:
        size = int.from_bytes(stream[:4], "big") + 5
        if len(piece) + size > 128 * 1024:
            out, piece = out + frames.packed(piece), b""
        piece, stream = piece + stream[:size], stream[size:]
    return out + frames.packed(piece)


def job():
    total = sum(map(len, PACKAGE.values())) + len(SHOW) + 2
    return frames.job() + frames.input_(b"{}") + frames.start(len(PACKAGE) + 1, total)


def check(got, early, parked):
    assert got.failed is None and got.exit["exit_code"] == 0, got
    assert json.loads(got.output) == WANT | {"early": early}, got
    assert got.exit["parked"] == parked


@pytest.mark.parametrize("runtime", sandboxes.RUNTIMES, indirect=True)
@pytest.mark.parametrize("waits", [True, False])
def test_they_are_on_the_path(make_sandbox, runtime, waits):
    one = park(make_sandbox, "python") if waits else make_sandbox()
    if waits:
        wait_until_parked(one)
    peer = one.connect()
    peer.send(in_pieces(packages() + frames.file("main.py", SHOW)) + job())
    check(peer.result(), early=False, parked=waits)


@pytest.mark.parametrize("runtime", sandboxes.RUNTIMES, indirect=True)
def test_imported_before_the_job_comes(make_sandbox, runtime):
    """The interpreter starts when the files are there, and they are confirmed when it has imported them."""
    one = park(make_sandbox, "python", SKILLBOX_PRELOAD="dependency", SKILLBOX_PARK_AFTER="files")
    peer = one.connect()
    peer.send(packages() + frames.file("main.py", SHOW) + AGAIN)
    assert peer.expect(frames.HELLO)["state"] == "loading"
    peer.send(job())
    check(peer.result(), early=True, parked=True)


def test_a_module_that_can_not_be_imported(make_sandbox):
    """The log says so, and the sandbox is as good as any."""
    one = park(make_sandbox, "python", SKILLBOX_PRELOAD="absent", SKILLBOX_PARK_AFTER="files")
    peer = one.connect()
    peer.send(packages() + frames.file("main.py", SHOW) + AGAIN)
    assert peer.expect(frames.HELLO)["state"] == "loading"
    peer.send(job())
    check(peer.result(), early=False, parked=True)
    assert b"preload absent: ModuleNotFoundError" in bytes(one.logs)


def test_forgotten_with_the_stream_they_came_by(make_sandbox):
    one = park(make_sandbox, "python")
    wait_until_parked(one)
    first = one.connect()
    first.send(frames.package("dependency/__init__.py", b"1 / 0") + frames.package("left.py", b"") + AGAIN)
    assert first.expect(frames.HELLO)["state"] == "loading"
    first.close()
    peer = one.connect()
    peer.send(packages() + frames.file("main.py", SHOW) + job())
    check(peer.result(), early=False, parked=True)


@pytest.mark.parametrize("bad, words", [
    (frames.packed(frames.frame(frames.CANCEL)), "PACKED frame: has a CANCEL"),
    (frames.packed(frames.file("a", b"abc")[:-1]), "its last frame is cut"),
    (frames.packed(b"abc", size=4), "does not unpack to the 4 bytes that it says"),
    (frames.packed(frames.packed(frames.file("a", b"a"))), "PACKED frame: has a PACKED"),
    (frames.packed(frames.package("../a", b"a")), "not a plain relative path"),
])
def test_what_is_packed_wrong_is_refused(sandbox, bad, words):
    peer = sandbox.connect()
    peer.send(bad)
    failed = peer.expect(frames.FAILED)
    assert failed["reason"] == "protocol" and words in failed["message"], failed
    assert sandbox.connect().state["state"] == "waiting"
