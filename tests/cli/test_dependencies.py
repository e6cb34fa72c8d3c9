"""push and package with a requirements.txt or a package.json: what is downloaded, locked, kept and sent. No network: the index is a
folder of tiny wheels, and where a server is asked, a scripted one answers."""

import hashlib
import io
import json
import os
import pathlib
import platform
import pty
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from cli_command import PROGRAM, Command
from tiny_packages import make_wheel, sha256
from vector_server import KEY, VectorServer

TARGET = "cp312-manylinux_2_36_x86_64"
MACHINE = platform.machine()
MANIFEST = "---\nname: calc\ndescription: Computes.\nlang: {lang}\n{more}---\nCall it.\n"
IMAGES = {"images": [
    {"image": "python:3.12-slim", "lang": "python", "python": {"target": "cp313-manylinux_2_41_x86_64", "version": "3.13"}},
    {"image": "python:3.11-slim", "python": {"target": "cp311-manylinux_2_36_x86_64"}},
    {"image": "bare:1"}, {"image": "node:20-slim", "lang": "node"}]}
HEAD = "# Made by skillbox from requirements.txt: made anew when that changes, or by --relock.\n"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    make_wheel(folder, "plain")
    make_wheel(folder, "plain", "2.0")
    make_wheel(folder, "Dotted_Name", "1.1", requires=["plain>=1"])
    make_wheel(folder, "extra", requires=["plain; extra == 'more'"], extras=["more"])
    make_wheel(folder, "marked", requires=["old; python_version < '3.12'", "new; python_version >= '3.12'",
                                           "windows; sys_platform == 'win32'", "arm; platform_machine == 'armv7l'"])
    make_wheel(folder, "old")
    make_wheel(folder, "new")
    make_wheel(folder, "compiled", tag="cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64")
    make_wheel(folder, "compiled", tag="cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64")
    make_wheel(folder, "stable", tag="cp39-abi3-manylinux2014_x86_64")
    make_wheel(folder, "abroad", tag="cp312-cp312-win_amd64")
    make_wheel(folder, "fresh", tag="cp312-cp312-manylinux_2_40_x86_64")
    (folder / "sourced-1.0.tar.gz").write_bytes(b"")
    return folder


@pytest.fixture
def command(tmp_path, index):
    """pip without its configuration, for which a private index stands."""
    home = tmp_path / "home"
    home.mkdir()
    return Command(home, SKILLBOX_PIP_PYTHON=sys.executable, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(index), PIP_CONFIG_FILE=os.devnull)


@pytest.fixture(scope="module")
def server():
    with VectorServer() as server:
        yield server


def make_skill(command, requirements=None, lang="python", more="", **files):
    folder = command.home / "calc"
    folder.mkdir(exist_ok=True)
    (folder / "SKILL.md").write_text(MANIFEST.format(lang=lang, more=more))
    (folder / {"python": "main.py", "node": "main.js", "bash": "main.sh"}[lang]).write_text("1\n")
    for name, text in {**({"requirements.txt": requirements} if requirements is not None else {}), **files}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def names(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return archive.namelist()


def packaged(command, *options, **environment):
    """The names in the zip."""
    command.good("package", "calc", *options, environment=environment)
    return names((command.home / "calc-1.0.0.zip").read_bytes())


def wheels(command, *options):
    return [name.removeprefix("wheels/").split("-")[0] for name in packaged(command, *options) if name.startswith("wheels/")]


def failed(command, *options, **environment):
    """(what pip said, our sentence)."""
    done = command.run("package", "calc", "--python", TARGET, *options, code=1, environment=environment)
    lines = done.err.splitlines()
    assert lines[-1].startswith("Error: ") and not list(command.home.glob("*.zip"))
    return "\n".join(line.removeprefix("  pip: ") for line in lines[:-1]), lines[-1].removeprefix("Error: ")


def test_wheels_and_lock(command, index):
    """Both are in the archive; the folder gets the lock alone; the second time nothing is asked for."""
    folder = make_skill(command, "dotted.name\ncompiled\n")
    inside = packaged(command, "--python", TARGET)
    assert inside == ["SKILL.md", "main.py", "requirements.lock", "requirements.txt", "wheels/Dotted_Name-1.1-py3-none-any.whl",
                      "wheels/compiled-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
                      "wheels/plain-2.0-py3-none-any.whl"]
    digest = sha256(folder / "requirements.txt")
    compiled = index / "compiled-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    assert (folder / "requirements.lock").read_text() == (
        f"{HEAD}# target: {TARGET}\n# sha256:{digest}  requirements.txt\n\n"
        f"compiled==1.0 \\\n    --hash=sha256:{sha256(compiled)}\n"
        f"dotted-name==1.1 \\\n    --hash=sha256:{sha256(index / 'Dotted_Name-1.1-py3-none-any.whl')}\n"
        f"plain==2.0 \\\n    --hash=sha256:{sha256(index / 'plain-2.0-py3-none-any.whl')}\n")
    assert sorted(path.name for path in folder.iterdir()) == ["SKILL.md", "main.py", "requirements.lock", "requirements.txt"]
    first = (command.home / "calc-1.0.0.zip").read_bytes()
    done = command.run("package", "calc", "--python", TARGET, code=0, environment={"SKILLBOX_PIP_PYTHON": "/nowhere", "PATH": "/nowhere"})
    assert done.err == "" and (command.home / "calc-1.0.0.zip").read_bytes() == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.read(f"wheels/{compiled.name}") == compiled.read_bytes()
    assert packaged(command) == inside  # the lock says for which Python


