"""The settings of both programs, the chart that sets them and the resources that bound them say the same."""

import json
import os
import pathlib
import re
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SKILLBOX_BUILD", ROOT / "build" / "debug"))
CHART = ROOT / "charts" / "skillbox"
PROGRAMS = ("apiserver", "controller")
NAME = re.compile(r"SKILLBOX_[A-Z][A-Z0-9_]*[A-Z0-9]")
LINE = re.compile(r"^  (?P<name>SKILLBOX_\w+) +(?P<help>.*?)"
                  r"(?: \((?:default (?P<default>[^()]*?))?(?:(?:, |(?<=\())from (?P<min>\S+) to (?P<max>\S+))?\))?$", re.MULTILINE)
# lib/policy/policy.h: those that both programs read and that must mean the same to both.
POLICY = re.findall(r'\{"(SKILLBOX_\w+)"', (ROOT / "lib/policy/policy.h").read_text())
# lib/policy/limits.h: what a tenant and what all together can use up; and the limits that are settings of their own.
LIMITS = re.findall(r'\{"(SKILLBOX_\w+)"', (ROOT / "lib/policy/limits.h").read_text())
LIMITS_ELSEWHERE = ["SKILLBOX_MAX_CONCURRENT_EXECS", "SKILLBOX_RATE_LIMIT", "SKILLBOX_WRONG_KEY_LIMIT", "SKILLBOX_IDLE_TIMEOUT"]
UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}


def options(program):
    """{name: row} of what --help says."""
    path = BUILD / "bin" / f"skillbox-{program}"
    assert path.exists(), f"{path} is missing: `make check` builds it"
    text = subprocess.run([path, "--help"], capture_output=True, text=True, check=True, timeout=30).stdout
    found = {match["name"]: match.groupdict() for match in LINE.finditer(text)}
    assert sorted(found) == sorted(re.findall(r"^  (SKILLBOX_\w+)", text, re.MULTILINE)) and len(found) > 20
    return found


@pytest.fixture(scope="module")
def rows():
    return {program: options(program) for program in PROGRAMS}


@pytest.fixture(scope="module")
def chart():
    """{variable: its place in the values, below `config`, `images` or `build`} of the ConfigMap that both programs get."""
    text = (CHART / "templates/config.yaml").read_text()
    found = dict(re.findall(r"^  (SKILLBOX_\w+): \{\{ .*?\.(\w+) \| quote \}\}$", text, re.MULTILINE))
    assert sorted(found) == sorted(NAME.findall(text)) and len(found) > 10
    return found


@pytest.fixture(scope="module")
def values():
    whole = yaml.safe_load((CHART / "values.yaml").read_text())
    return whole["config"] | whole["images"] | {"enabled": whole["build"]["enabled"]}


@pytest.fixture(scope="module")
def schema():
    whole = json.loads((CHART / "values.schema.json").read_text())["properties"]
    return whole["config"]["properties"] | whole["images"]["properties"] | {"enabled": whole["build"]["properties"]["enabled"]}


def number(text):
    count, unit = re.fullmatch(r"(\d+)(\D*)", text).groups()
    return int(count) * UNITS[unit]


def test_both_programs_have_the_same_policy(rows):
    assert len(POLICY) == 12
    assert {name: rows["apiserver"][name] for name in POLICY} == {name: rows["controller"][name] for name in POLICY}


def test_what_both_programs_read_differs_only_in_words(rows):
    """A setting that only one table bounds, or that has two defaults, is one that an operator can't reason about."""
    own_default = {"SKILLBOX_NAMESPACE"}  # the API server asks the cluster instead
    for name in rows["apiserver"].keys() & rows["controller"].keys() - own_default:
        facts = [{key: rows[program][name][key] for key in ("default", "min", "max")} for program in PROGRAMS]
        assert facts[0] == facts[1], name


def test_the_chart_sets_only_what_is_read(rows, chart):
    known = rows["apiserver"].keys() | rows["controller"].keys()
    used = {name for path in [*CHART.rglob("templates/*"), ROOT / "manifests/base/skillbox.yaml"] if path.is_file()
            for name in NAME.findall(path.read_text())}
    of_sandboxes = set(NAME.findall((ROOT / "lib/api/pod.h").read_text()))  # the admission policy names them
    assert used >= chart.keys() and used - known - of_sandboxes == set()
    assert set(POLICY) - chart.keys() == set()


