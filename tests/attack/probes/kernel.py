"""System calls that reach deep into the kernel, each as the probe of its name."""

import ctypes
import errno
import mmap
import os
import signal
import struct

from harness import PROBES, name_of, probe, reached, syscall

CLONE_NEW = {"ns": 0x00020000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000, "user": 0x10000000,
             "pid": 0x20000000, "net": 0x40000000, "time": 0x80}


def _buffer(size=4096):
    return ctypes.create_string_buffer(size)


def _now():
    seconds = ctypes.create_string_buffer(16)
    struct.pack_into("qq", seconds, 0, int(__import__("time").time()), 0)
    return seconds


# name: (number, arguments). The arguments would get past the first checks, and do no harm if they did.
CALLS = {
    # programs, probes and queues inside the kernel
    "bpf": (321, 0, _buffer(128), 128),
    "perf_event_open": (298, _buffer(128), 0, -1, -1, 0),
    "userfaultfd": (323, 1),
    "io_uring_setup": (425, 8, _buffer(128)),
    "io_uring_enter": (426, 0, 0, 0, 0, 0, 0),
    "io_uring_register": (427, 0, 0, 0, 0),
    "seccomp_call": (317, 2, 0, _buffer(8)),
    "lookup_dcookie": (212, 0, _buffer(), 4096),
    "memfd_create": (319, b"x", 0),
    "memfd_secret": (447, 0),
    "vmsplice": (278, 1, _buffer(16), 0, 0),
    # keys are not namespaced
    "add_key": (248, b"user", b"attack", b"x", 1, -3),
    "request_key": (249, b"user", b"attack", 0, -3),
    "keyctl": (250, 0, -3, 0),
    # other processes
    "process_vm_readv": (310, 1, 0, 0, 0, 0, 0),
    "process_vm_writev": (311, 1, 0, 0, 0, 0, 0),
    "process_madvise": (440, -1, 0, 0, 0, 0),
    "kcmp": (312, 1, 1, 0, 0, 0),
    "pidfd_getfd": (438, -1, 0, 0),
    "move_pages": (279, 1, 0, 0, 0, 0, 0),
    "migrate_pages": (256, 1, 0, 0, 0),
    # mounts
    "mount_tmpfs": (165, b"none", b"/tmp", b"tmpfs", 0, 0),
    "mount_proc": (165, b"proc", b"/tmp", b"proc", 0, 0),
    "mount_bind": (165, b"/", b"/tmp", 0, 4096, 0),
    "remount_root_writable": (165, b"none", b"/", 0, 32 | 4096, 0),
    "umount": (166, b"/tmp", 2),
    "fsopen": (430, b"tmpfs", 0),
    "fsconfig": (431, -1, 0, 0, 0, 0),
    "fsmount": (432, -1, 0, 0),
    "fspick": (433, -100, b"/", 0),
    "open_tree_clone": (428, -100, b"/", 1),
    "open_tree_attr": (467, -100, b"/", 1, 0, 0),
    "move_mount": (429, -100, b"/", -100, b"/tmp", 0),
    "mount_setattr": (442, -100, b"/", 0, _buffer(32), 32),
    "listmount": (458, _buffer(32), _buffer(), 16, 0),
    "statmount": (457, _buffer(32), _buffer(), 4096, 0),
    "pivot_root": (155, b"/tmp", b"/tmp"),
    "chroot": (161, b"/tmp"),
    # files by number instead of by name: out of any mount namespace
    "open_by_handle_at": (304, -100, _buffer(128), 0),
    "name_to_handle_at": (303, -100, b"/", _buffer(128), _buffer(8), 0),
    "fanotify_init": (300, 0, 0),
    "quotactl": (179, 0, 0, 0, 0),
    "acct": (163, 0),
    # the machine
    "kexec_load": (246, 0, 0, 0, 0),
    "kexec_file_load": (320, -1, -1, 0, 0, 0),
    "init_module": (175, _buffer(8), 0, b""),
    "finit_module": (313, -1, b"", 0),
    "delete_module": (176, b"no-such-module", 0),
    "reboot": (169, 0, 0, 0, 0),
    "swapon": (167, b"/tmp/no-such-file", 0),
    "swapoff": (168, b"/tmp/no-such-file"),
    "settimeofday": (164, _now(), 0),
    "clock_settime": (227, 0, _now()),
    "adjtimex": (159, _buffer(256)),
    "sethostname": (170, b"attacked", 8),
    "setdomainname": (171, b"attacked", 8),
    "kernel_log": (103, 3, _buffer(), 4096),
    "vhangup": (153,),
    "iopl": (172, 3),
    "ioperm": (173, 0x70, 1, 1),
    "modify_ldt": (154, 1, _buffer(16), 16),
    "set_mempolicy": (238, 0, 0, 0),
}


