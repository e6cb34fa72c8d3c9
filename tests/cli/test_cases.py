"""`skillbox test`: the cases of a skill, as docs/skills.md describes them, on this machine."""

import json
import xml.etree.ElementTree as ET

import pytest
from local_machine import call, make_skill, may_make_sandboxes

here = pytest.mark.skipif(not may_make_sandboxes(), reason="this machine lets nobody make user namespaces")

# Does what its input says: the output as it stands, files, a log, an exit code.
PUPPET = """
import json, os, pathlib, sys
text = pathlib.Path("/sandbox/input.json").read_text()
wish = json.loads(text)
if "output" in wish:
    raw = wish.get("raw") or (text[text.index('"output":') + 9:text.rindex("}")] if len(wish) == 1 else json.dumps(wish["output"]))
    pathlib.Path("/sandbox/out/output.json").write_text(raw)
for name in wish.get("files", []):
    path = pathlib.Path("/sandbox/out/files", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
print(wish.get("log", ""), os.environ.get("WHO", ""))
sys.exit(wish.get("exit", 0))
"""


@pytest.fixture
def puppet(tmp_path):
    def make(**cases):
        folder = make_skill(tmp_path / "puppet", PUPPET)
        (folder / "tests").mkdir(exist_ok=True)
        for name, case in cases.items():
            text = case if isinstance(case, str) else json.dumps(case)
            (folder / "tests" / f"{name}.json").write_text(text)
        return folder
    return make


def verdicts(folder, *arguments):
    """(exit code, {name: report})"""
    code, out, err = call("test", folder, "--local", "-o", "json", *arguments)
    assert out, err
    return code, {row["name"]: row for row in json.loads(out)}


def echo(wanted, got):
    return f'{{"input": {{"output": {got}}}, "output": {wanted}}}'


EQUAL = {
    "numbers": ("[1.0, 1e2, -0, 0.10, 1E-2, 120]", "[1, 100, 0, 0.1, 0.01, 1.2e+2]"),
    "many_digits": ("123456789012345678901234567890.10", "123456789012345678901234567890.1"),
    "order": ('{"a": {"x": 1, "y": 2}, "b": 3}', '{"b": 3, "a": {"y": 2, "x": 1}}'),
    "escapes": (r'["é", "\u0041", "\ud83d\ude00", "a/b"]', r'["\u00e9", "A", "😀", "a\/b"]'),
    "same_half_pair": (r'"\ud800"', r'"\ud800"'),
    "twice": ('{"a": 2}', '{"a": 1, "a": 2}'),
    "blanks": ("[1 , 2 ]", "[1,2]"),
    "null": ("null", "null"),
}
DIFFERENT = {
    "digit": ("0.1", "0.10000000000000001", [("output", "0.1", "0.10000000000000001")]),
    "large": ("9007199254740993", "9007199254740992", [("output", "9007199254740993", "9007199254740992")]),
    "sign": ("-1", "1", [("output", "-1", "1")]),
    "kind": ("1", '"1"', [("output", "1", '"1"')]),
    "boolean": ("true", "1", [("output", "true", "1")]),
    "missing": ('{"a": 1, "b": null}', '{"a": 1}', [("output.b", "null", None)]),
    "added": ('{"a": 1}', '{"a": 1, "c": [2]}', [("output.c", None, "[2]")]),
    "deep": ('{"rows": [{"n": 1}, {"n": 2}]}', '{"rows": [{"n": 1}, {"n": 3}, 4]}',
             [("output.rows[1].n", "2", "3"), ("output.rows[2]", None, "4")]),
    "key": ('{"a b": 1}', '{"a b": 2}', [('output["a b"]', "1", "2")]),
    "text": ('"a"', '"b"', [("output", '"a"', '"b"')]),
}


