"""Why a script failed, as a caller is told: by whichever program, and by an interpreter that had waited as by one that had not."""

import pytest

from .test_parked import SUFFIX, park

PYTHON = {
    "like_pydantic": ('class ValidationError(ValueError): pass\nraise ValidationError("1 validation error for Invoice\\ntotal\\n  Field required '
                      '[type=missing, input_value={}]\\n    For further information visit https://errors.example/v/missing")',
                      "ValidationError: 1 validation error for Invoice; total; Field required [type=missing, input_value={}]"),
    "progress_bar": ("import sys\nfor i in range(101): sys.stderr.write('\\r%3d%%|%s| %d/100 [00:00<00:00, 999.99it/s]' % (i, '#' * (i // 10), i))\n"
                     "sys.exit(\"fatal: column 'price' is missing\")", "fatal: column 'price' is missing"),
    "long_progress_bar": ("import sys\nfor i in range(20000): sys.stderr.write('\\rrow %d' % i)\nsys.stderr.write('\\rno price in row 20000\\n')\nsys.exit(2)",
                          "no price in row 20000"),
    "counter": ("import sys\nclass BadRow(Exception): pass\nfor i in range(3): print(f'\\rrow {i}', end='', file=sys.stderr)\nraise BadRow('no price')",
                "BadRow: no price"),
    "at_exit": ("import atexit, sys, warnings\nwarnings.simplefilter('always')\nclass D:\n    def __del__(self): raise RuntimeError('in del')\nd = D()\n"
                "atexit.register(lambda: print('closing', file=sys.stderr))\nf = open('/dev/null')\nraise ValueError('no price')", "ValueError: no price"),
    "group": ("raise ExceptionGroup('several', [ValueError('a'), TypeError('b')])",
              "ExceptionGroup: several (2 sub-exceptions); ValueError: a; TypeError: b"),
    "chained": ("try: {}['a']\nexcept KeyError as e: raise RuntimeError('could not load') from e", "RuntimeError: could not load"),
    "syntax": ("def f(:", "SyntaxError: invalid syntax"),
    "missing_module": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "sys_exit": ("import sys; sys.exit('no rows')", "no rows"),
    "silent": ("import sys; print('Traceback is a word'); sys.exit(3)", ""),
    "on_stdout": ("import sys, traceback\ntry: 1 / 0\nexcept ArithmeticError: traceback.print_exc(file=sys.stdout)\nsys.exit(1)",
                  "ZeroDivisionError: division by zero"),
    "no_utf8": ("import os, sys; os.write(2, b'caf\\xc3\\xa9 \\xff\\n'); sys.exit(1)", "café \ufffd"),
    "other_excepthook": ("import sys\nprint(sys.excepthook is sys.__excepthook__, sys.excepthook)\nsys.excepthook = lambda *a: print('custom:', a[1], file=sys.stderr)\n"
                         "raise ValueError('x')", "custom: x"),
    "long": ("raise ValueError('word ' * 5000)", "ValueError: " + "word " * 380 + "word"),
}
NODE = {
    "uncaught": ("function load(row) { throw new TypeError('column price is missing in row ' + row); }\nload(3);", "TypeError: column price is missing in row 3"),
    "value": ("throw 'no price'", "Uncaught: no price"),
    "rejection": ("Promise.reject(new RangeError('no price'))", "RangeError: no price"),
    "syntax": ("let x = ;", "SyntaxError: Unexpected token ';'"),
    "missing_module": ("require('no-such-module')", "Error: Cannot find module 'no-such-module' (code MODULE_NOT_FOUND)"),
    "code_and_cause": ("const e = new Error('outer', {cause: new Error('inner')}); e.code = 'E_BAD'; throw e", "Error: outer (code E_BAD); caused by Error: inner"),
    "warning": ("process.emitWarning('careful'); process.on('exit', () => console.error('bye')); throw new Error('x')", "Error: x"),
    "listeners": ("console.log(process.eventNames(), process.listenerCount('uncaughtException')); throw new Error('x')", "Error: x"),
}
BASH = {
    "unset": ("set -u\necho $NO_SUCH", "/sandbox/scripts/main.sh: line 2: NO_SUCH: unbound variable"),
    "not_found": ("set -e\nno-such-command", "/sandbox/scripts/main.sh: line 2: no-such-command: command not found"),
    "trap": ("set -e\ntrap 'echo cleaning up >&2' EXIT\ncat /no/such", "cat: /no/such: No such file or directory"),
    "through_tee": ("exec > >(tee \"$SANDBOX_FILES_DIR/log.txt\") 2>&1\npython3 -c 'raise ValueError(\"no price\")'", "ValueError: no price"),
    "stderr_behind": ("exec 2> >(sed s/^/x/ >&2)\necho no price >&2\nexit 3", "xno price"),
}


@pytest.mark.parametrize("parked", [True, False], ids=["parked", "cold"])
@pytest.mark.parametrize("interpreter,name", [(kind, name) for kind, rows in (("python", PYTHON), ("node", NODE)) for name in rows])
def test_interpreters(make_sandbox, interpreter, name, parked):
    source, want = {"python": PYTHON, "node": NODE}[interpreter][name]
    main = "main" + SUFFIX[interpreter]
    one = park(make_sandbox, interpreter) if parked else make_sandbox()
    got = one.connect().run({main: source}, interpreter=interpreter, script=main)
    assert got.exit["exit_code"] != 0 and got.exit["parked"] == parked, got
    assert got.reason.decode() == want, got.logs.decode(errors="replace")


@pytest.mark.parametrize("name", BASH)
def test_bash(sandbox, name):
    source, want = BASH[name]
    got = sandbox.connect().run({"main.sh": source}, interpreter="bash", script="main.sh")
    assert got.exit["exit_code"] != 0 or name == "through_tee"
    assert got.reason.decode() == want, got.logs.decode(errors="replace")


def test_success_has_none(sandbox):
    """Nor has what was ended from outside: its story is another."""
    got = sandbox.connect().run({"main.sh": "echo 'Error: got over' >&2"}, interpreter="bash", script="main.sh")
    assert got.exit["exit_code"] == 0 and got.reason == b""


def test_timeout_has_none(sandbox):
    got = sandbox.connect().run({"main.sh": "echo 'Error: got over' >&2; sleep 60"}, interpreter="bash", script="main.sh", timeout_ms=300)
    assert got.exit["reason"] == "timed_out" and got.reason == b""
