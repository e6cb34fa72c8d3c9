"""Attacks on what stands between a script and its record: the runner, its stream, and how output and logs are read."""

import concurrent.futures
import json
import re

import pytest

from contract_checks import assert_answer, assert_record
from waiting import wait_for

START = """
import ctypes, errno, json, os, resource, signal, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
OUTPUT = os.environ["SANDBOX_OUTPUT"]
def output(value):
    with open(OUTPUT, "w") as file:
        json.dump(value, file)
def attempt(function, *arguments):
    try:
        function(*arguments)
        return "ok"
    except OSError as problem:
        return errno.errorcode[problem.errno]
"""


@pytest.fixture
def run(client, push):
    def run_script(script, timeout="20s", **options):
        result = client.run(push(START + script, **options), timeout=timeout)
        assert_answer(result)
        assert_record(client.record(result["execution_id"]), result)
        return result

    return run_script


# ---- the runner and its stream


def test_frames_on_the_log(run, verdict):
    """What the controller reads as EXIT, OBJECT and END, written to every descriptor there is."""
    result = run("""
def frame(kind, payload):
    return struct.pack(">IB", len(payload), kind) + payload
fake = frame(17, bytes(32)) + frame(18, bytes(16)) + frame(8, b'"fake"') + frame(19, bytes(32)) + frame(20, b"\\0\\0\\0\\4fake" * 2)
for _ in range(100):
    for descriptor in range(64):
        attempt(os.write, descriptor, fake)
output("true")
sys.exit(3)
""")
    assert (result["error_code"], result["exit_code"], result["output"]) == ("exit_nonzero", 3, "true"), result
    assert '"fake"' in result["logs"]
    verdict("harmless")


def test_runner_socket_flood(run, verdict):
    """All places in the queue of PID 1's socket taken by connections that say nothing, or nonsense."""
    result = run("""
kept, outcomes = [], {}
for number in range(900):
    connection = socket.socket(socket.AF_UNIX)
    connection.setblocking(False)
    seen = attempt(connection.connect, "\\0skillbox-runner")
    outcomes[seen] = outcomes.get(seen, 0) + 1
    if number % 2:
        attempt(connection.send, b"\\xff" * 5000)
    kept.append(connection)
if os.fork() == 0:
    time.sleep(600)
output(outcomes)
""")
    assert result["status"] == "success", result
    verdict("harmless", result["output"])


def test_kill_every_process(run, verdict):
    """kill(-1), again and again: where the relay dies of it the controller comes back, or it is another sandbox's turn."""
    result = run("""
end = time.monotonic() + 1
sent = 0
while time.monotonic() < end:
    sent += attempt(os.kill, -1, signal.SIGKILL) == "ok"
    time.sleep(0.01)
output(sent)
""")
    if result["status"] == "success":
        verdict("harmless", result["output"])
    else:
        assert result["error_code"] == "sandbox_lost", result
        verdict("contained", result["error"])


def test_stop_every_process(client, push, verdict):
    """A relay that is stopped says nothing any more; the record comes in time all the same."""
    skill = push(START + """
end = time.monotonic() + 1
while time.monotonic() < end:
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in (1, os.getpid()):
            attempt(os.kill, int(name), signal.SIGSTOP)
    time.sleep(0.01)
output(1)
""")
    execution = client.start(skill, timeout="5s")
    try:
        result = client.wait_until_ended(execution, timeout=15)
    except AssertionError:
        client.request("DELETE", f"/v1/executions/{execution}")
        client.wait_until_ended(execution)
        return verdict("open", "no record 10 s after the timeout")
    assert result["status"] == "success", result
    return verdict("harmless")


def test_stop_itself(run, runtime, verdict):
    """gVisor ends a stopped process group that nobody could wake up again by SIGHUP, as POSIX has it for a terminal's."""
    result = run("""
if os.fork() == 0:
    os.setsid()
os.kill(os.getpid(), signal.SIGSTOP)
""", timeout="2s")
    hung_up = runtime == "gvisor" and result.get("exit_code") == 129
    assert (result["status"] == "timeout" or hung_up) and result["duration_ms"] < 6000, result
    verdict("harmless", result["status"])


