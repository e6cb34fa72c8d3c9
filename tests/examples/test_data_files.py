"""data-analysis on the data files, the data files themselves, and the smallest examples."""

import csv
import json
import pathlib
import subprocess
import sys
from collections import defaultdict

import pytest

from script_runner import EXAMPLES


@pytest.fixture
def analyse(skill):
    return lambda request: skill("data-analysis", request)


def text(result, name):
    return result.files[name].decode()


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
    assert [row["key"] for row in csv.DictReader(text(result, "summary.csv").splitlines())] == [
        g["key"] for g in result.output["groups"]]
    assert "## Revenue by region" in text(result, "report.md")


def test_data_analysis_without_groups(analyse):
    result = analyse({"csv": "\ufeffn;t;empty\n1;a|b;\n2,5;a|b;\nshort\n1e400;;\n"})
    assert result.exit_code == 0, result.error
    assert [c["type"] for c in result.output["columns"]] == ["text", "text", "text"]  # 2,5 and 1e400 are no numbers
    assert column(result, "t")["top"] == [{"value": "a|b", "count": 2}]
    assert column(result, "empty") == {"name": "empty", "type": "text", "count": 0, "missing": 3, "distinct": 0}
    assert result.output["notes"] == ["1 of 4 rows were left out: they don't have 3 cells"]
    assert text(result, "summary.csv").splitlines()[0] == "name,type,count,missing,distinct"


def test_data_analysis_counts_rows_of_groups(analyse):
    result = analyse({"csv": "k,v\nb,1\na,x\nb,2\nc,\n", "group_by": "k", "limit": 2})
    assert result.output["groups"] == [{"key": "b", "count": 2}, {"key": "a", "count": 1}]
    assert result.output["notes"] == ["the 2 largest of 3 groups are shown"]
    result = analyse({"csv": "k,v\nb,1\na,x\nb,2\n", "group_by": "k", "value": "v"})
    assert result.output["groups"][1] == {"key": "a", "count": 1, "sum": 0, "share": 0}
    assert result.output["notes"] == ["1 rows have no number in 'v'; they count as rows but not in the sums"]


@pytest.mark.parametrize("request_, words", [
    ({}, "either 'data', a list of numbers or of objects, or 'csv', a table as text"),
    ([], "either 'data'"),
    ({"csv": "a\n1\n", "data": [1]}, "either 'data'"),
    ({"csv": 7}, "'csv' must be the table as text, not a number"),
    ({"data": []}, "with at least one of them"),
    ({"data": "1,2"}, "'data' must be a list of numbers or of objects"),
    ({"data": [1, "2"]}, "data[1] is a text, not a number"),
    ({"data": [1, True]}, "data[1] is a truth value, not a number"),
    ({"data": [{"a": 1}, [1]]}, "data[1] is a list, not an object as the first one is"),
    ({"data": [{}]}, "the objects of 'data' have no keys"),
    ({"data": [1e308, 1e308]}, "too large to be added up"),
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


def test_hello_of_kubectl(run, tmp_path):
    """The script inside the YAML."""
    text = (EXAMPLES / "kubectl" / "hello.yaml").read_text()
    block = text.split("main.py: |\n")[1].split("\n---")[0]
    script = pathlib.Path(tmp_path / "main.py")
    script.write_text("\n".join(line[8:] for line in block.splitlines()) + "\n")
    assert run(script, {"text": "A skill is a script"}).output == {"words": 5, "longest": "script"}


def test_data_analysis_of_objects(analyse):
    result = analyse({"data": [{"k": "b", "v": 1.5}, {"v": 2, "w": None}, {"k": "b", "v": None, "w": {"x": [1]}}], "group_by": "k", "value": "v"})
    assert result.exit_code == 0, result.error
    assert result.output["row_count"] == 3
    assert column(result, "v") == {"name": "v", "type": "number", "count": 2, "missing": 1, "distinct": 2, "sum": 3.5, "mean": 1.75,
                                   "median": 1.75, "stdev": 0.353553, "min": 1.5, "max": 2}
    assert column(result, "w") == {"name": "w", "type": "text", "count": 1, "missing": 2, "distinct": 1}
    assert [(g["key"], g["count"], g["sum"]) for g in result.output["groups"]] == [("", 1, 2), ("b", 2, 1.5)]
    assert "mean" not in result.output


def test_data_analysis_of_numbers(analyse):
    result = analyse({"data": [1, 2, 3, 4, 5, None]})
    assert (result.output["row_count"], result.output["mean"]) == (6, 3)
    assert '"mean": 3.0' in result.output_text
    assert column(result, "value")["missing"] == 1
