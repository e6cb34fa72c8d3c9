"""`skillbox dev --local` and `test --local` of skills with packages: wheels in the folder, and what requirements.txt and package.json
ask for, for this machine's interpreters. No network: the index is a folder of tiny wheels."""

import json
import os
import platform
import shutil
import subprocess
import sys

import pytest

from local_machine import call, dev, make_skill, may_make_sandboxes
from tiny_packages import make_wheel, sha256
from wheel_maker import sums, wheel

pytestmark = pytest.mark.skipif(not may_make_sandboxes(), reason="this machine lets nobody make user namespaces")

PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # where a local run looks for interpreters
PYTHON = shutil.which("python", path=PLACES) or shutil.which("python3", path=PLACES)
ASK = "import os, sys; print(sys.version_info[1], os.confstr('CS_GNU_LIBC_VERSION').split()[1].replace('.', '_'))"
MINOR, LIBC = subprocess.run([PYTHON, "-c", ASK], capture_output=True, text=True, check=True).stdout.split()
MACHINE = platform.machine()
TAG = f"cp3{MINOR}"
TARGET = f"{TAG}-manylinux_{LIBC}_{MACHINE}"
OTHER = f"cp3{int(MINOR) + 1}"
OTHER_TARGET = f"{OTHER}-manylinux_2_36_{MACHINE}"
PLATFORM = f"manylinux_2_17_{MACHINE}"
REPORT = """
import importlib, json, os, pathlib
names = pathlib.Path("/sandbox/scripts/names").read_text().split()
found = {name: importlib.import_module(name) for name in names}
try:
    pathlib.Path("/sandbox/packages/mine.py").write_text("")
    refused = False
except OSError:
    refused = True
json.dump({"versions": {name: getattr(module, "VERSION", None) for name, module in found.items()},
           "places": sorted({os.path.dirname(module.__file__) for module in found.values()}), "path": os.environ.get("PYTHONPATH"),
           "answer": getattr(found.get("native"), "answer", None), "refused": refused,
           "files": sorted(str(path.relative_to("/sandbox/scripts")) for path in pathlib.Path("/sandbox/scripts").rglob("*") if path.is_file())},
          open("/sandbox/out/output.json", "w"))
"""


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    make_wheel(folder, "plain")
    make_wheel(folder, "plain", "2.0")
    make_wheel(folder, "needs", requires=["plain"])
    make_wheel(folder, "compiled", tag=f"{TAG}-{TAG}-{PLATFORM}")
    make_wheel(folder, "compiled", tag=f"{OTHER}-{OTHER}-{PLATFORM}")
    make_wheel(folder, "apart", "1.0", tag=f"{TAG}-{TAG}-{PLATFORM}")
    make_wheel(folder, "apart", "2.0", tag=f"{OTHER}-{OTHER}-{PLATFORM}")
    return folder


@pytest.fixture
def settings(tmp_path, index):
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "SKILLBOX_PIP_PYTHON": sys.executable, "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull}


@pytest.fixture
def skill(tmp_path):
    def make(names, requirements=None, wheels=(), **keys):
        folder = make_skill(tmp_path / "s", REPORT, **keys)
        (folder / "names").write_text(names)
        if requirements is not None:
            (folder / "requirements.txt").write_text(requirements)
        for name, data in wheels:
            (folder / "wheels").mkdir(exist_ok=True)
            (folder / "wheels" / name).write_bytes(data)
        return folder
    return make


def native(tmp_path, tag=TAG):
    """A wheel with a library that was compiled here."""
    library = tmp_path / "answer.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=b"int answer(void) { return 42; }\n", check=True)
    loader = b"import ctypes, os\nanswer = ctypes.CDLL(os.path.join(os.path.dirname(__file__), 'answer.so')).answer()\n"
    return wheel("native", tag=f"{tag}-{tag}-{PLATFORM}", files={"native/__init__.py": loader, "native/answer.so": library.read_bytes()})


def good(folder, *arguments, **options):
    """(output, what was said before the run)"""
    code, result, err = dev(folder, *arguments, **options)
    assert code == 0, err
    said, _, _ = err.partition("local 1.0.0 on this machine")
    return result["output"], said