def test_the_lock_gives_the_same_wheels_again(command, index):
    """Although the index has a newer version by then, and the cache is gone; --relock takes that."""
    mine = command.home / "mine"
    shutil.copytree(index, mine)
    command.environment["PIP_FIND_LINKS"] = str(mine)
    make_skill(command, "plain\n")
    assert "wheels/plain-2.0-py3-none-any.whl" in packaged(command, "--python", TARGET)
    make_wheel(mine, "plain", "3.0")
    shutil.rmtree(command.home / ".cache")
    assert "wheels/plain-2.0-py3-none-any.whl" in packaged(command, "--python", TARGET)
    assert "wheels/plain-3.0-py3-none-any.whl" in packaged(command, "--python", TARGET, "--relock")


def test_the_lock_is_made_anew(command):
    folder = make_skill(command, "plain\n-r more.txt\n-c limits.txt\n", **{"more.txt": "new\n", "limits.txt": "plain<2\n"})
    assert wheels(command, "--python", TARGET) == ["new", "plain"]
    assert [line.split()[-1] for line in (folder / "requirements.lock").read_text().splitlines() if "sha256:" in line and line[0] == "#"] \
        == ["requirements.txt", "more.txt", "limits.txt"]
    (folder / "limits.txt").write_text("plain<3\n")
    done = command.run("package", "calc", "--python", TARGET, code=0)
    assert done.err == "requirements.lock is made anew: the requirements changed\n" and "plain==2.0" in (folder / "requirements.lock").read_text()
    done = command.run("package", "calc", "--python", "cp313-manylinux_2_41_x86_64", code=0)
    assert done.err == "requirements.lock is made anew: it is for another Python\n"
    assert "# target: cp313-manylinux_2_41_x86_64\n" in (folder / "requirements.lock").read_text()


def test_markers_and_extras_are_the_targets(command):
    """Whatever Python pip itself runs on: it takes --python-version for none of them."""
    make_skill(command, "marked\nextra[more]; sys_platform == 'linux'\nwindows; os_name == 'nt'\n")
    assert wheels(command, "--python", "cp312-manylinux_2_17_x86_64") == ["extra", "marked", "new", "plain"]
    assert wheels(command, "--python", "cp311-musllinux_1_2_x86_64") == ["extra", "marked", "old", "plain"]


@pytest.mark.parametrize("text, target", [("3.12", f"cp312-manylinux_2_28_{MACHINE}"), ("cp39-musllinux_1_2_aarch64", "cp39-musllinux_1_2_aarch64")])
def test_targets(command, text, target):
    folder = make_skill(command, "plain<2\n")
    assert wheels(command, "--python", text) == ["plain"]
    assert f"# target: {target}\n" in (folder / "requirements.lock").read_text()


@pytest.mark.parametrize("text, said", [
    ("", "'' is no Python to bring packages for: write 3.12, or a target such as cp312-manylinux_2_36_x86_64"),
    ("2.7", "'2.7' is no Python to bring packages for"), ("3.x", "'3.x' is no Python to bring packages for"),
    ("cp312", '"cp312" is no target, such as cp312-manylinux_2_36_x86_64: '),
    ("cp312-manylinux_2_36_X86", '"cp312-manylinux_2_36_X86" is no target, such as cp312-manylinux_2_36_x86_64: the machine must be one of')])
