"""`skillbox dev --local`: a skill's folder under the runner itself, on this machine and without a cluster. What the script sees is
what it sees on a server, and nothing else of the machine; limits hold; nothing stays."""

import ctypes
import errno
import json
import os
import pathlib
import re
import select
import shlex
import shutil
import signal
import struct
import subprocess
import tempfile
import time

import pytest
from local_machine import PROGRAM, ROOT, call, dev, make_skill, may_make_sandboxes, start

pytestmark = pytest.mark.skipif(not may_make_sandboxes(), reason="this machine lets nobody make user namespaces")

LAYERS = {"non_root", "no_capabilities", "no_new_privs", "read_only_root", "no_network", "user_namespace", "not_dumpable",
          "seccomp_filter", "rlimits", "descriptors", "session"}
BASH = """echo "$(cat /sandbox/input.json)"; printf '%s' '{"a":1.50, "b":"\\u00e9"}' > /sandbox/out/output.json"""


def wait_until(condition, what, seconds=15):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        select.select([], [], [], 0.01)


def alive_with(mark):
    """Processes that have this in their command line."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            pass  # it has ended meanwhile
    return found


def test_a_result_is_what_a_server_answers(tmp_path):
    folder = make_skill(tmp_path / "s", """
import json, os, pathlib, sys
print("to the log"); print("and this", file=sys.stderr)
files = pathlib.Path(os.environ["SANDBOX_FILES_DIR"])
(files / "b.txt").write_text("b"); (files / "a").mkdir(); (files / "a/c.txt").write_text("c")
pathlib.Path(os.environ["SANDBOX_OUTPUT"]).write_text('{"n": 1.50, "big": 123456789012345678901234567890, "s": "\\\\u00e9"}')
""")
    code, out, err = call("dev", folder, "--local", "--input", '{"x":1.0}', "--download", tmp_path / "got")
    assert code == 0, err
    result = json.loads(out)
    assert list(result) == ["execution_id", "status", "output", "files_list", "logs", "exit_code", "duration_ms", "timings", "warm", "error"]
    assert (result["status"], result["files_list"], result["exit_code"], result["error"]) == ("success", ["a/c.txt", "b.txt"], 0, None)
    assert result["logs"] == "to the log\nand this\n" and result["duration_ms"] >= 1
    assert list(result["timings"]) == ["queue", "sandbox", "start", "run", "collect", "total"]
    assert '"n": 1.50' in out and "123456789012345678901234567890" in out and "\\u00e9" in out, "numbers and texts as they were written"
    assert (tmp_path / "got/a/c.txt").read_text() == "c" and (tmp_path / "got/b.txt").read_text() == "b"
    assert "to the log" in err, "the log as it comes"


def test_it_says_what_runs_and_which_layers_hold(tmp_path):
    code, _, err = dev(make_skill(tmp_path / "s", "pass"))
    assert code == 0, err
    assert re.search(r"local 1\.0\.0 on this machine: main\.py with /usr\S+/python3? \(Python 3\.\d+\.\d+\)", err), err
    holding = set(re.search(r"^isolation: (.*)$", err, re.MULTILINE)[1].split(", "))
    assert holding >= LAYERS
    absent = dict(re.findall(r"^  not here: (\w+) \((.+)\)$", err, re.MULTILINE))
    assert {"seccomp", "own_kernel"} <= set(absent) and not holding & set(absent)


@pytest.mark.parametrize("name, script", [("main.py", "print('hello')"), ("main.js", "console.log('hello')"), ("main.sh", "echo hello")])
def test_each_language(tmp_path, name, script):
    code, result, err = dev(make_skill(tmp_path / "s", script, name))
    if code == 1 and "this machine has no" in err:
        pytest.fail(err)  # the packages of dev/lib/packages.sh have all three
    assert (code, result["status"], result["logs"]) == (0, "success", "hello\n"), err


def test_what_the_script_sees(tmp_path):
    folder = make_skill(tmp_path / "s", """
