"""The part of the benchmark that runs on the node, in the runtime image's Python: it starts processes and times them there,
so that neither `docker exec` nor the client's Python is in the figure, and reads /proc.

Takes one JSON command a line, answers with one JSON line. Started by node.py, chrooted into the image's root, with the node's
/proc mounted there; the argument "node" makes it go back to the node's own root, after Python has loaded what it needs.
"""

import ctypes
import glob
import http.client
import json
import os
import signal
import socket
import sys
import time


def spawn(argv, env, n=1, cwd="/", before=None):
    """Runs the whole process n times, from the fork to its end; nanoseconds each."""
    os.chdir(cwd)
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    took = []
    for _ in range(n):
        for path in before or []:
            if os.path.exists(path):
                os.unlink(path)
        start = time.perf_counter_ns()
        pid = os.posix_spawnp(argv[0], argv, env, file_actions=actions)
        _, status = os.waitpid(pid, 0)
        took.append(time.perf_counter_ns() - start)
        if status:
            os.close(null)
            return {"error": f"{argv[0]} ended with {os.waitstatus_to_exitcode(status)}"}
    os.close(null)
    return {"ns": took}


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return {}


def read(path):
    with open(path) as file:
        return {"text": file.read()}


def processes():
    """comm → pids."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path) as file:
                found.setdefault(file.read().strip(), []).append(int(path.split("/")[2]))
        except OSError:
            pass  # it ended meanwhile
    return found


def cpu_ns(pid, comm):
    """Ours: to the nanosecond, from the threads, which stay. Others' threads come and go: then the kernel's sum, to 10 ms."""
    if not comm.startswith("skillbox"):
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000000000 // os.sysconf("SC_CLK_TCK")
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as file:
                total += int(file.read().split()[0])
        except OSError:
            pass
    return total


def usage(comms):
    """CPU nanoseconds and memory of the processes with these names, summed by name, and CPU of the whole node."""
    found = processes()
    answer = {}
    for comm in comms:
        item = {"pids": found.get(comm[:15], []), "cpu_ns": 0, "rss_kib": 0, "anon_kib": 0, "peak_kib": 0}
        for pid in item["pids"]:
            item["cpu_ns"] += cpu_ns(pid, comm)
            with open(f"/proc/{pid}/status") as file:
                status = dict(line.split(":", 1) for line in file if ":" in line)
            for name, key in (("rss_kib", "VmRSS"), ("anon_kib", "RssAnon"), ("peak_kib", "VmHWM")):
                item[name] += int(status[key].split()[0])
        answer[comm] = item
    return {"processes": answer, "node_cpu_ns": node_cpu_ns()}


def node_cpu_ns():
    """All that ran in the node's container, Pods included, also what has ended."""
    try:
        with open("/sys/fs/cgroup/cpuacct/cpuacct.usage") as file:
            return int(file.read())
    except FileNotFoundError:
        with open("/sys/fs/cgroup/cpu.stat") as file:
            return int(file.readline().split()[1]) * 1000


def end(pid):
    """Ends a process of the node as its operator would."""
    os.kill(pid, signal.SIGTERM)
    return {}


def start_time(comm, old, port, seconds):
    """Waits for a process of that name with another pid than the old ones; milliseconds from when it was first seen (a scan
    takes one or two) until its /ready says 200, and until its /health did."""
    libc = ctypes.CDLL(None, use_errno=True)
    deadline = time.perf_counter() + seconds
    while not (new := set(processes().get(comm[:15], [])) - set(old)):
        if time.perf_counter() > deadline:
            return {"error": f"no new {comm} within {seconds} s"}
    begin = time.perf_counter()
    own, other = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(f"/proc/{new.pop()}/ns/net", os.O_RDONLY)
    answer = {}
    if libc.setns(other, 0):
        return {"error": "setns"}
    try:
        while "ready_ms" not in answer:
            for path, key in (("/health", "health_ms"), ("/ready", "ready_ms")):
                if key not in answer and status(port, path) == 200:
                    answer[key] = (time.perf_counter() - begin) * 1000
            if time.perf_counter() > deadline:
                return {"error": f"{comm} was not ready within {seconds} s"}
            time.sleep(0.001)
    finally:
        libc.setns(own, 0)
        os.close(own)
        os.close(other)
    return answer


def status(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def main():
    socket.getaddrinfo("127.0.0.1", 1)  # what it loads is in the image's root
    json.dumps({}), "".encode("idna")
    if sys.argv[1] == "node":
        os.chroot("/proc/1/root")
        os.chdir("/")
    commands = {f.__name__: f for f in (spawn, write, read, usage, end, start_time)}
    print(json.dumps({"python": sys.version.split()[0]}), flush=True)
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = commands[name](**arguments)
        except Exception as problem:  # told to the other side, which ends
            answer = {"error": f"{name}: {problem!r}"}
        print(json.dumps(answer), flush=True)


main()
