"""A script finds the same places in a sandbox as in a container with plain directories.

corpus/places/ has a folder a skill: scripts that ask where they are in every way there is, write, move, link, clean up, run what
came with them. Each is run without Skillbox and in sandboxes of every kind, with a waiting interpreter and without, in both
orders, and what it printed, its exit code, output and files must be the same."""

import pathlib
import re
import shutil

import pytest

from . import sandbox as sandboxes

CORPUS = pathlib.Path(__file__).parent / "corpus/places"
LANGUAGES = {"py": ("python", "main.py"), "js": ("node", "main.js"), "sh": ("bash", "main.sh")}
INPUT = b'{"n": 1}'
ENVIRONMENT = {"HOME": "/tmp", "LANG": "C.UTF-8", "PATH": sandboxes.PATH, "PYTHONUNBUFFERED": "1", "SANDBOX_INPUT": INPUT.decode(),
               "SANDBOX_INPUT_FILE": "/sandbox/input.json", "SANDBOX_OUTPUT": "/sandbox/out/output.json",
               "SANDBOX_FILES_DIR": "/sandbox/out/files/"}


def files_of(name):
    folder = CORPUS / name
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o777) for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}


def plainly(directory, name):
    interpreter, script = LANGUAGES[name[:2]]
    command = [shutil.which("python3" if interpreter == "python" else interpreter, path=sandboxes.PATH), "/sandbox/scripts/" + script]
    code, printed, out = sandboxes.run_plainly(directory, files_of(name), command, ENVIRONMENT, INPUT)
    return code, printed, out


def in_sandbox(make_sandbox, name, parked):
    interpreter, script = LANGUAGES[name[:2]]
    environment = {"SKILLBOX_TOKEN": sandboxes.TOKEN, "PATH": sandboxes.PATH} | ({"SKILLBOX_PARK": interpreter} if parked else {})
    got = make_sandbox(environment=environment).connect().run(files_of(name), interpreter=interpreter, script=script, input_text=INPUT)
    assert got.failed is None, got.failed
    assert got.exit["parked"] == parked
    out = {"files/" + path.decode(): content for path, content in got.files.items()}
    return got.exit["exit_code"], got.logs, out | ({} if got.output is None else {"output.json": got.output})


# Names that are drawn.
def normal(text):
    return re.sub(rb"/tmp/(x-|tmp\.?)\w+", b"/tmp/DRAWN", text)


@pytest.mark.parametrize("runtime", sandboxes.RUNTIMES, indirect=True)
@pytest.mark.parametrize("first", ["plain", "sandbox"])
@pytest.mark.parametrize("name", sorted(path.name for path in CORPUS.iterdir()))
def test_the_same_places(make_sandbox, tmp_path, runtime, first, name):
    if first == "plain":
        want = plainly(tmp_path / "plain", name)
        got = in_sandbox(make_sandbox, name, parked=False)
    else:
        got = in_sandbox(make_sandbox, name, parked=not name.startswith("sh"))
        want = plainly(tmp_path / "plain", name)
    assert want[0] == 0 and want[1], want
    assert got[0] == want[0], (got, want)
    if normal(got[1]) != normal(want[1]):  # two pipes: lines of stdout and stderr may arrive in another order
        assert sorted(normal(got[1]).splitlines()) == sorted(normal(want[1]).splitlines())
    assert got[2] == want[2]