def failed(folder, *arguments, **options):
    code, _, err = dev(folder, *arguments, **options)
    assert code == 1, err
    return err


def test_wheels_of_the_folder(tmp_path, skill):
    """Imported from where a server has them, a compiled one among them; nothing is downloaded and nothing written."""
    folder = skill("native plain", wheels=[native(tmp_path), wheel("plain", files={"plain.py": b"VERSION = 'mine'\n"})])
    output, said = good(folder, environment={"SKILLBOX_PIP_PYTHON": "/nowhere"})
    assert output == {"versions": {"native": None, "plain": "mine"}, "places": ["/sandbox/packages", "/sandbox/packages/native"],
                      "path": "/sandbox/packages", "answer": 42, "refused": True, "files": ["SKILL.md", "main.py", "names", "wheels/sha256sums"]}
    assert said == "" and not (folder / "requirements.lock").exists()


def test_many_bytes(skill):
    """More than is prepared at once: whoever is quicker, sender or receiver, none waits for the other."""
    many = wheel("many", files={"many.py": b"VERSION = 'whole'\n", "many.bin": os.urandom(12 << 20)})
    output, _ = good(skill("many", wheels=[many]))
    assert output["versions"] == {"many": "whole"}


def test_requirements(skill, settings, index):
    """For this machine's Python, with a lock that says so; the second time nothing is asked for."""
    folder = skill("needs plain compiled", "needs\ncompiled\n")
    output, said = good(folder, environment=settings)
    assert output["versions"] == {"needs": "1.0", "plain": "2.0", "compiled": "1.0"} and said == ""
    assert output["files"] == ["SKILL.md", "main.py", "names", "requirements.lock", "requirements.txt", "wheels/sha256sums"]
    lock = (folder / "requirements.lock").read_text()
    assert f"# target: {TARGET}\n" in lock and sha256(index / f"compiled-1.0-{TAG}-{TAG}-{PLATFORM}.whl") in lock
    again, said = good(folder, environment=settings | {"SKILLBOX_PIP_PYTHON": "/nowhere"})
    assert again == output and said == "" and not (folder / "wheels").exists()
    assert "there is no /nowhere, and the packages of requirements.txt are downloaded by pip" in failed(
        folder, "--relock", environment=settings | {"SKILLBOX_PIP_PYTHON": "/nowhere"})


def lock_for_a_server(folder, settings, index):
    """What push would write, some time ago; (its text, settings with the index of today)."""
    old = folder.parent / "old"
    shutil.copytree(index, old, dirs_exist_ok=True)
    (old / "plain-2.0-py3-none-any.whl").unlink()
    (folder.parent / "local-1.0.0.zip").unlink(missing_ok=True)
    code, _, err = call("package", folder, "--python", OTHER_TARGET, environment=settings | {"PIP_FIND_LINKS": str(old)}, cwd=folder.parent)
    assert code == 0, err
    return (folder / "requirements.lock").read_text()


def test_a_lock_for_a_server_stays(skill, settings, index):
    """Its versions are taken, and its wheels as far as they fit; what differs is told."""
    folder = skill("needs plain", "needs\n")
    lock = lock_for_a_server(folder, settings, index)
    output, said = good(folder, environment=settings)
    assert output["versions"] == {"needs": "1.0", "plain": "1.0"} and said == "", "the same wheels"
    (folder / "requirements.txt").write_text("needs\ncompiled\n")
    (folder / "names").write_text("plain compiled")
    assert lock_for_a_server(folder, settings, index) != lock
    lock = (folder / "requirements.lock").read_bytes()
    line = f"requirements.lock is for {OTHER_TARGET} and stays as it is; what runs here is for {TARGET}, and gets "
    output, said = good(folder, environment=settings)
    assert output["versions"] == {"plain": "1.0", "compiled": "1.0"} and said == f"{line}a wheel that the lock doesn't have: compiled 1.0\n"
    assert "requirements.lock" not in output["files"], "it isn't that of these wheels"
    assert good(folder, environment=settings | {"SKILLBOX_PIP_PYTHON": "/nowhere"}) == (output, said)
    assert "a local run doesn't make it anew" in failed(folder, "--relock", environment=settings)
    assert (folder / "requirements.lock").read_bytes() == lock


