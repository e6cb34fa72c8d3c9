"""The sandbox protocol again, in Python: written from lib/frame/frame.h, not from the C code, as a second opinion."""

import struct
from dataclasses import dataclass, field

(HELLO, JOB, ENV, FILE, INPUT, START, CANCEL, DATA, PACKAGE, PACKED) = range(1, 11)
(STARTED, EXIT, OBJECT, END, FAILED) = range(16, 21)
STATES = ("waiting", "loading", "running", "finished")
REASONS = ("exited", "signaled", "timed_out", "cancelled", "oom")
LOGS_HEAD, LOGS_TAIL, OUTPUT, OUT_FILE, REASON = range(1, 6)
TOO_LARGE = EXECUTABLE = 1  # of an OUTPUT, of an OUT_FILE
PIECE = 64 * 1024


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(value)) + value


def frame(kind, payload=b""):
    return struct.pack(">IB", len(payload), kind) + payload


def hello(token, version=5, generation=1, more=b""):
    return frame(HELLO, struct.pack(">H", version) + text(token) + (struct.pack(">Q", generation) if version > 3 else b"") + more)


def job(execution_id="e-1", note="", interpreter="python", script="main.py", timeout_ms=10000, max_output=1 << 20,
        max_logs=1 << 20, max_files_bytes=256 << 20, max_files_count=1000):
    return frame(JOB, text(execution_id) + text(note) + text(interpreter) + text(script) + struct.pack(
        ">IIIQI", timeout_ms, max_output, max_logs, max_files_bytes, max_files_count))


def env(name, value):
    return frame(ENV, text(name) + text(value))


def data(content):
    return b"".join(frame(DATA, content[i:i + PIECE]) for i in range(0, len(content), PIECE))


def file(path, content, mode=0o644, size=None, kind=FILE):
    return frame(kind, text(path) + struct.pack(">IQ", mode, len(content) if size is None else size)) + data(content)


def package(path, content, mode=0o644):
    return file(path, content, mode, kind=PACKAGE)


def packed(frames, size=None):
    """As an LZ4 block of literals alone: it packs nothing, and says how many they are in the way of that format."""
    length, more = len(frames), b""
    if length >= 15:
        rest = length - 15
        more = b"\xff" * (rest // 255) + bytes([rest % 255])
    return frame(PACKED, struct.pack(">I", length if size is None else size) + bytes([min(length, 15) << 4]) + more + frames)


def input_(content, size=None):
    return frame(INPUT, struct.pack(">Q", len(content) if size is None else size)) + data(content)


def start(files, size):
    return frame(START, struct.pack(">IQ", files, size))


def whole_job(files, input_text=b"{}", environment=(), **options):
    """JOB … START for {path: content}; a path may also map to (content, mode)."""
    out = [job(**options)]
    out += [env(name, value) for name, value in environment]
    total = len(input_text)
    for path, content in files.items():
        content, mode = content if isinstance(content, tuple) else (content, 0o644)
        content = content.encode() if isinstance(content, str) else content
        out.append(file(path, content, mode))
        total += len(content)
    out.append(input_(input_text))
    out.append(start(len(files), total))
    return b"".join(out)


class Reader:
    def __init__(self, payload):
        self.payload, self.at = payload, 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.payload, self.at)
        self.at += struct.calcsize(">" + form)
        return values[0] if len(values) == 1 else values

    def text(self):
        n = self.take("I")
        assert self.at + n <= len(self.payload)
        self.at += n
        return self.payload[self.at - n:self.at]

    def end(self):
        assert self.at == len(self.payload), "bytes behind the fields"


def decode(kind, payload):
    """Payload of a runner's frame as a dict."""
    r = Reader(payload)
    if kind == DATA:
        assert 1 <= len(payload) <= PIECE
        return {"data": payload}
    if kind == HELLO:
        got = {"version": r.take("H"), "state": STATES[r.take("B")], "execution_id": r.text().decode(), "note": r.text().decode(),
               "runner_version": r.text().decode(), "layers": {}}
        for _ in range(r.take("B")):
            name = r.text().decode()
            active = r.take("B") == 1
            got["layers"][name] = (active, r.text().decode())
    elif kind == STARTED:
        got = {"load_us": r.take("Q")}
    elif kind == EXIT:
        reason, code, run_us, logs_total, skipped, over, parked = r.take("BIQQIBB")
        got = {"reason": REASONS[reason], "exit_code": code, "run_us": run_us, "logs_total": logs_total,
               "files_skipped": skipped, "files_over_limit": over == 1, "parked": parked == 1}
    elif kind == OBJECT:
        object_kind, flags = r.take("BI")
        got = {"kind": object_kind, "flags": flags, "path": r.text(), "size": r.take("Q")}
        if object_kind == OUT_FILE:
            got["mtime"] = r.take("Q")
    elif kind == END:
        count, size = r.take("IQ")
        got = {"object_count": count, "byte_count": size}
    elif kind == FAILED:
        got = {"reason": r.text().decode(), "message": r.text().decode()}
    else:
        raise AssertionError(f"the runner sent a frame of type {kind}")
    r.end()
    return got


@dataclass
class Result:
    """What arrived from STARTED to END or FAILED."""
    started: dict = None
    exit: dict = None
    failed: dict = None
    head: bytes = b""
    tail: bytes = b""
    reason: bytes = b""
    output: bytes = None
    output_size: int = None
    output_too_large: bool = False
    files: dict = field(default_factory=dict)
    executable: set = field(default_factory=set)
    mtimes: dict = field(default_factory=dict)

    @property
    def logs(self):
        return self.head + self.tail
