"""Runs that fail: what is said about them, and what is kept."""

import json
import os

import pytest

from contract_checks import assert_answer, assert_error, assert_record
from skillbox_client import condition_of, skill_zip
from waiting import unique

MIB = 1 << 20


def run_and_check(client, skill, **fields):
    result = client.run(skill, **fields)
    assert_answer(result)
    assert_record(client.record(result["execution_id"]), result)
    return result


def test_nonzero_exit_names_code_and_last_line_of_stderr(client, push, execution_object):
    result = run_and_check(client, push("""
import sys
print("on stdout")
print("first", file=sys.stderr)
print("the disk is full", file=sys.stderr)
print(file=sys.stderr)
sys.exit(3)
"""))
    assert (result["status"], result["error_code"], result["exit_code"]) == ("failed", "exit_nonzero", 3)
    assert result["error"].startswith("container exited with code 3")
    assert "the disk is full" in result["error"] and "first" not in result["error"]
    assert "on stdout" in result["logs"] and "first" in result["logs"]

    execution = execution_object(result["execution_id"])
    condition = condition_of(execution, "Succeeded")
    assert (condition["status"], condition["reason"]) == ("False", "Failed")
    assert condition["message"].startswith("container exited with code 3")
    assert execution["status"]["exitCode"] == 3
    assert execution["status"]["errorCode"] == "exit_nonzero"


def test_an_exception_of_node_and_python_is_told(client, push):
    result = client.run(push('raise ValueError("no such colour")'))
    assert "ValueError: no such colour" in result["error"]
    assert result["exit_code"] == 1
    result = client.run(push('throw new Error("no such shape")', lang="node"))
    assert result["exit_code"] == 1
    assert result["error"] == "container exited with code 1: Error: no such shape"
    assert "no such shape" in result["logs"]


@pytest.mark.parametrize("signal, code", [("TERM", 143), ("SEGV", 139), ("KILL", 137)])
def test_death_by_signal_is_128_and_its_number(client, push, signal, code):
    result = run_and_check(client, push(f"kill -{signal} $$; sleep 60", lang="bash"))
    assert (result["status"], result["error_code"], result["exit_code"]) == ("failed", "exit_nonzero", code)
    assert result["error"].startswith(f"container exited with code {code}")


@pytest.mark.parametrize("written, place", [
    ('{"a": 1,}', "byte 9"), ("{\"a\": \n nope}", "line 2"), ("", ""), ('"\\x"', ""), ("{} {}", ""),
    ('{"a":\n NaN}', "(line 2, column 2): NaN is no JSON: write null or a string")])
def test_output_that_is_no_json_fails_with_the_position(client, push, written, place):
    skill = push(f"import os\nopen(os.environ['SANDBOX_OUTPUT'], 'w').write({written!r})\nprint('kept')")
    result = run_and_check(client, skill)
    assert (result["status"], result["error_code"], result["exit_code"]) == ("failed", "output_invalid", 0)
    assert "output" not in result
    assert result["logs"] == "kept\n"
    assert place in result["error"], result["error"]


def test_output_that_is_no_utf8_is_invalid(client, push):
    result = run_and_check(client, push("import os\nopen(os.environ['SANDBOX_OUTPUT'], 'wb').write(b'\"\\xff\"')"))
    assert result["error_code"] == "output_invalid"


def test_output_up_to_the_limit_and_beyond(client, push):
    skill = push("""
import json, os
size = json.load(open(os.environ["SANDBOX_INPUT_FILE"]))
open(os.environ["SANDBOX_OUTPUT"], "w").write('"' + "x" * (size - 2) + '"')
""")
    result = run_and_check(client, skill, input=MIB)
    assert result["status"] == "success", result["error"]
    assert result["output"] == "x" * (MIB - 2)

    result = run_and_check(client, skill, input=MIB + 1)
    assert (result["status"], result["error_code"], result["exit_code"]) == ("failed", "output_too_large", 0)
    assert "output" not in result
    assert f"output.json has {MIB + 1} bytes, more than {MIB}, the limit" in result["error"]


