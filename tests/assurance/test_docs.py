"""docs/security.md stays true: each of its layers has tests (layers.tsv), which exist, and can be taken away."""

import pathlib
import re
import subprocess
import sys

import pytest

from mutation.mutations import LEVELS, MUTATIONS, apply_to

ROOT = pathlib.Path(__file__).resolve().parents[2]


def layers_of_the_page():
    """The first cells of the table under "Layers"."""
    section = (ROOT / "docs" / "security.md").read_text().split("\n## Layers\n")[1].split("\n## ")[0]
    found = [line.strip("|").split("|")[0].strip() for line in section.splitlines() if line.startswith("| ")]
    assert found[0] == "Layer" and len(found) > 15
    return found[1:]


def rows():
    """{layer: its tests}"""
    found = {}
    for line in (ROOT / "tests" / "assurance" / "layers.tsv").read_text().splitlines():
        layer, test = line.split("\t")
        found.setdefault(layer, []).append(test)
    return found


def named_tests():
    return sorted({test for tests in rows().values() for test in tests} | {test for m in MUTATIONS for test in m.tests})


@pytest.fixture(scope="session")
def collected():
    """Every pytest that exists, with and without its parameters."""
    files = sorted({test.partition("::")[0] for test in named_tests() if ".py::" in test})
    done = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q", *files], cwd=ROOT,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    ids = {line for line in done.stdout.splitlines() if "::" in line}
    return ids | {one.partition("[")[0] for one in ids}


def test_every_named_test_exists(collected):
    missing = []
    for test in named_tests():
        path, _, name = test.partition("::")
        if path.endswith(".py"):
            there = test in collected
        else:
            text = (ROOT / path).read_text() if (ROOT / path).is_file() else ""
            there = f'"{name}"' in text or re.search(r"\(" + re.escape(name) + r"[,)]", text)
        if not there:
            missing.append(test)
    assert missing == []


def test_every_layer_has_tests():
    assert list(rows()) == layers_of_the_page()


def test_every_layer_can_be_taken_away():
    assert {m.layer for m in MUTATIONS} == set(rows())
    for layer, tests in rows().items():
        plain = {test.partition("[")[0] for test in tests}
        for m in MUTATIONS:
            if m.layer == layer:
                assert plain & {test.partition("[")[0] for test in m.tests}, f"{m.name}: the table names none of its tests"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_mutations_fit_the_sources(mutation):
    text = (ROOT / mutation.file).read_text()
    assert apply_to(text, mutation) != text and mutation.level in LEVELS


def test_mutations_have_names_of_their_own():
    names = [m.name for m in MUTATIONS]
    assert len(names) == len(set(names))
