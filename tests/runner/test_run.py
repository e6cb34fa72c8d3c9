"""Scripts that run: what they see, and what comes back."""

import json
import os
import time

import pytest

from . import frames

pytestmark = pytest.mark.parametrize("runtime", ["runc", "gvisor"], indirect=True)

PYTHON = """
import json, os, sys
data = json.load(open(os.environ["SANDBOX_INPUT_FILE"]))
assert os.environ["SANDBOX_INPUT"] == open("/sandbox/input.json").read()
print("computing")
json.dump({"sum": sum(data["numbers"])}, open(os.environ["SANDBOX_OUTPUT"], "w"))
"""
NODE = """
const fs = require("fs");
const data = JSON.parse(process.env.SANDBOX_INPUT);
console.log("computing");
fs.writeFileSync(process.env.SANDBOX_OUTPUT, JSON.stringify({sum: data.numbers.reduce((a, b) => a + b, 0)}));
"""
BASH = """
echo computing
echo '{"sum": 6}' > "$SANDBOX_OUTPUT"
"""


@pytest.mark.parametrize("interpreter,script,source", [
    ("python", "main.py", PYTHON), ("node", "main.js", NODE), ("bash", "scripts/main.sh", BASH)])
def test_success(sandbox, interpreter, script, source):
    peer = sandbox.connect()
    assert peer.state["state"] == "waiting" and peer.state["execution_id"] == ""
    got = peer.run({script: source}, input_text=b'{"numbers": [1, 2, 3]}', interpreter=interpreter, script=script)
    assert got.exit["reason"] == "exited" and got.exit["exit_code"] == 0, got
    assert json.loads(got.output) == {"sum": 6}
    assert got.logs == b"computing\n" and got.exit["logs_total"] == 10
    assert got.started["load_us"] > 0 and got.exit["run_us"] > 0
    assert got.files == {} and got.reason == b""


def test_environment_is_exact(sandbox):
    peer = sandbox.connect()
    got = peer.run({"main.sh": "exec env -0"}, interpreter="bash", script="main.sh", execution_id="abc-1",
                   input_text=b' {"x": 1.50} ',
                   environment=[("SKILL_INSTRUCTIONS", "Do this\nthen that"), ("API_URL", "first"), ("API_URL", "last"),
                                ("LANG", "de_DE")])
    variables = dict(item.split(b"=", 1) for item in got.logs.split(b"\0") if item)
    for name in (b"_", b"PWD", b"SHLVL", b"OLDPWD"):  # bash's own
        variables.pop(name, None)
    assert variables == {
        b"PATH": b"/usr/local/bin:/usr/bin:/bin", b"HOME": b"/tmp", b"LANG": b"de_DE", b"PYTHONUNBUFFERED": b"1",
        b"SANDBOX_EXECUTION_ID": b"abc-1", b"SANDBOX_INPUT": b' {"x": 1.50} ',
        b"SANDBOX_INPUT_FILE": b"/sandbox/input.json", b"SANDBOX_OUTPUT": b"/sandbox/out/output.json",
        b"SANDBOX_FILES_DIR": b"/sandbox/out/files/", b"SKILL_INSTRUCTIONS": b"Do this\nthen that", b"API_URL": b"last"}


def test_surroundings(sandbox):
    source = """
import os, signal, resource, sys
assert os.getcwd() == "/sandbox"
assert os.getuid() == os.getgid() == 65534
assert sys.stdin.read() == ""
assert os.getsid(0) == os.getpid()
assert sorted(os.listdir("/proc/self/fd"))[:3] == ["0", "1", "2"] and len(os.listdir("/proc/self/fd")) <= 4
assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
assert signal.getsignal(signal.SIGPIPE) in (signal.SIG_DFL, signal.SIG_IGN)
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] <= 1024
assert oct(os.stat("/sandbox/scripts/main.py").st_mode) == "0o100444"
assert oct(os.stat("/sandbox/scripts/bin/tool").st_mode) == "0o100555"
assert oct(os.stat("/sandbox/scripts/bin").st_mode) == "0o40555"
assert oct(os.stat("/sandbox/input.json").st_mode) == "0o100444"
open("/tmp/x", "w").close()
os.mkdir("/sandbox/out/files/d")
print("ok")
"""
    got = sandbox.connect().run({"main.py": source, "bin/tool": ("#!/bin/sh\n", 0o755), "empty": b""})
    assert got.logs == b"ok\n", got


