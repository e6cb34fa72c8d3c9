"""A sandbox as a Pod is one, made of namespaces: the real runner as PID 1, uid 65534, read-only root, no network."""

import json
import os
import pathlib
import select
import signal
import struct
import subprocess
import sys
import threading
import time

from . import frames

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOKEN = "0123456789abcdef0123456789abcdef"
USER = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs", "--bounding-set=-all",
        "--inh-caps=-all"]
PATH = "/usr/local/bin:/usr/bin:/bin"
OPTIONS = {"ASAN_OPTIONS": "detect_leaks=0:handle_segv=0"}  # LeakSanitizer needs ptrace, which dumpable 0 forbids

# Runs as the first process of new namespaces and becomes the runner. It is one process, because the shell that it was had
# to start forty programs a sandbox, which was most of the time of these tests.
SETUP = r"""
import ctypes, json, os, struct, sys

options = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18


def check(result, *what):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), *what)


def mount(source, target, kind=None, flags=0, data=None):
    encode = lambda text: text if text is None else text.encode()
    check(libc.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(data)), target)


def touch(path, mode=0o644):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))
    os.chmod(path, mode)


def tmpfs(target, data, flags=0):
    mount("tmpfs", target, "tmpfs", flags, data)


def make_root():
    mount(None, "/", None, REC | PRIVATE)
    tmpfs(options["root"], "mode=0755")
    os.chdir(options["root"])
    for name in ("usr", "etc", "proc", "dev", "sandbox", "skillbox", "old"):
        os.mkdir(name)
    for name in ("bin", "sbin", "lib", "lib64"):
        if os.path.islink("/" + name):
            os.symlink("usr/" + name, name)
        elif os.path.isdir("/" + name):
            os.mkdir(name)
            mount("/" + name, name, None, BIND)
    mount("/usr", "usr", None, BIND)
    mount("/etc", "etc", None, BIND)
    mount("proc", "proc", "proc")


def make_dev():
    tmpfs("dev", "mode=0755")
    os.mkdir("dev/shm")
    os.symlink("/proc/self/fd", "dev/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", "dev/" + name)
    tmpfs("dev/shm", "mode=1777,size=16m", NOSUID | NODEV | NOEXEC)
    for name in ("null", "zero", "full", "random", "urandom"):
        touch("dev/" + name)
        mount("/dev/" + name, "dev/" + name, None, BIND)
    touch("dev/termination-log", 0o666)
    mount("dev/termination-log", "dev/termination-log", None, BIND)


def make_places():
    os.mkdir("tmp")
    tmpfs("sandbox", "mode=0777,size=" + options["size"], 0)
    tmpfs("tmp", "mode=0777,size=16m", 0)
    if "plain" in options:
        mount(None, "sandbox", None, REMOUNT | BIND)
        os.chmod("sandbox", 0o755)
        for name, source in options["plain"]["places"].items():
            touch("sandbox/" + name) if os.path.isfile(source) else os.mkdir("sandbox/" + name)
            mount(source, "sandbox/" + name, None, BIND)
        return
    for name in ("runner", "park.cjs"):
        touch("skillbox/" + name)
        mount(options[name], "skillbox/" + name, None, BIND)


def enter_root():
    for name in ("usr", "etc"):
        mount(None, name, None, REMOUNT | BIND | RDONLY)
    check(libc.syscall(155, b".", b"old"), "pivot_root")
    os.chdir("/")
    check(libc.umount2(b"old", 2), "umount old")
    mount(None, "/", None, REMOUNT | RDONLY)
    os.chdir("/sandbox")


# What the container runtime's own filter refuses that matters here (unshare: EPERM), what the project's profile refuses
# (pivot_root: EPERM), what gVisor's kernel lacks (landlock_create_ruleset: ENOSYS), or, in place of an AppArmor profile that gives
# no rights in a user namespace, something that is needed there (capset: EPERM).
def apply_profile():
    number, error = {"gvisor": (444, 38), "runc": (272, 1), "profile": (155, 1), "restricted": (126, 1)}[options["runtime"]]
    program = b"".join(struct.pack("HBBI", *i) for i in (
        (0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7fff0000)))
    text = ctypes.create_string_buffer(program)
    filter = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(text)))
    check(libc.prctl(22, 2, filter), "seccomp")


# As setpriv of USER does it.
def become_nobody():
    for capability in range(64):
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; the kernel has fewer
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    check(libc.syscall(126, struct.pack("II", 0x20080522, 0), bytes(24)), "capset")
    check(libc.prctl(38, 1, 0, 0, 0), "no_new_privs")


make_root()
make_dev()
make_places()
enter_root()
if "plain" in options:
    become_nobody()
    if os.fork() == 0:
        os.execve(options["plain"]["command"][0], options["plain"]["command"], options["environment"])
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
for step in (become_nobody, apply_profile) if options["runtime"] == "restricted" else (apply_profile, become_nobody):
    step()
os.execve("/skillbox/runner", ["/skillbox/runner"], options["environment"])
"""
UNSHARE = ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", sys.executable, "-I", "-S", "-c", SETUP]


