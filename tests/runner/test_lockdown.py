"""A hostile script: every way out it knows, and that honest programs still work."""

import os

import pytest

from .sandbox import RUNTIMES


def pytest_generate_tests(metafunc):
    """Every one on every runtime, unless it says otherwise."""
    if "runtime" in metafunc.fixturenames and not any(
            "runtime" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")):
        metafunc.parametrize("runtime", RUNTIMES, indirect=True)


LAYERS = {"non_root", "no_capabilities", "securebits", "no_new_privs", "seccomp", "read_only_root", "no_network",
          "user_namespace", "own_kernel", "not_dumpable", "seccomp_filter", "landlock", "namespaces", "noexec",
          "read_only_scripts", "rlimits", "descriptors", "session"}
# Where these tests run there is no user namespace of the Pod and no gVisor.
ABSENT = {
    "runc": {"namespaces", "noexec"},
    "profile": set(),
    "gvisor": {"landlock"},
}


def test_layers_are_reported(sandbox, runtime):
    layers = sandbox.connect().state["layers"]
    assert set(layers) == LAYERS
    absent = {name for name, (active, _) in layers.items() if not active}
    assert absent - {"landlock"} == (ABSENT[runtime] | {"user_namespace", "own_kernel"}) - {"landlock"}, layers
    assert all(detail for _, detail in layers.values())
    if "namespaces" in absent:
        assert layers["namespaces"][1] == "they can't be entered: Operation not permitted"
    if runtime == "runc":
        assert layers["noexec"][1] == "not mounted so: /sandbox/out, /tmp; execve is refused, mmap and ld.so aren't"
    else:
        assert layers["namespaces"][1] == "user, mount, network"
        assert layers["read_only_scripts"][1] == "mounted read-only"


@pytest.mark.parametrize("runtime", ["restricted"], indirect=True)
def test_namespaces_that_give_no_rights_are_left_out(sandbox):
    """All the rest is as it is without."""
    peer = sandbox.connect()
    layers = peer.state["layers"]
    absent = {name for name, (active, _) in layers.items() if not active}
    assert absent - {"landlock"} == (ABSENT["runc"] | {"user_namespace", "own_kernel"}) - {"landlock"}, layers
    got = peer.run({"main.py": "print(open('/sandbox/input.json').read())"})
    assert got.logs == b"{}\n" and got.exit["exit_code"] == 0, got


def run(sandbox, source, **options):
    peer = sandbox.connect()
    landlock = peer.state["layers"]["landlock"][0]
    got = peer.run({"main.py": source}, **options)
    assert got.exit and got.exit["exit_code"] == 0, got
    return got, landlock


PRELUDE = """
import ctypes, errno, os, socket, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    ctypes.set_errno(0)
    r = libc.syscall(number, *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    return errno.errorcode.get(ctypes.get_errno(), "0") if r == -1 else "ok"
def attempt(f):
    try:
        f()
        return "ok"
    except OSError as e:
        return errno.errorcode[e.errno]
def expect(name, got, *want):
    if got not in want:
        print("WRONG", name, got, want)
        sys.exit(1)
"""


def test_system_calls(sandbox):
    source = PRELUDE + """
assert os.uname().machine == "x86_64"
eperm = dict(ptrace=101, process_vm_readv=310, process_vm_writev=311, kcmp=312, keyctl=250, add_key=248, request_key=249,
             bpf=321, perf_event_open=298, userfaultfd=323, mount=165, umount2=166, pivot_root=155, chroot=161,
             move_mount=429, open_tree=428, fsopen=430, fsconfig=431, fsmount=432, fspick=433, mount_setattr=442,
             unshare=272, setns=308, open_by_handle_at=304, name_to_handle_at=303, fanotify_init=300, quotactl=179,
             acct=163, kexec_load=246, init_module=175, finit_module=313, delete_module=176, reboot=169, swapon=167,
             settimeofday=164, clock_settime=227, adjtimex=159, syslog=103, sethostname=170, iopl=172, seccomp=317,
             pidfd_getfd=438, pidfd_send_signal=424, lookup_dcookie=212, quotactl_fd=443, process_mrelease=448,
             fanotify_mark=301, kexec_file_load=320, swapoff=168, setdomainname=171, ioperm=173, move_pages=279,
             migrate_pages=256, clock_adjtime=305, uselib=134, vhangup=153, ustat=136, sysfs=139, nfsservctl=180,
             create_module=174, get_kernel_syms=177, query_module=178, _sysctl=156, process_madvise=440, memfd_secret=447, vmsplice=278, modify_ldt=154)
for name, number in eperm.items():
    expect(name, call(number, 0, 0, 0, 0, 0, 0), "EPERM")
enosys = dict(clone3=435, io_uring_setup=425, io_uring_enter=426, io_uring_register=427, memfd_create=319,
              set_mempolicy=238, mbind=237, get_mempolicy=239, set_mempolicy_home_node=450, statmount=457, listmount=458, lsm_set_self_attr=460,
              inotify_init=253, inotify_init1=294,
              first_unknown=463, open_tree_attr=467, far=5000, last=0x3fffffff)
for name, number in enosys.items():
    expect(name, call(number, 0, 0, 0, 0, 0, 0), "ENOSYS")
for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
    expect("clone %#x" % flag, call(56, flag | 17, 0, 0, 0, 0), "EPERM")
high = 1 << 40  # the kernel ignores the upper half of an int
for request in (0x5412, 0x541c, 0x5423, 0x5412 | high):
    expect("ioctl %#x" % request, call(16, 0, request, 0), "EPERM")
expect("mknod device", call(133, b"/tmp/dev", 0o020666, 0x103), "EPERM")
expect("mknodat device", call(259, -100, b"/tmp/dev", 0o060666, 0x103), "EPERM")
os.mkfifo("/tmp/fifo")
# signals for PID 1, and what brings them about indirectly
for name, args in dict(kill=(62, 1, 9), tkill=(200, 1, 9), tgkill=(234, 1, 1, 9), rt_sigqueueinfo=(129, 1, 9, 0),
                       rt_tgsigqueueinfo=(297, 1, 1, 9, 0), pidfd_open=(434, 1, 0), upper=(62, 1 | high, 9),
                       clone_kill=(56, 9, 0, 0, 0, 0), clone_stop=(56, 19, 0, 0, 0, 0), setsig=(72, 0, 10, 9),
                       sched_setaffinity=(203, 1, 8, b"\\1" * 8), sched_setscheduler=(144, 1, 0, b"\\0" * 8),
                       sched_setparam=(142, 1, b"\\0" * 8), sched_setattr=(314, 1, b"\\0" * 64, 0),
                       setpriority=(141, 0, 1, 19), setpriority_user=(141, 2, 0, 19), ioprio_set=(251, 1, 1, 0),
                       ioprio_set_user=(251, 3, 0, 0), prlimit=(302, 1, 0, b"\\0" * 16, 0),
                       clone_parent=(56, 0x8000 | 17, 0, 0, 0, 0)).items():
    expect(name, call(*args), "EPERM")
expect("own limit", call(302, 0, 4, 0, b"\\0" * 16), "ok")
expect("own priority", call(141, 0, 0, 19), "ok")
expect("own affinity", call(203, 0, 8, b"\\3" + b"\\0" * 7), "ok", "EINVAL")
expect("signal oneself", call(62, os.getpid(), 0), "ok")
expect("personality", call(135, 0x0400000), "EPERM")
expect("personality", call(135, 0x0040000), "EPERM")
expect("personality", call(135, 0xffffffff), "ok")
expect("personality", call(135, 0), "ok")
print("done")
"""
    got, _ = run(sandbox, source)
    assert got.logs == b"done\n", got.logs


def test_calls_that_nobody_has_looked_at(sandbox):
    """Whatever a later kernel puts there, behind the last call that the filter's table knows or in the gap before those that all
    architectures share: it is not there. The other entry's numbers (x32) end the process: see below."""
    source = PRELUDE + """
# 335 and 336 are of the kernel's own probes. It asks no filter about them, and kills whoever calls them from elsewhere.
for number in (335, 336):
    child = os.fork()
    if child == 0:
        os._exit(0 if call(number, 0, 0, 0, 0, 0, 0) in ("ENOSYS", "ENXIO") else 1)
    expect(number, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0, -4)
for number in (*range(337, 424), *range(463, 1200), 2 ** 20, 2 ** 29, 2 ** 30 - 1):
    expect(number, call(number, 0, 0, 0, 0, 0, 0), "ENOSYS")
# upper halves mean nothing
expect("upper half", call(1 << 32 | 463, 0, 0, 0, 0, 0, 0), "ENOSYS")
# what stands right beside is as it was: rseq is there (it refuses our arguments), pidfd_open is, too
expect("rseq", call(334, 0, 0, 0, 0), "EINVAL", "EPERM", "EFAULT", "EBUSY")
expect("pidfd_open", attempt(lambda: os.close(os.pidfd_open(os.getpid()))), "ok")
print("done")
"""
    got, _ = run(sandbox, source)
    assert got.logs == b"done\n", got.logs


def test_no_network(sandbox, runtime):
    source = PRELUDE + """
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, 40, 38):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        expect(("socket", family, kind), attempt(lambda: socket.socket(family, kind)), "EPERM")
expect("upper half", call(41, 2 | 1 << 32, 1, 0), "EPERM")
expect("upper half", call(41, 1 | 1 << 32, 1, 0), "EPERM")
a, b = socket.socketpair()
a.send(b"x"); assert b.recv(1) == b"x"
expect("socketpair", call(53, 2, 1, 0, 0), "EPERM")
print(os.readlink("/proc/self/ns/net"))
"""
    got, _ = run(sandbox, source)
    assert (got.logs.decode().strip() == os.readlink(f"/proc/{sandbox.pid}/ns/net")) == (runtime == "runc")


def test_foreign_entry_is_the_end(sandbox):
    # int 0x80: the 32-bit table, where the numbers mean something else (20: getpid)
    source = """
import ctypes, mmap
code = b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3"
m = mmap.mmap(-1, 4096, prot=7)
m.write(code)
f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))
print("called", f())
"""
    got = sandbox.connect().run({"main.py": source})
    assert (got.exit["reason"], got.exit["exit_code"]) == ("signaled", 128 + 31), got


def test_x32_entry_is_the_end(sandbox):
    got = sandbox.connect().run({"main.py": PRELUDE + "print(call(0x40000000 + 39))"})
    assert (got.exit["reason"], got.exit["exit_code"]) == ("signaled", 128 + 31), got


def test_writes(sandbox):
    source = PRELUDE + """
def write(path, flags=os.O_WRONLY | os.O_CREAT):
    return attempt(lambda: os.close(os.open(path, flags, 0o666)))
for path in ("/x", "/usr/x", "/etc/x", "/sandbox/x", "/sandbox/scripts/x", "/sandbox/scripts/main.py", "/sandbox/input.json",
             "/skillbox/runner", "/proc/1/oom_score_adj", "/proc/sys/kernel/core_pattern"):
    expect(path, write(path), "EROFS", "EACCES", "EPERM")
for path in ("/tmp/x", "/sandbox/out/x", "/sandbox/out/files/x", "/dev/null", "/dev/shm/x"):
    expect(path, write(path), "ok")
refused = ("EACCES", "EXDEV", "EROFS", "EPERM", "EBUSY")
expect("rename out", attempt(lambda: os.rename("/sandbox/out", "/sandbox/out2")), *refused)
expect("remove input", attempt(lambda: os.unlink("/sandbox/input.json")), *refused)
expect("move in", attempt(lambda: os.rename("/sandbox/input.json", "/sandbox/out/x")), *refused)
expect("link", attempt(lambda: os.link("/sandbox/input.json", "/sandbox/out/y")), *refused)
expect("mkdir", attempt(lambda: os.mkdir("/sandbox/dir")), *refused)
expect("truncate", attempt(lambda: os.truncate("/sandbox/input.json", 0)), *refused)
expect("termination log", write("/dev/termination-log", os.O_WRONLY), "EACCES", "EROFS")
"""
    got, landlock = run_or_skip(sandbox, source)
    assert got.logs == b"", got.logs


def run_or_skip(sandbox, source):
    peer = sandbox.connect()
    layers = peer.state["layers"]
    if not layers["landlock"][0] and not layers["namespaces"][0]:
        pytest.skip("this kernel has neither Landlock nor namespaces for everyone")
    got = peer.run({"main.py": source, "tool.sh": ("#!/bin/sh\necho ran\n", 0o755)})
    assert got.exit and got.exit["exit_code"] == 0, got
    return got, True


def test_execution(sandbox):
    source = PRELUDE + """
import shutil
for place in ("/tmp/true", "/sandbox/out/true", "/dev/shm/true"):
    shutil.copy("/usr/bin/true", place)
    os.chmod(place, 0o755)
    expect(place, attempt(lambda: subprocess.run([place], check=True)), "EACCES")
open("/tmp/script", "w").write("#!/bin/sh\\necho ran\\n"); os.chmod("/tmp/script", 0o755)
expect("script", attempt(lambda: subprocess.run(["/tmp/script"], check=True)), "EACCES")
expect("image", attempt(lambda: subprocess.run(["/usr/bin/true"], check=True)), "ok")
expect("shell", attempt(lambda: subprocess.run(["sh", "/tmp/script"], check=True)), "ok")
"""
    got, _ = run_or_skip(sandbox, source)
    assert got.logs == b"ran\n", got.logs


def test_execution_of_what_was_written(sandbox):
    """All the ways there are to run a file without its permission; the layer "noexec" must tell the truth about them."""
    peer = sandbox.connect()
    noexec = peer.state["layers"]["noexec"][0]
    source = PRELUDE + f"noexec = {noexec}" + r"""
import glob, mmap, shutil
assert call(319, b"x", 0) == "ENOSYS"  # memfd_create
loader = glob.glob("/lib64/ld-linux-*.so.2")[0]
library = next(p for p in glob.glob("/usr/lib/*/libz.so.1") + glob.glob("/lib/*/libz.so.1"))
def works(*command, **options):
    return subprocess.run(command, capture_output=True, **options).returncode == 0
for place in ("/tmp", "/sandbox/out", "/dev/shm"):
    program, copy = place + "/true", place + "/libz" + place.replace("/", "_") + ".so.1"
    shutil.copy("/usr/bin/true", program)
    shutil.copy(library, copy)
    os.chmod(program, 0o755)
    fd = os.open(program, os.O_RDONLY)
    expect("fd", attempt(lambda: os.execve(fd, ["true"], {})), "EACCES")
    expect("/proc/self/fd", attempt(lambda: os.execve(f"/proc/self/fd/{fd}", ["true"], {})), "EACCES")
    got = {"loader": works(loader, program)}
    try:
        ctypes.CDLL(copy)
        got["dlopen"] = True
    except OSError:
        got["dlopen"] = False
    seen = subprocess.run(["cat", "/proc/self/maps"], capture_output=True, text=True, env={"LD_PRELOAD": copy}).stdout
    got["LD_PRELOAD"] = any("x" in line.split()[1] and os.path.basename(copy) in line for line in seen.splitlines())
    try:
        mmap.mmap(fd, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC, flags=mmap.MAP_PRIVATE).close()
        got["mmap"] = True
    except OSError:
        got["mmap"] = False
    private = mmap.mmap(fd, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE, flags=mmap.MAP_PRIVATE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(private))
    got["mprotect"] = libc.mprotect(ctypes.c_void_p(address), 4096, 5) == 0
    if noexec or place == "/tmp":
        expect(place, got, dict.fromkeys(got, not noexec))
"""
    got = peer.run({"main.py": source})
    assert got.exit["exit_code"] == 0, got.logs


def archive_file(path, mode=0o755):
    import pathlib
    return pathlib.Path(path).read_bytes(), mode


def library():
    import glob
    return archive_file(next(p for p in glob.glob("/usr/lib/*/libz.so.1") + glob.glob("/lib/*/libz.so.1")), 0o644)


def test_what_the_archive_brought_runs(sandbox):
    source = PRELUDE + """
def out(*command, **options):
    return subprocess.run(command, capture_output=True, check=True, **options).stdout
assert out("/sandbox/scripts/tool.sh") == b"ran\\n"
assert out("./tool.sh", cwd="/sandbox/scripts") == b"ran\\n"
assert out("/sandbox/scripts/bin/true") == b""
assert out("/sandbox/scripts/tool.py") == b"/sandbox/scripts/tool.py\\n"
assert out("bash", "-c", ". scripts/tool.sh") == b"ran\\n"
expect("no x bit", attempt(lambda: out("/sandbox/scripts/plain.sh")), "EACCES")
assert ctypes.CDLL("/sandbox/scripts/module.so").zlibVersion
fd = os.open("/sandbox/scripts/bin/true", os.O_RDONLY)
if os.fork() == 0:
    os.execve(fd, ["true"], {})
assert os.wait()[1] == 0
print("done")
"""
    got = sandbox.connect().run({
        "main.py": source, "tool.sh": ("#!/bin/sh\necho ran\n", 0o755), "plain.sh": ("#!/bin/sh\necho ran\n", 0o644),
        "tool.py": ("#!/usr/bin/env python3\nimport os\nprint(os.path.realpath(__file__))\n", 0o755),
        "bin/true": archive_file("/usr/bin/true"), "module.so": library()})
    assert got.logs == b"done\n" and got.exit["exit_code"] == 0, got.logs


def test_nobody_changes_what_the_archive_brought(sandbox):
    """Its owner is the script's user, so that it is not permissions that are in the way; and every way is tried that would make
    of it, or put in its place, something that was written."""
    source = PRELUDE + r"""
import mmap, shutil
tool, folder = "/sandbox/scripts/bin/tool", "/sandbox/scripts/bin"
refused = ("EROFS", "EACCES", "EPERM", "EXDEV", "EBUSY")
for path in (tool, folder, "/sandbox/scripts", "/sandbox"):
    try:
        os.chmod(path, 0o777)
    except OSError:
        pass
def write(path, flags=os.O_WRONLY):
    return attempt(lambda: os.write(os.open(path, flags), b"#!/bin/sh\necho changed\n"))
evil = "/tmp/evil"
open(evil, "w").write("#!/bin/sh\necho changed\n")
os.chmod(evil, 0o755)
shutil.copy(evil, "/sandbox/out/evil")
os.chmod("/sandbox/out/evil", 0o755)
fd = os.open(tool, os.O_RDONLY)
directory = os.open(folder, os.O_RDONLY)
path_only = os.open(tool, os.O_PATH)
tries = {
    "write": lambda: write(tool), "append": lambda: write(tool, os.O_WRONLY | os.O_APPEND),
    "truncate": lambda: attempt(lambda: os.truncate(tool, 0)),
    "by its descriptor": lambda: write(f"/proc/self/fd/{fd}", os.O_RDWR),
    "by a path descriptor": lambda: write(f"/proc/self/fd/{path_only}", os.O_WRONLY),
    "by the directory": lambda: attempt(lambda: os.open("tool", os.O_WRONLY, dir_fd=directory)),
    "by cwd": lambda: write("/proc/self/cwd/scripts/bin/tool"), "by root": lambda: write("/proc/self/root" + tool),
    "by a relative path": lambda: write("scripts/bin/tool"), "by a thread": lambda: write("/proc/thread-self/cwd/scripts/bin/tool"),
    "by PID 1": lambda: write("/proc/1/root" + tool), "by PID 1's cwd": lambda: write("/proc/1/cwd" + tool),
    "create": lambda: write(folder + "/new", os.O_WRONLY | os.O_CREAT),
    "tmpfile": lambda: attempt(lambda: os.open(folder, os.O_TMPFILE | os.O_WRONLY)),
    "remove": lambda: attempt(lambda: os.unlink(tool)), "remove folder": lambda: attempt(lambda: os.rmdir(folder)),
    "rename away": lambda: attempt(lambda: os.rename(tool, "/sandbox/out/away")),
    "rename within": lambda: attempt(lambda: os.rename(tool, folder + "/other")),
    "rename the folder": lambda: attempt(lambda: os.rename("/sandbox/scripts", "/sandbox/old")),
    "replace": lambda: attempt(lambda: os.replace("/sandbox/out/evil", tool)),
    "replace from tmp": lambda: attempt(lambda: os.replace(evil, tool)),
    "exchange": lambda: call(316, -100, b"/sandbox/out/evil", -100, tool.encode(), 2),
    "link in": lambda: attempt(lambda: os.link("/sandbox/out/evil", folder + "/new")),
    "link out": lambda: attempt(lambda: os.link(tool, "/sandbox/out/linked")),
    "link by descriptor": lambda: call(265, -100, f"/proc/self/fd/{fd}".encode(), -100, b"/sandbox/out/linked2", 0x400),
    "symlink": lambda: attempt(lambda: os.symlink(evil, folder + "/new")),
    "map": lambda: attempt(lambda: mmap.mmap(os.open(tool, os.O_RDWR), 0)),
    "fallocate": lambda: call(285, fd, 0, 0, 100), "copy_file_range": lambda: call(326, os.open(evil, os.O_RDONLY), 0, fd, 0, 10, 0),
    "bind": lambda: call(165, b"/tmp", folder.encode(), 0, 4096, 0), "remount": lambda: call(165, 0, b"/sandbox/scripts", 0, 4096 | 32, 0),
    "umount": lambda: call(166, b"/sandbox/scripts", 2), "open_tree": lambda: call(428, -100, b"/sandbox", 1),
    "namespaces": lambda: call(272, 0x10020000),
}
for name, action in tries.items():
    expect(name, action(), *refused, "EBADF", "ENOENT")
assert not os.path.exists("/sandbox/out/linked") and not os.path.exists("/sandbox/out/linked2")
assert subprocess.run([tool], capture_output=True, check=True).stdout == b"ran\n"
assert os.listdir(folder) == ["tool"] and sorted(os.listdir("/sandbox/scripts")) == ["bin", "main.py"]
for name in (evil, "/sandbox/out/evil"):
    expect(name, attempt(lambda: subprocess.run([name])), "EACCES")
print("done")
"""
    got = sandbox.connect().run({"main.py": source, "bin/tool": ("#!/bin/sh\necho ran\n", 0o755)})
    assert got.logs == b"done\n" and got.exit["exit_code"] == 0, got.logs


def test_runner_is_out_of_reach(sandbox):
    source = PRELUDE + """
for name in ("environ", "mem", "maps", "fd", "exe", "cwd", "root", "stack", "auxv"):
    path = "/proc/1/" + name
    look = (lambda: os.readlink(path)) if name in ("exe", "cwd", "root") else \
           (lambda: os.listdir(path)) if name == "fd" else (lambda: open(path, "rb").read(1))
    expect(path, attempt(look), "EACCES", "EPERM")
expect("write to its stdout", attempt(lambda: open("/proc/1/fd/1", "w")), "EACCES", "EPERM")
relays = [p for p in os.listdir("/proc") if p.isdigit() and open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()[1] == "0"
          and p != "1"]
assert len(relays) == 1, relays
for name in ("environ", "mem", "maps"):
    expect("relay " + name, attempt(lambda: open(f"/proc/{relays[0]}/{name}", "rb").read(1)), "EACCES", "EPERM")
token = "SKILLBOX" "_TOKEN"
assert token not in os.environ
"""
    got, _ = run(sandbox, source)
    assert got.logs == b"", got.logs


TOKEN_HELLO = """
def hello(s):
    token = b"0123456789abcdef0123456789abcdef"
    body = b"\\0\\3" + len(token).to_bytes(4, "big") + token
    s.sendall(len(body).to_bytes(4, "big") + b"\\1" + body)
    return s.recv(100)
"""


def test_socket_of_the_runner(sandbox):
    """It can't be reached where Landlock has scopes; elsewhere who comes from inside is sent away."""
    peer = sandbox.connect()
    scopes = peer.state["layers"]["landlock"][1].endswith("abstract sockets, signals")
    source = PRELUDE + TOKEN_HELLO + f"scopes = {scopes}" + """
s = socket.socket(socket.AF_UNIX)
got = attempt(lambda: s.connect("\\0skillbox-runner"))
if not scopes:  # refused in a network namespace of one's own
    expect("connect", got, "ok", "ECONNREFUSED")
    if got != "ok":
        sys.exit()
    try:
        expect("hello", hello(s), b"")
    except ConnectionError:
        pass
    sys.exit()
expect("connect", got, "EPERM", "ECONNREFUSED")
relay = [p for p in os.listdir("/proc") if p.isdigit() and p != "1" and
         open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()[1] == "0"][0]
expect("signal the relay", attempt(lambda: os.kill(int(relay), 9)), "EPERM")
"""
    got = peer.run({"main.py": source})
    assert got.exit["exit_code"] == 0, got


def test_peer_from_inside_is_sent_away(sandbox):
    """Even one that knows the token: entered into the namespaces, but as a child of a process in there."""
    import subprocess
    from .sandbox import TOKEN, USER
    sandbox.wait_until_it_listens()
    source = f"""
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect("\\0skillbox-runner")
{TOKEN_HELLO}
try:
    print(hello(s))
except ConnectionError:
    print(b"")
"""
    done = subprocess.run(["nsenter", "-t", str(sandbox.pid), "-m", "-p", "-n", *USER, "sh", "-c",
                           'python3 -c "$1" & wait', "sh", source], capture_output=True, timeout=20,
                          env={"PATH": "/usr/bin:/bin:/usr/sbin"})
    assert done.stdout == b"b''\n", done
    direct = subprocess.run(["nsenter", "-t", str(sandbox.pid), "-m", "-p", "-n", *USER, "python3", "-c", source],
                            capture_output=True, timeout=20, env={"PATH": "/usr/bin:/bin:/usr/sbin"})
    assert b"non_root" in direct.stdout, direct  # the very same one, entered from outside


def test_peer_of_another_uid_is_sent_away(sandbox):
    import subprocess
    sandbox.wait_until_it_listens()
    source = f"""
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("\\0skillbox-runner")
{TOKEN_HELLO}
try:
    print(hello(s))
except ConnectionError:
    print(b"")
"""
    done = subprocess.run(["nsenter", "-t", str(sandbox.pid), "-m", "-p", "-n", "python3", "-c", source],
                          capture_output=True, timeout=20, env={"PATH": "/usr/bin:/bin:/usr/sbin"})
    assert done.stdout == b"b''\n", done


def test_honest_python(sandbox):
    source = """
import asyncio, concurrent.futures, multiprocessing, subprocess, tempfile, threading, sqlite3, ssl, socket, os
def square(x): return x * x
if __name__ == "__main__":
    assert subprocess.run(["ls", "/sandbox"], capture_output=True, text=True).stdout.split() == ["input.json", "out", "packages", "scripts"]
    t = threading.Thread(target=lambda: None); t.start(); t.join()
    with multiprocessing.Pool(2) as pool: assert pool.map(square, [1, 2, 3]) == [1, 4, 9]
    with concurrent.futures.ProcessPoolExecutor(2) as pool: assert list(pool.map(square, [4])) == [16]
    async def sleeper():
        p = await asyncio.create_subprocess_exec("echo", "x", stdout=subprocess.PIPE)
        return (await p.communicate())[0]
    assert asyncio.run(sleeper()) == b"x\\n"
    with tempfile.TemporaryDirectory() as d: sqlite3.connect(d + "/db").execute("create table t(x)")
    ssl.create_default_context()
    print("ok")
"""
    got, _ = run(sandbox, source)
    assert got.logs == b"ok\n", got.logs


def test_honest_node(sandbox):
    source = """
const { execFileSync } = require("child_process");
const { Worker, isMainThread } = require("worker_threads");
const fs = require("fs/promises");
if (isMainThread) {
  (async () => {
    if (execFileSync("echo", ["x"]).toString() !== "x\\n") throw new Error("child");
    await fs.writeFile("/tmp/x", "1"); await fs.readFile("/tmp/x");
    await new Promise((ok, no) => new Worker(__filename).on("exit", ok).on("error", no));
    require("crypto").pbkdf2Sync("a", "b", 10, 10, "sha256");
    console.log("ok");
  })();
}
"""
    got = sandbox.connect().run({"main.js": source}, interpreter="node", script="main.js")
    assert got.logs == b"ok\n" and got.exit["exit_code"] == 0, got


def test_honest_bash(sandbox):
    source = """
set -euo pipefail
x=$(echo a | tr a b); [ "$x" = b ]
cat <(echo sub) > /tmp/f
cat <<< here >> /tmp/f
(sleep 0.01 & wait)
echo err > /dev/stderr; echo out > /dev/stdout; echo null > /dev/null
sort /tmp/f | tee out/files/sorted > /dev/null
tar -C /tmp -czf out/files/a.tgz f
"""
    got = sandbox.connect().run({"main.sh": source}, interpreter="bash", script="main.sh")
    assert got.exit["exit_code"] == 0, got
    assert got.files[b"sorted"] == b"here\nsub\n" and b"a.tgz" in got.files
