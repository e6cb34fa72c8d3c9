"""Attacks on what sandboxes share: processors, memory, disk, processes, and quotas of the kernel."""

import json

import pytest

from attack_tools import memory_peak, node_is_well
from contract_checks import assert_answer
from skillbox_client import skill_zip
from waiting import unique, wait_for

MIB = 1 << 20
IGNORE_SIGNALS = """
import os, signal, sys, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
"""


def ended_well(result, *codes):
    """The record of an execution that its own limits ended, or that ended by itself."""
    assert_answer(result)
    assert result.get("error_code", "success") in codes, result
    return result.get("error_code", "success"), result.get("output"), result["duration_ms"]


def under_attack(client, neighbour, kubectl, push, script, timeout="6s", **options):
    """The answer for a script that attacks; meanwhile a neighbour is served and the node is well."""
    skill = push(script, **options)
    attack = client.start(skill, timeout=timeout)
    # One that is quick at using its memory up may have ended before its record says that it runs.
    client.wait_until(attack, "running", "failed", "timeout", timeout=30)
    took = neighbour.is_served()
    node_is_well(kubectl)
    result = client.wait_until_ended(attack, timeout=60)
    assert_answer(result)
    return result, took


def test_fork_bomb(client, neighbour, kubectl, push, execution_object, verdict):
    """Its own timeout ends it, though every process ignores all signals and has a session of its own."""
    result, took = under_attack(client, neighbour, kubectl, push, IGNORE_SIGNALS + """
print("before", flush=True)
while True:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        pass
""")
    assert result["error_code"] in ("timeout", "oom_killed"), result
    # Where memory is over first, a runtime may end the whole sandbox, log and all.
    assert result.get("logs", "before\n") == "before\n" and ("logs" in result or result["error_code"] == "oom_killed"), result
    assert result["duration_ms"] < 20000
    pod = execution_object(result["execution_id"])["status"]["podName"]
    wait_for(lambda: kubectl.get("pod", pod) is None, f"the Pod {pod} is gone")
    verdict("bounded", f"neighbour {took:.1f} s, bomb {result['duration_ms']} ms")


def test_thread_bomb(client, neighbour, kubectl, push, verdict):
    result, took = under_attack(client, neighbour, kubectl, push, """
import json, os, threading, time
count = 0
try:
    while count < 100000:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        count += 1
except RuntimeError:
    pass
open(os.environ["SANDBOX_OUTPUT"], "w").write(str(count))
time.sleep(600)
""")
    assert result["error_code"] in ("timeout", "oom_killed"), result
    assert result.get("output", 1) < 10000
    verdict("bounded", f"{result.get('output')} threads, neighbour {took:.1f} s")


def test_memory(client, push, verdict):
    result = client.run(push("x = []\nwhile True: x.append(bytearray(b'x' * (8 << 20)))"), timeout="30s")
    verdict("bounded", ended_well(result, "oom_killed"))


def test_memory_by_many_processes(client, neighbour, push, kubectl, verdict):
    """The kernel's killer takes one process after the other; the script itself stays small."""
    result = client.run(push("""
import os, time
for _ in range(16):
    if os.fork() == 0:
        x = []
        while True: x.append(bytearray(b'x' * (1 << 20)))
ended = 0
for _ in range(16):
    os.wait()
    ended += 1
open(os.environ["SANDBOX_OUTPUT"], "w").write(str(ended))
"""), timeout="60s")
    neighbour.is_served()
    node_is_well(kubectl)
    verdict("bounded", ended_well(result, "success", "oom_killed", "exit_nonzero"))


FILL = """
import errno, os, sys
path = PLACE + "/fill"
written, block = 0, os.urandom(1 << 20)
try:
    with open(path, "wb", buffering=0) as file:
        while written < 4096:
            written += file.write(block) / len(block)
    ended = "4 GiB were written"
except OSError as problem:
    ended = errno.errorcode[problem.errno]
os.path.exists(path) and os.unlink(path)
open(os.environ["SANDBOX_OUTPUT"], "w").write('["%s", %d]' % (ended, written))
"""


def fill(client, neighbour, kubectl, push, place):
    result = client.run(push(f"PLACE = {place!r}\n{FILL}", resources={"memory": "128Mi"}), timeout="60s")
    code, output, _ = ended_well(result, "success", "oom_killed")
    if output:
        assert output[0] in ("ENOSPC", "EDQUOT", "ENOMEM", "EFBIG") and output[1] < 1024, output
    neighbour.is_served()
    node_is_well(kubectl)
    return code, output


def test_disk_in_tmp(client, neighbour, kubectl, push, verdict):
    verdict("bounded", fill(client, neighbour, kubectl, push, "/tmp"))


def test_disk_in_out(client, neighbour, kubectl, push, verdict):
    verdict("bounded", fill(client, neighbour, kubectl, push, "/sandbox/out/files"))


def test_disk_in_shared_memory(client, neighbour, kubectl, push, verdict):
    verdict("bounded", fill(client, neighbour, kubectl, push, "/dev/shm"))