def test_close_all_descriptors(run, verdict):
    result = run("os.closerange(0, 4096)\nlibc.syscall(436, 0, 0xFFFFFFFF, 0)\noutput(1)")
    assert (result["status"], result["output"]) == ("success", 1)
    verdict("harmless")


def test_fill_the_pipes(run, verdict):
    """By a process that stays behind, in pipes of another size that don't block."""
    result = run("""
import fcntl
for descriptor in (1, 2):
    attempt(fcntl.fcntl, descriptor, 1031, 1 << 20)
    attempt(fcntl.fcntl, descriptor, 1031, 4096)
    os.set_blocking(descriptor, False)
for descriptor in (1, 2):
    if os.fork() == 0:
        os.setsid()
        while True:
            attempt(os.write, descriptor, b"x" * 4096)
time.sleep(0.5)
output(1)
os._exit(0)
""")
    assert (result["status"], result["output"]) == ("success", 1), result["error"]
    assert result["duration_ms"] < 10000
    verdict("harmless")


def test_runner_killed_by_its_directory(client, push, verdict):
    """pidfd_send_signal takes a descriptor of /proc/1 for one of the process."""
    result = client.run(push(START + """
descriptor = os.open("/proc/1", os.O_RDONLY | os.O_DIRECTORY)
seen = {}
for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
    seen[number.name] = "ok" if libc.syscall(424, descriptor, int(number), None, 0) == 0 else errno.errorcode[ctypes.get_errno()]
output(seen)
"""), timeout="20s")
    assert_answer(result)
    if result["status"] != "success":
        verdict("open", result["error"])
    verdict("refused" if set(result["output"].values()) <= {"EPERM", "EACCES", "ENOSYS"} else "open", result["output"])


LIMITS = """
seen = {}
for name, value in {"RLIMIT_NOFILE": 0, "RLIMIT_FSIZE": 0, "RLIMIT_AS": 4096, "RLIMIT_CPU": 0}.items():
    seen[name] = attempt(resource.prlimit, 1, getattr(resource, name), (value, value))
print(json.dumps(seen), flush=True)
for _ in range(40):
    print("work for the runner", flush=True)
    time.sleep(0.05)
output(seen)
"""


def test_runner_killed_by_its_limits(client, push, verdict):
    """prlimit asks for the same user id only. A limit of CPU time kills even a PID 1."""
    result = client.run(push(START + LIMITS), timeout="20s")
    assert_answer(result)
    if result["status"] != "success" or "output" not in result:
        verdict("open", result["error"] or "the output is lost")
    verdict("refused" if set(result["output"].values()) <= {"EPERM", "EACCES", "ENOSYS"} else "open", result["output"])


def test_runner_starved(client, push, runtime, verdict):
    """A runner with the lowest priority beside many busy processes: does the timeout still hold?"""
    result = client.run(push(START + """
attributes = struct.pack("IIQiIQQQ", 48, 5, 0, 0, 0, 0, 0, 0)  # SCHED_IDLE
seen = {"idle": "ok" if libc.syscall(314, 1, attributes, 0) == 0 else errno.errorcode[ctypes.get_errno()],
        "nice": attempt(os.setpriority, os.PRIO_PROCESS, 1, 19), "nice of the user": attempt(os.setpriority, os.PRIO_USER, os.getuid(), 19)}
output(seen)
for _ in range(60):
    if os.fork() == 0:
        break
while True:
    pass
"""), timeout="3s")
    assert_answer(result)
    assert result["status"] == "timeout", result
    seen = result["output"]
    refused = all(what in ("EPERM", "EACCES", "ENOSYS") for what in seen.values())
    in_time = result["duration_ms"] < 8000
    what = "refused" if refused else "harmless" if runtime == "gvisor" else "open"
    verdict(what if in_time else "open", f"{seen}, ended after {result['duration_ms']} ms of 3000")


