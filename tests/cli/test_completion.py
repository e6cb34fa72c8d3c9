"""Completion: the words that are offered, and the script of bash in bash."""

import subprocess

import pytest

from cli_command import PROGRAM, Command
from vector_server import KEY, VectorServer

SKILLS = [{"name": "greet", "version": "1.0.0", "description": "Greets.\nOr not."}, {"name": "greet", "version": "1.1.0", "description": "x"},
          {"name": "grow", "version": "2.0.0", "description": ""}]
LIST = {"request": {"method": "GET", "path": "/v1/skills"}, "answer": {"status": 200, "json": SKILLS}}


@pytest.fixture(scope="module")
def server():
    with VectorServer() as server:
        yield server


@pytest.fixture
def client(tmp_path, server):
    return Command(tmp_path, SKILLBOX_SERVER_URL=server.url, SKILLBOX_API_KEY=KEY)


def offered(command, *words):
    return [line.split("\t")[0] for line in command.good("__complete", "--", *words).splitlines()]


@pytest.mark.parametrize("words, found", [
    (["he"], ["health"]),
    (["ex"], ["exec"]),
    (["pu"], ["push"]),
    (["exec", "l"], ["list", "logs"]),
    (["run", "x", "--idem"], ["--idempotency-key"]),
    (["-s", "http://127.0.0.1:1", "exec", "wa"], ["wait"]),
    (["skill", "list", "-o", "j"], ["json", "jsonl"]),
    (["skill", "list", "--output=t"], ["--output=table"]),
    (["exec", "list", "--status", "f"], ["failed"]),
    (["completion", ""], ["bash", "zsh", "fish"]),
    (["skill", "push", ""], [":files"]),
    (["init", ""], [":folders"]),
    (["run", "x", "--download", ""], [":folders"]),
    (["skill", "push", "a", ""], []),
    (["wibble", ""], []),
    (["run", "x", "--input", ""], []),
    (["context", "use", ""], []),
])
def test_words(command, words, found):
    assert offered(command, *words) == found


def test_each_first_word_is_offered(command):
    assert {"run", "dev", "skill", "exec", "login", "push", "version"} <= set(offered(command, ""))
    assert not any(word.startswith("_") for word in offered(command, ""))


def test_names_come_from_the_server(client, server):
    server.play({"exchanges": [LIST] * 4})
    assert client.good("__complete", "--", "run", "gr") == "greet\tGreets.\ngrow\t\n"
    assert offered(client, "run", "greet", "--version", "") == ["1.0.0", "1.1.0"]
    assert offered(client, "skill", "delete", "greet", "1.1") == ["1.1.0"]
    assert offered(client, "-s", server.url, "run", "gro") == ["grow"]
    assert server.verdict() == ""
    record = {"execution_id": "0b8f4c7e", "skill_name": "greet"}
    server.play({"exchanges": [{"request": {"method": "GET", "path": "/v1/executions?limit=50"},
                                "answer": {"status": 200, "json": {"executions": [record]}}}]})
    assert client.good("__complete", "--", "exec", "get", "") == "0b8f4c7e\tgreet\n"


def test_errors_are_silent(client, server):
    server.play({"exchanges": [{**LIST, "answer": {"status": 401, "json": {}}}]})
    done = client.run("__complete", "--", "run", "", code=0)
    assert (done.out, done.err) == ("", "")
    done = client.run("__complete", "--", "run", "", code=0, environment={"SKILLBOX_SERVER_URL": "http://127.0.0.1:1"})
    assert (done.out, done.err) == ("", "")


BASH = """
PATH={folder}:$PATH
source <(skillbox completion bash)
COMP_WORDS=({words}) COMP_CWORD={last}
compopt() {{ echo "compopt $*"; }}
_skillbox
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize("words, last, found", [
    ("skillbox exec l", 2, ["list", "logs"]),
    ("skillbox skill list --output = j", 5, ["json", "jsonl"]),
    ("skillbox skill list --output = ''", 5, ["json", "jsonl", "table", "name"]),
    ("skillbox skill push ''", 3, ["compopt -o default", ""]),
    ("skillbox run gr", 2, ["greet", "grow"]),
])
def test_in_bash(client, server, words, last, found):
    server.play({"exchanges": [LIST]})
    script = BASH.format(folder=PROGRAM.parent, words=words, last=last)
    done = subprocess.run(["bash", "--norc", "-c", script], env=client.environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == found and done.stderr == ""


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_scripts_ask_the_program(command, shell):
    text = command.good("completion", shell)
    assert "__complete -- " in text and "files" in text and "folders" in text