@pytest.mark.parametrize("source,reason,code", [
    ("exit 0", "exited", 0), ("exit 3", "exited", 3), ("exit 255", "exited", 255), ("kill -TERM $$", "signaled", 143),
    ("kill -KILL $$", "signaled", 137), ("kill -SEGV $$", "signaled", 139)])
def test_exit(sandbox, source, reason, code):
    got = sandbox.connect().run({"main.sh": source}, interpreter="bash", script="main.sh")
    assert (got.exit["reason"], got.exit["exit_code"]) == (reason, code)


def test_results_of_a_failure_are_kept(sandbox):
    source = """
import os, sys
open(os.environ["SANDBOX_OUTPUT"], "w").write("not json")
open(os.environ["SANDBOX_FILES_DIR"] + "partial.txt", "w").write("half")
print("first", flush=True)
raise ValueError("went wrong")
"""
    got = sandbox.connect().run({"main.py": source})
    assert got.exit["exit_code"] == 1
    assert got.output == b"not json"
    assert got.files == {b"partial.txt": b"half"}
    assert got.reason == b"ValueError: went wrong"
    assert got.logs.startswith(b"first\nTraceback")


def test_large_input_comes_by_file_only(sandbox):
    source = """
import hashlib, os
assert "SANDBOX_INPUT" not in os.environ
print(hashlib.sha256(open("/sandbox/input.json", "rb").read()).hexdigest(), end="")
"""
    text = b'["' + b"x" * (5 << 20) + b'"]'
    got = sandbox.connect().run({"main.py": source}, input_text=text)
    import hashlib
    assert got.logs.decode() == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize("size,present", [(120 * 1024, True), (120 * 1024 + 1, False)])
def test_input_in_the_environment_up_to_120_kib(sandbox, size, present):
    got = sandbox.connect().run({"main.py": "import os; print(len(os.environ.get('SANDBOX_INPUT', '')))"},
                                input_text=b"1" * size)
    assert got.logs == (b"%d\n" % size if present else b"0\n")


def test_many_files_and_bytes(sandbox):
    files = {f"pkg{i % 20}/deep/er/mod{i}.txt": os.urandom(3000) for i in range(1500)}
    files["big.bin"] = os.urandom(20 << 20)
    source = """
import hashlib, os
h = hashlib.sha256()
for path in sorted(os.path.join(d, f) for d, _, fs in os.walk("/sandbox/scripts") for f in fs):
    if not path.endswith("main.py"): h.update(open(path, "rb").read())
print(h.hexdigest(), end="")
"""
    import hashlib
    want = hashlib.sha256(b"".join(files[k] for k in sorted(files))).hexdigest()
    got = sandbox.connect().run(files | {"main.py": source})
    assert got.logs.decode() == want, got


def test_files_come_back_in_order_and_only_regular_ones(sandbox):
    source = """
import os, socket
os.chdir("/sandbox/out/files")
os.makedirs("b/c"); os.mkdir("empty")
open("z.txt", "w").write("z"); open("a.txt", "w").write("a"); open("b/c/n.bin", "wb").write(bytes(range(256)))
open("b.txt", "w").write(""); os.link("a.txt", "hard.txt")
open("big.bin", "wb").write(b"\\x01" * 3_000_000)
open("m\\udcff\\n.txt", "w").write("odd name")
os.symlink("/etc/passwd", "link"); os.symlink("b", "dirlink"); os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("sock")
open("shut.txt", "w").write("shut"); os.chmod("shut.txt", 0)
os.mkdir("shut"); open("shut/in.txt", "w").write("in"); os.chmod("shut", 0)
deep = "d"
for i in range(40):
    os.mkdir(deep); deep += "/d"
open("d/d/in.txt", "w").write("in")
long = "/".join(["e" * 200] * 6)
os.makedirs(long); open(os.path.join(long, "x"), "w").close()
"""
    got = sandbox.connect().run({"main.py": source})
    assert got.exit["exit_code"] == 0, got.logs
    assert list(got.files) == sorted(got.files)
    assert got.files.pop(b"big.bin") == b"\x01" * 3_000_000
    assert got.files == {b"a.txt": b"a", b"b.txt": b"", b"b/c/n.bin": bytes(range(256)), b"d/d/in.txt": b"in",
                         b"hard.txt": b"a", b"m\xff\n.txt": b"odd name", b"shut.txt": b"shut", b"shut/in.txt": b"in",
                         b"z.txt": b"z"}
    # link, dirlink, fifo, sock, the directory below depth 32, the one beyond 1024 bytes
    assert got.exit["files_skipped"] == 6
    assert not got.exit["files_over_limit"]


