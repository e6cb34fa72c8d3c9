"""What an execution leaves behind is nothing, for the next one, for one beside it, for one of another tenant."""

import json

import pytest

from skillbox_client import skill_zip
from waiting import unique, wait_for

LEAVE = r"""
import ctypes, os, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
for place in ("/tmp", "/sandbox/out", "/sandbox/out/files", "/dev/shm", "/dev/mqueue", "/var/tmp", "/run", "/sandbox", "/var/lock"):
    try:
        open(place + "/left-behind", "w").write("left-behind")
    except OSError:
        pass
segment = libc.shmget(0x5ec0de, 4096, 0o1666)
libc.semget(0x5ec0de, 1, 0o1666)
libc.msgget(0x5ec0de, 0o1666)
libc.syscall(240, b"left-behind", os.O_CREAT | os.O_RDWR, 0o666, None)
kept = []
for name in ("\0left-behind", "/tmp/left-behind.socket"):
    kept.append(socket.socket(socket.AF_UNIX))
    try:
        kept[-1].bind(name)
        kept[-1].listen()
    except OSError:
        pass
libc.sethostname(b"left-behind", 11)
open("/usr/lib/os-release").read()
ready, say_so = os.pipe()
if os.fork() == 0:
    os.setsid()
    libc.prctl(15, b"left-behind", 0, 0, 0)
    os.write(say_so, b"1")
    time.sleep(600)
os.read(ready, 1)
print("left", flush=True)
time.sleep(float(open(os.environ["SANDBOX_INPUT_FILE"]).read()))
"""

LOOK = r"""
import ctypes, json, os, pathlib, socket, time
libc = ctypes.CDLL(None, use_errno=True)
found = {name: [] for name in ("files", "processes", "shared_memory", "system_v_ipc", "message_queues", "unix_sockets")}
for top in ("/tmp", "/sandbox", "/var", "/run", "/home", "/root", "/srv", "/mnt", "/dev/shm"):
    for directory, folders, names in os.walk(top):
        for name in folders + names:
            if "left-behind" in name:
                found["shared_memory" if top == "/dev/shm" else "files"].append(os.path.join(directory, name))
for name in os.listdir("/proc"):
    if name.isdigit():
        try:
            text = pathlib.Path(f"/proc/{name}/comm").read_text() + pathlib.Path(f"/proc/{name}/cmdline").read_text()
        except OSError:
            continue
        if "left-behind" in text:
            found["processes"].append(name)
for kind, call in {"shm": lambda: libc.shmget(0x5ec0de, 0, 0), "sem": lambda: libc.semget(0x5ec0de, 0, 0),
                   "msg": lambda: libc.msgget(0x5ec0de, 0)}.items():
    if call() >= 0:
        found["system_v_ipc"].append(kind)
for kind in ("shm", "sem", "msg"):
    path = pathlib.Path(f"/proc/sysvipc/{kind}")
    if path.exists() and len(path.read_text().splitlines()) > 1:
        found["system_v_ipc"].append(f"/proc/sysvipc/{kind}")
if libc.syscall(240, b"left-behind", os.O_RDWR, 0, None) >= 0:
    found["message_queues"].append("by name")
if os.path.isdir("/dev/mqueue"):
    found["message_queues"] += os.listdir("/dev/mqueue")
with socket.socket(socket.AF_UNIX) as connection:
    try:
        connection.connect("\0left-behind")
        found["unix_sockets"].append("connected")
    except OSError:
        pass
found["unix_sockets"] += [line for line in pathlib.Path("/proc/net/unix").read_text().splitlines() if "left-behind" in line]
found["host_name"] = [os.uname().nodename, open("/etc/hostname").read().strip()]
found["read"] = os.stat("/usr/lib/os-release").st_atime
found["now"] = time.time()
json.dump(found, open(os.environ["SANDBOX_OUTPUT"], "w"))
"""


@pytest.fixture(scope="module")
def looks(client, stranger):
    """What is found beside an execution that leaves all it can, and after it: {who and when: what}; and its host name."""
    leave, look = unique("leave"), unique("look")
    client.push(skill_zip(leave, LEAVE))
    for tenant in (client, stranger):
        tenant.push(skill_zip(look, LOOK))
    first = client.start(leave, input=50, timeout="60s")
    wait_for(lambda: client.logs(first).text == "left\n", "everything is left")
    seen = {"the same tenant, beside": client.run(look), "another tenant, beside": stranger.run(look)}
    assert client.record(first)["status"] == "running", "it ended before the others had looked"
    client.request("DELETE", f"/v1/executions/{first}")
    client.wait_until_ended(first)
    seen["the same tenant, after"] = client.run(look)
    seen["another tenant, after"] = stranger.run(look)
    for name in (leave, look):
        client.request("DELETE", f"/v1/skills/{name}/1.0.0")
    for who, result in seen.items():
        assert result["status"] == "success", (who, result)
    return {who: result["output"] for who, result in seen.items()}


def test_the_looks_would_find_something(client):
    """The same search, at the end of the script that leaves everything: it is there, and is found."""
    name = unique("leave-look")
    client.push(skill_zip(name, LEAVE + LOOK))
    found = client.run(name, input=0)["output"]
    client.request("DELETE", f"/v1/skills/{name}/1.0.0")
    missed = [kind for kind in ("files", "processes", "shared_memory", "system_v_ipc", "message_queues", "unix_sockets") if not found[kind]]
    assert not missed, found


def found(looks, kind):
    seen = {who: look[kind] for who, look in looks.items() if look[kind]}
    return ("open" if seen else "absent"), json.dumps(seen)


def test_files(looks, verdict):
    verdict(*found(looks, "files"))


def test_processes(looks, verdict):
    verdict(*found(looks, "processes"))


def test_shared_memory(looks, verdict):
    verdict(*found(looks, "shared_memory"))


def test_system_v_ipc(looks, verdict):
    verdict(*found(looks, "system_v_ipc"))


def test_message_queues(looks, verdict):
    verdict(*found(looks, "message_queues"))


def test_unix_sockets(looks, verdict):
    verdict(*found(looks, "unix_sockets"))


def test_host_name(looks, verdict):
    """Each has one of its own, which nobody changed."""
    names = [name for look in looks.values() for name in set(look["host_name"])]
    assert len(names) == len(set(names)), names
    verdict("open" if "left-behind" in names else "absent", names)


def test_file_times(looks, verdict):
    """When a file of the image was last read is no channel between sandboxes that share the image's layers."""
    late = {who: (look["read"], look["now"]) for who, look in looks.items() if look["now"] - look["read"] < 60}
    verdict("open" if late else "absent", late)
