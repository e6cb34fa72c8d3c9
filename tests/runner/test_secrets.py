"""What the runner keeps from a script, it doesn't leave about for others on the node either."""

import os
import signal
import subprocess

from . import frames
from .sandbox import TOKEN, USER, children_of


def test_the_token_leaves_the_environment(sandbox):
    sandbox.connect()
    with open(f"/proc/{sandbox.pid}/environ", "rb") as file:
        assert TOKEN.encode() not in file.read()


def test_the_token_leaves_the_environment_of_a_relay(sandbox):
    """pods/exec gives a relay the variables of the container."""
    relay = subprocess.Popen(["nsenter", "-t", str(sandbox.pid), "-m", "-p", "-n", "-i", "-u", *USER, "/skillbox/runner", "relay"],
                             env={"PATH": "/usr/bin:/bin:/usr/sbin", "SKILLBOX_TOKEN": TOKEN}, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    try:
        relay.stdin.write(frames.hello(TOKEN))
        relay.stdin.flush()
        assert relay.stdout.read(1)  # it is at work
        found = [pid for pid in os.listdir("/proc") if pid.isdigit() and cmdline(pid) == b"/skillbox/runner\0relay\0" and
                 os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{sandbox.pid}/ns/pid")]
        assert len(found) == 1
        with open(f"/proc/{found[0]}/environ", "rb") as file:
            assert TOKEN.encode() not in file.read()
    finally:
        for pid in children_of(relay.pid):  # nsenter collects it and goes, too
            os.kill(pid, signal.SIGKILL)
        relay.wait(20)


def cmdline(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""  # gone meanwhile


def test_the_runner_belongs_to_root(sandbox):
    """Not dumpable: its files in /proc are root's, and the kernel writes no core of it."""
    sandbox.connect()
    assert os.stat(f"/proc/{sandbox.pid}/mem").st_uid == 0
    with open(f"/proc/{sandbox.pid}/status", encoding="ascii") as file:
        assert "\nUid:\t65534\t65534\t" in file.read()
