"""What a script sees and what it can't do: the sandbox from inside."""

import json

import pytest

from skillbox_client import manifest, skill_zip, zip_of
from waiting import unique

LOOK_AROUND = r"""
import ctypes, errno, json, os, signal, socket, stat, sys

libc = ctypes.CDLL(None, use_errno=True)

def outcome(action, *arguments):
    try:
        action(*arguments)
        return "ok"
    except OSError as problem:
        return errno.errorcode.get(problem.errno, str(problem.errno))

def call(name, *arguments):
    ctypes.set_errno(0)
    result = getattr(libc, name)(*arguments)
    return "ok" if result >= 0 else errno.errorcode[ctypes.get_errno()]

def write(path):
    with open(path, "w") as file:
        file.write("x")

def run_from_tmp():
    with open("/tmp/program", "w") as file:
        file.write("#!/bin/sh\nexit 0\n")
    os.chmod("/tmp/program", 0o755)
    os.execv("/tmp/program", ["program"])

def status():
    lines = open("/proc/self/status").read().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)

def tree(top):
    return sorted(os.path.relpath(os.path.join(folder, name), top)
                  for folder, folders, files in os.walk(top) for name in files)

seen = {
    "environment": dict(os.environ),
    "argv": sys.argv,
    "cwd": os.getcwd(),
    "ids": [os.getuid(), os.geteuid(), os.getgid(), os.getegid()],
    "groups": os.getgroups(),
    "bundle": tree("/sandbox/scripts"),
    "out": sorted(os.listdir("/sandbox/out")),
    "stdin": sys.stdin.read(),
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")),
    "status": status(),
    "is_session_leader": os.getsid(0) == os.getpid(),
    "core_limit": __import__("resource").getrlimit(__import__("resource").RLIMIT_CORE)[1],
    "writes": {path: outcome(write, path) for path in (
        "/x", "/sandbox/x", "/sandbox/input.json", "/sandbox/scripts/x", "/sandbox/scripts/main.py", "/etc/x", "/usr/x",
        "/var/tmp/x", "/home/x", "/dev/shm/x", "/run/x", "/tmp/x", "/sandbox/out/x", "/sandbox/out/files/x")},
    "run_from_tmp": outcome(run_from_tmp),
    "sockets": {name: outcome(socket.socket, getattr(socket, name)) for name in
                ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_UNIX")},
    "first_process": {
        "environ": outcome(open, "/proc/1/environ"),
        "mem": outcome(open, "/proc/1/mem"),
        "descriptors": outcome(os.listdir, "/proc/1/fd"),
        "kill": outcome(os.kill, 1, signal.SIGKILL),
    },
    "calls": {
        "unshare": call("unshare", 0x10000000),
        "memfd_create": call("memfd_create", b"x", 0),
        "ptrace": call("ptrace", 16, 1, 0, 0),
        "mount": call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
        "setuid": call("setuid", 0),
    },
    "service_account": os.path.exists("/var/run/secrets"),
}
json.dump(seen, open(os.environ["SANDBOX_OUTPUT"], "w"))
"""


@pytest.fixture(scope="module")
def seen(client):
    """One run that looks at everything; the tests below read what it saw."""
    skill = unique("look")
    client.push(skill_zip(skill, LOOK_AROUND, instructions="Look around.\n\nThen tell.",
                          files={"scripts/helper.py": "", "data/a.txt": "a"}))
    result = client.run(skill, input={"a": 1}, env={"GREETING": "hé llo", "EMPTY": ""})
    client.request("DELETE", f"/v1/skills/{skill}/1.0.0")
    assert result["status"] == "success", result
    return {"id": result["execution_id"], **result["output"]}


def test_paths(seen):
    assert seen["cwd"] == "/sandbox"
    assert seen["bundle"] == ["SKILL.md", "data/a.txt", "main.py", "scripts/helper.py"]
    assert seen["out"] == ["files"]
    assert seen["argv"][0].endswith("main.py")
    assert seen["stdin"] == ""


def test_environment_is_what_the_contract_names_and_nothing_else(seen):
    environment = dict(seen["environment"])
    assert environment.pop("PATH") != ""
    environment.pop("LC_CTYPE", None)  # python's own doing
    environment.pop("PWD", None)
    assert environment.pop("PYTHONUNBUFFERED") == "1"  # so that the log has what was printed before a kill
    assert environment == {
        "SANDBOX_INPUT": '{"a": 1}',
        "SANDBOX_INPUT_FILE": "/sandbox/input.json",
        "SANDBOX_OUTPUT": "/sandbox/out/output.json",
        "SANDBOX_FILES_DIR": "/sandbox/out/files/",
        "SKILL_INSTRUCTIONS": "Look around.\n\nThen tell.",
        "SANDBOX_EXECUTION_ID": seen["id"],
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "GREETING": "hé llo",
        "EMPTY": "",
    }


