"""The vectors of tests/contract, run with both clients of the Python SDK; and the vectors themselves."""

import pathlib
import subprocess
import sys

import pytest

import vector_runner
from vector_server import VectorServer, load_vectors

VECTORS = load_vectors()
HERE = pathlib.Path(__file__).parent
KEYS = {"name", "about", "client", "folder", "calls", "exchanges", "result", "lines", "files", "error", "pauses", "connections",
        "given", "file"}


@pytest.fixture(scope="module")
def vectors():
    with VectorServer() as server:
        yield server


@pytest.mark.parametrize("kind", vector_runner.CALLERS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("name", VECTORS)
def test_vector(vectors, name, kind):
    assert vector_runner.play(vectors, VECTORS[name], kind) == []


@pytest.mark.parametrize("name", VECTORS)
def test_what_a_vector_is_made_of(name):
    """As tests/contract/README.md says."""
    vector = VECTORS[name]
    assert set(vector) <= KEYS and name.startswith(pathlib.Path(vector["file"]).stem + ": ")
    assert vector["calls"] and vector["exchanges"]
    assert {"result", "lines", "error", "files"} & set(vector), "nothing is expected of it"
    for exchange in vector["exchanges"]:
        assert set(exchange) == {"request", "answer"} and exchange["answer"]["status"] >= 200
    faulty = any("fault" in exchange["answer"] for exchange in vector["exchanges"])
    assert not (faulty and "given" in vector), "the real server has no faults to order"


def test_a_vector_can_fail(vectors):
    """Another request, another answer, an exchange too many, and one too few."""
    vector = VECTORS["executions: run with nothing but the skill"]
    exchange = vector["exchanges"][0]
    wrong = [{**vector, "calls": [{"method": "run", "arguments": {"skill": "other"}}]},
             {**vector, "result": {"status": "failed"}},
             {**vector, "exchanges": [exchange, exchange]},
             {**vector, "calls": vector["calls"] * 2},
             {**vector, "error": {"kind": "not_found"}},
             {**vector, "connections": 2},
             {**vector, "exchanges": [{**exchange, "request": {**exchange["request"], "headers": {"Authorization": "Bearer x"}}}]}]
    for one in wrong:
        for kind in vector_runner.CALLERS:
            assert vector_runner.play(vectors, one, kind) != []


def pythons():
    """Other interpreters of this machine that the SDK is for."""
    found = [*pathlib.Path("/usr/bin").glob("python3.[0-9]*"), *pathlib.Path("/usr/local/bin").glob("python3.[0-9]*"),
             *pathlib.Path.home().glob(".pyenv/versions/3.*/bin/python3")]
    versions = {}
    for path in found:
        done = subprocess.run([path, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False)
        version = tuple(map(int, done.stdout.split())) if done.returncode == 0 else ()
        if version >= (3, 9) and version != sys.version_info[:2]:
            versions[version] = path
    return versions


def test_other_interpreters():
    """All vectors, under each Python from 3.9 on that there is here, without warnings."""
    running = [subprocess.Popen([python, "-W", "error", HERE / "vector_runner.py"], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True) for python in pythons().values()]
    for process in running:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0 and " 0 problems, " in out and len(out.splitlines()) == 1, out
