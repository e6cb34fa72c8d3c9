"""The example skills on the cluster, `examples/run`, and the agent in plain Python. tests/examples runs all cases of all skills
without a cluster; here it is one that works of each skill, and one that fails in each language. `examples/run` runs all."""

import os
import re
import shutil
import subprocess
import sys

import pytest

import skillbox
from script_runner import CASES, EXAMPLES, RUN, SKILLS, case_id

AGENT = EXAMPLES / "agents" / "plain.py"
CHOSEN = ("csv-to-chart:bars", "data-analysis:people", "data-analysis:wrong-column", "hello-bash:echo", "hello-node:ada",
          "image-resize:thumbnail", "json-transform:digits", "json-transform:not-a-list", "log-filter:errors", "log-filter:no-log",
          "markdown-report:html", "pdf-text:two-pages", "run-code:failing", "run-code:files", "text-summary:river", "trend-chart:two-sites", "trend-chart:wrong-key", "word-counter:unicode")
HERE = [path for path in CASES if case_id(path) in CHOSEN]


@pytest.fixture(scope="module")
def sdk(client):
    with skillbox.Client(client.base_url, client.api_key, timeout=120) as sdk:
        yield sdk


@pytest.fixture(scope="module")
def pushed(sdk):
    """pushed(folder): the skill as the server has it, gone afterwards."""
    known = {}

    def push(folder):
        if folder not in known:
            known[folder] = sdk.register_skill(folder)
        return known[folder]

    yield push
    for skill in known.values():
        sdk.delete_skill(skill.name, skill.version)


def test_every_skill_is_here():
    assert [case_id(path) for path in HERE] == list(CHOSEN)
    assert {path.parent.parent for path in HERE} == set(SKILLS)


@pytest.mark.parametrize("path", HERE, ids=case_id)
def test_case(sdk, pushed, path):
    why, _ = RUN.run_case(sdk, pushed(path.parent.parent), RUN.Case(path))
    assert why == []


@pytest.fixture
def program(client, tmp_path):
    """program(path, argument…): run with this server and key."""

    def start(*command):
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SKILLBOX_SERVER_URL": client.base_url, "SKILLBOX_API_KEY": client.api_key}
        return subprocess.run([sys.executable, *command], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    return start


def test_run_prints_a_table_of_verdicts(program, tmp_path):
    mine = tmp_path / "mine"
    (mine / "tests").mkdir(parents=True)
    (mine / "SKILL.md").write_text("---\nname: says-one\ndescription: x\n---\n")
    (mine / "main.sh").write_text('echo 1 >"$SANDBOX_OUTPUT"')
    (mine / "tests" / "right.json").write_text('{"output": 1.0}')
    done = program(EXAMPLES / "run", "--dir", mine)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"SKILL +CASE +VERDICT +SECONDS\nsays-one +right +ok +[\d.]+\n\n1 of 1 cases passed\n", done.stdout)
    assert done.stderr == ""  # progress is for terminals
    (mine / "tests" / "wrong.json").write_text('{"output": 2}')
    other = shutil.copytree(mine, tmp_path / "other")
    (other / "SKILL.md").write_text("---\nname: has-no-image\ndescription: x\nimage: nowhere:1\n---\n")
    done = program(EXAMPLES / "run", "--dir", other, "--dir", mine)
    assert done.returncode == 1
    assert "    its output is 1, not 2\n" in done.stdout and done.stdout.endswith("1 of 4 cases passed, 3 failed\n")
    assert done.stdout.count("    it could not be pushed: image 'nowhere:1' is not on the allowlist") == 2


def test_agent_picks_a_skill_by_its_description_and_uses_its_file(pushed, program, tmp_path):
    pushed(EXAMPLES / "skills" / "csv-to-chart")
    pushed(EXAMPLES / "skills" / "word-counter")
    done = program(AGENT)
    assert done.returncode == 0, done.stderr
    assert "-> csv-to-chart " in done.stdout and "output/chart.svg: an image of 800 x 480 pixels" in done.stdout
    assert (tmp_path / "output" / "chart.svg").read_text().count("<title>") == 4  # a bar a month
    (tmp_path / "text.txt").write_text("one two three")
    done = program(AGENT, "--question", "How many words has this text?", "--file", "text.txt")
    assert done.returncode == 0, done.stderr
    assert "-> word-counter " in done.stdout and '"words":3' in done.stdout