def _register(name, call):
    PROBES[name] = lambda: reached(*call)


for _name, _call in CALLS.items():
    _register(_name, _call)
for _name, _flag in CLONE_NEW.items():
    _register(f"unshare_{_name}", (272, _flag))


def _new_process(flags):
    """clone(2) with a namespace of its own; 0 in no case, since the child ends at once."""
    pid = syscall(56, flags | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "open", "a process in a namespace of its own"


@probe
def clone_user_namespace():
    return _new_process(CLONE_NEW["user"])


@probe
def clone_network_namespace():
    return _new_process(CLONE_NEW["user"] | CLONE_NEW["net"])


@probe
def clone3_user_namespace():
    """clone3 hands its flags over in memory, where a filter can't look."""
    arguments = ctypes.create_string_buffer(88)
    struct.pack_into("Q", arguments, 0, CLONE_NEW["user"])
    struct.pack_into("Q", arguments, 32, signal.SIGCHLD)
    pid = syscall(435, arguments, 88)
    if pid == 0:
        os._exit(0)
    return "open", "clone3"


@probe
def setns():
    """Into the namespaces of every process there is."""
    seen = {}
    for pid in ("1", str(os.getppid()), "self"):
        for kind in ("mnt", "pid", "net", "user", "ipc", "uts"):
            path = f"/proc/{pid}/ns/{kind}"
            try:
                descriptor = os.open(path, os.O_RDONLY)
                syscall(308, descriptor, 0)
                seen[path] = "ok"
            except OSError as problem:
                seen[path] = name_of(problem)
    through = [path for path, what in seen.items() if what == "ok"]
    return ("open", through) if through else ("refused", sorted(set(seen.values())))


@probe
def personality():
    """Without address randomization, and as another system."""
    return reached(135, 0x0040000)


# ---- calls by other entries: other numbers, other argument layouts

# mov eax, NUMBER; mov ebx, 2; mov ecx, 1; xor edx, edx; int 0x80; ret
_I386 = b"\x53\xb8%s\xbb\x02\x00\x00\x00\xb9\x01\x00\x00\x00\x31\xd2\xcd\x80\x5b\xc3"


def _machine_code(code):
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)()


@probe
def i386_entry():
    """socket(AF_INET, SOCK_STREAM, 0) of 32-bit programs, which a filter for x86-64 numbers could mistake."""
    result = _machine_code(_I386 % struct.pack("<I", 359))
    if -4096 < result < 0:
        return ("refused" if -result in (errno.EPERM, errno.ENOSYS) else "error"), errno.errorcode.get(-result, result)
    return "open", f"descriptor {result}"


@probe
def i386_mount():
    result = _machine_code(_I386 % struct.pack("<I", 21))
    if -4096 < result < 0:
        return ("refused" if -result in (errno.EPERM, errno.ENOSYS) else "open"), errno.errorcode.get(-result, result)
    return "open", f"result {result}"


@probe
def x32_entry():
    """The same by the x32 numbers, which run in 64-bit mode."""
    return reached(0x40000000 | 41, 2, 1, 0)


@probe
def x32_unshare():
    return reached(0x40000000 | 272, CLONE_NEW["user"])
