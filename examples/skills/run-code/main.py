"""Runs an agent's Python code in a process of its own, and says what came of it."""

import ast
import io
import json
import linecache
import os
import pathlib
import re
import selectors
import signal
import sys
import threading
import time
import traceback

CODE_MAX, FILES_MAX, NAME_MAX = 200_000, 100, 200
PRINTED_MAX = 200_000  # bytes of stdout and of stderr, half at the beginning and half at the end
ANSWER_MAX = 512_000  # bytes of the result
TIMEOUT_MAX, TIMEOUT_USUAL = 110, 30
NAME = "code.py"  # what tracebacks call the code
MARKS = re.compile(r"^ +[~^]+\n", re.MULTILINE)  # below lines of tracebacks; each Python has its own


class BadInput(Exception):
    """What the caller can put right."""


# ---- in the code's own process


def compile_code(code):
    """The code, and its last line on its own if that is an expression."""
    tree = ast.parse(code, NAME)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = compile(ast.Expression(tree.body.pop().value), NAME, "eval")
    return compile(tree, NAME, "exec"), last


def describe(error):
    """An exception as the answer has it: its traceback begins where the code does."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename != NAME:
        trace = trace.tb_next
    lines = [frame.lineno for frame in traceback.extract_tb(trace) if frame.filename == NAME]
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == NAME else lines[-1] if lines else None
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    text = "".join(traceback.format_exception(type(error), error.with_traceback(trace), trace))
    if not isinstance(error, SyntaxError):
        text = MARKS.sub("", text)
    return {"type": type(error).__name__, "message": str(message)[:2000], "line": line, "traceback": text[-10_000:]}


def as_json(value):
    """The parts of the answer that tell the result."""
    try:
        text, is_repr = json.dumps(value, allow_nan=False), False
    except (TypeError, ValueError, RecursionError):
        text, is_repr = json.dumps(repr(value)), True
    if len(text) > ANSWER_MAX:
        raise ValueError(f"the result is too large: {len(text):,} bytes as JSON, and {ANSWER_MAX:,} are possible. Write it into a file.")
    return {"result": json.loads(text), "result_is_repr": is_repr}


def run_code(code, data):
    """The parts of the answer that the code decides."""
    # So that tracebacks show the code's lines.
    linecache.cache[NAME] = (len(code), None, code.splitlines(keepends=True), NAME)
    space = {"__name__": "__main__", "__builtins__": __builtins__, "data": data}
    try:
        body, last = compile_code(code)
        exec(body, space)
        value = eval(last, space) if last else space.get("result")
        return {"ok": True, **as_json(value), "error": None}
    except SystemExit as error:
        if error.code in (None, 0):
            return {"ok": True, **as_json(space.get("result")), "error": None}
        return {"ok": False, "error": describe(error)}
    except BaseException as error:  # KeyboardInterrupt too: whatever the code raises is its answer
        return {"ok": False, "error": describe(error)}


def child(request, answer_fd, stdout_fd, stderr_fd):
    """Never returns."""
    os.setsid()
    os.dup2(stdout_fd, 1)
    os.dup2(stderr_fd, 2)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8", "backslashreplace", write_through=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", "backslashreplace", write_through=True)
    sys.path.insert(0, "")  # modules that it was given, or writes
    sys.dont_write_bytecode = True
    answer = run_code(request["code"], request.get("data"))
    for thread in threading.enumerate():  # as Python does at its end
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    with open(answer_fd, "w", encoding="ascii") as file:
        json.dump(answer, file)
    os._exit(0)


# ---- in this process


class Printed:
    """The beginning and the end of what is written into a pipe."""

    def __init__(self, most):
        self.half, self.begin, self.end, self.size = most // 2, bytearray(), bytearray(), 0

    def add(self, data):
        self.size += len(data)
        room = self.half - len(self.begin)
        self.begin += data[:max(0, room)]
        self.end = (self.end + data[max(0, room):])[-self.half:]

    def text(self):
        left_out = self.size - len(self.begin) - len(self.end)
        mark = f"\n[{left_out} bytes left out]\n".encode() if left_out else b""
        return (bytes(self.begin) + mark + bytes(self.end)).decode("utf-8", errors="replace")


def start(request, folder):
    """The code's process, and the ends of its pipes: for the answer, stdout and stderr."""
    pipes = [os.pipe() for _ in range(3)]
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            for reading, _ in pipes:
                os.close(reading)
            os.chdir(folder)
            child(request, *(writing for _, writing in pipes))
        finally:
            os._exit(70)
    for _, writing in pipes:
        os.close(writing)
    return pid, [reading for reading, _ in pipes]