def test_no_targets(command, text, said):
    make_skill(command, "plain\n")
    assert command.error("package", "calc", "--python", text, code=64).startswith(f"--python: {said}")


def test_what_fits_a_target(command):
    """An abi3 wheel of an older Python; not one for a newer glibc."""
    make_skill(command, "stable\n")
    assert wheels(command, "--python", TARGET) == ["stable"]
    make_skill(command, "fresh\n")
    (command.home / "calc-1.0.0.zip").unlink()
    assert failed(command)[1].startswith("no wheel of 'fresh' fits cp312-manylinux_2_36_x86_64: the index has wheels for others;")


@pytest.mark.parametrize("requirement, said", [
    ("abroad", f"no wheel of 'abroad' fits {TARGET}: the index has wheels for others; build a wheel of it (pip wheel) and put all wheels "
               "into wheels/, use an image that has it, or take another version"),
    ("sourced", "'sourced' is there as a source distribution only, and nothing is built here; build a wheel of it"),
    ("plian", "there is no 'plian' in the indexes that pip asked: is the name right, and is its index given"),
    ("plain>=3", f"no version of 'plain' that has a wheel for {TARGET} is one that is asked for: 'plain>=3'"),
    ("plain==1\nplain==2", "the requirements contradict one another, as pip says above: loosen one of them"),
    ("plain @@", "pip can't download what requirements.txt asks for, as it says above")])
def test_what_pip_refuses(command, requirement, said):
    folder = make_skill(command, requirement + "\n")
    pip, ours = failed(command)
    assert ours.startswith(said) and "ERROR: " in pip
    assert not (folder / "requirements.lock").exists() and not list((command.home / ".cache/skillbox/packages").iterdir())


def test_no_network(command):
    make_skill(command, "--index-url http://127.0.0.1:1/simple\nplain\n")
    command.environment.pop("PIP_NO_INDEX")
    command.environment.pop("PIP_FIND_LINKS")
    assert failed(command, PIP_RETRIES="0")[1].startswith("pip can't reach an index: is there a network, and are the index's URL and proxy right?")


def test_a_hash_that_differs(command):
    folder = make_skill(command, "plain\n")
    packaged(command, "--python", TARGET)
    (command.home / "calc-1.0.0.zip").unlink()
    lock = folder / "requirements.lock"
    lock.write_text(re.sub("sha256:[0-9a-f]{64}$", "sha256:" + "0" * 64, lock.read_text(), flags=re.MULTILINE))
    pip, ours = failed(command)
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in pip
    assert ours.startswith("a package is not what requirements.lock says: its hash differs. Find out why; --relock makes the lock anew")
    assert wheels(command, "--python", TARGET, "--relock") == ["plain"]


def test_a_lock_of_another_tool(command, index):
    """Used as it is, with markers and several hashes, and not rewritten."""
    folder = make_skill(command, "plain\nanything-else\n")
    text = ("#\n# This file is autogenerated by pip-compile\n#\n" f"plain==1.0 \\\n    --hash=sha256:{'0' * 64} \\\n"
            f"    --hash=sha256:{sha256(index / 'plain-1.0-py3-none-any.whl')}\n    # via -r requirements.txt\n"
            f"windows==1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:{'1' * 64}\n")
    (folder / "requirements.lock").write_text(text)
    for _ in range(2):
        assert "wheels/plain-1.0-py3-none-any.whl" in packaged(command, "--python", TARGET)
    assert (folder / "requirements.lock").read_text() == text
    (folder / "requirements.lock").write_text("plain==1.0\n")
    (command.home / "calc-1.0.0.zip").unlink()
    assert failed(command)[1].startswith("requirements.lock needs a hash of every requirement")


