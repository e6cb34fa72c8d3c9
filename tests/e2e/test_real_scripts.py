"""What scripts in the field do, each a shape that once failed: where they are, what they run, why they fail, what they leave."""

import io
import pathlib
import tarfile
import zipfile

import markupsafe
import pytest
import requests

from skillbox_client import execution_object, manifest, skill_object, zip_of
from waiting import unique


def executable(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o100755 << 16
    return info


@pytest.fixture
def run_files(client):
    """run_files({path: text}, front matter) pushes a skill of just these files and runs it; {} of keys: no lang."""
    names = []

    def run(files, **keys):
        names.append(unique("real"))
        client.push(zip_of({"SKILL.md": manifest(names[-1], **keys), **files}))
        return client.run(names[-1])

    yield run
    for name in names:
        client.request("DELETE", f"/v1/skills/{name}/1.0.0")


def files_of(result):
    with tarfile.open(fileobj=io.BytesIO(requests.get(result["files_url"], timeout=60).content), mode="r:gz") as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


def test_a_module_knows_that_it_is_the_main_one(run_files):
    result = run_files({"package.json": '{"type": "module"}', "main.js": """
import { fileURLToPath } from "node:url"; import fs from "node:fs";
function main() { fs.writeFileSync(process.env.SANDBOX_OUTPUT, JSON.stringify({ran: true})); }
console.log(process.argv[1], import.meta.url);
if (process.argv[1] === fileURLToPath(import.meta.url)) main();
"""})
    assert result["output"] == {"ran": True}, result
    assert result["logs"] == "/sandbox/scripts/main.js file:///sandbox/scripts/main.js\n"


def test_a_jail_by_realpath_lets_its_own_files_through(run_files):
    result = run_files({"main.py": """
import os
base = "/sandbox/out/files"
path = os.path.realpath(os.path.join(base, "report.txt"))
if not path.startswith(base): raise SystemExit("path escapes the output folder: " + path)
open(path, "w").write("x")
"""})
    assert (result["status"], result["files_list"]) == ("success", ["report.txt"]), result


def test_emptying_tmp_empties_tmp(run_files):
    result = run_files({"main.sh": """
echo '{"kept":1}' >"$SANDBOX_OUTPUT"; echo f >"$SANDBOX_FILES_DIR/f.txt"
touch /tmp/x; find /tmp/ /dev/shm -mindepth 1 -delete; ls -A /tmp /dev/shm
"""})
    assert (result["status"], result["output"], result["files_list"]) == ("success", {"kept": 1}, ["f.txt"]), result


def test_helpers_of_the_archive_run(run_files):
    result = run_files({executable("helper.sh"): '#!/bin/bash\necho "helper ran $1"\n', "main.sh": """
d=$(dirname "$0"); "$d/helper.sh" direct; echo "gave $?"; cd "$d" && ./helper.sh dot; echo "gave $?"
"""})
    assert result["logs"] == "helper ran direct\ngave 0\nhelper ran dot\ngave 0\n", result


def test_a_compiled_module_of_the_archive_is_imported(run_files):
    package = pathlib.Path(markupsafe.__file__).parent
    files = {f"markupsafe/{path.name}": path.read_bytes() for path in package.iterdir() if path.suffix in (".py", ".so")}
    # The tests' Python is Debian 12's.
    result = run_files(files | {"main.py": "import markupsafe._speedups as m\nprint(m.__file__, m._escape_inner('<'))\n"},
                       image="python:3.11-slim")
    assert result["status"] == "success" and result["logs"].startswith("/sandbox/scripts/markupsafe/_speedups."), result
    assert result["logs"].endswith(" &lt;\n")


FAILURES = {
    "node-throws": ("js", 'function load(row) { throw new TypeError("column price is missing in row " + row); }\nload(3);\n',
                    "TypeError: column price is missing in row 3"),
    "node-rejects": ("js", 'Promise.reject(new RangeError("no such page"));\n', "RangeError: no such page"),
    "node-misses-a-module": ("js", 'require("left-pad");\n', "Cannot find module 'left-pad'"),
    "node-has-bad-syntax": ("js", "const x = ;\n", "SyntaxError: Unexpected token ';'"),
    "python-says-more-below": ("py", """
class ValidationError(ValueError): pass
raise ValidationError("1 validation error for Invoice\\ntotal\\n  Field required [type=missing]\\n    For further information visit "
                      "https://errors.example/missing")
""", "ValidationError: 1 validation error for Invoice"),
    "python-has-a-group": ("py", "raise ExceptionGroup('two failed', [ValueError('bad a'), TypeError('bad b')])\n",
                           "ExceptionGroup: two failed (2 sub-exceptions)"),
    "python-says-goodbye": ("py", "import atexit\natexit.register(print, 'bye', file=__import__('sys').stderr)\n{}['key']\n",
                            "KeyError: 'key'"),
    "a-progress-bar": ("py", """
import sys
for i in range(0, 101): sys.stderr.write("\\r%3d%%|%s| %d/100 [00:00<00:00, 999.99it/s]" % (i, "#" * (i // 10), i))
sys.exit("fatal: column 'price' is missing")
""", "fatal: column 'price' is missing"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_the_reason_of_a_failure(run_files, name):
    suffix, script, words = FAILURES[name]
    result = run_files({f"main.{suffix}": script})
    assert (result["status"], result["exit_code"]) == ("failed", 1), result
    assert result["error"].startswith("container exited with code 1: ") and words in result["error"], result
    assert len(result["error"].encode()) <= 2048
    if name == "a-progress-bar":
        assert result["error"].endswith(words) and result["error"].count("100/100") <= 1


def test_what_is_still_being_written_is_waited_for(run_files):
    script = """
exec > >(tee "$SANDBOX_FILES_DIR/log.txt") 2>&1
for i in $(seq 1 400); do echo "line $i"; done
echo '{"lines":400}' >"$SANDBOX_OUTPUT"
"""
    result = run_files({"main.sh": script})
    wanted = "".join(f"line {i}\n" for i in range(1, 401))
    assert (result["status"], result["output"], result["logs"]) == ("success", {"lines": 400}, wanted)
    assert files_of(result) == {"log.txt": wanted.encode()}


def test_what_the_system_is_can_be_asked(run_files):
    result = run_files({"main.js": """
const os = require("os"), seen = {};
for (const name of ["userInfo", "homedir", "tmpdir", "hostname", "networkInterfaces", "cpus", "totalmem", "freemem", "loadavg",
                    "uptime", "availableParallelism", "release", "version", "endianness", "getPriority"]) seen[name] = os[name]();
require("fs").writeFileSync(process.env.SANDBOX_OUTPUT, JSON.stringify(seen));
"""})
    assert result["status"] == "success", result
    assert result["output"]["networkInterfaces"] == {} and result["output"]["homedir"] == "/tmp"


def test_a_skill_without_a_language(kubectl, name, ended):
    """`lang` is optional in a Skill: the script's suffix says it."""
    skill = skill_object(name, source={"files": {"main.sh": """echo '{"a":1}' >"$SANDBOX_OUTPUT"\n"""}})
    skill["spec"].pop("lang", None)
    kubectl.apply(skill)
    kubectl.apply(execution_object(name, name))
    assert ended(name)["status"]["output"] == '{"a":1}'


@pytest.mark.parametrize("alone", [False, True])
def test_an_entrypoint_that_is_named(kubectl, name, ended, alone):
    files = {"jobs/nightly.sh": """echo '{"ran":"jobs/nightly.sh"}' >"$SANDBOX_OUTPUT"\n"""}
    if not alone:
        files["main.sh"] = """echo '{"ran":"main.sh"}' >"$SANDBOX_OUTPUT"\n"""
    kubectl.apply(skill_object(name, lang="bash", entrypoint="jobs/nightly.sh", source={"files": files}))
    kubectl.apply(execution_object(name, name))
    assert ended(name)["status"]["output"] == '{"ran":"jobs/nightly.sh"}'


def test_a_version_as_the_specification_of_agent_skills_writes_it(client):
    name = unique("real")
    pushed = client.push(zip_of({"main.sh": "echo 1 >$SANDBOX_OUTPUT\n", "SKILL.md": f"""---
name: {name}
description: Extract PDF text, fill forms, merge files.
license: Apache-2.0
metadata:
  author: example-org
  version: "1.0"
---
"""}))
    try:
        assert (pushed["version"], client.run(name, version="1.0.0")["output"]) == ("1.0", 1)
    finally:
        client.request("DELETE", f"/v1/skills/{name}/1.0")


def test_a_cancel_that_comes_after_the_end(kubectl, name, ended):
    kubectl.apply(skill_object(name, lang="bash", source={"files": {"main.sh": "true\n"}}))
    kubectl.apply(execution_object(name, name))
    ended(name)
    kubectl.run("patch", "execution", name, "--type=merge", "-p", '{"spec":{"cancel":true}}')
    kubectl.run("wait", "--for=condition=Succeeded", f"execution/{name}", "--timeout=20s")


def test_an_archive_of_finder(client):
    """With the files that macOS puts beside each file."""
    name = unique("real")
    archive = zip_of({"my-skill/SKILL.md": manifest(name), "my-skill/._SKILL.md": b"\0\5\26\7" + bytes(100),
                      "my-skill/main.sh": "ls -A /sandbox/scripts\n", "my-skill/._main.sh": b"\0\5\26\7" + bytes(100),
                      "._my-skill": b"\0\5\26\7" + bytes(100)})
    client.push(archive)
    try:
        assert client.run(name)["logs"] == "SKILL.md\nmain.sh\n"
    finally:
        client.request("DELETE", f"/v1/skills/{name}/1.0.0")