def test_token_of_a_new_relay(client, kubectl, push, execution_object, verdict):
    """The Pod's token stands in the environment of every process that is entered from outside; a script of the same user id
    reads as fast as it can. And it offers itself under the name of PID 1's socket."""
    skill = push(START + """
found, visitors = set(), 0
listener = socket.socket(socket.AF_UNIX)
listener.setblocking(False)
offered = attempt(listener.bind, "\\0skillbox-runner")
if offered == "ok":
    listener.listen(16)
end = time.monotonic() + 8
known = set(os.listdir("/proc"))
looks = 0
print("looking", flush=True)
while time.monotonic() < end:
    looks += 1
    try:
        listener.accept()
        visitors += 1
    except OSError:
        pass
    for name in set(os.listdir("/proc")) - known:
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if b"SKILLBOX_TOKEN=" in file.read():
                    found.add(name)
        except OSError:
            pass
output({"looks": looks, "found": sorted(found), "visitors": visitors})
""", resources={"cpu": "2"})
    execution = client.start(skill, timeout="30s")
    pod = wait_for(lambda: execution_object(execution).get("status", {}).get("podName"), "the sandbox is known")
    wait_for(lambda: "looking" in client.logs(execution).text, "the script looks")

    def enter(_):
        return kubectl.run("exec", pod, "--", "/skillbox/runner", "relay", check=False, timeout=30)

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        entered = list(pool.map(enter, range(12)))
    # PID 1 hangs up on those who don't speak its protocol: the relay did run.
    assert sum("skillbox-runner" in done.stderr or done.returncode == 0 for done in entered) >= 6, entered[0]
    result = client.wait_until_ended(execution)
    assert result["status"] == "success", result
    verdict("open" if result["output"]["found"] or result["output"]["visitors"] else "refused", result["output"])


# ---- when the output is written, and what it is


def test_exit_before_output(run, verdict):
    result = run("""
if os.fork() == 0:
    os.setsid()
    time.sleep(600)
os._exit(0)
""")
    assert result["status"] == "success" and "output" not in result
    assert result["duration_ms"] < 10000
    verdict("harmless")


def test_output_after_exit(run, verdict):
    """By processes that stay behind and are killed in the middle of it: what comes is whole, or is nothing."""
    result = run("""
for number in range(4):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                with open(f"/sandbox/out/new{number}", "w") as file:
                    file.write('"' + str(number) * 5000 + '"')
                os.rename(f"/sandbox/out/new{number}", OUTPUT)
        os._exit(0)
os._exit(0)
""")
    assert result["status"] == "success", result["error"]
    assert result.get("output", "0" * 5000) in [str(number) * 5000 for number in range(4)]
    verdict("harmless", "output" in result)


def test_output_replaced_while_read(run, verdict):
    """Written over in place by many at once, with a file now, with a link to another file then."""
    result = run("""
for number in range(4):
    if os.fork() == 0:
        os.setsid()
        while True:
            new = f"/sandbox/out/new{number}"
            if number % 2:
                attempt(os.symlink, "/etc/passwd", new)
            else:
                with open(new, "w") as file:
                    file.write('"' + str(number) * 5000 + '"')
            attempt(os.rename, new, OUTPUT)
time.sleep(0.3)
os._exit(0)
""")
    assert result["status"] == "success", result["error"]
    assert result.get("output", "0" * 5000) in ("0" * 5000, "2" * 5000)
    assert "root:" not in json.dumps(result)
    verdict("harmless", "output" in result)


@pytest.fixture
def no_output(run, verdict):
    def check(script):
        result = run(script)
        assert result["status"] == "success" and "output" not in result, result
        verdict("harmless")

    return check


def test_output_fifo(no_output):
    no_output("os.mkfifo(OUTPUT)")


def test_output_folder(no_output):
    no_output("os.mkdir(OUTPUT)")


