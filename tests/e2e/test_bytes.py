"""User data passes byte for byte: JSON texts made at random go through REST, the custom resource, the sandbox, the blob store and
back, and every byte outside insignificant blanks is the same. Numbers that no double holds, duplicate keys and odd escapes included.

A failure prints its seed; SKILLBOX_TEST_SEED=N repeats it."""

import os
import random

import pytest

from skillbox_client import raw_member

ECHO = """
import os, shutil
shutil.copyfile(os.environ["SANDBOX_INPUT_FILE"], os.environ["SANDBOX_OUTPUT"])
"""
NUMBERS = ["0", "-0", "1e400", "-1E-400", "1.0", "1.00", "0.1e+05", "12345678901234567890123456789012345678901234567890",
           "-9007199254740993", "3.141592653589793238462643383279502884197"]
STRINGS = ['""', r'"\u0000"', r'"\/"', r'"/"', r'"\ud83d\ude00"', '"😀"', r'"\u00e9"', '"é"', r'"\b\f\n\r\t\"\\"', '"\u2028"',
           r'"<script>&\u003c"', '"a b  c"', '"\x7f"', r'"\uD83D"']


def value(rng, depth, blank):
    """A random JSON text; `blank` gives the white space between tokens."""
    kind = rng.randrange(6 if depth else 3)
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        return rng.choice(STRINGS)
    if kind == 2:
        return rng.choice(["true", "false", "null"])
    count = rng.randrange(5)
    if kind < 5:
        members = (f"{blank()}{rng.choice(STRINGS)}{blank()}:{blank()}{value(rng, depth - 1, blank)}{blank()}"
                   for _ in range(count))
        return "{" + (",".join(members) or blank()) + "}"
    elements = (blank() + value(rng, depth - 1, blank) + blank() for _ in range(count))
    return "[" + (",".join(elements) or blank()) + "]"


def texts(seed, size):
    """One JSON text of about `size` bytes, twice: with random blanks between its tokens, and without any."""
    with_blanks, without = random.Random(seed), random.Random(seed)
    blanks = random.Random(seed + 1)
    spaced, dense, length = [], [], 0
    while length < size:
        spaced.append(value(with_blanks, 6, lambda: blanks.choice(["", "", " ", "\n", "\t ", "\r\n"])))
        dense.append(value(without, 6, lambda: ""))
        length += len(dense[-1].encode()) + 1
    return "[" + ",".join(spaced) + "]", "[" + ",".join(dense) + "]"


@pytest.fixture(scope="module")
def seed():
    number = int(os.environ.get("SKILLBOX_TEST_SEED", random.randrange(1 << 32)))
    print(f"SKILLBOX_TEST_SEED={number}")
    return number


@pytest.mark.parametrize("size", [2_000, 100_000, 600_000], ids=["inline", "inline-large", "by-reference"])
def test_random_json_passes_byte_for_byte(client, push, kubectl, seed, size):
    skill = push(ECHO)
    sent, expected = texts(seed, size)
    answer = client.post_execution(f'{{"skill":"{skill}","input":'.encode() + sent.encode() + b"}")
    assert answer.status_code == 200, (seed, answer.text[:2000])
    body = answer.content.decode()
    assert raw_member(body, "status") == '"success"', (seed, body[:2000])
    assert raw_member(body, "output") == expected, seed
    execution_id = raw_member(body, "execution_id").strip('"')
    record = client.request("GET", f"/v1/executions/{execution_id}").content.decode()
    assert raw_member(record, "output") == expected, seed
    assert raw_member(record, "input") == sent, seed
    spec = kubectl.get("execution", execution_id)["spec"]
    if "inputText" in spec:
        assert spec["inputText"] == sent, seed
    else:
        assert spec["inputRef"]["size"] == len(sent.encode()), seed