@here
def test_values_are_compared_exactly(puppet):
    folder = puppet(**{name: echo(*pair) for name, pair in EQUAL.items()}, **{name: echo(row[0], row[1]) for name, row in DIFFERENT.items()})
    code, got = verdicts(folder)
    assert code == 1
    assert {name: got[name].get("why") for name in EQUAL} == dict.fromkeys(EQUAL)
    for name, (_, _, wanted) in DIFFERENT.items():
        assert got[name]["verdict"] == "failed"
        assert [(one["path"], one.get("wanted"), one.get("got")) for one in got[name]["differences"]] == wanted, name


@here
def test_what_a_case_can_expect(puppet):
    good = {
        "plain": {},
        "any_output": {"input": {"output": 5}},
        "named": {"name": "a name of its own", "input": {"log": "hello"}, "log_has": "hel"},
        "files": {"input": {"files": ["b", "a/c"]}, "files": ["b", "a/c"]},
        "no_files": {"files": []},
        "fails": {"input": {"exit": 3, "log": "x"}, "error_code": "exit_nonzero", "error": "code 3"},
        "fails_somehow": {"input": {"exit": 3}, "error_code": "exit_nonzero"},
        "invalid": {"input": {"output": 1, "raw": "{"}, "error_code": "output_invalid"},
        "env": {"input": {"log": "I am"}, "env": {"WHO": "Ada"}, "log_has": "I am Ada"},
    }
    bad = {
        "no_output": ({"output": 1}, [("output", "1", None)]),
        "other_files": ({"input": {"files": ["a", "b"]}, "files": ["b", "c"]}, [("files", '"c"', None), ("files", None, '"a"')]),
        "some_files": ({"input": {"files": ["a"]}, "files": []}, [("files", None, '"a"')]),
        "succeeds": ({"error_code": "exit_nonzero"}, [("error_code", '"exit_nonzero"', None)]),
        "other_words": ({"input": {"exit": 3}, "error_code": "exit_nonzero", "error": "code 4"},
                        [("error", '"code 4"', '"container exited with code 3"')]),
        "fails_after_all": ({"input": {"exit": 3, "output": 1}, "output": 2},
                            [("status", '"success"', '"failed"'), ("error", None, '"container exited with code 3"')]),
        "silent": ({"log_has": "word"}, [("log", '"word"', '" \\n"')]),
    }
    code, got = verdicts(puppet(**good, **{name: case for name, (case, _) in bad.items()}))
    assert code == 1 and len(got) == len(good) + len(bad)
    assert {row["file"]: row.get("why") for row in got.values() if row["verdict"] == "passed"} == {f"tests/{name}.json": None for name in good}
    assert got["a name of its own"]["file"] == "tests/named.json"
    for name, (_, wanted) in bad.items():
        assert [(one["path"], one.get("wanted"), one.get("got")) for one in got[name]["differences"]] == wanted, name


@here
def test_for_people(puppet):
    folder = puppet(good={"input": {"output": 1}, "output": 1}, bad={"input": {"output": 1, "log": "a\x1b[31mhint"}, "output": 2})
    code, out, err = call("test", folder, "--local")
    lines = out.splitlines()
    assert code == 1 and lines[0].split() == ["CASE", "VERDICT", "MS", "WHY"]
    assert [line.split()[:2] for line in lines[1:3]] == [["bad", "FAIL"], ["good", "PASS"]]
    assert lines[4:] == ["FAIL  bad (tests/bad.json)", "  output", "    wanted: 2", "    got:    1", "  log:", "    a?[31mhint", "", "1 passed, 1 failed"]
    assert err.count("isolation: ") == 1, "said once, not for each case"
    code, out, _ = call("test", folder, "--local", "--case", "goo")
    assert code == 0 and out.splitlines()[-1] == "1 passed, 0 failed"


