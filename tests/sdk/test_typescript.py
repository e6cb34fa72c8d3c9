"""The TypeScript SDK: the vectors of tests/contract, its own unit tests, and its types."""

import subprocess

import pytest

import node_sdk
from vector_server import KEY, VectorServer, load_vectors

# Node's fetch takes "100 Continue" for an error, unless it was asked for; and what it asks nobody can say.
BEYOND_FETCH = ("faults: 100 Continue before the answer",)
VECTORS = {name: vector for name, vector in load_vectors().items() if name not in BEYOND_FETCH}


@pytest.fixture(scope="module")
def played():
    return node_sdk.play_all(VECTORS, node_sdk.node())


@pytest.mark.parametrize("name", VECTORS)
def test_vector(played, name):
    assert played[0][name] == []


@pytest.mark.parametrize("name", BEYOND_FETCH)
def test_what_fetch_can_not(name):
    """Once it can, the vector belongs to the others."""
    with VectorServer() as server:
        server.play(load_vectors()[name])
        code = f"""fetch("{server.url}/v1/executions", {{method: "POST", body: '{{"skill":"greet"}}', headers: {{
            "Authorization": "Bearer {KEY}", "Idempotency-Key": "k", "Content-Type": "application/json", "Accept": "application/json"
        }}}}).then(() => console.log("ok"), (error) => console.log(error.cause.message))"""
        done = subprocess.run([node_sdk.node(), "-e", code], capture_output=True, text=True, check=True, timeout=30)
        assert server.verdict() == ""
    assert done.stdout == "bad response\n"


def test_node_has_nothing_to_complain_of(played):
    assert played[1] == []


def test_a_vector_can_fail():
    """Another request, another answer, an exchange too many, and one too few."""
    vector = VECTORS["executions: run with nothing but the skill"]
    exchange = vector["exchanges"][0]
    wrong = [{**vector, "calls": [{"method": "run", "arguments": {"skill": "other"}}]},
             {**vector, "result": {"status": "failed"}},
             {**vector, "result": {"output": 1}},
             {**vector, "lines": ["one"]},
             {**vector, "files": {"a": "b"}},
             {**vector, "exchanges": [exchange, exchange]},
             {**vector, "calls": vector["calls"] * 2},
             {**vector, "error": {"kind": "not_found"}},
             {**vector, "connections": 2},
             {**vector, "exchanges": [{**exchange, "request": {**exchange["request"], "headers": {"Authorization": "Bearer x"}}}]}]
    problems, _ = node_sdk.play_all(dict(enumerate(wrong)), node_sdk.node())
    assert [i for i, found in problems.items() if found == []] == []


def test_other_nodes():
    """All vectors, under each other Node.js from 18 on that there is here."""
    for version, path in node_sdk.other_nodes().items():
        problems, complaints = node_sdk.play_all(VECTORS, path)
        assert ({name: found for name, found in problems.items() if found}, complaints) == ({}, []), version
