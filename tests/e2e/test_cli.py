"""The command line on the cluster: what a newcomer types."""

import json
import pathlib
import subprocess
import sys

import pytest

from waiting import unique

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "cli"))

from cli_command import Command  # noqa: E402


@pytest.fixture
def command(environment, tmp_path):
    return Command(tmp_path, SKILLBOX_SERVER_URL=environment["SKILLBOX_SERVER_URL"], SKILLBOX_API_KEY=environment["SKILLBOX_API_KEY"])


def test_the_first_two_lines(command, environment):
    """Word for word, but for the port."""
    server = environment["SKILLBOX_SERVER_URL"]
    del command.environment["SKILLBOX_SERVER_URL"]
    assert command.good("skill", "push", "examples/skills/data-analysis", "--server", server, cwd=ROOT) == \
        'Pushed skill "data-analysis" successfully\n'
    data = '{"data": [{"name": "Alice", "age": 30}, {"name": "Bob", "age": 25}]}'
    assert json.loads(command.good("run", "data-analysis", "--input", data, "-s", server))["output"]["row_count"] == 2


def test_from_nothing_to_a_result(command):
    """init, dev, push, run, files and the log, and away with it."""
    name = unique("cli")
    folder = command.home / name
    command.good("init", name)
    (folder / "scripts" / "main.py").write_text((folder / "scripts" / "main.py").read_text() + (
        "import pathlib\nout = pathlib.Path(os.environ['SANDBOX_FILES_DIR'])\n(out / 'sub').mkdir()\n"
        "(out / 'sub' / 'é.txt').write_text('file')\n"))
    tried = command.run("dev", name, "--input", '{"name": "dev"}', "--download", "out", code=0)
    assert json.loads(tried.out)["output"] == {"greeting": "Hello, dev!"} and (command.home / "out/sub/é.txt").read_text() == "file"
    assert f"Pushed {name} 1.0.0-dev." in tried.err and "greeting dev\n" in tried.err and "Downloaded 1 file to out" in tried.err
    assert name not in command.good("skill", "list", "-o", "name")
    command.good("push", name)
    try:
        followed = command.run("run", name, "-i", '{"name": "World"}', "-f", code=0)
        record = json.loads(followed.out)
        assert record["output"] == {"greeting": "Hello, World!"} and followed.err == "greeting World\n"
        assert command.good("exec", "files", record["execution_id"]) == "sub/é.txt\n"
        assert command.good("exec", "logs", record["execution_id"]) == "greeting World\n"
        assert "the skill's input_schema: /name: is missing" in command.run("run", name, code=1).err  # nothing was made
        assert record["execution_id"] in command.good("exec", "list", "--skill", name, "-o", "name").split()
    finally:
        command.good("skill", "delete", name, "1.0.0")


def test_ctrl_c_ends_the_run(command):
    name = unique("cli")
    (command.home / name).mkdir()
    (command.home / name / "SKILL.md").write_text(f"---\nname: {name}\ndescription: x\nlang: bash\n---\n")
    (command.home / name / "main.sh").write_text("echo begun\nsleep 600\n")
    command.good("push", name)
    process = command.start("run", name, "-f", stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stderr.readline() == b"begun\n"
    process.send_signal(2)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    record = json.loads(command.run("exec", "wait", error.decode().split()[-1], code=2).out)
    assert record["status"] == "cancelled" and record["logs"] == "begun\n"
    command.good("skill", "delete", name, "1.0.0")