import json, os, pathlib
def kind(path): return "folder" if os.path.isdir(path) else "file" if os.path.isfile(path) else "nothing"
json.dump({"cwd": os.getcwd(), "file": os.path.realpath(__file__), "ids": [os.getuid(), os.getgid()], "input": os.environ["SANDBOX_INPUT"],
           "raw": pathlib.Path("/sandbox/input.json").read_text(), "environment": sorted(os.environ), "x": os.environ["X"],
           "instructions": os.environ["SKILL_INSTRUCTIONS"], "host": os.uname().nodename,
           "kinds": {path: kind(path) for path in ("/sandbox/scripts/SKILL.md", "/sandbox/out/files", "/tmp", "/dev/shm")},
           "pids": sorted(int(name) for name in os.listdir("/proc") if name.isdigit())[:2], "user": os.path.expanduser("~")},
          open("/sandbox/out/output.json", "w"))
""")
    code, result, err = dev(folder, "--input", '{"n": 1.50}', "--env", "X=a=b", environment={"SECRET_OF_MINE": "1"})
    assert code == 0, err
    seen = result["output"]
    assert (seen["cwd"], seen["file"], seen["ids"]) == ("/sandbox", "/sandbox/scripts/main.py", [65534, 65534])
    assert seen["input"] == seen["raw"] == '{"n": 1.50}' and seen["x"] == "a=b" and seen["instructions"] == "Read this."
    assert seen["environment"] == sorted(["HOME", "LANG", "PATH", "PYTHONUNBUFFERED", "SANDBOX_EXECUTION_ID", "SANDBOX_FILES_DIR",
                                          "SANDBOX_INPUT", "SANDBOX_INPUT_FILE", "SANDBOX_OUTPUT", "SKILL_INSTRUCTIONS", "X"])
    assert seen["kinds"] == {"/sandbox/scripts/SKILL.md": "file", "/sandbox/out/files": "folder", "/tmp": "folder", "/dev/shm": "folder"}
    assert seen["host"] == "skillbox" and seen["user"] == "/tmp" and seen["pids"][0] == 1


def test_nothing_else_of_the_machine_is_there(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the user's own")
    folder = make_skill(tmp_path / "s", f"""
import json, os
def look(path):
    try: return sorted(os.listdir(path)) if os.path.isdir(path) else open(path).read(100)
    except OSError as error: return type(error).__name__
paths = ["/root", "/home", "/var", "/run", "/srv", "/mnt", "/media", "/old", "/boot", "/sys", {str(secret)!r}, {str(tmp_path)!r}, "/etc/shadow",
         "/etc/hostname", "/etc/machine-id", "/proc/1/root", "/proc/1/environ", "/proc/keys", "/dev/kmsg", "/dev/tty"]
json.dump({{"seen": {{path: look(path) for path in paths}}, "root": sorted(os.listdir("/")), "passwd": open("/etc/passwd").read(),
           "mounts": open("/proc/self/mounts").read()}}, open("/sandbox/out/output.json", "w"))
""")
    code, result, err = dev(folder)
    assert code == 0, err
    seen = result["output"]["seen"]
    denied = {"/proc/1/root": "PermissionError", "/proc/1/environ": "PermissionError", "/proc/keys": ""}
    for path, got in seen.items():
        assert got == denied.get(path, "FileNotFoundError"), path
    assert set(result["output"]["root"]) <= {"bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sandbox", "sbin", "skillbox",
                                             "tmp", "usr"}
    assert [line.split(":")[0] for line in result["output"]["passwd"].splitlines()] == ["root", "nobody"]
    assert str(tmp_path) not in result["output"]["mounts"]


def test_nothing_of_the_machine_can_be_changed(tmp_path):
    folder = make_skill(tmp_path / "s", """
import ctypes, json, os
def attempt(what):
    try: what(); return "done"
    except OSError as error: return type(error).__name__
libc = ctypes.CDLL(None, use_errno=True)
def mount():
    if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None): raise OSError(ctypes.get_errno(), "mount")
def unshare():
    if libc.unshare(0x10000000): raise OSError(ctypes.get_errno(), "unshare")
def run_written():
    open("/tmp/x", "w").write("#!/bin/sh\\n"); os.chmod("/tmp/x", 0o755); os.execv("/tmp/x", ["x"])