def test_options_in_requirements(command, index):
    """They are needed by the lock, too; an included file's are relative to it, and a path to a wheel is locked as one."""
    mine = command.home / "calc" / "sub" / "links"
    mine.mkdir(parents=True)
    shutil.copy(index / "new-1.0-py3-none-any.whl", mine)
    shutil.copy(index / "plain-1.0-py3-none-any.whl", command.home)
    folder = make_skill(command, "--no-index\n-r sub/more.txt\n../plain-1.0-py3-none-any.whl\n", **{
        "sub/more.txt": "# more\n--find-links=links\nnew \\\n  ~=1.0  # here\n"})
    command.environment.pop("PIP_FIND_LINKS")
    for _ in range(2):
        inside = packaged(command, "--python", TARGET)
        assert {"wheels/new-1.0-py3-none-any.whl", "wheels/plain-1.0-py3-none-any.whl"} <= set(inside)
        shutil.rmtree(command.home / ".cache")
    lock = (folder / "requirements.lock").read_text()
    assert "\n\n--no-index\n--find-links sub/links\n\nnew==1.0 \\\n" in lock and "\n../plain-1.0-py3-none-any.whl \\\n" in lock


def test_nothing_to_bring(command):
    """No requirement, no Python skill, wheels of one's own, --no-deps: neither pip nor a lock."""
    command.environment["SKILLBOX_PIP_PYTHON"] = "/nowhere"
    folder = make_skill(command, "# nothing yet\n-c limits.txt\n", **{"limits.txt": "plain<2\n"})
    assert "requirements.lock" not in packaged(command)
    (folder / "requirements.txt").write_text("plain\n")
    assert "requirements.lock" not in packaged(command, "--no-deps")
    (folder / "wheels").mkdir()
    shutil.copy(make_wheel(command.home, "own"), folder / "wheels")
    assert packaged(command)[-1] == "wheels/own-1.0-py3-none-any.whl"
    shutil.rmtree(folder)
    make_skill(command, "plain\n", lang="bash")
    assert "requirements.lock" not in packaged(command)


def test_without_pip(command, tmp_path):
    make_skill(command, "plain\n")
    ways = ", and the packages of requirements.txt are downloaded by pip: install it (Debian: apt-get install python3-pip), or name the " \
           "Python that has it by SKILLBOX_PIP_PYTHON, or bring them yourself as wheels/*.whl, or leave them out by --no-deps"
    assert failed(command, SKILLBOX_PIP_PYTHON="/nowhere")[1] == f"there is no /nowhere{ways}"
    assert failed(command, SKILLBOX_PIP_PYTHON="", PATH="/nowhere")[1] == f"there is no python3{ways}"
    without = tmp_path / "python"
    without.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    without.chmod(0o755)
    assert failed(command, SKILLBOX_PIP_PYTHON=str(without))[1] == f"{without} has no pip{ways}"


def test_what_is_no_wheel(command):
    folder = make_skill(command, "./local\n")
    (folder / "local").mkdir()
    (folder / "local" / "setup.py").write_text("raise SystemExit('this was run')\n")
    _, ours = failed(command)
    assert "this was run" not in ours and not (folder / "requirements.lock").exists()


def test_a_file_that_is_not_there(command):
    make_skill(command, "-r nowhere.txt\n")
    assert failed(command)[1] == "can't read calc/nowhere.txt: No such file or directory"


def test_what_was_kept_is_checked(command):
    make_skill(command, "plain\n")
    packaged(command, "--python", TARGET)
    kept, = (command.home / ".cache" / "skillbox" / "packages").glob("*/files/plain*.whl")
    good = kept.read_bytes()
    kept.write_bytes(b"evil")
    done = command.run("package", "calc", code=0)
    assert done.err == f"The downloaded packages in {kept.parents[1]} were changed: they are thrown away\n" and kept.read_bytes() == good


def test_few_sets_are_kept(command):
    base = command.home / "cache" / "skillbox" / "packages"
    for i in range(25):
        (base / f"{i:064}").mkdir(parents=True)
        os.utime(base / f"{i:064}", (i, i))
    (base / ".new-left").mkdir()
    os.utime(base / ".new-left", (1, 1))
    make_skill(command, "plain\n")
    packaged(command, "--python", TARGET, XDG_CACHE_HOME=str(command.home / "cache"))
    left = {path.name for path in base.iterdir()}
    assert len(left) == 20 and {f"{i:064}" for i in range(6, 25)} < left


def test_lint_says_what_is_to_come(command):
    folder = make_skill(command, "plain\nnew\n")
    line = "  PASS  requirements.txt: 'skillbox push' downloads the packages of 2 requirements"
    assert f"{line}, and writes requirements.lock\n" in command.good("lint", "calc")
    packaged(command, "--python", TARGET)
    assert f"{line}, as requirements.lock says\n" in command.good("lint", "calc")
    (folder / "requirements.txt").write_text("plain\nold\n")
    assert f"{line}, and makes requirements.lock anew, since the requirements changed\n" in command.good("lint", "calc")


