"""Runs probes, each in a process of its own, and says what came of each: a verdict and what was seen.

A probe is a function without arguments. It returns (verdict, detail), or lets an OSError out. The verdicts:

  refused    the attempt was answered with an error that says no
  absent     there is nothing there to attack
  contained  it worked, and reached only what belongs to this sandbox
  harmless   it worked, and gains nothing
  bounded    a limit ended it
  open       it worked: never what is wanted
  error      the probe itself went wrong, so it shows nothing
"""

import ctypes
import errno
import json
import os
import select
import signal
import sys
import time

PATIENCE = 8.0  # seconds a probe
PROBES = {}
ARGUMENTS = {}  # what the test says: addresses to try

REFUSALS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS}
ABSENCES = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ESRCH, errno.ENOTDIR}

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def probe(function):
    PROBES[function.__name__] = function
    return function


def syscall(number, *arguments):
    """The raw call; OSError if it fails. Bytes and ctypes objects go by address."""
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *converted)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def name_of(problem):
    return errno.errorcode.get(problem.errno, str(problem.errno))


def verdict_of(problem):
    if problem.errno in REFUSALS:
        return "refused"
    return "absent" if problem.errno in ABSENCES else "error"


def reached(number, *arguments):
    """For a call that must not get to its work: any error but a refusal says that it did."""
    try:
        result = syscall(number, *arguments)
    except OSError as problem:
        return ("refused" if problem.errno in REFUSALS else "open"), name_of(problem)
    return "open", f"result {result}"


def outcome(function, *arguments, **options):
    """'ok' or the name of the error."""
    try:
        function(*arguments, **options)
    except OSError as problem:
        return name_of(problem)
    return "ok"


def all_refused(outcomes, good=("EPERM", "EACCES", "ENOSYS", "EROFS")):
    """One verdict over {attempt: 'ok' or the name of the error}; what is absent counts as refused."""
    absent = {errno.errorcode[code] for code in ABSENCES}
    if not outcomes:
        return "absent", "nothing to try"
    through = {attempt: seen for attempt, seen in outcomes.items() if seen not in good and seen not in absent}
    if through:
        return "open", json.dumps(through)[:600]
    if all(seen in absent for seen in outcomes.values()):
        return "absent", f"{len(outcomes)} attempts"
    return "refused", f"{len(outcomes)} attempts: {', '.join(sorted(set(outcomes.values())))}"


def in_child(function):
    """Runs function() in a child; ('exit', code) or ('signal', number)."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = function() or 0
        except OSError as problem:
            code = 100 if problem.errno in REFUSALS else 101
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return ("signal", os.WTERMSIG(status)) if os.WIFSIGNALED(status) else ("exit", os.WEXITSTATUS(status))


def _say(function, pipe):
    try:
        verdict, detail = function()
    except OSError as problem:
        verdict, detail = verdict_of(problem), f"{name_of(problem)} {problem.filename or ''}".strip()
    except BaseException as problem:  # shown, and never taken for a refusal
        verdict, detail = "error", f"{type(problem).__name__}: {problem}"
    os.write(pipe, json.dumps([verdict, str(detail)[:2000]]).encode())
    os._exit(0)


def run_one(function):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        os.setsid()
        _say(function, writer)
    os.close(writer)
    deadline = time.monotonic() + PATIENCE
    text = b""
    while select.select([reader], [], [], max(0.0, deadline - time.monotonic()))[0]:
        piece = os.read(reader, 65536)
        text += piece
        if not piece:
            break
    os.close(reader)
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.001)  # it has closed its pipe, and is on its way out
    status = ended[1]
    if ended[0] == 0:
        if not text:
            text = json.dumps(["error", f"no answer within {PATIENCE} s"]).encode()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    elif os.WIFSIGNALED(status) and not text:
        number = os.WTERMSIG(status)
        # The filter's answer to calls of another architecture.
        text = json.dumps(["refused" if number == signal.SIGSYS else "error", f"killed by signal {number}"]).encode()
    return json.loads(text or '["error", "no answer"]')


def run(names, arguments):
    ARGUMENTS.update(arguments)
    return {name: run_one(PROBES[name]) if name in PROBES else ["error", "no such probe"] for name in names}


def main(text):
    """From the input's JSON to the answer's."""
    job = json.loads(text)
    seen = run(job["probes"] or list(PROBES), job.get("arguments", {}))
    sys.stdout.flush()
    return json.dumps(seen)