def test_identity(seen):
    assert seen["ids"] == [65534] * 4
    assert set(seen["groups"]) <= {65534}
    status = seen["status"]
    assert {status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    assert seen["is_session_leader"]
    assert seen["core_limit"] == 0
    assert seen["descriptors"] == [0, 1, 2]


def test_only_tmp_and_out_are_writable(seen):
    writable = {path for path, outcome in seen["writes"].items() if outcome == "ok"}
    # /dev/shm holds Python's semaphores; it is as private as /tmp.
    assert writable == {"/tmp/x", "/sandbox/out/x", "/sandbox/out/files/x", "/dev/shm/x"}, seen["writes"]
    assert seen["run_from_tmp"] in ("EACCES", "EPERM")


def test_no_network_of_any_kind(seen):
    refused = {family for family, outcome in seen["sockets"].items() if outcome != "ok"}
    assert refused == {"AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK"}, seen["sockets"]


def test_the_runner_is_out_of_reach(seen, configuration):
    if configuration.has_own_kernel:
        del seen["first_process"]["descriptors"]  # gVisor shows their numbers, and nothing behind them
    assert "ok" not in seen["first_process"].values(), seen["first_process"]
    assert seen["service_account"] is False


def test_system_calls_that_a_skill_never_needs_are_refused(seen):
    assert "ok" not in seen["calls"].values(), seen["calls"]


BIG_INPUT = """
import hashlib, json, os
data = open(os.environ["SANDBOX_INPUT_FILE"], "rb").read()
variable = os.environ.get("SANDBOX_INPUT")
json.dump({"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "variable": variable and len(variable)},
          open(os.environ["SANDBOX_OUTPUT"], "w"))
"""


@pytest.mark.parametrize("size, in_variable", [(120 * 1024, True), (120 * 1024 + 1, False)])
def test_input_is_a_variable_up_to_120_kib(client, push, size, in_variable):
    text = json.dumps("x" * (size - 2))
    output = client.run(push(BIG_INPUT), input=json.loads(text))["output"]
    assert output["size"] == size
    assert output["variable"] == (size if in_variable else None)


def test_instructions_are_cut_at_64_kib(client, push):
    skill = push('printf "%s" "${#SKILL_INSTRUCTIONS}" >$SANDBOX_OUTPUT', lang="bash", instructions="i" * 70000)
    result = client.run(skill)
    assert result["output"] == 64 * 1024, result


def test_variables_keep_every_byte(client, push):
    variables = {"LINES": "a\nb\n", "TEXT": "é😀\"'\\ $HOME", "LONG": "x" * 100000, "_": "under"}
    skill = push("import json, os\njson.dump(dict(os.environ), open(os.environ['SANDBOX_OUTPUT'], 'w'))")
    output = client.run(skill, env=variables)["output"]
    assert {name: output[name] for name in variables} == variables


def test_a_pool_of_processes_works(client, push):
    """It needs semaphores, which are files in /dev/shm."""
    skill = push("""
import multiprocessing, os
def square(x):
    return x * x
if __name__ == "__main__":
    with multiprocessing.Pool(3) as pool:
        open(os.environ["SANDBOX_OUTPUT"], "w").write(str(pool.map(square, range(5))))
""")
    result = client.run(skill, timeout="30s")
    assert result.get("output") == [0, 1, 4, 9, 16], result


def test_a_script_may_close_its_streams(client, push):
    skill = push("import os\nfor fd in 0, 1, 2: os.close(fd)\nopen(os.environ['SANDBOX_OUTPUT'], 'w').write('1')")
    assert client.run(skill)["output"] == 1


def test_two_runs_share_nothing(client, push):
    skill = push("""
ls /tmp | wc -l >$SANDBOX_OUTPUT
touch /tmp/left-behind /sandbox/out/left-behind
""", lang="bash")
    assert [client.run(skill)["output"] for _ in range(2)] == [0, 0]


def test_a_fork_bomb_ends_at_its_own_sandbox(client, push, configuration):
    skill = push("""
import os, time
children = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
        children += 1
except OSError as problem:
    print(problem.strerror)
open(os.environ["SANDBOX_OUTPUT"], "w").write(str(children))
""")
    result = client.run(skill, timeout="20s")
    if configuration.has_own_kernel and result["status"] == "failed":  # memory was over first, and with it the sandbox
        assert result["error_code"] == "oom_killed", result
    else:
        assert result["status"] == "success", result
        assert 0 < result["output"] < 1024
    assert client.run(push("echo 1 >$SANDBOX_OUTPUT", lang="bash"))["output"] == 1


ENTRYPOINTS = [
    ({"main.py": "PY", "run.py": "no", "scripts/main.py": "no"}, None),
    ({"run.js": "JS", "scripts/main.sh": "no"}, None),
    ({"scripts/run.sh": "SH"}, None),
    ({"main.py": "no", "main.sh": "SH"}, "bash"),
]
WRITE = {
    "PY": "import os; open(os.environ['SANDBOX_OUTPUT'], 'w').write('\"PY\"')",
    "JS": "require('fs').writeFileSync(process.env.SANDBOX_OUTPUT, '\"JS\"')",
    "SH": "echo '\"SH\"' >$SANDBOX_OUTPUT",
    "no": "exit 9",
}


@pytest.mark.parametrize("files, lang", ENTRYPOINTS)
def test_the_entrypoint_is_the_first_of_the_search_order(client, files, lang):
    name = unique("entry")
    wanted = next(what for what in files.values() if what != "no")
    client.push(zip_of({"SKILL.md": manifest(name, lang=lang), **{path: WRITE[what] for path, what in files.items()}}))
    result = client.run(name)
    client.request("DELETE", f"/v1/skills/{name}/1.0.0")
    assert result.get("output") == wanted, result


def test_a_wrapper_folder_and_the_agent_skills_form(client):
    name = unique("wrapped")
    front_matter = f'---\nname: {name}\ndescription: d\nmetadata:\n  version: "2.0.0"\n  skillbox.lang: bash\n---\nBody.\n'
    client.push(zip_of({
        "folder/SKILL.md": front_matter,
        "folder/scripts/main.sh": "echo $PWD >&2; ls -R /sandbox/scripts; echo 1 >$SANDBOX_OUTPUT",
        "__MACOSX/folder/._SKILL.md": b"\0",
        "folder/.DS_Store": b"\0",
    }))
    result = client.run(name)
    client.request("DELETE", f"/v1/skills/{name}/2.0.0")
    assert result["output"] == 1, result
    assert "/sandbox\n" in result["logs"]
    assert "DS_Store" not in result["logs"] and "folder" not in result["logs"]