def kill(pid):
    """The process and all that it started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # before its setsid, or already gone
        pass
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def failure(kind, message):
    return {"ok": False, "error": {"type": kind, "message": message, "line": None, "traceback": ""}}


def supervise(request, folder, seconds):
    """Runs the code, and gives all of the answer but its files."""
    pid, readers = start(request, folder)
    answer, stdout, stderr = Printed(2 * ANSWER_MAX + 100_000), Printed(PRINTED_MAX), Printed(PRINTED_MAX)
    deadline, late = time.monotonic() + seconds, False
    with selectors.DefaultSelector() as selector:
        for reader, sink in zip(readers, (answer, stdout, stderr)):
            selector.register(reader, selectors.EVENT_READ, sink)
        # The answer's end is the end: something that was left running may hold the others open.
        while readers[0] in selector.get_map():
            left = deadline - time.monotonic()
            events = selector.select(max(0, left))
            if not events and left <= 0:
                late = True
                break
            for key, _ in events:
                data = os.read(key.fd, 65536)
                key.data.add(data)
                if not data:
                    selector.unregister(key.fd)
        kill(pid)
        _, status = os.waitpid(pid, 0)
        # What was printed before, and is still in the pipes.
        for reader, sink in zip(readers[1:], (stdout, stderr)):
            os.set_blocking(reader, False)
            try:
                while data := os.read(reader, 65536):
                    sink.add(data)
            except BlockingIOError:
                pass
    for reader in readers:
        os.close(reader)
    printed = {"stdout": stdout.text(), "stderr": stderr.text()}
    outcome = {"ok": False, "result": None, "result_is_repr": False}
    if late:
        return {**outcome, **failure("Timeout", f"the code ran longer than {seconds} seconds and was ended"), **printed}
    try:
        return {**outcome, **json.loads(answer.text()), **printed}
    except ValueError:  # it ended without a word
        code = os.waitstatus_to_exitcode(status)
        why = f"signal {signal.Signals(-code).name}" if code < 0 else f"os._exit({code})"
        return {**outcome, **failure("Killed", f"the code's process was ended by {why} before the code was done"), **printed}


# ---- the skill


def check(request):
    if not isinstance(request, dict) or not isinstance(request.get("code"), str):
        raise BadInput("the input must be an object whose 'code' is Python code as text")
    if len(request["code"]) > CODE_MAX:
        raise BadInput(f"'code' has {len(request['code']):,} characters, more than {CODE_MAX:,}")
    seconds = request.get("timeout_seconds", TIMEOUT_USUAL)
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 1 <= seconds <= TIMEOUT_MAX:
        raise BadInput(f"'timeout_seconds' must be a number from 1 to {TIMEOUT_MAX}")
    files = request.get("files", {})
    if not isinstance(files, dict) or len(files) > FILES_MAX or not all(isinstance(text, str) for text in files.values()):
        raise BadInput(f"'files' must be an object of at most {FILES_MAX} file names and texts")
    for name in files:
        path = pathlib.PurePosixPath(name)
        if not name or len(name) > NAME_MAX or path.is_absolute() or ".." in path.parts or path == pathlib.PurePosixPath(".") or "\0" in name:
            raise BadInput(f"'files' has {name!r}, which is no name of a file below the working directory")
    return files, seconds


def write_files(files, folder):
    """What they were, to see afterwards which were changed."""
    written = {}
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
        except (OSError, UnicodeEncodeError) as problem:
            raise BadInput(f"'files' has {name!r}, which can't be written: {problem}") from problem
        written[path] = path.read_bytes()
    return written


def read_input():
    try:
        with open(os.environ["SANDBOX_INPUT_FILE"], encoding="utf-8") as file:
            return json.load(file)
    except (ValueError, RecursionError) as problem:  # a number of thousands of digits, say
        raise BadInput(f"the input can't be used: {problem}") from problem


def main():
    folder = pathlib.Path(os.environ["SANDBOX_FILES_DIR"]).resolve()
    try:
        request = read_input()
        files, seconds = check(request)
        written = write_files(files, folder)
    except BadInput as problem:
        print(f"run-code: {problem}", file=sys.stderr)
        return 1
    answer = supervise(request, folder, seconds)
    for path, data in written.items():
        if path.is_file() and not path.is_symlink() and path.read_bytes() == data:
            path.unlink()  # the caller has it
    answer["files"] = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    with open(os.environ["SANDBOX_OUTPUT"], "w", encoding="ascii") as file:
        json.dump(answer, file)
    print("the code ran to its end" if answer["ok"] else f"the code failed: {answer['error']['type']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