def test_versions_that_this_machine_has_not(skill, settings, index):
    folder = skill("apart plain", "apart\nplain\n")
    lock = lock_for_a_server(folder, settings, index)
    output, said = good(folder, environment=settings)
    assert output["versions"] == {"apart": "1.0", "plain": "2.0"} and said.endswith("wheels that the lock doesn't have: apart 1.0, plain 2.0\n")
    assert "  pip:" not in said and (folder / "requirements.lock").read_text() == lock


def test_what_pip_refuses(skill, settings):
    err = failed(skill("", "nowhere\n"), environment=settings)
    assert "Error: there is no 'nowhere' in the indexes that pip asked" in err and "on this machine:" not in err


def test_without_packages(skill, settings):
    """As the folder is: with what this machine's Python has."""
    folder = skill("json", "plain\n")
    output, said = good(folder, "--no-deps", environment=settings | {"SKILLBOX_PIP_PYTHON": "/nowhere"})
    assert output["path"] is None and not (folder / "requirements.lock").exists()
    assert said == "requirements.txt asks for packages, and the skill brings none: it finds what this machine's Python has\n"


def test_wheels_for_another_python(tmp_path, skill):
    """A server's may be what this machine's isn't: it is told, and what can run does."""
    folder = skill("json", wheels=[native(tmp_path, OTHER)])
    _, said = good(folder)
    assert said.startswith(f'wheels/native-1.0-{OTHER}-{OTHER}-{PLATFORM}.whl is for CPython 3.{OTHER[3:]}') and "but this machine has CPython" in said


def test_wheels_that_are_refused(skill, tmp_path):
    name, data = wheel("plain", change=lambda files: files.update({"plain.py": b"evil = 1\n"}))
    assert f"wheels/{name}" in failed(skill("plain", wheels=[(name, data)]))
    shutil.rmtree(tmp_path / "s")
    folder = skill("plain", wheels=[("sha256sums", sums(wheel("plain")))])
    assert "the list of its wheels, without the wheels" in failed(folder)
    shutil.rmtree(tmp_path / "s")
    big = wheel("big", files={"big.py": b"", "big.bin": os.urandom(1 << 20) * 20})
    assert "its packages 21 of them" in failed(skill("big", wheels=[big], resources='{memory: "16Mi"}'))


def test_cases(skill, settings):
    folder = skill("needs plain", "needs\n")
    (folder / "tests").mkdir()
    for name in ("one", "two"):
        (folder / "tests" / f"{name}.json").write_text(json.dumps({"input": {}}))
    code, out, err = call("test", folder, "--local", "-o", "json", environment=settings)
    assert code == 0 and [(row["name"], row["verdict"]) for row in json.loads(out)] == [("one", "passed"), ("two", "passed")], err


NPM = """#!{python}
import json, pathlib, sys
pathlib.Path("{home}/npm.json").write_text(json.dumps(sys.argv[1:]))
path = pathlib.Path("node_modules/dep/index.js")
path.parent.mkdir(parents=True)
path.write_text("module.exports = 'brought'\\n")
"""


def test_node_modules(tmp_path):
    """For this machine, by an npm that notes how it was called."""
    folder = make_skill(tmp_path / "s", "console.log(require('dep'))", "main.js")
    (folder / "package.json").write_text(json.dumps({"dependencies": {"dep": "1"}}))
    (folder / "package-lock.json").write_text("{}")
    npm = tmp_path / "npm"
    npm.write_text(NPM.format(python=sys.executable, home=tmp_path))
    npm.chmod(0o755)
    settings = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": f"{tmp_path}:/usr/bin:/bin"}
    for _ in range(2):
        code, result, err = dev(folder, environment=settings)
        assert (code, result["logs"]) == (0, "brought\n"), err
        npm.write_text("#!/bin/sh\nexit 1\n")
    cpu = {"x86_64": "x64", "aarch64": "arm64"}.get(MACHINE, MACHINE)
    assert {f"--cpu={cpu}", "--libc=glibc"} <= set(json.loads((tmp_path / "npm.json").read_text()))
    assert not (folder / "node_modules").exists()
