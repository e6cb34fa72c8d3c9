"""stdout and stderr on their way: order, bounds, and the copy on the container's own stdout."""

import time

import pytest

from .sandbox import wait_until


def test_order_of_arrival(sandbox):
    """Two pipes: what is written after the reader has taken the line before comes behind it."""
    source = """
import fcntl, os, struct, termios, time
def put(fd, text):
    os.write(fd, text.encode())
    while struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]:
        time.sleep(0.0001)
for i in range(200):
    put(1, f"o{i}\\n")
    put(2, f"e{i}\\n")
"""
    got = sandbox.connect().run({"main.py": source})
    assert got.logs.decode().split() == [f"{s}{i}" for i in range(200) for s in "oe"]


def test_stderr_before_stdout(sandbox):
    got = sandbox.connect().run({"main.sh": "echo first >&2; sleep 0.05; echo second"}, interpreter="bash",
                                script="main.sh")
    assert got.logs == b"first\nsecond\n"


def test_bytes_are_kept_as_they_are(sandbox):
    source = "import sys\nsys.stdout.buffer.write(bytes(range(256)) * 100)"
    got = sandbox.connect().run({"main.py": source})
    assert got.logs == bytes(range(256)) * 100


@pytest.mark.parametrize("count,maximum", [(99, 100), (100, 100), (101, 100), (1000, 101), (7, 0), (7, 1)])
def test_head_and_tail(sandbox, count, maximum):
    text = "".join(chr(48 + i % 75) for i in range(count))
    got = sandbox.connect().run({"main.py": f"import sys\nsys.stdout.write({text!r})"}, max_logs=maximum)
    head = maximum // 2
    assert got.exit["logs_total"] == count
    assert got.head.decode() == text[:head]
    tail = min(count - len(got.head), maximum - head)
    assert got.tail.decode() == text[count - tail:]


ECHO_TOTAL = 8 << 20  # of runner/cell/echo.h


def test_flood(sandbox):
    source = 'yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -c 50000000; echo END'
    begin = time.monotonic()
    got = sandbox.connect().run({"main.sh": source}, interpreter="bash", script="main.sh", timeout_ms=20000)
    assert time.monotonic() - begin < 15
    assert got.exit["reason"] == "exited" and got.exit["logs_total"] == 50000004
    assert len(got.head) == len(got.tail) == 1 << 19
    assert got.tail.endswith(b"END\n")
    # The node's disk gets the first 8 MiB and a word about the rest.
    line = source.split()[1].encode() + b"\n"
    whole = (line * (ECHO_TOTAL // len(line) + 1))[:ECHO_TOTAL]
    whole += b"\n[skillbox: the script writes more; no more of it is passed on here]\n"
    wait_until(lambda: len(sandbox.logs) >= len(whole), what="the container's log")
    assert sandbox.logs == whole and sandbox.logs.startswith(got.head)


def test_reader_of_the_container_log_that_stands_still(make_sandbox):
    one = make_sandbox(read_logs=False)
    source = "yes x | head -c 10000000; echo END >&2"
    got = one.connect().run({"main.sh": source}, interpreter="bash", script="main.sh", timeout_ms=800)
    assert got.exit["reason"] == "timed_out" and 700_000 < got.exit["run_us"] < 3_300_000
    assert got.exit["logs_total"] > 100000


def test_kubectl_logs_show_the_script(sandbox):
    sandbox.connect().run({"main.sh": "echo visible"}, interpreter="bash", script="main.sh")
    wait_until(lambda: sandbox.logs, what="the container's log")
    assert sandbox.logs == b"visible\n"