def test_a_virtual_environment_is_no_part_of_a_skill(command):
    folder = make_skill(command)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "pyvenv.cfg").write_text("")
    (folder / ".venv" / "bin" / "python").symlink_to("/usr/bin/python3")
    assert packaged(command) == ["SKILL.md", "main.py"]


def test_progress_on_a_terminal(command):
    """What pip is at; and Ctrl-C ends it, with nothing left."""
    slow = command.home / "python"
    slow.write_text("#!/bin/sh\necho Collecting plain\nexec sleep 60\n")
    slow.chmod(0o755)
    make_skill(command, "plain\n")
    parent, child = pty.openpty()
    process = subprocess.Popen([PROGRAM, "package", "calc", "--python", TARGET], stdin=child, stdout=child, stderr=child, cwd=command.home,
                               start_new_session=True, env={**command.environment, "TERM": "xterm", "SKILLBOX_PIP_PYTHON": str(slow)})
    os.close(child)
    shown = b""
    while "downloading packages: plain … 0 s".encode() not in shown:
        shown += os.read(parent, 4096)
    process.send_signal(2)
    assert process.wait(30) == 130
    os.close(parent)
    assert not list((command.home / ".cache/skillbox/packages").iterdir()) and not list(command.home.glob("*.zip"))


# With a server.

def images(answer=IMAGES, status=200):
    return {"request": {"method": "GET", "path": "/v1/images"}, "answer": {"status": status, "json": answer}}


def pushed(status=201, answer=None):
    return {"request": {"method": "POST", "path": "/v1/skills", "zip": True},
            "answer": {"status": status, "json": answer or {"name": "calc", "version": "1.0.0"}}}


MISSING = pushed(409, {"error": "packages_missing", "message": "the packages aren't here", "request_id": "x"})
UNKNOWN = images({"error": "not_found", "message": "no such path", "request_id": "x"}, 404)


def play(server, command, *exchanges):
    server.play({"exchanges": list(exchanges)})
    command.environment |= {"SKILLBOX_SERVER_URL": server.url, "SKILLBOX_API_KEY": KEY, "SKILLBOX_RETRY_PAUSE": "10ms"}


def zips(server):
    assert server.verdict() == ""
    return [body for body in server.bodies if body.startswith(b"PK")]


def test_push_sends_sums_and_then_the_wheels(server, command, index):
    """The server says which Python; what it has already isn't sent."""
    folder = make_skill(command, "compiled\n")
    play(server, command, images(), images(), MISSING, pushed())
    assert command.good("push", "calc") == 'Pushed skill "calc" successfully\n'
    light, whole = zips(server)
    wheel = index / "compiled-1.0-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    rest = ["SKILL.md", "main.py", "requirements.lock", "requirements.txt"]
    assert names(light) == [*rest, "wheels/sha256sums"] and names(whole) == [*rest, f"wheels/{wheel.name}"]
    with zipfile.ZipFile(io.BytesIO(light)) as archive:
        assert archive.read("wheels/sha256sums").decode() == f"{sha256(wheel)}  {wheel.name}\n"
    assert "# target: cp313-manylinux_2_41_x86_64\n" in (folder / "requirements.lock").read_text()
    play(server, command, images(), images(), pushed())
    command.good("push", "calc", environment={"SKILLBOX_PIP_PYTHON": "/nowhere"})
    assert [hashlib.sha256(one).digest() for one in zips(server)] == [hashlib.sha256(light).digest()]


def test_the_skills_own_image(server, command):
    make_skill(command, "marked\n", more="image: python:3.11-slim\n")
    play(server, command, images(), images(), pushed())
    command.good("push", "calc")
    with zipfile.ZipFile(io.BytesIO(zips(server)[0])) as archive:
        assert "old-1.0" in archive.read("wheels/sha256sums").decode()


def test_wheels_of_ones_own(server, command):
    folder = make_skill(command, "own\n")
    (folder / "wheels").mkdir()
    make_wheel(folder / "wheels", "own")
    play(server, command, images(), MISSING, pushed())
    command.good("push", "calc")
    assert [names(one)[-1] for one in zips(server)] == ["wheels/sha256sums", "wheels/own-1.0-py3-none-any.whl"]