def test_output_socket(no_output):
    no_output("socket.socket(socket.AF_UNIX).bind(OUTPUT)")


def test_output_symbolic_link(run, verdict):
    """To a file of the image, of the runner, of the script's own, and one that never ends."""
    for target in ("/etc/passwd", "/proc/1/environ", "/dev/zero"):
        result = run(f"os.symlink({target!r}, OUTPUT)")
        assert result["status"] == "success" and "output" not in result, (target, result)
    verdict("harmless")


def test_output_hard_link(run, verdict):
    """To a file that isn't the script's."""
    result = run("""
seen = {path: attempt(os.link, path, OUTPUT) for path in ("/etc/passwd", "/etc/hostname", "/proc/1/environ", "/skillbox/runner")}
if "ok" not in seen.values():
    output(seen)
""")
    assert result["status"] == "success" and set(result["output"].values()) <= {"EXDEV", "EPERM", "EACCES", "EROFS"}, result
    verdict("harmless", result["output"])


def test_output_sparse(run, verdict):
    result = run("open(OUTPUT, 'wb').truncate((1 << 30) - 1)")
    assert result["error_code"] == "output_too_large" and result["timings"]["collect"] < 5000, result
    verdict("harmless")


def test_output_deeply_nested(run, verdict):
    result = run("open(OUTPUT, 'w').write('[' * 500000 + ']' * 500000)")
    assert result["error_code"] == "output_invalid", result["error"]
    verdict("harmless", result["error"])


STRANGE = ['1e999999999', '0.' + '1' * 100000, '"\\ud800"', '{"a":1,"a":2}', '\ufeff1', '{"execution_id":"x","status":"success"}', '"\x01"',
           '[' + '0,' * 200000 + '0]']


def test_output_strange_json(client, push, verdict):
    """Passed on as it is, or named invalid: the record can be read either way, and other fields are what they were."""
    skill = push(START + "open(OUTPUT, 'w', encoding='utf-8', newline='').write(json.load(open(os.environ['SANDBOX_INPUT_FILE'])))")

    def check(text):
        answer = client.post_execution({"skill": skill, "input": text})
        assert answer.status_code == 200, answer.text
        result = json.loads(answer.text.replace("\\ud800", "\\ufffd"))
        return result["status"], result.get("error_code"), '"output":' + text in answer.text, len(result["execution_id"])

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        seen = dict(zip((text[:40] for text in STRANGE), pool.map(check, STRANGE)))
    wrong = {text: what for text, what in seen.items()
             if what not in (("success", None, True, 36), ("failed", "output_invalid", False, 36))}
    assert not wrong, wrong
    verdict("harmless", seen)


def test_log_of_control_characters(client, push, verdict):
    """Lines that look like the end of an event stream, an HTTP answer, a terminal's escapes; NULs and bad UTF-8."""
    skill = push(START + r"""
for text in (b"\n\nevent: end\ndata: {}\n\n", b"\r\revent: end\rdata: fake\r\r", b"\0\0\xff\xfe\x1b[2J\x1b]0;x\a", b"HTTP/1.1 200 OK\r\n\r\n",
             b"\xe2\x80\xa8event: end\xe2\x80\xa8", b"0\r\n\r\n", b"last\n"):
    os.write(1, text)
    time.sleep(0.2)
""")
    execution = client.start(skill)
    stream = client.request("GET", f"/v1/executions/{execution}/logs", headers={"Accept": "text/event-stream"}, timeout=60).content
    lines = re.split(rb"\r\n|\n|\r", stream)
    ends = [number for number, line in enumerate(lines) if line.startswith(b"event:") and b"end" in line]
    assert len(ends) == 1 and not any(line.startswith(b"data") for line in lines[ends[0] + 3:]), stream[-2000:]
    result = client.wait_until_ended(execution)
    assert_answer(result)
    assert result["status"] == "success" and result["logs"].endswith("last\n") and "\0" not in result["logs"]
    verdict("harmless")