@pytest.mark.parametrize("kind", ["symlink", "directory", "fifo"])
def test_an_output_that_is_no_regular_file_is_never_followed(client, push, kind):
    make = {"symlink": "ln -s /etc/passwd $SANDBOX_OUTPUT", "directory": "mkdir $SANDBOX_OUTPUT",
            "fifo": "mkfifo $SANDBOX_OUTPUT"}[kind]
    result = client.run(push(make, lang="bash"), timeout="20s")
    assert_answer(result)
    assert "output" not in result
    assert "root:" not in json.dumps(result)


def test_out_of_memory_is_named(client, push, execution_object):
    skill = push("x = bytearray(400 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1", resources={"memory": "64Mi"})
    result = run_and_check(client, skill)
    assert (result["status"], result["error_code"]) == ("failed", "oom_killed"), result
    assert "memory" in result["error"]
    assert condition_of(execution_object(result["execution_id"]), "Succeeded")["reason"] == "Failed"


def test_a_skill_that_does_not_fit_into_its_memory_is_named(client, push):
    """The archive is unpacked into the sandbox's memory before the script starts: refused at push, with the numbers. One that
    fits, and with its input doesn't, fails in the run."""
    block = os.urandom(1 << 14) + bytes(1 << 16)
    name = unique("large")
    large = skill_zip(name, "true", lang="bash", files={"data.bin": block * 1000}, resources={"memory": "64Mi"})
    assert_error(client.upload(large), 400, "invalid_skill", "its files need 79 MiB", "64Mi has room for 48 MiB", "ask for resources.memory: 105Mi")
    skill = push("true", lang="bash", files={"data.bin": block * 580}, resources={"memory": "64Mi"})
    result = run_and_check(client, skill, input="x" * (12 << 20))
    assert result["status"] == "failed"
    assert result["error_code"] in ("oom_killed", "sandbox_start_failed"), result
    assert "memory" in result["error"]


# ---- time

STUBBORN = r"""
import os, signal, sys, time
print("before", flush=True)
open(os.environ["SANDBOX_OUTPUT"], "w").write('{"so": "far"}')
open(os.environ["SANDBOX_FILES_DIR"] + "early.txt", "w").write("early")
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
    while True:
        time.sleep(0.05)
        os.write(1, b"")
while True:
    time.sleep(0.05)
"""


def test_timeout_kills_the_whole_tree_and_keeps_what_was_made(client, push, execution_object, assert_pods_gone):
    result = run_and_check(client, push(STUBBORN), timeout="2s")
    assert (result["status"], result["error_code"]) == ("timeout", "timeout")
    assert result["error"].startswith("execution timed out after 2s")
    assert 2000 <= result["duration_ms"] < 5000
    assert result["logs"] == "before\n"
    assert result["output"] == {"so": "far"}
    assert result["files_list"] == ["early.txt"]

    execution = execution_object(result["execution_id"])
    condition = condition_of(execution, "Succeeded")
    assert (condition["status"], condition["reason"]) == ("False", "TimedOut")
    assert_pods_gone(execution["metadata"]["uid"])


def test_the_skills_own_timeout_holds_and_a_call_can_only_shorten_it(client, push):
    skill = push("sleep 60", lang="bash", timeout="2s")
    for fields in ({}, {"timeout": "50s"}):
        result = client.run(skill, **fields)
        assert result["error"].startswith("execution timed out after 2s"), result
        assert 2000 <= result["duration_ms"] < 5000
    assert client.run(skill, timeout="500ms")["error"].startswith("execution timed out after 500ms")


def test_a_background_process_does_not_hold_up_a_script_that_ended(client, push):
    skill = push("""
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            time.sleep(1)
    os._exit(0)
print("ended", flush=True)
""")
    result = run_and_check(client, skill, timeout="30s")
    assert result["status"] == "success"
    assert result["logs"] == "ended\n"
    assert result["duration_ms"] < 10000


def test_the_status_says_running_while_it_runs(client, push, execution_object):
    execution_id = client.start(push("import time; time.sleep(4); print('late')"))
    record = client.wait_until(execution_id, "running")
    assert record["error"] is None
    assert "duration_ms" not in record and "finished_at" not in record and "exit_code" not in record
    assert record["started_at"] >= record["created_at"]
    condition = condition_of(execution_object(execution_id), "Succeeded")
    assert (condition["status"], condition["reason"]) == ("Unknown", "Running")
    record = client.wait_until_ended(execution_id)
    assert record["status"] == "success"
    assert record["duration_ms"] >= 4000