tries = {"usr": lambda: open("/usr/x", "w"), "root": lambda: open("/x", "w"), "etc": lambda: open("/etc/passwd", "a"),
         "local": lambda: open("/usr/local/bin/x", "w"), "scripts": lambda: open("/sandbox/scripts/x", "w"), "own": lambda: open(__file__, "a"),
         "runner": lambda: open("/skillbox/runner", "a"), "chmod": lambda: os.chmod("/sandbox/scripts", 0o777), "mount": mount, "unshare": unshare,
         "device": lambda: os.mknod("/tmp/null", 0o20666, os.makedev(1, 3)), "written": run_written, "kill": lambda: os.kill(1, 9),
         "sysctl": lambda: open("/proc/sys/kernel/hostname", "w").write("x"), "setuid": lambda: os.setuid(0)}
json.dump({name: attempt(what) for name, what in tries.items()}, open("/sandbox/out/output.json", "w"))
""")
    code, result, err = dev(folder)
    assert code == 0, err
    assert [name for name, got in result["output"].items() if got == "done"] == [], result["output"]


def test_there_is_no_network(tmp_path):
    folder = make_skill(tmp_path / "s", """
import json, socket
def attempt(family):
    try: socket.socket(family, socket.SOCK_STREAM).connect(("127.0.0.1", 9)); return "connected"
    except OSError as error: return type(error).__name__
json.dump([attempt(socket.AF_INET), attempt(socket.AF_INET6), open("/proc/net/dev").read()], open("/sandbox/out/output.json", "w"))
""")
    code, result, err = dev(folder)
    assert code == 0, err
    assert result["output"][:2] == ["PermissionError", "PermissionError"]
    assert re.findall(r"^ *(\w+):", result["output"][2], re.MULTILINE) == ["lo"]


@pytest.mark.parametrize("script, options, code, status, error_code, error", [
    ("import sys; sys.exit('fatal: price is missing')", [], 2, "failed", "exit_nonzero", "container exited with code 1: fatal: price is missing"),
    ("open('/sandbox/out/output.json', 'w').write('{')", [], 2, "failed", "output_invalid", "output.json: invalid JSON at byte 2"),
    ("open('/sandbox/out/output.json', 'w').write('1' * 2000000)", [], 2, "failed", "output_too_large", "output.json has 2000000 bytes"),
    ("import time\nprint('so far')\ntime.sleep(60)", ["--timeout", "300ms"], 2, "timeout", "timeout", "execution timed out after 300ms"),
])
def test_failures(tmp_path, script, options, code, status, error_code, error):
    got, result, err = dev(make_skill(tmp_path / "s", script), *options)
    assert (got, result["status"], result["error_code"]) == (code, status, error_code), err
    assert result["error"].startswith(error) and result["error"] in err
    if status == "timeout":
        assert result["logs"] == "so far\n" and result["exit_code"] == 137


def test_a_fork_bomb_ends(tmp_path):
    folder = make_skill(tmp_path / "s", """
import os, time
made = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
        made += 1
except OSError:
    print(made)
while True:
    try: os.fork()
    except OSError: pass
""")
    begun = time.monotonic()
    code, result, err = dev(folder, "--timeout", "2s")
    assert (code, result["error_code"]) == (2, "timeout"), err
    assert 100 < int(result["logs"].split()[0]) <= 512 and time.monotonic() - begun < 20


def test_memory_is_limited(tmp_path):
    folder = make_skill(tmp_path / "s", "print('begun')\nheld = []\nwhile True: held.append(bytearray(1 << 20))", resources="{memory: 64Mi}")
    code, result, err = dev(folder, "--timeout", "20s")
    assert (code, result["error_code"], result["exit_code"]) == (2, "oom_killed", 137), err
    assert result["error"] == "container exited with code 137: out of memory (limit 64 MiB)" and result["logs"] == "begun\n"


def test_memory_of_files_and_of_children_counts(tmp_path):
    folder = make_skill(tmp_path / "s", """
import json, os, subprocess, sys
try:
    open("/tmp/x", "wb").write(bytes(40 << 20))
    full = None
