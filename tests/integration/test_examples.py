"""The examples, run as a sandbox runs them but without one."""

import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections import defaultdict

import pytest

from control_plane import ROOT

EXAMPLES = ROOT / "examples"
INTERPRETERS = {".py": [sys.executable], ".js": ["node"], ".sh": ["bash"]}


class Result:
    def __init__(self, process, folder):
        output = folder / "output.json"
        self.exit_code, self.log, self.error = process.returncode, process.stdout, process.stderr
        self.output = json.loads(output.read_text(encoding="utf-8")) if output.exists() else None
        self.files = {p.name: p.read_text(encoding="utf-8") for p in sorted((folder / "files").iterdir())}


@pytest.fixture
def run(tmp_path):
    def run_script(path, request):
        (tmp_path / "files").mkdir(exist_ok=True)
        (tmp_path / "input.json").write_text(json.dumps(request), encoding="utf-8")
        env = {"PATH": os.environ["PATH"], "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
               "SANDBOX_INPUT_FILE": str(tmp_path / "input.json"), "SANDBOX_OUTPUT": str(tmp_path / "output.json"),
               "SANDBOX_FILES_DIR": f"{tmp_path}/files/"}
        process = subprocess.run([*INTERPRETERS[path.suffix], path], env=env, capture_output=True, text=True, timeout=30, cwd=tmp_path)
        return Result(process, tmp_path)

    return run_script


@pytest.fixture
def analyse(run):
    return lambda request: run(EXAMPLES / "skills" / "data-analysis" / "main.py", request)


def column(result, name):
    return next(c for c in result.output["columns"] if c["name"] == name)


