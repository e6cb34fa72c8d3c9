"""Parked interpreters: a script runs there exactly as from a start of its own.

corpus/ has one script a file (or a folder, with its modules). Each is run in two fresh sandboxes, one that has parked its
interpreter and one that has not, and everything that comes back must be the same: exit code, reason, output, files, log,
the reason of a failure. What differs between any two runs is made equal before: addresses of objects, idents of threads,
process ids in node's warnings, durations that unittest prints. stdout and stderr are two pipes, so the order of a line of
the one and a line of the other is a matter of arrival: where the logs differ, their sorted lines count. A script that writes
to both therefore ends each line it writes."""

import concurrent.futures
import os
import pathlib
import re
import time

import pytest

from . import frames, sandbox as sandboxes

CORPUS = pathlib.Path(__file__).parent / "corpus"
SUFFIX = {"python": ".py", "node": ".js"}
INPUT = b'{"numbers": [1, 2.50], "text": "\xc3\xa4"}'
CALLER = [("UMLAUT", "ä ö\nü"), ("EMPTY", ""), ("LAST", "x=y")]
ENVIRONMENTS = {
    "many_variables": [(f"V{i}", "v" * (i * 13 % 3000)) for i in range(240)],
}
# These set variables that an interpreter reads while it starts: they must not be parked, and be right all the same.
COLD = {"caller_locale": [("LC_ALL", "C"), ("TZ", "Asia/Tokyo")]}


def scripts():
    return [(kind, path.stem) for kind in SUFFIX for path in sorted((CORPUS / kind).iterdir())]


def files_of(interpreter, name):
    main = "main" + SUFFIX[interpreter]
    folder = CORPUS / interpreter / name
    if not folder.is_dir():
        return {main: folder.with_name(name + SUFFIX[interpreter]).read_bytes()}
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def park(make_sandbox, name, **variables):
    environment = {"SKILLBOX_TOKEN": sandboxes.TOKEN, "PATH": sandboxes.PATH, "SKILLBOX_PARK": name}
    return make_sandbox(environment=environment | variables)


def normal(text):
    text = re.sub(rb"0x[0-9a-f]{6,}", b"0xADDRESS", text)
    text = re.sub(rb"\(node:\d+\)", b"(node:PID)", text)
    text = re.sub(rb"started \d{12,}", b"started IDENT", text)
    text = re.sub(rb"SigQ:\t\d+/", b"SigQ:\tN/", text)  # of all processes of the uid, those of other sandboxes too
    return re.sub(rb"in \d\.\d{3}s", b"in 0.000s", text)


def run(sandbox, interpreter, name):
    environment = COLD.get(name) or ENVIRONMENTS.get(name, CALLER)
    return sandbox.connect().run(files_of(interpreter, name), interpreter=interpreter, script="main" + SUFFIX[interpreter],
                                 input_text=INPUT, environment=environment, max_logs=8 << 20, seconds=60)


@pytest.mark.parametrize("interpreter,name", scripts())
def test_same_as_cold(make_sandbox, interpreter, name):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = [park(make_sandbox, interpreter), make_sandbox()]
        got, want = pool.map(lambda one: run(one, interpreter, name), both)
    assert got.failed is None and want.failed is None, (got.failed, want.failed)
    assert (got.exit["parked"], want.exit["parked"]) == (name not in COLD, False)
    assert want.exit["reason"] != "timed_out", want  # a script that hangs would prove nothing
    for field in ("exit_code", "reason", "files_skipped", "files_over_limit"):
        assert got.exit[field] == want.exit[field], (field, got, want)
    assert got.output == want.output and got.files == want.files
    assert normal(got.reason) == normal(want.reason)
    if normal(got.logs) != normal(want.logs):
        assert sorted(normal(got.logs).splitlines()) == sorted(normal(want.logs).splitlines())


def wait_until_parked(sandbox):
    """The process that waits: its end of the channel is open, and its hook has done all but read."""
    def waiting():
        for pid in sandboxes.children_of(sandbox.pid):
            try:
                if b"unix_stream" in pathlib.Path(f"/proc/{pid}/wchan").read_bytes():
                    return pid
            except (FileNotFoundError, ProcessLookupError):
                pass  # the child that tries the lock-down, before
        return None
    return sandboxes.wait_until(waiting, what="the parked process to wait")


def descendants(sandbox):
    return sandboxes.children_of(sandbox.pid)