except OSError as error:
    full = error.strerror
os.unlink("/tmp/x")
done = subprocess.run([sys.executable, "-c", "import time; x = bytearray(100 << 20); time.sleep(30)"])
json.dump([full, done.returncode], open("/sandbox/out/output.json", "w"))
""", resources="{memory: 64Mi}")
    code, result, err = dev(folder, "--timeout", "20s")
    assert (code, result["output"]) == (0, ["No space left on device", -9]), err


@pytest.mark.parametrize("hoard", [
    "import mmap\nwhile True: held.append(mmap.mmap(-1, 1 << 20)); held[-1].write(bytes(1 << 20))",  # shared, and nobody's file
    """
import ctypes
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
while True:  # segments that nobody has mapped
    place = libc.shmat(libc.shmget(0, 1 << 20, 0o600 | 0o1000), None, 0)
    ctypes.memset(place, 1, 1 << 20)
    libc.shmdt(ctypes.c_void_p(place))
""",
    "import ctypes, os\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\nwhile True: held.append(bytearray(1 << 20))",  # keeps others from looking
    "import os\nfor _ in range(3): os.fork()\nwhile True: held.append(bytearray(1 << 20))",  # many of them
])
def test_memory_can_not_be_hidden(tmp_path, hoard):
    code, result, err = dev(make_skill(tmp_path / "s", f"held = []\n{hoard}", resources="{memory: 64Mi}"), "--timeout", "5s")
    assert (code, result["error_code"]) == (2, "oom_killed"), err


def test_shared_pages_count_once(tmp_path):
    """Children of a fork have their parent's pages, and a shared block is one whatever has it mapped."""
    folder = make_skill(tmp_path / "s", """
import multiprocessing.shared_memory, os, time
held = bytearray(os.urandom(20 << 20))
block = multiprocessing.shared_memory.SharedMemory(create=True, size=10 << 20)
block.buf[:] = bytes(10 << 20)
pids = []
for _ in range(6):
    pid = os.fork()
    if pid == 0:
        sum(block.buf[::4096]); time.sleep(0.3); os._exit(0)
    pids.append(pid)
print([os.waitpid(pid, 0)[1] for pid in pids])
block.close(); block.unlink()
""", resources="{memory: 64Mi}")
    code, result, err = dev(folder)
    assert (code, result["logs"]) == (0, "[0, 0, 0, 0, 0, 0]\n"), err


def test_node_has_its_memory(tmp_path):
    """It reserves far more than it uses: a limit of address space would keep it from starting."""
    code, result, err = dev(make_skill(tmp_path / "s", "console.log(Buffer.alloc(30 << 20, 1).length)", "main.js", resources="{memory: 128Mi}"))
    assert (code, result["logs"]) == (0, "31457280\n"), err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; whoever runs this is one already")
def test_an_ordinary_user_has_the_same():
    """With groups that he may read by, a home, and no rights."""
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        place.chmod(0o755)
        for program in ("skillbox", "skillbox-runner"):
            shutil.copy(PROGRAM.parent / program, place / program)
        (place / "home").mkdir()
        (place / "home/key").write_text("mine")
        (place / "home/key").chmod(0o644)
        folder = make_skill(place / "s", f"""
import json, os
held = []
json.dump([os.getuid(), os.getgid(), os.path.exists({str(place / "home/key")!r}), sorted(set(os.getgroups()))], open("/sandbox/out/output.json", "w"))
print("begun")
while True: held.append(bytearray(1 << 20))
""", resources="{memory: 64Mi}")
        process = start("dev", folder, "--local", executable=str(place / "skillbox"), user=54321, group=54321, extra_groups=[4],
                        environment={"HOME": str(place / "home"), "TMPDIR": "/tmp"})
        out, err = process.communicate(timeout=60)
        result = json.loads(out)
        assert (process.returncode, result["error_code"], result["output"]) == (2, "oom_killed", [65534, 65534, False, [65534]]), err
        holding = set(re.search(rb"^isolation: (.*)$", err, re.MULTILINE)[1].decode().split(", "))
        assert holding >= LAYERS


