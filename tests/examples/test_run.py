"""examples/run: how it reads cases, what it lets pass, and what it says when it can't do its work."""

import json
import os
import subprocess
import sys

import pytest

from script_runner import EXAMPLES, RUN


@pytest.fixture
def case(tmp_path):
    def write(text):
        path = tmp_path / "one.json"
        path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
        return RUN.Case(path)

    return write


def judged(case, status="success", code="", error="", output="", files=(), logs=""):
    return " ".join(RUN.judge(case, status, code, error, output, files, logs))


def test_a_case_is_read_as_it_stands(case):
    one = case('{"name": "x", "input": {"n":  1.10, "m": 12345678901234567890}, "output": 1}')
    assert (one.name, one.input_text, one.output_text) == ("x", '{"n":  1.10, "m": 12345678901234567890}', "1")
    assert (case("{}").name, case("{}").input_text) == ("one", "{}")


@pytest.mark.parametrize("text, words", [
    ("[]", "not a JSON object"),
    ("{", "one.json: "),
    ('{"outptu": 1}', "the key 'outptu' isn't known; there are env, error,"),
    ('{"output": 1, "output": 2}', "the key 'output' stands twice"),
    ('{"output": 1, "error_code": "timeout"}', "both 'output' and 'error_code'"),
    ('{"error": "x"}', "'error' needs 'error_code'"),
    ('{"files": "x"}', "'files' must be a list of paths"),
    ('{"env": {"A": 1}}', "'env' must be an object of texts"),
])
def test_a_case_that_makes_no_sense_is_named(case, text, words):
    with pytest.raises(RUN.CannotRun, match="one.json") as caught:
        case(text)
    assert words in str(caught.value)


@pytest.mark.parametrize("wanted, output", [("1", "1.0"), ("1e1", "10"), ('{"a":1,"b":[true]}', '{"b":[true],"a":1.00}'), ('"\\u00e9"', '"é"')])
def test_equal_outputs_pass(case, wanted, output):
    assert judged(case(f'{{"output": {wanted}}}'), output=output) == ""


@pytest.mark.parametrize("wanted, output", [("0.1", "0.10000000000000001"), ("1", "true"), ("0", "false"), ("[1,2]", "[2,1]"), ("1", '"1"'),
                                            ("12345678901234567890", "12345678901234567891"), ('{"a":1}', "{}"), ("null", "")])
def test_other_outputs_fail(case, wanted, output):
    assert "output" in judged(case(f'{{"output": {wanted}}}'), output=output)


def test_how_a_run_ended_is_judged(case):
    assert judged(case({}), output="1") == ""
    assert "it failed: boom (exit_nonzero)" in judged(case({}), "failed", "exit_nonzero", "boom")
    wanted = case({"error_code": "exit_nonzero", "error": "boom"})
    assert judged(wanted, "failed", "exit_nonzero", "a boom!") == ""
    assert "was to fail with exit_nonzero" in judged(wanted)
    assert "without 'boom'" in judged(wanted, "failed", "exit_nonzero", "bang")
    assert "it failed with timeout, not exit_nonzero" in judged(wanted, "timeout", "timeout", "boom")


def test_files_and_log_are_judged(case):
    wanted = case({"files": ["b", "a/c"], "log_has": "done"})
    assert judged(wanted, files=["a/c", "b"], logs="all done\n") == ""
    assert "its files are ['b']" in judged(wanted, files=["b"], logs="done")
    assert "without 'done'" in judged(wanted, files=["a/c", "b"], logs="")
    assert "its files are ['x']" in judged(case({"files": []}), files=["x"])


def run(*arguments, server="http://127.0.0.1:9"):
    environment = {"PATH": os.environ["PATH"], "SKILLBOX_SERVER_URL": server, "SKILLBOX_API_KEY": "sk-x"}
    return subprocess.run([sys.executable, EXAMPLES / "run", *arguments], env=environment, capture_output=True, text=True, timeout=60)


def test_what_can_not_be_run_is_said_in_a_line(tmp_path):
    (tmp_path / "SKILL.md").write_text("---\nname: x\n---\n")
    for arguments, words in (
        (["hello-bsh"], "there is no example 'hello-bsh'; there are: csv-to-chart, "),
        (["--dir", str(tmp_path / "no")], "has no SKILL.md"),
        (["--dir", str(tmp_path)], "has no cases"),
        (["--jobs", "0"], "--jobs must be from 1 to 32, not 0"),
        (["hello-bash"], "Is the server up, and SKILLBOX_SERVER_URL its address?"),
    ):
        done = run(*arguments)
        assert done.returncode == 2 and done.stdout == "" and words in done.stderr and "Traceback" not in done.stderr, done


def test_a_case_that_fails_is_shown_and_makes_the_run_fail(capsys, case):
    assert RUN.print_table([("a-skill", "one", [], 0.5), ("b", "two", ["its output is 1, not 2"], 1.0)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["a-skill", "one", "ok", "0.50"]
    assert lines[2].split() == ["b", "two", "FAILED", "1.00"] and lines[3] == "    its output is 1, not 2"
    assert lines[-1] == "1 of 2 cases passed, 1 failed"
