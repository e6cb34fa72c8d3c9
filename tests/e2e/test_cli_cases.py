"""`skillbox test` on the cluster: the same cases, the same verdicts as on this machine."""

import json
import pathlib
import sys
import xml.etree.ElementTree as ET

import pytest

from waiting import unique

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "cli"))

from cli_command import Command  # noqa: E402


@pytest.fixture
def command(environment, tmp_path):
    return Command(tmp_path, SKILLBOX_SERVER_URL=environment["SKILLBOX_SERVER_URL"], SKILLBOX_API_KEY=environment["SKILLBOX_API_KEY"])


def test_cases_on_a_server(command):
    name = unique("cases")
    command.good("init", name)
    (command.home / name / "references" / "input.schema.json").unlink()  # any input reaches the script
    tests = command.home / name / "tests"
    (tests / "digits.json").write_text('{"input": {"name": 1.50}, "output": {"greeting": "Hello, 1.5!"}}')
    (tests / "fails.json").write_text('{"input": {}, "error_code": "exit_nonzero", "error": "KeyError"}')
    (tests / "wrong.json").write_text('{"input": {"name": "A"}, "output": {"greeting": "Bye"}, "files": ["a"]}')
    told = command.run("test", name, "--junit", "report.xml", "-o", "json", code=1)
    assert f"Pushed {name} 1.0.0-dev." in told.err
    verdicts = {row["name"]: row["verdict"] for row in json.loads(told.out)}
    assert verdicts == {"digits": "passed", "fails": "passed", "world": "passed", "wrong": "failed"}
    suite = ET.parse(command.home / "report.xml").getroot().find("testsuite")
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == (name, "4", "1")
    (tests / "wrong.json").unlink()
    assert command.good("test", name).splitlines()[-1] == "3 passed, 0 failed"
    assert name not in command.good("skill", "list", "-o", "name")
