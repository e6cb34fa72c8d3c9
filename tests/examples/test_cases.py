"""The cases that the example skills bring with them, run under the machine's own python3, node and bash."""

import json

import jsonschema_rs
import pytest

from script_runner import CASE_KEYS, CASES, SKILLS, case_id, exact, input_text, main_of, run_script


def schema(skill, which):
    path = skill / "references" / f"{which}.schema.json"
    return jsonschema_rs.validator_for(json.loads(path.read_text())) if path.exists() else None


@pytest.mark.parametrize("path", CASES, ids=case_id)
def test_case(path, tmp_path):
    skill, case = path.parent.parent, json.loads(path.read_text(encoding="utf-8"))
    assert set(case) <= CASE_KEYS
    result = run_script(main_of(skill), input_text(path), tmp_path, case.get("env"))
    if "error_code" in case:
        assert "output" not in case and case["error_code"] == "exit_nonzero"
        assert result.exit_code == 1 and result.output is None
        # One line, which is what a caller sees; it begins with the skill's name.
        assert result.error.startswith(f"{skill.name}: ") and result.error.count("\n") == 1
        assert case["error"] in result.error
        assert result.files == {}
    else:
        assert result.exit_code == 0, result.error
        assert result.error == ""
        if "output" in case:
            assert exact(result.output_text) == exact(path.read_text(encoding="utf-8"))["output"]
        validator = schema(skill, "output")
        if validator:
            validator.validate(result.output)
            schema(skill, "input").validate(case.get("input", {}))
    if "files" in case:
        assert sorted(result.files) == sorted(case["files"])
    assert case.get("log_has", "") in result.log + result.error


@pytest.mark.parametrize("skill", SKILLS, ids=lambda skill: skill.name)
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


@pytest.mark.parametrize("skill", [skill for skill in SKILLS if not skill.name.startswith("hello-")], ids=lambda skill: skill.name)
@pytest.mark.parametrize("text", ["null", "[]", '"a"', "7", "{}"])
def test_input_that_makes_no_sense_is_refused_in_one_line(skill, text, tmp_path):
    result = run_script(main_of(skill), text, tmp_path)
    assert result.exit_code == 1 and result.output is None and result.files == {}
    assert result.error.startswith(f"{skill.name}: ") and result.error.count("\n") == 1 and "Traceback" not in result.error


def test_an_input_is_given_as_it_stands(tmp_path):
    path = tmp_path / "case.json"
    path.write_text('{"name": "x", "input": {"n":  1.10}, "output": 1}')
    assert input_text(path) == '{"n":  1.10}'
    path.write_text('{"name": "x"}')
    assert input_text(path) == "{}"
    assert exact("[1, 1.0, 1e0]") == exact("[1.00, 1, 1]") and exact("0.1") != exact("0.10000000000000001")