def test_inodes(client, neighbour, kubectl, push, verdict):
    """Empty files cost memory of the kernel's, which is the sandbox's, too."""
    result, _ = under_attack(client, neighbour, kubectl, push, """
import os
count = 0
while True:
    for place in ("/tmp", "/sandbox/out", "/dev/shm"):
        try:
            os.close(os.open(f"{place}/{count}", os.O_CREAT | os.O_WRONLY))
        except OSError:
            pass
    count += 1
""", resources={"memory": "64Mi"})
    assert result["error_code"] in ("timeout", "oom_killed"), result
    verdict("bounded", result["error_code"])


def test_log_flood(client, neighbour, kubectl, node, push, execution_object, verdict):
    """The record is bounded and says that it was cut; nobody keeps more than that, neither the node nor the controller."""
    before = memory_peak(node, "controller")
    skill = push("import os\nwhile True: os.write(1, b'flood ' * 10000 + b'\\n')")
    attack = client.start(skill, timeout="6s")
    client.wait_until(attack, "running", timeout=30)
    took = neighbour.is_served()
    pod = execution_object(attack)["status"]["podName"]
    kept = node.execute("bash", "-c", 'du -scm /var/log/pods/*"$1"* | tail -n 1 | cut -f 1', "bash", pod)
    result = client.wait_until_ended(attack)
    assert (result["status"], result["logs_truncated"]) == ("timeout", True), result["error"]
    assert len(client.logs(attack).content) <= MIB + 200
    grown = memory_peak(node, "controller") - before
    assert grown < 64 * MIB, f"the controller grew by {grown / MIB:.0f} MiB"
    assert int(kept) <= 200, f"{kept} MiB on the node's disk"
    node_is_well(kubectl)
    verdict("bounded", f"neighbour {took:.1f} s, {kept} MiB on the node's disk")


def test_output_flood(client, node, push, verdict):
    before = memory_peak(node, "controller")
    result = client.run(push("import os\nopen(os.environ['SANDBOX_OUTPUT'], 'w').write('\"' + 'x' * (100 << 20) + '\"')",
                             resources={"memory": "512Mi"}), timeout="60s")
    code = ended_well(result, "output_too_large", "exit_nonzero")
    assert "output" not in result
    assert memory_peak(node, "controller") - before < 64 * MIB
    verdict("bounded", code)


def test_processor(client, neighbour, kubectl, push, verdict):
    result, took = under_attack(client, neighbour, kubectl, push, IGNORE_SIGNALS + """
for _ in range(15):
    if os.fork() == 0:
        break
while True:
    pass
""")
    assert result["status"] == "timeout", result
    assert result["duration_ms"] < 12000
    verdict("bounded", f"neighbour {took:.1f} s")


def test_descriptors(client, neighbour, push, verdict):
    """In one process up to its limit, and in as many processes as there may be."""
    result = client.run(push("""
import os, time
def most():
    count = 0
    try:
        while True:
            os.pipe()
            count += 2
    except OSError:
        return count
children = 0
try:
    while children < 40:
        if os.fork() == 0:
            most()
            time.sleep(600)
        children += 1
except OSError:
    pass
descriptor = os.open(os.environ["SANDBOX_OUTPUT"], os.O_CREAT | os.O_WRONLY)
os.write(descriptor, str(most()).encode())
os._exit(0)
"""), timeout="40s")
    ended_well(result, "success", "oom_killed")
    assert result.get("output", 0) <= 1024
    neighbour.is_served()
    verdict("bounded", result.get("output"))


def test_sparse_file(client, push, verdict):
    """A terabyte that takes no room."""
    result = client.run(push("""
import errno, json, os
seen = {}
def attempt(name, function):
    try:
        function()
        seen[name] = "ok"
    except OSError as problem:
        seen[name] = errno.errorcode[problem.errno]
path = os.environ["SANDBOX_FILES_DIR"] + "sparse"
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
attempt("truncate", lambda: os.ftruncate(descriptor, 1 << 40))
attempt("write far out", lambda: os.pwrite(descriptor, b"x", 1 << 40))
attempt("allocate", lambda: os.posix_fallocate(descriptor, 0, 1 << 40))
attempt("a gigabyte", lambda: os.ftruncate(descriptor, (1 << 30) - 1))
json.dump(seen, open(os.environ["SANDBOX_OUTPUT"], "w"))
"""), timeout="30s")
    code, seen, took = ended_well(result, "success")
    assert "ok" not in (seen["truncate"], seen["write far out"], seen["allocate"]), seen
    assert "files_list" not in result and took < 10000, result  # larger than what comes back
    verdict("bounded", seen)


def test_large_file(client, neighbour, push, verdict):
    """As much as the sandbox's memory holds comes back, or is left out, and nobody is hurt."""
    result = client.run(push("""
import os
with open(os.environ["SANDBOX_FILES_DIR"] + "large", "wb") as file:
    for _ in range(300):
        file.write(bytes(1 << 20))
""", resources={"memory": "512Mi"}), timeout="60s")
    ended = ended_well(result, "success", "exit_nonzero", "oom_killed")
    neighbour.is_served()
    verdict("bounded", ended)


