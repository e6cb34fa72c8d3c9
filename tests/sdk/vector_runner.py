"""Runs a vector of tests/contract with the Python SDK. Standard library only, Python 3.9: as a program it runs them all under
the interpreter that it is started with, and says what went wrong."""

import asyncio
import contextlib
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "sdks" / "python"), str(ROOT / "tests" / "contract")]

import skillbox  # noqa: E402
from vector_server import KEY, VectorServer, load_vectors  # noqa: E402

skillbox._BACKOFF_SECONDS = 0.02

KINDS = {
    "invalid_input": skillbox.InvalidInputError, "authentication": skillbox.AuthenticationError,
    "permission_denied": skillbox.PermissionDeniedError, "not_found": skillbox.NotFoundError, "conflict": skillbox.ConflictError,
    "rate_limit": skillbox.RateLimitError, "server": skillbox.ServerError, "api": skillbox.APIError,
    "connection": skillbox.APIConnectionError, "timeout": skillbox.APITimeoutError, "archive": skillbox.ArchiveError,
    "skill_failed": skillbox.SkillFailed,
}


class Sync:
    """A caller of Client; Async is the same for AsyncClient."""

    name = "sync"

    def __init__(self, url, options):
        self.client = skillbox.Client(url, **options)

    def call(self, method, arguments):
        given = getattr(self.client, method)(**arguments)
        return list(given) if method in ("iter_logs", "list_executions") else given

    def close(self):
        self.client.close()


class Async:
    name = "async"

    def __init__(self, url, options):
        self.loop = asyncio.new_event_loop()
        self.client = skillbox.AsyncClient(url, **options)

    def call(self, method, arguments):
        async def work():
            given = getattr(self.client, method)(**arguments)
            if method in ("iter_logs", "list_executions"):
                return [item async for item in given]
            return await given
        return self.loop.run_until_complete(work())

    def close(self):
        self.loop.run_until_complete(self.client.close())
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


CALLERS = (Sync, Async)


def files_below(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if not path.is_dir()}


def arguments_of(call, before, scratch, lines):
    arguments = dict(call.get("arguments", {}))
    if "raw_input" in arguments:
        arguments["input"] = skillbox.RawJSON(arguments.pop("raw_input"))
    if arguments.get("path") == "$FOLDER":
        arguments["path"] = scratch / "skill"
    if arguments.pop("on_log", False):
        arguments["on_log"] = lines.append
    if call["method"] == "download_files":
        arguments.update(result=before, dir=scratch / "out")
    return arguments


def differences(wanted, found, where="result"):
    """What is not as the vector says."""
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            return [f"{where} is {found!r}, not {wanted!r}"]
        return [text for i, one in enumerate(wanted) for text in differences(one, found[i], f"{where}[{i}]")]
    if isinstance(wanted, dict) and not isinstance(found, dict):
        return [text for key in wanted for text in differences(wanted[key], getattr(found, key, "(nothing)"), f"{where}.{key}")]
    if type(wanted) is not type(found) or wanted != found:
        return [f"{where} is {found!r}, not {wanted!r}"]
    return []


def error_differences(wanted, error):
    problems = []
    if not isinstance(error, KINDS[wanted["kind"]]):
        return [f"the error is {error!r}, not of the kind {wanted['kind']}"]
    if wanted["kind"] in ("api", "connection") and type(error) is not KINDS[wanted["kind"]]:
        problems.append(f"the error is {type(error).__name__}, which is more than {wanted['kind']}")
    names = {"status": "status_code", "code": "error_code", "retry_after": "retry_after", "request_id": "request_id"}
    for key, name in names.items():
        if key in wanted and getattr(error, name) != wanted[key]:
            problems.append(f"the error's {name} is {getattr(error, name)!r}, not {wanted[key]!r}")
    if wanted.get("has", "") not in str(error):
        problems.append(f"the error lacks {wanted['has']!r}: {error}")
    return problems


def run_vector(vector, caller):
    """Makes the vector's calls by a caller (Sync or Async) that is made already; what went wrong, as lines."""
    problems, lines, result, error = [], [], None, None
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        (scratch / "out").mkdir()
        for name, text in vector.get("folder", {}).items():
            path = scratch / "skill" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for call in vector["calls"]:
            if error:
                problems.append(f"a call before the last failed: {error!r}")
                break
            try:
                result = caller.call(call["method"], arguments_of(call, result, scratch, lines))
            except skillbox.SkillboxError as problem:
                error = problem
        if vector["calls"][-1]["method"] == "iter_logs" and error is None:
            lines, result = result, None
        if "files" in vector and files_below(scratch / "out") != vector["files"]:
            problems.append(f"the files are {files_below(scratch / 'out')}, not {vector['files']}")
        if vector["calls"][-1]["method"] == "download_files" and error is None:
            result = [path.relative_to(scratch / "out").as_posix() for path in result]
        if set(path.name for path in scratch.parent.iterdir()) & {"evil"}:
            problems.append("a file is outside of the folder")
        if {path.name for path in scratch.iterdir()} - {"out", "skill"}:
            problems.append(f"beside the folder there is {list(scratch.iterdir())}")
    if "error" in vector:
        problems += error_differences(vector["error"], error)
    elif error:
        problems.append(f"unexpected: {error!r}")
    if "result" in vector:
        problems += differences(vector["result"], result)
    if "lines" in vector and lines != vector["lines"]:
        problems.append(f"the lines are {lines}, not {vector['lines']}")
    return problems


def seen_by(server, vector):
    """What was wrong with what the server was asked, and when."""
    problems = [server.verdict()] if server.verdict() else []
    for i, least in enumerate(vector.get("pauses", [])):
        if server.moments[i + 1] - server.moments[i] < least:
            problems.append(f"only {server.moments[i + 1] - server.moments[i]:.3f} s after request {i}, not {least}")
    return problems


def seen_with_connections(server, vector):
    """The same, and how many connections it took: of a client that keeps them."""
    problems = seen_by(server, vector)
    if server.connections != vector.get("connections", server.connections):
        problems.append(f"{server.connections} connections, not {vector['connections']}")
    return problems


def play(server, vector, kind):
    """A vector against the server that plays it; what went wrong."""
    server.play(vector)
    caller = kind(server.url, {"api_key": KEY, **vector.get("client", {})})
    with contextlib.closing(caller):
        problems = run_vector(vector, caller)
    return problems + seen_with_connections(server, vector)


def main():
    failed = 0
    with VectorServer() as server:
        for vector in load_vectors().values():
            for kind in CALLERS:
                for problem in play(server, vector, kind):
                    failed += 1
                    print(f"{vector['name']} ({kind.name}): {problem}")
    print(f"{len(load_vectors())} vectors, {failed} problems, Python {sys.version.split()[0]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