@pytest.mark.parametrize("runtime", sandboxes.RUNTIMES, indirect=True)
@pytest.mark.parametrize("interpreter,source", [
    ("python", "import os\nprint(sorted(os.listdir('/sandbox')), os.environ['SANDBOX_INPUT'])\n"
               "open('out/output.json', 'w').write('7')\nopen('/tmp/x', 'w').close()\n"),
    ("node", "console.log(require('fs').readdirSync('/sandbox').sort(), process.env.SANDBOX_INPUT);\n"
             "new (require('worker_threads').Worker)(\"require('fs').writeFileSync('out/output.json', '7')\", {eval: true});\n")])
def test_every_runtime(make_sandbox, interpreter, source):
    one = park(make_sandbox, interpreter)
    wait_until_parked(one)
    got = one.connect().run({"main" + SUFFIX[interpreter]: source}, interpreter=interpreter,
                            script="main" + SUFFIX[interpreter], input_text=b"[1]")
    assert got.exit["parked"] and got.exit["exit_code"] == 0 and got.output == b"7", got
    names = re.findall(rb"'([^']*)'", got.logs.splitlines()[0])
    assert set(names) == {b"input.json", b"out", b"packages", b"scripts"}, got.logs


@pytest.mark.parametrize("interpreter", SUFFIX)
def test_waits_under_every_layer(make_sandbox, interpreter):
    one = park(make_sandbox, interpreter)
    pid = wait_until_parked(one)
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and status["Seccomp_filters"] == "2", status
    assert status["Uid"].split()[0] == "65534" and int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert status["NSsid"].split()[-1] == status["NSpid"].split()[-1]
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"Max core file size +0 +0", limits) and re.search(r"Max open files +1024 +1024", limits)
    environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    assert sandboxes.TOKEN.encode() not in environment and b"SKILLBOX_TOKEN" not in environment
    links = {fd.name: os.readlink(fd) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
    sockets = [fd for fd, target in links.items() if target.startswith("socket:")]
    assert sockets == ["1000"], links
    assert links["0"] == "/dev/null" and links["1"].startswith("pipe:") and links["2"].startswith("pipe:")
    assert not any("/skillbox" in target or "(deleted)" in target for target in links.values()), links


def test_job_comes_before_it_is_ready(make_sandbox):
    """The job of a new Pod does not wait for anybody: whichever way it runs, it runs once and rightly."""
    for _ in range(5):
        got = park(make_sandbox, "python").connect().run({"main.py": "import os; print(os.environ['SANDBOX_EXECUTION_ID'])"})
        assert got.logs == b"e-1\n" and got.exit["exit_code"] == 0, got


@pytest.mark.parametrize("options", [
    {"interpreter": "python", "script": "run.py"}, {"interpreter": "python", "script": "scripts/main.py"},
    {"interpreter": "bash", "script": "main.sh"}, {"interpreter": "node", "script": "main.js"}], ids=str)
def test_other_script_starts_cold(make_sandbox, options):
    one = park(make_sandbox, "python")
    pid = wait_until_parked(one)
    source = {"python": "import os; print(sorted(p for p in os.listdir('/proc') if p.isdigit()))", "bash": "echo $$", "node": ""}
    got = one.connect().run({options["script"]: source[options["interpreter"]]}, **options)
    assert got.exit["exit_code"] == 0 and not got.exit["parked"], got
    assert not pathlib.Path(f"/proc/{pid}").exists()  # ended before, not beside
    if options["interpreter"] == "python":
        assert len(re.findall(rb"'\d+'", got.logs)) <= 4, got.logs  # PID 1, the relay (and its parent), itself


def test_script_is_named(make_sandbox):
    one = park(make_sandbox, "python", SKILLBOX_PARK_SCRIPT="scripts/run.py")
    got = one.connect().run({"scripts/run.py": "import sys; print(__file__, sys.argv, sys.path[0])"}, script="scripts/run.py")
    path = b"/sandbox/scripts/scripts/run.py"
    assert got.logs == b"%s ['%s'] /sandbox/scripts/scripts\n" % (path, path), got
    assert got.exit["parked"]


@pytest.mark.parametrize("name", ["bash", "", "ruby"])
def test_nothing_is_parked(make_sandbox, name):
    one = park(make_sandbox, name)
    peer = one.connect()
    assert descendants(one) == []
    got = peer.run({"main.py": "print('ran')"})
    assert got.logs == b"ran\n" and not got.exit["parked"]
    sandboxes.wait_until(lambda: len(one.logs) >= len(got.logs), what="the container's log")
    assert bytes(one.logs) == b"ran\n"


def test_image_without_the_interpreter(make_sandbox):
    one = make_sandbox(environment={"SKILLBOX_TOKEN": sandboxes.TOKEN, "PATH": "/nowhere", "SKILLBOX_PARK": "python"})
    one.connect()
    sandboxes.wait_until(lambda: b"parked python: the image has none" in one.logs)


@pytest.mark.parametrize("interpreter", SUFFIX)
def test_parked_process_dies(make_sandbox, interpreter):
    one = park(make_sandbox, interpreter)
    peer = one.connect()
    os.kill(wait_until_parked(one), 9)
    sandboxes.wait_until(lambda: b"parked " + interpreter.encode() + b": it has ended" in one.logs)
    main = "main" + SUFFIX[interpreter]
    got = peer.run({main: "1"}, interpreter=interpreter, script=main)
    assert got.exit["exit_code"] == 0 and not got.exit["parked"] and got.logs == b"", got


def test_lost_stream_before_the_start(make_sandbox):
    """A connection that ends in the middle of a job leaves the parked process for the next job, which sees nothing of it."""
    one = park(make_sandbox, "python")
    pid = wait_until_parked(one)
    peer = one.connect()
    peer.send(frames.job() + frames.env("SECRET", "x") + frames.file("main.py", b"1 / 0"))
    again = one.connect()
    assert again.state["state"] == "waiting"
    got = again.run({"main.py": "import os; print('SECRET' in os.environ, os.getpid())"})
    assert got.exit["parked"] and got.logs.startswith(b"False "), got
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_timeout(make_sandbox):
    """The clock starts with the script, not with the interpreter."""
    one = park(make_sandbox, "python")
    wait_until_parked(one)
    source = "import subprocess\nprint('begun')\nsubprocess.run(['sleep', '60'])"
    got = one.connect().run({"main.py": source}, timeout_ms=400)
    assert got.exit["reason"] == "timed_out" and got.exit["exit_code"] == 137 and got.logs == b"begun\n", got
    assert got.exit["parked"] and 400_000 <= got.exit["run_us"] < 5_000_000
    assert one.processes() == []


def test_cancel(make_sandbox):
    one = park(make_sandbox, "node")
    peer = one.connect()
    peer.send(frames.whole_job({"main.js": "setInterval(() => {}, 1000)"}, interpreter="node", script="main.js"))
    peer.expect(frames.STARTED)
    peer.send(frames.frame(frames.CANCEL))
    got = peer.expect(frames.EXIT)
    assert got["reason"] == "cancelled" and got["parked"]


def test_files_that_came_ahead(make_sandbox):
    one = park(make_sandbox, "python")
    pid = wait_until_parked(one)
    peer = one.connect()
    peer.send(frames.file("main.py", b"import lib; print(lib.x)") + frames.file("lib.py", b"x = 'ahead'"))
    peer.send(frames.job() + frames.input_(b"{}") + frames.start(2, 24 + 11 + 2))
    got = peer.result()
    assert got.logs == b"ahead\n" and got.exit["parked"], got
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_large_environment_is_left_to_exec(make_sandbox):
    variables = [(f"V{i}", "x" * 100_000) for i in range(11)]
    got = park(make_sandbox, "python").connect().run({"main.py": "import os; print(len(os.environ['V10']))"}, environment=variables)
    assert got.logs == b"100000\n" and not got.exit["parked"], got


def test_environment_below_that(make_sandbox):
    variables = [(f"V{i}", "x" * 100_000) for i in range(9)]
    got = park(make_sandbox, "python").connect().run({"main.py": "import os; print(len(os.environ['V8']))"}, environment=variables)
    assert got.logs == b"100000\n" and got.exit["parked"], got


PRELOAD = [
    ("python", "json,this,no.such,no_such_module", "import sys; print('json' in sys.modules, 'this' in sys.modules)", b"True True\n"),
    ("node", "zlib,no-such-module", "console.log(process.moduleLoadList.includes('NativeModule zlib'))", b"true\n"),
]


@pytest.mark.parametrize("interpreter,names,source,want", PRELOAD, ids=lambda value: str(value)[:8])
def test_preload(make_sandbox, interpreter, names, source, want):
    """Modules are there before the job; what fails, and what an import prints, stands in the Pod's log, not in the job's."""
    one = park(make_sandbox, interpreter, SKILLBOX_PRELOAD=names)
    wait_until_parked(one)
    missing = names.split(",")[-1].encode()
    sandboxes.wait_until(lambda: re.search(rb"skillbox: preload %s: .*%s" % (missing, missing), bytes(one.logs)))
    before = len(one.logs)
    main = "main" + SUFFIX[interpreter]
    got = one.connect().run({main: source}, interpreter=interpreter, script=main)
    assert got.logs == want and got.exit["parked"], got
    sandboxes.wait_until(lambda: bytes(one.logs[before:]) == want)
    if interpreter == "python":
        assert b"Beautiful is better than ugly." in one.logs and b"preload no.such: ModuleNotFoundError" in one.logs


def test_preloaded_modules_keep_what_scripts_rely_on(make_sandbox):
    source = """
import gc, json, os, random, sys
print(sys.path, 'gc' in sys.modules, os.environ.get('SKILLBOX_PRELOAD'), gc.isenabled(), json.loads('[1]'))
sys.exit(3)
"""
    one = park(make_sandbox, "python", SKILLBOX_PRELOAD="json,random,subprocess,multiprocessing,asyncio,logging,threading")
    got = one.connect().run({"main.py": source})
    assert got.exit["exit_code"] == 3 and got.exit["parked"], got
    assert got.logs.startswith(b"['/sandbox/scripts', ") and got.logs.endswith(b"True None True [1]\n"), got


def test_every_sandbox_has_its_own_randomness(make_sandbox):
    source = "import random, uuid\nprint(random.random(), hash('text'), uuid.uuid4())"
    seen = [park(make_sandbox, "python", SKILLBOX_PRELOAD="random,uuid").connect().run({"main.py": source}).logs.split()
            for _ in range(3)]
    assert all(len(set(column)) == 3 for column in zip(*seen)), seen


def test_interpreter_knows_where_it_is(make_sandbox):
    """argv[0] was "python" where the image has python3 only: sys.executable was empty, and multiprocessing broke."""
    for variables in ({"SKILLBOX_PARK": "python"}, {}):
        one = make_sandbox(environment={"SKILLBOX_TOKEN": sandboxes.TOKEN, "PATH": sandboxes.PATH} | variables)
        got = one.connect().run({"main.py": "import os, sys; print(os.path.samefile(sys.executable, '/proc/self/exe'))"})
        assert got.logs == b"True\n" and got.exit["parked"] == bool(variables), got


INTERFACES = {
    "require": "const os = require('os');\nconsole.log(os.networkInterfaces(), /getInterfaceAddresses/.test(os.networkInterfaces), os.hostname() !== '');",
    "import": "import os, { networkInterfaces } from 'node:os';\nconsole.log(networkInterfaces(), os.networkInterfaces === networkInterfaces, true);",
    "worker": "new (require('worker_threads').Worker)(\"console.log(require('os').networkInterfaces(), true, process.env.NODE_OPTIONS === undefined)\", {eval: true});",
}


@pytest.mark.parametrize("parked", [True, False], ids=["parked", "cold"])
@pytest.mark.parametrize("name", INTERFACES)
def test_no_network_interfaces(make_sandbox, name, parked):
    """node threw: it asks over a socket, which can't be made. The function is node's own, whoever starts it."""
    one = park(make_sandbox, "node") if parked else make_sandbox()
    got = one.connect().run({"main.js": INTERFACES[name], "package.json": '{"type": "%s"}' % ("module" if name == "import" else "commonjs")},
                            interpreter="node", script="main.js")
    assert got.logs == b"{} true true\n" and got.exit["parked"] == parked, got


def test_other_functions_of_os(make_sandbox):
    source = """
const os = require('os'), r = {};
for (const n of ['userInfo', 'homedir', 'tmpdir', 'hostname', 'networkInterfaces', 'cpus', 'totalmem', 'freemem', 'loadavg', 'uptime',
                 'availableParallelism', 'release', 'version', 'endianness', 'getPriority']) r[n] = typeof os[n]();
console.log(Object.values(r).join(' '), process.noDeprecation, Object.keys(process).includes('noDeprecation'));
"""
    for one in (park(make_sandbox, "node"), make_sandbox()):
        got = one.connect().run({"main.js": source}, interpreter="node", script="main.js")
        assert got.exit["exit_code"] == 0 and got.logs.endswith(b" undefined false\n"), got


def test_known_differences(make_sandbox):
    """Those of docs/skills.md, so that the page stays true."""
    python = """
import os
print(b'SANDBOX_INPUT' in open('/proc/self/environ', 'rb').read(), 'SANDBOX_INPUT' in os.environ, flush=True)
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
interpreters.run_string(interpreters.create(), 'import os, sys; print(sys.path[0], os.path.exists(sys.path[0]), flush=True)')
"""
    got = park(make_sandbox, "python").connect().run({"main.py": python})
    assert got.exit["parked"] and got.logs == b"False True\n/sandbox/.parked False\n", got
    one = park(make_sandbox, "node")
    wait_until_parked(one)
    begun = time.monotonic()
    sandboxes.wait_until(lambda: time.monotonic() > begun + 0.3)
    node = "console.log(process.uptime() > 0.3, performance.now() > 300, require('fs').readdirSync('/skillbox'))"
    got = one.connect().run({"main.js": node}, interpreter="node", script="main.js")
    assert got.exit["parked"] and got.logs == b"true true [ 'park.cjs', 'runner' ]\n", got
