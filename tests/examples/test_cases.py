"""The cases that the example skills bring with them, run under the machine's own python3, node and bash."""

import json

import jsonschema_rs
import pytest

from script_runner import CASES, PLAIN, PLAIN_CASES, RUN, SKILLS, case_id, main_of, run_script


def schema(skill, which):
    path = skill / "references" / f"{which}.schema.json"
    return jsonschema_rs.validator_for(json.loads(path.read_text())) if path.exists() else None


@pytest.mark.parametrize("path", PLAIN_CASES, ids=case_id)
def test_case(path, tmp_path):
    skill, case = path.parent.parent, RUN.Case(path)
    result = run_script(main_of(skill), case.input_text, tmp_path, case.env)
    if result.exit_code:
        # One line, which is what a caller sees; it begins with the skill's name.
        assert result.exit_code == 1 and result.error.startswith(f"{skill.name}: ") and result.error.count("\n") == 1
        assert result.output is None and result.files == {}
    else:
        assert result.error == ""
    if case.error_code == "input_schema_mismatch":
        # A server doesn't let it come this far; who runs the script otherwise is told by the script.
        assert result.exit_code == 1 and not schema(skill, "input").is_valid(json.loads(case.input_text))
        return
    status, code = ("failed", "exit_nonzero") if result.exit_code else ("success", "")
    assert RUN.judge(case, status, code, result.error, result.output_text, list(result.files), result.log + result.error) == []
    if result.output is not None and schema(skill, "output"):
        schema(skill, "input").validate(json.loads(case.input_text))
        schema(skill, "output").validate(result.output)


@pytest.mark.parametrize("skill", PLAIN, ids=lambda skill: skill.name)
def test_the_sample_input_works(skill, tmp_path):
    text = (skill / "examples" / "input.json").read_text(encoding="utf-8")
    result = run_script(main_of(skill), text, tmp_path)
    assert result.exit_code == 0 and result.output is not None, result.error
    if schema(skill, "input"):
        schema(skill, "input").validate(json.loads(text))
        schema(skill, "output").validate(result.output)


@pytest.mark.parametrize("skill", [skill for skill in SKILLS if not skill.name.startswith("hello-")], ids=lambda skill: skill.name)
def test_there_are_cases_that_work_and_that_fail(skill):
    """And both schemas, which are schemas."""
    cases = [json.loads(path.read_text()) for path in CASES if path.parent.parent == skill]
    assert sum("output" in case for case in cases) + sum("files" in case for case in cases) >= 2
    assert sum("error_code" in case for case in cases) >= 1
    for which in ("input", "output"):
        jsonschema_rs.meta.validate(json.loads((skill / "references" / f"{which}.schema.json").read_text()))


@pytest.mark.parametrize("path", [path for path in CASES if path not in PLAIN_CASES], ids=case_id)
def test_a_case_that_needs_an_image_keeps_the_schemas(path):
    """It runs in tests/e2e/test_examples.py."""
    skill, case = path.parent.parent, json.loads(path.read_text())
    if "output" in case:
        schema(skill, "input").validate(case["input"])
        schema(skill, "output").validate(case["output"])


@pytest.mark.parametrize("skill", [skill for skill in PLAIN if not skill.name.startswith("hello-")], ids=lambda skill: skill.name)
@pytest.mark.parametrize("text", ["null", "[]", '"a"', "7", "{}"])
def test_input_that_makes_no_sense_is_refused_in_one_line(skill, text, tmp_path):
    result = run_script(main_of(skill), text, tmp_path)
    assert result.exit_code == 1 and result.output is None and result.files == {}
    assert result.error.startswith(f"{skill.name}: ") and result.error.count("\n") == 1 and "Traceback" not in result.error