# ---- quotas that the kernel counts for each user of the node: all sandboxes have the same one

EXHAUST = """
import ctypes, json, os, signal, time
libc = ctypes.CDLL(None, use_errno=True)
count = {}

def inotify():
    made = 0
    while made < 900 and libc.inotify_init1(0) >= 0:
        made += 1
    return made

count["inotify"] = inotify()
children = 0
while count["inotify"] == 900 and children < 30:  # as many as a process may have open; others take more
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, b"%d" % inotify())
        time.sleep(600)
    if os.read(reader, 16) != b"900":
        break
    children += 1

class Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("flags", "maxmsg", "msgsize", "curmsgs")] + [("rest", ctypes.c_long * 4)]
count["queues"] = 0
while count["queues"] < 200:
    if libc.syscall(240, b"attack%d" % count["queues"], os.O_CREAT | os.O_RDWR, 0o600, ctypes.byref(Attributes(0, 10, 8192, 0))) < 0:
        break
    count["queues"] += 1

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
information = ctypes.create_string_buffer(128)
ctypes.memmove(information, (ctypes.c_int * 3)(signal.SIGRTMIN, 0, -1), 12)
count["signals"] = 0
while count["signals"] < 500000 and libc.syscall(129, os.getpid(), int(signal.SIGRTMIN), information) == 0:
    count["signals"] += 1

import fcntl
count["pipes"] = 0
kept = []
try:
    while count["pipes"] < 400:
        kept.append(os.pipe())
        fcntl.fcntl(kept[-1][0], 1031, 1 << 20)
        count["pipes"] += 1
except OSError:
    pass
print(json.dumps(count), flush=True)
time.sleep(600)
"""

NEEDS = """
import ctypes, errno, fcntl, json, os, signal
libc = ctypes.CDLL(None, use_errno=True)
def said(result):
    return "ok" if result >= 0 else errno.errorcode[ctypes.get_errno()]
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
information = ctypes.create_string_buffer(128)
ctypes.memmove(information, (ctypes.c_int * 3)(signal.SIGRTMIN, 0, -1), 12)
seen = {
    "inotify_instances": said(libc.inotify_init1(0)),
    "message_queues": said(libc.syscall(240, b"needed", os.O_CREAT | os.O_RDWR, 0o600, None)),
    "pending_signals": said(libc.syscall(129, os.getpid(), int(signal.SIGRTMIN), information)),
    "pipe_pages": fcntl.fcntl(os.pipe()[0], 1032),
}

import subprocess, threading
came = []
for number in (signal.SIGUSR1, signal.SIGALRM, signal.SIGCHLD):
    signal.signal(number, lambda number, frame: came.append(number))
os.kill(os.getpid(), signal.SIGUSR1)
signal.setitimer(signal.ITIMER_REAL, 0.01)
done = subprocess.run(["sh", "-c", "kill -TERM $$"])
thread = threading.Thread(target=lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1))
thread.start()
thread.join()
import time
time.sleep(0.1)
seen["ordinary signals"] = done.returncode == -15 and {signal.SIGUSR1, signal.SIGALRM, signal.SIGCHLD} <= set(came)
json.dump(seen, open(os.environ["SANDBOX_OUTPUT"], "w"))
"""

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def needs(client):
    """What a sandbox gets of these quotas: alone, and while another one takes all it can."""
    names = {script: unique("quota") for script in (EXHAUST, NEEDS)}
    for script, name in names.items():
        client.push(skill_zip(name, script))
    alone = client.run(names[NEEDS])["output"]
    attack = client.start(names[EXHAUST], timeout="60s")
    taken = wait_for(lambda: client.logs(attack).text.strip(), "the attack has taken all it can", timeout=60)
    beside = client.run(names[NEEDS])["output"]
    client.request("DELETE", f"/v1/executions/{attack}")
    client.wait_until_ended(attack)
    for name in names.values():
        client.request("DELETE", f"/v1/skills/{name}/1.0.0")
    return alone, beside, json.loads(taken.splitlines()[0])


def quota(needs, name):
    """bounded: a sandbox beside the attack gets what it gets alone (or nobody gets any of it)."""
    alone, beside, taken = needs
    assert alone.keys() == beside.keys()
    return ("bounded" if alone[name] == beside[name] else "open"), f"alone {alone}, beside the attack {beside}; it took {taken}"


def test_inotify_instances(needs, verdict):
    verdict(*quota(needs, "inotify_instances"))


def test_message_queues(needs, verdict):
    verdict(*quota(needs, "message_queues"))


def test_pending_signals(needs, verdict):
    """The kernel has one quota of queued signals for the user; a neighbour may find it empty, and then still gets ordinary
    signals, timers and the ends of its children."""
    alone, beside, taken = needs
    assert alone["ordinary signals"] is True
    verdict("harmless" if beside["ordinary signals"] is True else "open", f"alone {alone}, beside the attack {beside}; it took {taken}")


def test_pipe_pages(needs, verdict):
    verdict(*quota(needs, "pipe_pages"))