def running(tmp_path, mark, **options):
    folder = make_skill(tmp_path / "s", f"import subprocess, time\nsubprocess.Popen(['sleep', '{mark}'])\nprint('runs', flush=True)\ntime.sleep(60)")
    process = start("dev", folder, "--local", start_new_session=True, **options)
    seen = b""
    while b"runs\n" not in seen:
        piece = os.read(process.stderr.fileno(), 4096)
        assert piece, seen
        seen += piece
    wait_until(lambda: alive_with(mark), "the script's own process")
    return process


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_ctrl_c_ends_all_of_it(tmp_path, number, code):
    mark = f"61.{os.getpid()}{int(number)}"
    process = running(tmp_path, mark)
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == code
    assert json.loads(out)["error_code"] == "cancelled" and json.loads(out)["logs"] == "runs\n"
    assert alive_with(mark) == []


def test_a_kill_leaves_nothing(tmp_path):
    mark = f"62.{os.getpid()}"
    (tmp_path / "t").mkdir()
    process = running(tmp_path, mark, environment={"TMPDIR": str(tmp_path / "t")})
    process.kill()
    process.communicate(timeout=20)
    wait_until(lambda: not alive_with(mark), "the end of the script's processes")
    assert os.listdir(tmp_path / "t") == []


def read_until(stream, mark):
    seen = b""
    while mark not in seen:
        piece = os.read(stream.fileno(), 65536)
        assert piece, seen
        seen += piece
    return seen


def test_watch_runs_again_on_a_save(tmp_path):
    folder = make_skill(tmp_path / "s", "print('first')")
    process = start("dev", folder, "--local", "--watch", "-o", "jsonl")
    assert b"isolation: " in read_until(process.stderr, b"Ctrl-C ends it")
    assert json.loads(process.stdout.readline())["logs"] == "first\n"
    (folder / "main.py").write_text("print('second')")
    assert b"isolation: " not in read_until(process.stderr, b"Ctrl-C ends it"), "said once"
    assert json.loads(process.stdout.readline())["logs"] == "second\n"
    (folder / "main.py").write_text("import sys; sys.exit(3)")
    read_until(process.stderr, b"Ctrl-C ends it")
    assert json.loads(process.stdout.readline())["exit_code"] == 3
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_the_page_begins_with_what_works(tmp_path):
    block = re.search(r"```sh\n(.*?)```", (ROOT / "docs/local.md").read_text(), re.DOTALL)[1]
    for line in block.splitlines():
        program, *arguments = shlex.split(line)
        assert program == "skillbox"
        code, out, err = call(*arguments, cwd=tmp_path)
        assert code == 0, line + out + err


def test_nothing_is_left_on_disk(tmp_path):
    folder = make_skill(tmp_path / "s", "open('/tmp/x', 'w').write('x')")
    (tmp_path / "t").mkdir()
    code, _, err = dev(folder, environment={"TMPDIR": str(tmp_path / "t")})
    assert code == 0, err
    assert sorted(os.listdir(tmp_path)) == ["s", "t"] and os.listdir(tmp_path / "t") == [] and sorted(os.listdir(folder)) == ["SKILL.md", "main.py"]


def without_landlock():
    """As on a kernel that has none: landlock_create_ruleset is ENOSYS for this process and all that it starts."""
    program = b"".join(struct.pack("HBBI", *i) for i in (
        (0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x00050000 | errno.ENOSYS), (0x06, 0, 0, 0x7fff0000)))
    text = ctypes.create_string_buffer(program)
    libc = ctypes.CDLL(None)
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # no_new_privs, so that an ordinary user may, too
    assert libc.prctl(22, 2, struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(text))) == 0


def test_a_missing_layer_is_no_detail(tmp_path):
    folder = make_skill(tmp_path / "s", "print('ran')")
    code, result, err = dev(folder, preexec_fn=without_landlock)
    assert (code, result) == (1, None) and "\nran" not in err
    assert "lacks required layers of isolation: landlock (the kernel has none: Function not implemented)" in err
    assert "--allow-missing LAYER" in err and "  not here: landlock (the kernel has none" in err
    code, result, err = dev(folder, "--allow-missing", "landlock", preexec_fn=without_landlock)
    assert (code, result["logs"]) == (0, "ran\n") and "  not here: landlock (" in err
    code, _, err = dev(folder, "--allow-missing", "seccomp_filter", preexec_fn=without_landlock)
    assert code == 1 and "isolation: landlock (" in err