def test_files_keep_their_mode_and_time(sandbox):
    source = """
cd out/files
echo 'echo hi' > run; echo text > text; echo old > old; touch -d '2001-02-03 04:05:06 UTC' old
chmod 755 run; chmod 644 text; chmod 711 old
"""
    began = int(time.time())
    got = sandbox.connect().run({"main.sh": source}, interpreter="bash", script="main.sh")
    assert got.executable == {b"run", b"old"} and set(got.files) == {b"run", b"text", b"old"}, got
    assert got.mtimes[b"old"] == 981173106
    assert began <= got.mtimes[b"text"] <= time.time()


def test_replaced_files_directory(sandbox):
    source = 'rm -rf out/files; mkdir out/files; echo new > out/files/n'
    got = sandbox.connect().run({"main.sh": source}, interpreter="bash", script="main.sh")
    assert got.files == {b"n": b"new\n"}


@pytest.mark.parametrize("place", ["ln -s /etc/passwd out/output.json", "ln -s ../input.json out/output.json",
                                   "mkfifo out/output.json", "mkdir out/output.json", "true"])
def test_output_must_be_a_regular_file(sandbox, place):
    got = sandbox.connect().run({"main.sh": place}, interpreter="bash", script="main.sh")
    assert got.exit["exit_code"] == 0 and got.output is None


def test_files_directory_that_is_a_symlink(sandbox):
    got = sandbox.connect().run({"main.sh": "rmdir out/files; ln -s /etc out/files"}, interpreter="bash",
                                script="main.sh")
    assert got.files == {}


def test_limits_of_files(sandbox):
    source = "cd out/files; for i in 1 2 3 4 5; do head -c 1000 /dev/zero > f$i; done"
    peer = sandbox.connect()
    got = peer.run({"main.sh": source}, interpreter="bash", script="main.sh", max_files_count=3)
    assert list(got.files) == [b"f1", b"f2", b"f3"] and got.exit["files_over_limit"]


def test_limit_of_file_bytes_with_a_sparse_file(sandbox):
    source = "cd out/files; truncate -s 900M b; echo x > a; echo y > c"
    got = sandbox.connect().run({"main.sh": source}, interpreter="bash", script="main.sh", max_files_bytes=10 << 20)
    assert got.files == {b"a": b"x\n"} and got.exit["files_over_limit"]


def test_output_too_large(sandbox):
    got = sandbox.connect().run({"main.sh": "head -c 1001 /dev/zero > out/output.json"}, interpreter="bash",
                                script="main.sh", max_output=1000)
    assert got.output_too_large and got.output_size == 1001 and got.output == b""


def test_output_at_its_limit(sandbox):
    got = sandbox.connect().run({"main.sh": "head -c 1000 /dev/zero > out/output.json"}, interpreter="bash",
                                script="main.sh", max_output=1000)
    assert not got.output_too_large and got.output == bytes(1000)


def test_no_interpreter(make_sandbox):
    from .sandbox import TOKEN
    one = make_sandbox(environment={"SKILLBOX_TOKEN": TOKEN, "PATH": "/nowhere:relative"})
    peer = one.connect()
    got = peer.run({"main.py": "pass"})
    assert got.failed == {"reason": "no_interpreter", "message": "the image has no python"}


def test_sandbox_full_while_loading(make_sandbox):
    one = make_sandbox(size="1m")
    peer = one.connect()
    got = peer.run({"main.py": "pass", "big": bytes(3 << 20)})
    assert got.failed["reason"] == "bad_job"
    assert got.failed["message"] == (
        "no space left at big: the skill's files and the input need more than the sandbox's 1 MiB (2 files and 3145732 "
        "bytes were counted so far): ask for more resources.memory than the default")
    # a controller that comes later learns the same
    again = one.connect()
    assert again.state["state"] == "finished"
    assert again.receive()[1] == got.failed