def test_another_refusal_is_final(server, command):
    make_skill(command, "plain\n")
    play(server, command, images(), images(), pushed(409, {"error": "conflict", "message": "no", "request_id": "x"}))
    assert command.error("push", "calc") == "no" and server.verdict() == ""


def test_an_older_server(server, command):
    """It doesn't know the question; and would take the sums for a skill without packages, so it gets the wheels."""
    make_skill(command, "plain\n")
    play(server, command, UNKNOWN)
    assert command.error("push", "calc") == "this server can't say which Python its images have: say it by --python, as in --python 3.12, " \
        "or leave packages out by --no-deps"
    play(server, command, UNKNOWN, pushed())
    command.good("push", "calc", "--python", "3.12")
    assert names(zips(server)[0])[-1] == "wheels/plain-2.0-py3-none-any.whl"
    play(server, command, pushed())
    command.good("push", "calc", "--no-deps")
    assert names(zips(server)[0])[-1] == "requirements.txt"


@pytest.mark.parametrize("image, answer, said", [
    ("bare:1", IMAGES, "the server doesn't say which Python the image 'bare:1' has: say which Python it has by --python, as in --python 3.12"),
    ("other:1", IMAGES, "the server doesn't allow the image 'other:1' (skillbox api GET /v1/images)"),
    ("", {"images": []}, "the server has no image that is the default for Python: say which Python it has by --python"),
    ("", {"images": [{"image": "x", "lang": "python", "python": {"target": "cobol"}}]}, '"cobol" is no target'),
    ("", {"images": 1}, "the answer makes no sense: GET /v1/images gave no list 'images'"),
    ("", [], "the answer makes no sense: GET /v1/images gave no list 'images'")])
def test_what_a_server_may_say(server, command, image, answer, said):
    make_skill(command, "plain\n", more=f"image: {image}\n" if image else "")
    play(server, command, images(answer))
    assert command.error("push", "calc").startswith(said)


def test_package_asks_the_server_that_is_given(server, command):
    make_skill(command, "compiled\n")
    assert command.error("package", "calc").startswith("for which Python are the packages of requirements.txt? Say so by --python, as in "
                                                       "--python 3.12, or give a server to ask")
    play(server, command, images())
    assert packaged(command)[-1].startswith("wheels/compiled-1.0-cp313-") and server.verdict() == ""


def test_validate_leaves_packages_out(server, command):
    make_skill(command, "plain\n")
    play(server, command, {"request": {"method": "POST", "path": "/v1/skills/validate", "zip": True},
                           "answer": {"status": 200, "json": {"valid": True, "name": "calc", "version": "1.0.0", "problems": []}}})
    done = command.run("skill", "validate", "calc", code=0)
    assert done.out == "All checks passed\n" and "; they are not checked here\n" in done.err
    assert names(zips(server)[0]) == ["SKILL.md", "main.py"]


def test_dev_brings_packages(server, command):
    make_skill(command, "plain\n")
    run = {"request": {"method": "POST", "path": "/v1/executions"},
           "answer": {"status": 400, "json": {"error": "bad_request", "message": "not today", "request_id": "x"}}}
    play(server, command, images(), images(), MISSING, pushed(), run)
    assert command.error("dev", "calc") == "not today"
    light, whole = zips(server)
    assert names(light)[-1] == "wheels/sha256sums" and names(whole)[-1] == "wheels/plain-2.0-py3-none-any.whl"
    with zipfile.ZipFile(io.BytesIO(light)) as archive:
        assert b'version: "1.0.0-dev.' in archive.read("SKILL.md")


# Node.js

NPM = """#!{python}
import json, os, pathlib, sys
if sys.argv[1] == "--version":
    sys.exit(print(os.environ.get("NPM_VERSION", "10.5.0")))
pathlib.Path("{home}/npm.json").write_text(json.dumps([sys.argv[1:], sorted(os.listdir())]))
if "broken" in pathlib.Path("package.json").read_text():
    sys.exit("npm error code EUSAGE\\nnpm error the lock file differs")
for name in json.loads(pathlib.Path("package-lock.json").read_text())["makes"]:
    path = pathlib.Path("node_modules", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("module.exports = 1\\n")
path = pathlib.Path("node_modules/.bin")
path.mkdir(parents=True)
(path / "tool").symlink_to("../dep/index.js")
"""