def runner_path():
    candidates = [os.environ.get("SKILLBOX_RUNNER"), *(ROOT / f"build/{kind}/bin/skillbox-runner" for kind in ("debug", "release"))]
    return next((str(path) for path in candidates if path and os.path.exists(path)), None)


def wait_until(condition, seconds=10, what="the condition"):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        select.select([], [], [], 0.005)


def children_of(pid):
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class Peer:
    """One relay."""

    def __init__(self, sandbox, token=TOKEN, hello=True, **greeting):
        command = ["nsenter", "-t", str(sandbox.pid), "-m", "-p", "-n", "-i", "-u", *USER, "/skillbox/runner", "relay"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=OPTIONS | {"PATH": os.environ["PATH"]})
        self.pending = b""
        self.state = None
        if hello:
            self.send(frames.hello(token, **greeting))
            kind, self.state = self.receive()
            assert kind == frames.HELLO

    def send(self, content):
        """Send while reading what comes, so that neither side waits for the other."""
        fd = self.process.stdin.fileno()
        os.set_blocking(fd, False)
        view = memoryview(content)
        while view:
            readable, writable, _ = select.select([self.process.stdout], [fd], [], 20)
            assert readable or writable, "the relay takes no bytes"
            if readable and not self._read():
                return
            if writable:
                try:
                    view = view[os.write(fd, view[:1 << 20]):]
                except BlockingIOError:
                    pass
                except BrokenPipeError:
                    return

    def _read(self):
        piece = os.read(self.process.stdout.fileno(), 1 << 18)
        self.pending += piece
        return piece

    def receive(self, seconds=20):
        """(type, fields) of the next frame; None at the end of the stream."""
        end = time.monotonic() + seconds
        while True:
            if len(self.pending) >= 5:
                n, kind = struct.unpack_from(">IB", self.pending)
                if len(self.pending) >= 5 + n:
                    payload = self.pending[5:5 + n]
                    self.pending = self.pending[5 + n:]
                    return kind, frames.decode(kind, payload)
            left = end - time.monotonic()
            readable, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            assert readable, f"no frame within {seconds} s"
            if not self._read():
                assert not self.pending, "the stream ends inside a frame"
                return None

    def expect(self, kind, seconds=20):
        got = self.receive(seconds)
        assert got and got[0] == kind, got
        return got[1]

    def result(self, seconds=20):
        """From STARTED to END or FAILED, with the counts checked."""
        result, objects, total = frames.Result(), 0, 0
        kind, fields = self.receive(seconds)
        if kind == frames.STARTED:
            result.started = fields
            kind, fields = self.receive(seconds)
        if kind == frames.FAILED:
            result.failed = fields
            return result
        assert kind == frames.EXIT, (kind, fields)
        result.exit = fields
        kind, fields = self.receive(seconds)
        while kind == frames.OBJECT:
            objects += 1
            content = b""
            size = 0 if fields["kind"] == frames.OUTPUT and fields["flags"] & frames.TOO_LARGE else fields["size"]
            pieces = []
            while size > 0:
                piece = self.expect(frames.DATA, seconds)["data"]
                pieces.append(piece)
                size -= len(piece)
            assert size == 0
            content = b"".join(pieces)
            total += len(content)
            if fields["kind"] == frames.LOGS_HEAD:
                result.head = content
            elif fields["kind"] == frames.LOGS_TAIL:
                result.tail = content
            elif fields["kind"] == frames.REASON:
                result.reason = content
            elif fields["kind"] == frames.OUTPUT:
                result.output_size = fields["size"]
                result.output_too_large = bool(fields["flags"] & frames.TOO_LARGE)
                result.output = content
            else:
                assert fields["path"] not in result.files
                result.files[fields["path"]] = content
                result.mtimes[fields["path"]] = fields["mtime"]
                if fields["flags"] & frames.EXECUTABLE:
                    result.executable.add(fields["path"])
            kind, fields = self.receive(seconds)
        assert kind == frames.END, (kind, fields)
        assert fields == {"object_count": objects, "byte_count": total}
        return result

    def run(self, files, seconds=20, **options):
        self.send(frames.whole_job(files, **options))
        return self.result(seconds)

    def close(self):
        """As when the exec stream is lost: the relay goes. Its parent nsenter collects it and goes too."""
        for child in children_of(self.process.pid):
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(20)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.stderr.close()


