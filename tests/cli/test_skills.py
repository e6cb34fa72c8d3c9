"""Skills on this machine: init, lint, package. No server."""

import json
import os
import zipfile

import pytest

import skillbox

MANIFEST = "---\nname: greet\ndescription: Greets.\nlang: bash\n---\nCall it.\n"


@pytest.fixture
def skill(command):
    folder = command.home / "greet"
    (folder / "lib").mkdir(parents=True)
    (folder / "SKILL.md").write_text(MANIFEST)
    (folder / "main.sh").write_text("echo hello\n")
    (folder / "main.sh").chmod(0o755)
    (folder / "lib" / "é.txt").write_text("x" * 10000)
    (folder / "empty").write_text("")
    return folder


def tree(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("lang, script", [("python", "main.py"), ("node", "main.js"), ("bash", "main.sh")])
def test_init(command, lang, script):
    assert command.good("init", "my-skill", "--lang", lang) == 'Made skill "my-skill" in my-skill\n'
    folder = command.home / "my-skill"
    assert tree(folder) == {"SKILL.md", f"scripts/{script}", "references/input.schema.json", "references/output.schema.json",
                            "tests/world.json"}
    lines = command.good("lint", folder, "--strict").splitlines()
    assert lines[0] == "  PASS  SKILL.md: my-skill 1.0.0" and lines[-1] == "All checks passed"
    assert f"  PASS  entrypoint: scripts/{script} ({lang})" in lines


@pytest.mark.parametrize("folder, said", [
    ("Greet", "'Greet' is no name for a skill"), ("a--b", "'a--b' is no name"), ("-", "'-' is no name"),
    ("x" * 65, "is no name for a skill")])
def test_init_by_a_bad_name(command, folder, said):
    assert said in command.error("init", "--", folder, code=64)
    assert list(command.home.iterdir()) == []


def test_init_takes_no_folder_with_files(command, skill):
    assert command.error("init", "greet") == "greet has files already: give a folder that is new or empty"
    assert tree(skill) == {"SKILL.md", "main.sh", "lib/é.txt", "empty"}


def test_init_here(command):
    here = command.home / "here-it-is"
    here.mkdir()
    assert command.good("init", ".", cwd=here) == 'Made skill "here-it-is" in .\n'
    assert "name: other\n" in (command.good("init", "x/y", "--name", "other"), (command.home / "x/y/SKILL.md").read_text())[1]


def test_lint_tells_every_problem(command, skill):
    (skill / "SKILL.md").write_text("---\nname: -x\ntimeout: soon\nlang: cobol\n---\n")
    done = command.run("lint", skill, code=1)
    lines = done.out.splitlines()
    assert len(lines) >= 4 and all(line.startswith("  FAIL  SKILL.md") for line in lines) and done.err == ""
    assert "All checks passed" not in done.out
    report = json.loads(command.run("lint", skill, "-o", "json", code=1).out)
    assert report["valid"] is False and [f"  FAIL  {problem}" for problem in report["problems"]] == lines


def test_lint_compiles_schemas(command, skill):
    """What a server would say at push."""
    schema = skill / "references" / "input.schema.json"
    schema.parent.mkdir(exist_ok=True)
    schema.write_text('{"properties": {"n": {"pattern": "("}}}')
    assert command.run("lint", skill, code=1).out == (
        '  FAIL  skill: input_schema "references/input.schema.json": at /properties/n/pattern: "(": no regular expression: missing closing '
        'parenthesis, at byte 2\n')


def test_lint_warnings(command, skill):
    (skill / "SKILL.md").write_text(MANIFEST.replace("lang:", "colour: red\nlang:"))
    assert any(line.startswith("  WARN  ") and "colour" in line for line in command.good("lint", skill).splitlines())
    done = command.run("lint", skill, "--strict", code=1)
    assert "  FAIL  " in done.out and "All checks passed" not in done.out


def test_lint_of_what_is_no_skill(command, skill):
    (skill / "link").symlink_to("/etc/passwd")
    assert "  FAIL  skill: " in command.run("lint", skill, code=1).out
    (skill / "link").unlink()
    (skill / "SKILL.md").unlink()
    assert "has no SKILL.md" in command.run("lint", skill, code=1).out
    (command.home / "no.zip").write_text("no zip")
    assert "  FAIL  " in command.run("lint", "no.zip", code=1).out
    assert command.error("lint", "nowhere") == "can't read nowhere: No such file or directory"


def test_package(command, skill):
    assert command.good("package", "greet") == "Packaged greet v1.0.0 -> greet-1.0.0.zip\n"
    with zipfile.ZipFile(command.home / "greet-1.0.0.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["SKILL.md", "empty", "lib/é.txt", "main.sh"]
        assert archive.read("lib/é.txt") == b"x" * 10000 and archive.read("empty") == b""
        assert [entry.external_attr >> 16 for entry in archive.infolist()] == [0o100644, 0o100644, 0o100644, 0o100755]
    assert command.good("lint", "greet-1.0.0.zip").endswith("All checks passed\n")


def test_package_gives_the_same_bytes(command, skill, tmp_path):
    """Whatever the time, the time zone, the locale, the owner's mask and the order that the folder is read in."""
    command.good("package", "greet")
    first = (command.home / "greet-1.0.0.zip").read_bytes()
    other = tmp_path / "other" / "greet"
    for path in sorted(skill.rglob("*"), reverse=True):
        target = other / path.relative_to(skill)
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            target.chmod(path.stat().st_mode & 0o700)
            os.utime(target, (1_000_000_000, 1_000_000_000))
    command.good("package", other, "--to", "out", environment={"TZ": "Asia/Tokyo", "LANG": "C", "LC_ALL": "C"})
    assert (command.home / "out" / "greet-1.0.0.zip").read_bytes() == first


def test_a_package_is_not_in_the_next_one(command, skill):
    for _ in range(2):
        command.good("package", ".", cwd=skill)
        with zipfile.ZipFile(skill / "greet-1.0.0.zip") as archive:
            assert "greet-1.0.0.zip" not in archive.namelist() and len(archive.namelist()) == 4


def test_a_bad_skill_is_not_packaged(command, skill):
    (skill / "SKILL.md").write_text("---\nname: greet\n---\n")
    done = command.run("package", "greet", code=1)
    assert "  FAIL  SKILL.md" in done.err and not list(command.home.glob("*.zip*"))


def test_what_is_left_out(command, skill):
    for name in (".git/config", "__pycache__/x.pyc", ".DS_Store", "lib/._x", "__MACOSX/x"):
        (skill / name).parent.mkdir(exist_ok=True)
        (skill / name).write_text("x")
    command.good("package", "greet")
    with zipfile.ZipFile(command.home / "greet-1.0.0.zip") as archive:
        assert len(archive.namelist()) == 4


def test_the_python_sdk_takes_the_same_files(command, skill):
    """Both pack a folder: with the same names, modes and bytes."""
    command.good("package", "greet")
    with zipfile.ZipFile(command.home / "greet-1.0.0.zip") as ours, zipfile.ZipFile(skillbox._pack(skill)) as theirs:
        facts = [[(e.filename, e.external_attr, e.date_time, archive.read(e)) for e in archive.infolist()] for archive in (ours, theirs)]
    assert facts[0] == facts[1]


def test_many_files(command, skill):
    for i in range(1500):
        (skill / f"f{i:04}.txt").write_text(str(i))
    command.good("package", "greet")
    with zipfile.ZipFile(command.home / "greet-1.0.0.zip") as archive:
        assert len(archive.namelist()) == 1504 and archive.read("f1499.txt") == b"1499"
