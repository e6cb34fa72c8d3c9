#!/usr/bin/env python3
"""Writes the inputs of the targets `frame` and `collector` that are streams as the two sides send them. To be run again
after a change of the protocol, since what is refused at the first frame tests little."""

import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from runner import frames as f  # noqa: E402


def exit_(reason=0, code=0, logs=0, skipped=0, over=0, parked=0):
    return f.frame(f.EXIT, struct.pack(">BIQQIBB", reason, code, 5000, logs, skipped, over, parked))


def object_(kind, content=b"", path="", flags=0, size=None, mtime=1700000000):
    length = len(content) if size is None else size
    fields = struct.pack(">BI", kind, flags) + f.text(path) + struct.pack(">Q", length)
    return f.frame(f.OBJECT, fields + (struct.pack(">Q", mtime) if kind == f.OUT_FILE else b"")) + f.data(content)


def end(objects, size):
    return f.frame(f.END, struct.pack(">IQ", objects, size))


HELLO = f.frame(f.HELLO, struct.pack(">HB", 3, 0) + f.text("") + f.text("") + f.text("0.1.0") + b"\2" +
                f.text("seccomp") + b"\1" + f.text("mode 2") + f.text("landlock") + b"\0" + f.text("none"))
STARTED = f.frame(f.STARTED, struct.pack(">Q", 900))
LOG = b"caf\xc3\xa9\n\xff\0x"
JOB = f.whole_job({"main.py": "print(1)\n", "a/b.sh": ("x", 0o755)}, b'{"a":1}', [("A", "b")])

# The first byte says which side sends: even the controller, odd the runner.
SEEDS = {
    "frame/controller": b"\0" + f.hello("0123456789abcdef") + JOB + f.frame(f.CANCEL),
    "frame/packed": b"\0" + f.hello("0123456789abcdef") + f.packed(f.package("a/b.py", b"print(1)\n") + f.file("main.py", b"1")) +
                    f.packed(b"x", size=9),
    "frame/runner": b"\1" + HELLO + STARTED + exit_(parked=1) + object_(f.OUTPUT, b"{}") + end(1, 2),
    "frame/failed": b"\1" + HELLO + f.frame(f.FAILED, f.text("no_interpreter") + f.text("No such file")),
    "collector/output": exit_() + object_(f.OUTPUT, b'{"a": 1.10, "b": [true]}') + end(1, 24),
    "collector/logs": exit_(logs=500) + object_(f.LOGS_HEAD, LOG) + object_(f.LOGS_TAIL, b"\xa9" + LOG) + end(2, 2 * len(LOG) + 1),
    "collector/failure": exit_(0, 1, logs=3) + object_(f.LOGS_HEAD, b"no\n") + object_(f.REASON, b"no") + end(2, 5),
    "collector/files": exit_(over=1, skipped=2) + object_(f.OUT_FILE, b"hello", "b/c.txt", f.EXECUTABLE) + object_(f.OUT_FILE, b"", "a") +
                       object_(f.OUTPUT, b"[") + end(3, 6),
    "collector/too-large": exit_() + object_(f.OUTPUT, flags=f.TOO_LARGE, size=1 << 40) + end(1, 0),
    "collector/oom": exit_(4, 137) + end(0, 0),
    "collector/cut": exit_() + object_(f.OUTPUT, b"{}", size=9) + end(1, 2),
    "collector/twice": exit_() + exit_(),
}

for name, data in SEEDS.items():
    path = ROOT / "tests" / "fuzz" / "corpus" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
