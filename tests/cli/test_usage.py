"""What one types, right and wrong: help, slips, options in any position."""

import pathlib
import re

import pytest

from cli_command import ROOT

HELP = pathlib.Path(__file__).parent / "help.txt"
COMMANDS = re.findall(r'^    \.path = "([^_][^"]*)"', "\n".join(path.read_text() for path in sorted((ROOT / "cli").rglob("*.c"))), re.MULTILINE)


def all_help(command):
    topics = ["", "skill", "exec", *sorted(COMMANDS)]
    return "\n".join(f"$ skillbox {topic} --help\n{command.good(*topic.split(), '--help')}" for topic in topics)


def test_help_is_stable(command):
    """help.txt is what people and their scripts see. Written anew by: python tests/cli/test_usage.py"""
    assert all_help(command) == HELP.read_text()


def test_each_command_is_listed(command):
    text = command.good("--help")
    assert len(COMMANDS) > 25
    assert [name for name in COMMANDS if f"\n  {name} " not in text] == []
    assert "__" not in text


@pytest.mark.parametrize("line, said", [
    ("lst", "unknown command 'lst': did you mean 'skill list'?"),
    ("exec lst", "unknown command 'lst': did you mean 'list'?"),
    ("list", "unknown command 'list': did you mean 'skill list'?"),
    ("skil push", "unknown command 'skil': did you mean 'skill'?"),
    ("wibble", "unknown command 'wibble'"),
    ("skill wibble", "unknown command 'skill wibble'"),
    ("run", "skill is missing: the skill's name"),
    ("run ''", "skill is empty: the skill's name"),
    ("run a b", "'b' is one argument too many"),
    ("run a --inptu 1", "unknown option '--inptu': did you mean '--input'?"),
    ("run a --wibble=1", "unknown option '--wibble'"),
    ("run a -x", "unknown option '-x'"),
    ("run a --input", "option '--input' needs a value: JSON"),
    ("run a --async=1", "option '--async' takes no value"),
    ("run a --t 1", "option '--t' may mean several: write it out"),
    ("run a -o jsn", "--output is 'jsn': did you mean 'json'? (json|jsonl|table|name)"),
    ("run a -o xml", "--output is 'xml', and must be one of json|jsonl|table|name"),
    ("run a --timeout 5", "--timeout is '5', and must be a duration like 500ms, 30s or 1m30s"),
    ("run a --env A", "--env is 'A', and must be NAME=VALUE"),
    ("run a --async -f", "--async doesn't wait and --follow does: give one of them"),
    ("run a -i {", "--input: invalid JSON at byte 2 (line 1, column 2): unexpected end inside an object; a text is written "
     "'\"text\"', a file @FILE, standard input -"),
    ("exec list --status done", "--status is 'done', and must be one of pending|running|success|failed|timeout|cancelled"),
    ("exec list -n x", "--limit is 'x', and must be a number from 1 to 100000"),
    ("completion tcsh", "shell is 'tcsh', and must be one of bash|zsh|fish"),
    ("api get /v1/skills", "'get' is no method: write GET, POST or DELETE"),
    ("api GET v1/skills", "'v1/skills' is no path: it begins with '/', as in /v1/skills"),
    ("-s", "option '-s' needs a value: URL"),
    ("--wibble run a", "unknown option '--wibble'"),
    ("key revoke sk-123", "that is no key's id: 'skillbox key list' shows them"),
])
def test_wrong_usage(command, line, said):
    """64, what is wrong on standard error, nothing on standard output."""
    done = command.run(*line.replace("''", "\0").split(" ") if "''" not in line else ["run", ""], code=64)
    first, second = done.err.splitlines()
    assert (done.out, first) == ("", f"Error: {said}")
    assert re.fullmatch(r"'skillbox( [a-z ]+)? --help' says more\.", second)


def test_a_group_alone(command):
    done = command.run("skill", code=64)
    assert done.out == "" and "  skill push " in done.err and "  exec list " not in done.err


@pytest.mark.parametrize("words", [["version"], ["--version"], ["-o", "json", "version"], ["version", "-o", "json"],
                                   ["-s", "http://x", "version", "--"], ["--server=http://x", "--tenant", "t", "version"]])
def test_options_in_any_position(command, words):
    assert re.fullmatch(r"skillbox \d+\.\d+\.\d+\n", command.good(*words))


def test_options_between_the_words_of_a_command(command):
    error = command.error("exec", "-s", "http://127.0.0.1:1", "list", environment={"SKILLBOX_RETRIES": "0"})
    assert error.startswith("GET http://127.0.0.1:1/v1/executions: ")


def test_order_is_the_users(command):
    """POSIXLY_CORRECT doesn't make options behind an argument arguments."""
    assert "'b' is one" in command.error("run", "a", "--async", "b", code=64, environment={"POSIXLY_CORRECT": "1"})


def test_wrong_server(command):
    assert command.error("health", "-s", "localhost:8080") == \
        "the server's URL must begin with http:// or https://, like http://localhost:8080; it is 'localhost:8080'"
    assert "must have no user, query or fragment" in command.error("health", "-s", "http://me:secret@host")
    assert "secret" not in command.run("health", "-s", "http://me:secret@host").err


def test_an_input_that_is_a_file(command):
    (command.home / "in.json").write_text("{}")
    assert command.error("run", "a", "-i", "in.json", code=64) == "--input 'in.json' is a file's name: write --input @in.json"
    assert command.error("run", "a", "-i", "@none.json") == "--input @none.json: can't read none.json: No such file or directory"
    assert command.error("run", "a", "-i", "@.", code=64) == "--input @.: . is a folder"


def test_a_reader_that_is_gone(command):
    process = command.start("--help", stdout=-1, stderr=-1)
    process.stdout.close()
    _, error = process.communicate(timeout=30)
    assert b"Sanitizer" not in error


if __name__ == "__main__":
    import tempfile

    from cli_command import Command

    with tempfile.TemporaryDirectory() as folder:
        HELP.write_text(all_help(Command(folder)))