RUNTIMES = ("runc", "profile", "gvisor")


def run_plainly(directory, files, command, environment, input_text):
    """The same root file system, user and paths without Skillbox, as a container with plain directories: nothing waits, nothing
    is locked down. (exit code, what was printed, content of /sandbox/out by path)"""
    scripts, out, root = directory / "scripts", directory / "out", directory / "root"
    for path, (content, mode) in files.items():
        target = scripts / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(0o555 if mode & 0o111 else 0o444)
    (out / "files").mkdir(parents=True)
    root.mkdir()
    (directory / "packages").mkdir()
    (directory / "input.json").write_bytes(input_text)
    for path in (directory, *directory.parents):  # pytest's folders are for their owner only
        if path == pathlib.Path("/tmp"):
            break
        path.chmod(path.stat().st_mode | 0o055)
    for path in (out, out / "files"):
        os.chown(path, 65534, 65534)
    options = {"root": str(root), "size": "64m", "environment": environment, "plain": {"command": command, "places": {
        "scripts": str(scripts), "packages": str(directory / "packages"), "out": str(out), "input.json": str(directory / "input.json")}}}
    done = subprocess.run([*UNSHARE, json.dumps(options)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60)
    return done.returncode, done.stdout, {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*"))
                                          if path.is_file() and not path.is_symlink()}


class Sandbox:
    """runtime, which is only made to look so: "runc" (no namespaces from inside), "profile" (the node's seccomp profile lets
    the runner make them), "restricted" (they can be made, and not be used) or "gvisor" (which lets it, too, and has no
    Landlock)."""

    def __init__(self, directory, size="64m", read_logs=True, environment=None, runtime="runc"):
        environment = {"SKILLBOX_TOKEN": TOKEN, "PATH": PATH} if environment is None else environment
        options = {"root": str(directory), "runner": runner_path(), "park.cjs": str(ROOT / "runner/cell/parked/park.cjs"), "size": size, "runtime": runtime,
                   "environment": OPTIONS | environment}
        self.process = subprocess.Popen([*UNSHARE, json.dumps(options)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.peers = []
        self.logs = bytearray()
        self.reader = threading.Thread(target=self._read_logs, daemon=True)
        if read_logs:
            self.reader.start()
        self.pid = wait_until(self._find_child, what="PID 1")

    def _find_child(self):
        assert self.process.poll() is None, self.process.stdout.read()
        children = children_of(self.process.pid)
        if not children:
            return None
        name = pathlib.Path(f"/proc/{children[0]}/comm").read_text().strip()
        return children[0] if name == "runner" else None

    def _read_logs(self):
        while piece := os.read(self.process.stdout.fileno(), 1 << 16):
            self.logs += piece

    def connect(self, **options):
        peer = Peer(self, **options)
        self.peers.append(peer)
        return peer

    def wait_until_it_listens(self):
        path = pathlib.Path(f"/proc/{self.process.pid}/net/unix")
        wait_until(lambda: "@skillbox-runner" in path.read_text(), what="the socket of PID 1")

    def processes(self):
        """Names of the live processes of the pid namespace, PID 1 and relays left out."""
        namespace = os.readlink(f"/proc/{self.pid}/ns/pid")
        names = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == self.pid:
                continue
            try:
                if os.readlink(entry / "ns/pid") == namespace:
                    name = (entry / "comm").read_text().strip()
                    if name not in ("runner", "nsenter", "setpriv"):
                        names.append(name)
            except OSError:
                pass  # gone meanwhile
        return names

    def close(self):
        try:
            os.kill(self.pid, signal.SIGKILL)  # and with it, everything in its namespace
        except ProcessLookupError:
            pass
        for peer in self.peers:
            if peer.process.returncode is None:
                peer.close()
        self.process.wait(20)
        if self.reader.is_alive():
            self.reader.join(10)
        self.process.stdout.close()
