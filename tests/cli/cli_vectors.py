"""A vector of tests/contract as command lines: the methods of the SDKs are commands here, and what they print is read with the Python
SDK's own types."""

import json
import pathlib

import skillbox
import vector_runner
from cli_command import Command
from vector_server import KEY

# What a process that ends after each call can't show: connections that are kept.
NOT_OURS = {"faults: connections are kept", "faults: a kept connection that was closed meanwhile"}
RETRY_PAUSE = "20ms"


def run_arguments(arguments, is_async=False):
    words = ["run", arguments["skill"]]
    for name, option in (("version", "--version"), ("run_timeout", "--timeout"), ("idempotency_key", "--idempotency-key")):
        if arguments.get(name):
            words += [option, arguments[name]]
    if "raw_input" in arguments:
        words += ["--input", arguments["raw_input"]]
    elif arguments.get("input") is not None:
        words += ["--input", json.dumps(arguments["input"])]
    for name, value in (arguments.get("env") or {}).items():
        words += ["--env", f"{name}={value}"]
    return words + (["--follow"] if arguments.get("on_log") else []) + (["--async"] if is_async else []) + ["-o", "jsonl"]


def words_of(method, arguments):
    """The command line of a call, and how what it prints is read."""
    text = str
    if method in ("run", "submit"):
        return run_arguments(arguments, method == "submit"), lambda out: skillbox._result(skillbox.RunResult, out)
    if method in ("get_execution", "wait"):
        words = ["exec", "get" if method == "get_execution" else "wait", arguments["execution_id"], "-o", "jsonl"]
        return words, lambda out: skillbox._result(skillbox.Execution, out)
    if method == "get_execution_logs":
        return ["exec", "logs", arguments["execution_id"]], text
    if method == "iter_logs":
        return ["exec", "logs", arguments["execution_id"]] + (["-f"] if arguments.get("follow", True) else []), text
    if method == "list_executions":
        options = [word for name in ("skill", "status", "limit") if name in arguments for word in (f"--{name}", str(arguments[name]))]
        # Here a limit is of all that is printed, unless all are asked for.
        options += ["--all"] if "limit" in arguments else []
        return ["exec", "list", "-o", "json", *options], lambda out: [skillbox._build(skillbox.Execution, one) for one in json.loads(out)]
    if method == "cancel":
        return ["exec", "cancel", arguments["execution_id"]], lambda out: None
    if method == "register_skill":
        return ["skill", "push", arguments["path"], "-o", "json"], lambda out: skillbox._build(skillbox.Skill, json.loads(out))
    if method == "validate_skill":
        return ["skill", "validate", arguments["path"], "-o", "json"], lambda out: skillbox._build(skillbox.Validation, json.loads(out))
    if method == "list_skills":
        return ["skill", "list", "-o", "json"], skillbox._skills
    if method == "get_skill":
        words = ["skill", "get", arguments["name"], *([arguments["version"]] if "version" in arguments else [])]
        return words, lambda out: skillbox._build(skillbox.SkillDetail, json.loads(out))
    if method == "delete_skill":
        return ["skill", "delete", arguments["name"], arguments["version"]], lambda out: None
    assert method == "health", method
    return ["health"], json.loads


def command_of(vector, url, home):
    client = vector.get("client", {})
    variables = {"SKILLBOX_SERVER_URL": url, "SKILLBOX_API_KEY": client.get("api_key", KEY), "SKILLBOX_RETRY_PAUSE": RETRY_PAUSE,
                 "SKILLBOX_RETRIES": str(client.get("max_retries", 2))}
    if "tenant_id" in client:
        variables["SKILLBOX_TENANT_ID"] = client["tenant_id"]
    timeout = client.get("timeout") or next((c["arguments"]["timeout"] for c in vector["calls"] if "timeout" in c.get("arguments", {})), None)
    if timeout:
        variables["SKILLBOX_TIMEOUT"] = f"{timeout}s"
    return Command(home, **variables)


def error_differences(vector, done):
    """The program prints the server's message; of kinds there is only the exit code."""
    wanted = vector["error"]
    problems = [] if done.returncode == 1 and done.err.count("Error: ") == 1 else [f"ended with {done.returncode}: {done.err}"]
    last = vector["exchanges"][-1]["answer"].get("json")
    parts = [wanted.get("has", "")]
    if "status" in wanted and isinstance(last, dict) and "message" in last:
        parts.append(last["message"])
    return problems + [f"the error lacks {part!r}: {done.err}" for part in parts if part not in done.err]


def expected_lines(vector, done, following):
    text = "".join(line + "\n" for line in vector["lines"])
    found = done.err if following else done.out
    return [] if found in (text, text.rstrip("\n")) else [f"the lines are {found!r}, not {text!r}"]


def run_vector(vector, url, scratch):
    """What went wrong, as lines."""
    out, home = scratch / "out", scratch / "home"
    for folder in (out, home):
        folder.mkdir()
    for name, text in vector.get("folder", {}).items():
        path = scratch / "skill" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command, problems, result = command_of(vector, url, home), [], None
    calls = list(vector["calls"])
    downloads = calls[-1]["method"] == "download_files"  # which `run` does itself
    if downloads:
        calls.pop()
    for call in calls:
        arguments = {name: str(scratch / "skill") if value == "$FOLDER" else value for name, value in call.get("arguments", {}).items()}
        words, read = words_of(call["method"], arguments)
        done = command.run(*words, *(["--download", out] if downloads else []))
        is_last = call is calls[-1]
        if not is_last and done.returncode not in (0, 2):
            problems.append(f"a call before the last failed: {done.err}")
    if "error" in vector:
        problems += error_differences(vector, done)
    else:
        wanted = vector.get("result")
        fails = isinstance(wanted, dict) and wanted.get("status") in ("failed", "timeout", "cancelled") and words[0] != "exec"
        result = read(done.out) if done.returncode == (2 if fails else 0) else problems.append(f"ended with {done.returncode}: {done.err}")
    if "result" in vector and not downloads and "error" not in vector:
        problems += vector_runner.differences(vector["result"], result)
    if "lines" in vector:
        problems += expected_lines(vector, done, words[0] == "run")
    if "files" in vector and vector_runner.files_below(out) != vector["files"]:
        problems.append(f"the files are {vector_runner.files_below(out)}, not {vector['files']}")
    if {path.name for path in scratch.iterdir()} - {"out", "skill", "home"} or (scratch.parent / "evil").exists():
        problems.append(f"beside the folder there is {list(scratch.iterdir())}")
    return problems


def play(server, vector, scratch):
    """A vector against the server that plays it."""
    server.play(vector)
    problems = run_vector(vector, server.url, pathlib.Path(scratch))
    return problems + vector_runner.seen_by(server, vector)