def test_the_data_files_are_what_the_script_writes():
    done = subprocess.run([sys.executable, EXAMPLES / "data" / "make.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    request = json.loads((EXAMPLES / "data" / "sales-request.json").read_text())
    assert request["skill"] == "data-analysis"
    assert request["input"]["csv"] == (EXAMPLES / "data" / "sales.csv").read_text()
    assert request["input"] == json.loads((EXAMPLES / "data" / "sales.json").read_text())


def test_data_analysis_of_the_sales(analyse):
    result = analyse(json.loads((EXAMPLES / "data" / "sales.json").read_text()))
    assert result.exit_code == 0, result.error
    revenue = defaultdict(float)
    with open(EXAMPLES / "data" / "sales.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        revenue[row["region"]] += float(row["revenue"])
    assert result.output["rows"] == len(rows) == 120
    assert {g["key"]: g["sum"] for g in result.output["groups"]} == {k: pytest.approx(v) for k, v in revenue.items()}
    assert [g["sum"] for g in result.output["groups"]] == sorted((g["sum"] for g in result.output["groups"]), reverse=True)
    assert sum(g["share"] for g in result.output["groups"]) == pytest.approx(1, abs=0.001)
    assert column(result, "revenue")["sum"] == pytest.approx(sum(revenue.values()))
    assert column(result, "date") == {"name": "date", "type": "date", "count": 120, "missing": 0, "distinct": 120,
                                      "min": rows[0]["date"], "max": rows[-1]["date"]}
    assert column(result, "satisfaction")["missing"] == sum(row["satisfaction"] == "" for row in rows) > 0
    assert list(result.files) == ["report.md", "summary.csv"]
    assert [row["key"] for row in csv.DictReader(result.files["summary.csv"].splitlines())] == [
        g["key"] for g in result.output["groups"]]
    assert "## Revenue by region" in result.files["report.md"]


def test_data_analysis_without_groups(analyse):
    result = analyse({"csv": "\ufeffn;t;empty\n1;a|b;\n2,5;a|b;\nshort\n1e400;;\n"})
    assert result.exit_code == 0, result.error
    assert [c["type"] for c in result.output["columns"]] == ["text", "text", "text"]  # 2,5 and 1e400 are no numbers
    assert column(result, "t")["top"] == [{"value": "a|b", "count": 2}]
    assert column(result, "empty") == {"name": "empty", "type": "text", "count": 0, "missing": 3, "distinct": 0}
    assert result.output["notes"] == ["1 of 4 rows were left out: they don't have 3 cells"]
    assert result.files["summary.csv"].splitlines()[0] == "name,type,count,missing,distinct"


def test_data_analysis_counts_rows_of_groups(analyse):
    result = analyse({"csv": "k,v\nb,1\na,x\nb,2\nc,\n", "group_by": "k", "limit": 2})
    assert result.output["groups"] == [{"key": "b", "count": 2}, {"key": "a", "count": 1}]
    assert result.output["notes"] == ["the 2 largest of 3 groups are shown"]
    result = analyse({"csv": "k,v\nb,1\na,x\nb,2\n", "group_by": "k", "value": "v"})
    assert result.output["groups"][1] == {"key": "a", "count": 1, "sum": 0, "share": 0}
    assert result.output["notes"] == ["1 rows have no number in 'v'; they count as rows but not in the sums"]


@pytest.mark.parametrize("request_, words", [
    ({}, "'csv' is the table as text"),
    ([], "'csv' is the table as text"),
    ({"csv": 7}, "'csv' is the table as text"),
    ({"csv": ""}, "at least one row"),
    ({"csv": "a,b\n"}, "at least one row"),
    ({"csv": "a,a\n1,2\n"}, "'a' is there more than once"),
    ({"csv": "a,b\n1\n2\n"}, "no row has 2 cells"),
    ({"csv": "a,b\n1,2\n", "group_by": "c"}, "'group_by' is 'c', but the columns are: a, b"),
    ({"csv": "a,b\n1,2\n", "group_by": "a", "value": "c"}, "'value' is 'c', but the columns are: a, b"),
    ({"csv": "a,b\n1,x\n", "group_by": "a", "value": "b"}, "column 'b' holds no numbers"),
    ({"csv": "a,b\n1,2\n", "value": "b"}, "'value' needs 'group_by'"),
    ({"csv": "a,b\n1,2\n", "limit": 0}, "'limit' must be a whole number"),
    ({"csv": "a,b\n1,2\n", "delimiter": "::"}, "'delimiter' must be one of"),
], ids=str)
def test_data_analysis_says_what_is_wrong(analyse, request_, words):
    result = analyse(request_)
    assert result.exit_code == 1 and result.output is None
    assert result.error.startswith("data-analysis: ") and words in result.error
    assert result.error.count("\n") == 1  # the last line of stderr is what the caller sees


def test_the_schemas_know_every_field(analyse):
    references = EXAMPLES / "skills" / "data-analysis" / "references"
    request = json.loads((EXAMPLES / "data" / "sales.json").read_text())
    assert set(request) <= set(json.loads((references / "input.schema.json").read_text())["properties"])
    schema = json.loads((references / "output.schema.json").read_text())["properties"]
    output = analyse(request).output
    assert set(output) <= set(schema)
    for part in ("columns", "groups"):
        for entry in output[part]:
            assert set(entry) <= set(schema[part]["items"]["properties"])


def test_hello_bash(run):
    result = run(EXAMPLES / "skills" / "hello-bash" / "main.sh", {"a": [1, "é", None]})
    assert result.output == {"greeting": "hello from bash", "input": {"a": [1, "é", None]}}


def test_hello_node(run):
    if not shutil.which("node"):
        pytest.skip("no node on this machine; the end-to-end tests run it in its image")
    script = EXAMPLES / "skills" / "hello-node" / "main.js"
    assert run(script, {"name": "Ada"}).output == {"greeting": "Hello, Ada!"}
    assert run(script, {}).output == {"greeting": "Hello, world!"}


def test_hello_of_kubectl(run, tmp_path):
    """The script inside the YAML."""
    text = (EXAMPLES / "kubectl" / "hello.yaml").read_text()
    block = text.split("main.py: |\n")[1].split("\n---")[0]
    script = pathlib.Path(tmp_path / "main.py")
    script.write_text("\n".join(line[8:] for line in block.splitlines()) + "\n")
    assert run(script, {"text": "A skill is a script"}).output == {"words": 5, "longest": "script"}


def test_every_skill_has_its_manifest():
    for folder in (EXAMPLES / "skills").iterdir():
        lines = (folder / "SKILL.md").read_text().splitlines()
        end = lines.index("---", 1)
        keys = dict(line.split(": ", 1) for line in lines[1:end])
        assert lines[0] == "---" and keys["name"] == folder.name and keys["description"]
        assert "".join(lines[end + 1:]).strip()
