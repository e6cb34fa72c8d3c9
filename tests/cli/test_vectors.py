"""The vectors of tests/contract, asked by the command line."""

import pytest

import cli_vectors as vectors
from vector_server import VectorServer, load_vectors

VECTORS = {name: vector for name, vector in load_vectors().items() if name not in vectors.NOT_OURS}


@pytest.fixture(scope="module")
def server():
    with VectorServer() as server:
        yield server


@pytest.mark.parametrize("name", VECTORS)
def test_vector(server, tmp_path, name):
    assert vectors.play(server, VECTORS[name], tmp_path) == []


def test_what_is_left_out_is_there():
    assert vectors.NOT_OURS <= set(load_vectors()) and len(VECTORS) > 80


def test_a_vector_can_fail(server, tmp_path):
    """Another request, another answer, an exchange too many, and one too few."""
    vector = VECTORS["executions: run with nothing but the skill"]
    exchange = vector["exchanges"][0]
    wrong = [{**vector, "calls": [{"method": "run", "arguments": {"skill": "other"}}]},
             {**vector, "result": {"status": "failed"}},
             {**vector, "exchanges": [exchange, exchange]},
             {**vector, "error": {"kind": "not_found"}},
             {**vector, "exchanges": [{**exchange, "request": {**exchange["request"], "headers": {"Authorization": "Bearer x"}}}]}]
    for i, one in enumerate(wrong):
        scratch = tmp_path / str(i)
        scratch.mkdir()
        assert vectors.play(server, one, scratch) != []