def test_root_of_a_container_of_somebody_s(tmp_path):
    """Root in name only: there is no nobody that it could become."""
    folder = make_skill(tmp_path / "s", "import os; print(os.getuid(), os.getgid())")
    done = subprocess.run(["unshare", "--user", "--map-root-user", PROGRAM, "dev", folder, "--local"], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["logs"] == "65534 65534\n"


def test_without_namespaces_nothing_runs(tmp_path):
    folder = make_skill(tmp_path / "s", "print('ran')")
    forbid = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\""
    done = subprocess.run(["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh", PROGRAM, "dev", folder, "--local"],
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "") and "ran" not in done.stderr.splitlines()
    assert "no sandbox can be made on this machine: make namespaces: No space left on device" in done.stderr
    assert "user.max_user_namespaces" in done.stderr and "--server" in done.stderr


@pytest.mark.parametrize("arguments, code, words", [
    (["--allow-missing", "landlok"], 64, "did you mean 'landlock'?"),
    (["--timeout", "soon"], 64, "--timeout is 'soon'"),
    (["--env", "X"], 64, "--env is 'X', and must be NAME=VALUE"),
    (["--env", "LD_PRELOAD=x"], 1, "environment variable 'LD_PRELOAD' can't be set"),
    (["--input", "{"], 64, "--input: invalid JSON"),
])
def test_wrong_wishes(tmp_path, arguments, code, words):
    got, result, err = dev(make_skill(tmp_path / "s", "print('ran')"), *arguments)
    assert (got, result) == (code, None) and words in err and "\nran" not in err


def test_skills_that_can_not_run(tmp_path):
    folder = make_skill(tmp_path / "a", "pass", "notes.md")
    code, _, err = dev(folder)
    assert code == 1 and "no script to run" in err
    make_skill(tmp_path / "b", "pass", version="one")
    code, _, err = dev(tmp_path / "b")
    assert code == 1 and "invalid skill: " in err and "version" in err
    code, _, err = dev(tmp_path / "missing")
    assert code == 1 and str(tmp_path / "missing") in err


def test_the_runner_is_found(tmp_path):
    folder = make_skill(tmp_path / "s", "pass")
    code, _, err = dev(folder, environment={"SKILLBOX_RUNNER": "/nonexistent/runner"})
    assert code == 1 and "SKILLBOX_RUNNER is '/nonexistent/runner'" in err
    alone = tmp_path / "bin" / "skillbox"
    alone.parent.mkdir()
    alone.write_bytes(PROGRAM.read_bytes())
    alone.chmod(0o755)
    process = start("dev", folder, "--local", executable=str(alone))
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1 and f"beside this program ({alone.parent})".encode() in err
    runner = tmp_path / "libexec" / "skillbox" / "skillbox-runner"
    runner.parent.mkdir(parents=True)
    runner.write_bytes((PROGRAM.parent / "skillbox-runner").read_bytes())
    runner.chmod(0o755)
    process = start("dev", folder, "--local", executable=str(alone))
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err


def examples():
    """Those that an interpreter runs as it is: an image of one's own has what this machine need not have."""
    return sorted(path.parent.name for path in (ROOT / "examples/skills").glob("*/SKILL.md")
                  if not re.search(r"^\s*(skillbox\.)?image: ", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("skill", examples())
def test_examples_run(skill):
    code, _, err = call("skill", "lint", ROOT / "examples/skills" / skill)
    assert code == 0, err
    if not (ROOT / "examples/skills" / skill / "tests").exists():
        code, result, err = dev(ROOT / "examples/skills" / skill)
        assert result["status"] in ("success", "failed"), err
        return
    code, out, err = call("test", ROOT / "examples/skills" / skill, "--local")
    assert code == 0, out + err