@pytest.fixture
def node(command):
    """An npm that makes what the lock file says, and notes how it was called."""
    (command.home / "bin").mkdir()
    (command.home / "bin" / "npm").write_text(NPM.format(python=sys.executable, home=command.home))
    (command.home / "bin" / "npm").chmod(0o755)
    command.environment["PATH"] = f"{command.home}/bin:{command.environment['PATH']}"
    return command


def make_node_skill(command, makes=("dep/index.js",), **files):
    package = {"package.json": json.dumps({"dependencies": {"dep": "1"}}), "package-lock.json": json.dumps({"makes": makes}), **files}
    return make_skill(command, lang="node", **package)


def test_node_modules(node):
    make_node_skill(node, **{".npmrc": "registry=x\n"})
    inside = packaged(node)
    assert inside == [".npmrc", "SKILL.md", "main.js", "node_modules/dep/index.js", "package-lock.json", "package.json"]
    arguments, files = json.loads((node.home / "npm.json").read_text())
    assert arguments == ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--os=linux",
                         f"--cpu={ {'x86_64': 'x64', 'aarch64': 'arm64'}.get(MACHINE, MACHINE) }", "--libc=glibc", "--loglevel=error"]
    assert files == [".npmrc", "files", "package-lock.json", "package.json"]
    kept = node.home / ".cache" / "skillbox" / "packages"
    assert [path.name for path in kept.rglob("*") if path.is_file()].count(".npmrc") == 0
    (node.home / "bin" / "npm").write_text("#!/bin/sh\nexit 1\n")
    assert packaged(node) == inside
    assert not (node.home / "calc" / "node_modules").exists()


def test_a_node_push_is_for_the_servers_machine(server, node):
    answer = {"images": [{"image": "python:3.12-slim", "lang": "python", "python": {"target": "cp312-manylinux_2_36_aarch64"}}]}
    make_node_skill(node)
    (node.home / "calc" / "SKILL.md").write_text(MANIFEST.format(lang="node", more="image: node:20-alpine\n"))
    play(server, node, images(answer), pushed())
    node.good("push", "calc")
    assert {"--cpu=arm64", "--libc=musl"} <= set(json.loads((node.home / "npm.json").read_text())[0])
    assert "node_modules/dep/index.js" in names(zips(server)[0])
    shutil.rmtree(node.home / ".cache")
    play(server, node, images(answer))
    assert node.error("push", "calc", environment={"NPM_VERSION": "9.2.0"}) == "npm 9.2 can't install for another platform than its own, " \
        "and the server's is linux, arm64, musl: npm 10.5 can (npm install -g npm@latest)"


def test_a_package_without_a_lock(node):
    folder = make_node_skill(node)
    (folder / "package-lock.json").unlink()
    assert node.error("package", "calc") == "package.json asks for packages, and there is no package-lock.json that says which versions: " \
        "run 'npm install --package-lock-only' once in calc; or bring node_modules yourself, or leave it out by --no-deps"
    assert "package.json: it asks for packages, and there is no package-lock.json" in node.good("lint", "calc")
    assert "node_modules" not in str(packaged(node, "--no-deps"))
    (folder / "package.json").write_text(json.dumps({"type": "module", "devDependencies": {"x": "1"}}))
    assert "node_modules" not in str(packaged(node))


def test_what_npm_refuses(node):
    make_node_skill(node, **{"package.json": json.dumps({"name": "broken", "dependencies": {"dep": "1"}})})
    done = node.run("package", "calc", code=1)
    assert done.err.startswith("  npm error code EUSAGE\n  npm error the lock file differs\nError: npm ci can't install what the lock file says, "
                               "as it says above: 'npm install' makes it anew where it and package.json differ")
    node.environment["PATH"] = "/nowhere"
    assert node.error("package", "calc").startswith("there is no npm, and package.json asks for packages: install it")


def test_too_many_files(node):
    many = [f"@big/one/{i}.js" for i in range(1500)] + [f"two/{i}.js" for i in range(490)] + [f"three{i}/x.js" for i in range(20)]
    make_node_skill(node, makes=many)
    said = node.error("package", "calc")
    assert said.startswith("node_modules brings 2010 files, the skill has 2014 then, and 2000 are allowed; most are of @big/one (1500), "
                           "two (490), three0 (1). Bundle the script into one file (npx esbuild ")