def test_the_chart_has_the_defaults_of_the_programs(rows, chart, values):
    for name, key in chart.items():
        value = values[key]
        shown = ",".join(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value)
        for program in PROGRAMS:
            if name in rows[program]:
                assert shown == rows[program][name]["default"], f"{key} and {name} of the {program}"


def test_the_schema_has_the_bounds_of_the_programs(rows, chart, values, schema):
    assert schema.keys() == values.keys() == set(chart.values())
    for name, key in chart.items():
        for row in (rows[program][name] for program in PROGRAMS if name in rows[program]):
            if schema[key].get("type") == "integer":
                assert (schema[key]["minimum"], schema[key]["maximum"]) == (int(row["min"]), int(row["max"])), key
            if "pattern" in schema[key]:
                assert re.search(schema[key]["pattern"], row["default"]), key
            if row["min"] and schema[key].get("type") == "string":
                assert number(row["min"]) <= number(row["default"]) <= number(row["max"]), key


def test_the_docs_name_only_variables_that_exist(rows):
    known = rows["apiserver"].keys() | rows["controller"].keys()
    used = {folder: {name for path in (ROOT / folder).rglob("*") if path.suffix in suffixes and path.is_file()
                     for name in NAME.findall(path.read_text(errors="replace"))}
            for folder, suffixes in (("docs", {".md"}), ("runner", {".c", ".h"}), ("cli", {".c"}), ("dev", {"", ".sh"}),
                                     ("tests", {".py", ".c"}), ("examples", {".yml"}))}
    elsewhere = used["runner"] | used["cli"] | used["dev"] | used["tests"] | used["examples"]
    assert used["docs"] - known - elsewhere == set()
    assert set(POLICY) & used["docs"], "the docs name none: does this test still read them?"


def test_bounds_that_resources_repeat(rows):
    """The custom resources bound what the programs bound, too; one that took more would fail later, or never."""
    frame = (ROOT / "lib/frame/frame.h").read_text()
    value_max = re.search(r"^#define FRAME_MAX_ENV_VALUE \(128u \* 1024 - (\d+)\)", frame, re.MULTILINE)
    names = (ROOT / "lib/policy/names.h").read_text()
    execution = yaml.safe_load((ROOT / "crds/executions.yaml").read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    skill = yaml.safe_load((ROOT / "crds/skills.yaml").read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    spec, skill = execution["properties"]["spec"]["properties"], skill["properties"]["spec"]["properties"]
    assert spec["env"]["items"]["properties"]["value"]["maxLength"] == 128 * 1024 - int(value_max[1])
    assert spec["ttlSecondsAfterFinished"]["maximum"] == int(rows["controller"]["SKILLBOX_EXECUTION_TTL_SECONDS"]["max"])
    assert skill["name"]["maxLength"] == int(re.search(r"SKILL_NAME_MAX (\d+)", names)[1])
    assert skill["version"]["maxLength"] == int(re.search(r"SKILL_VERSION_MAX (\d+)", names)[1])


def test_each_limit_is_documented_with_its_default(rows):
    text = (ROOT / "docs/limits.md").read_text()
    table = text[text.index("<!-- limits -->"):text.index("<!-- /limits -->")]
    documented = dict(re.findall(r"^\| `(SKILLBOX_\w+)` \| (\S+) \| .+ \| .+ \|$", table, re.MULTILINE))
    assert documented == {name: rows["apiserver"][name]["default"] for name in [*LIMITS, *LIMITS_ELSEWHERE]}


def test_each_limit_is_a_value_of_the_chart(chart):
    assert len(LIMITS) >= 10 and set(LIMITS) - chart.keys() == set()


def test_each_limit_is_kept():
    """One that is read and then forgotten would be a promise that nobody keeps."""
    fields = re.findall(r"member\.(\w+)\)", (ROOT / "lib/policy/limits.h").read_text())
    assert len(fields) == len(LIMITS)
    sources = "\n".join(path.read_text() for path in (ROOT / "apiserver").rglob("*.c") if path.name != "config.c")
    assert [field for field in fields if not re.search(rf"limits(\.|->){field}\b", sources)] == []