@here
def test_junit(puppet, tmp_path):
    nasty = 'a<b>&"\'\t\x01\u00e9\ufffe]]>'
    folder = puppet(good={"name": nasty, "input": {"output": 1, "log": nasty}, "output": 1}, bad={"input": {"output": '<"&'}, "output": 2})
    report = tmp_path / "deep" / "report.xml"
    code, _, err = call("test", folder, "--local", "--junit", report)
    assert code == 1, err
    suite = ET.parse(report).getroot().find("testsuite")
    shown = nasty.replace("\x01", "\ufffd").replace("\ufffe", "\ufffd")
    assert (suite.get("name"), suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("local", "2", "1", "0")
    bad, good = suite.findall("testcase")
    assert (bad.get("name"), bad.find("failure").get("message")) == ("bad", 'output: wanted 2, got "<\\"&"')
    assert bad.find("failure").text == 'output\n  wanted: 2\n  got:    "<\\"&"\n'
    assert good.get("name") == shown and good.find("system-out").text == shown + " \n" and good.find("failure") is None
    assert sorted(path.name for path in report.parent.iterdir()) == ["report.xml"]


@pytest.mark.parametrize("text, words", [
    ('{"outputs": 1}', "unknown field 'outputs'; did you mean 'output'?"),
    ('{"output": 1, "output": 2}', "the field 'output' is there twice"),
    ('{"output": 1, "error_code": "timeout"}', "'output' and 'error_code' are both there"),
    ('{"error": "x"}', "'error' stands beside 'error_code' only"),
    ('{"error_code": 3}', "'error_code' is to be a text, not 3"),
    ('{"files": "a"}', "'files' is to be a list of paths"),
    ('{"files": [1]}', "'files' is to be a list of paths, each a text, not 1"),
    ('{"env": {"A": 1}}', "the value of 'A' in 'env' is to be a text"),
    ('{"env": {"LD_PRELOAD": "x"}}', "environment variable 'LD_PRELOAD' can't be set"),
    ('{"log_has": ""}', "'log_has' is empty"),
    ("[]", "a case is a JSON object"),
    ("{,}", "invalid JSON at byte 2"),
    ("", "invalid JSON"),
    ('{"input": ' + "[" * 2000 + "]" * 2000 + "}", "invalid JSON"),
])
def test_cases_that_are_none(puppet, text, words):
    code, out, err = call("test", puppet(wrong=text, good={}), "--local")
    assert (code, out) == (1, "") and err.startswith("Error: tests/wrong.json: ") and words in err and "isolation" not in err


def test_folders_without_cases(puppet, tmp_path):
    folder = puppet()
    code, _, err = call("test", folder, "--local")
    assert code == 1 and "has no cases: write one as tests/NAME.json" in err
    (folder / "tests/notes.txt").write_text("no case")
    (folder / "tests/data").mkdir()
    (folder / "tests/data/large.json").write_text("[]")
    assert call("test", folder, "--local")[0] == 1
    (folder / "tests/large.json").write_text('{"input": "' + "x" * (1 << 20) + '"}')
    code, _, err = call("test", folder, "--local")
    assert code == 1 and "tests/large.json has " in err
    (folder / "tests/large.json").unlink()
    (folder / "tests/good.json").write_text("{}")
    code, _, err = call("test", folder, "--local", "--case", "bad")
    assert code == 1 and "no case" in err and "'bad'" in err
    assert call("test")[0] == 64 and call("test", folder, "--locl")[0] == 64


@here
def test_an_input_that_the_schema_refuses(puppet):
    """A case may expect that: nothing runs then, here as on a server."""
    folder = puppet(refused={"input": {"output": 1}, "error_code": "input_schema_mismatch", "error": "/output: must be a string, but is 1"},
                    taken={"input": {"output": "a"}, "error_code": "input_schema_mismatch"},
                    unexpected={"input": [], "output": "b"})
    (folder / "references").mkdir()
    (folder / "references" / "input.schema.json").write_text('{"type": "object", "properties": {"output": {"type": "string"}}}')
    code, rows = verdicts(folder)
    assert code != 0 and {name: row["verdict"] for name, row in rows.items()} == {"refused": "passed", "taken": "failed", "unexpected": "failed"}
    assert "must be an object, but is an array" in json.dumps(rows["unexpected"])
    code, out, err = call("dev", folder, "--local", "--input", '{"output": 1}')
    assert (code, out) == (1, "") and err == "Error: the input doesn't match the skill's input_schema: /output: must be a string, but is 1\n"
