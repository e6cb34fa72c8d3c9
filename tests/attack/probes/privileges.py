"""Who the script is, and whether it can become somebody else."""

import os
import pathlib
import resource
import select
import signal
import stat
import struct
import time

from harness import ARGUMENTS, all_refused, in_child, libc, name_of, outcome, probe, reached, syscall

PR_SET_SECCOMP, PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAPBSET_READ = 22, 28, 38, 47, 23


def status(pid="self"):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def prctl(*arguments):
    return syscall(157, *arguments)


def is_gvisor():
    """Its processes and their numbers are its own: the node's kernel knows nothing of them."""
    return ARGUMENTS.get("runtime") == "gvisor"


@probe
def capabilities():
    seen = {name: value for name, value in status().items() if name.startswith("Cap")}
    bounding = [number for number in range(41) if libc.prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1]
    if any(int(value, 16) for value in seen.values()) or bounding:
        return "open", f"{seen} {bounding}"
    return "absent", f"{sorted(seen)} are all zero"


@probe
def capset():
    header = struct.pack("Ii", 0x20080522, 0)
    every = struct.pack("6I", *[0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0x1FF, 0x1FF, 0x1FF])
    return reached(126, header, every)


@probe
def ambient_capabilities():
    return reached(157, PR_CAP_AMBIENT, 2, 21, 0, 0)


@probe
def securebits():
    return reached(157, PR_SET_SECUREBITS, 0x2F, 0, 0, 0)


@probe
def identity():
    """uid, gid and groups: real, effective, saved and that of file access."""
    seen = status()
    ids = (seen["Uid"].split(), seen["Gid"].split(), seen["Groups"].split())
    is_nobody = set(ids[0]) == set(ids[1]) == {"65534"} and set(ids[2]) <= {"65534"}
    return ("absent" if is_nobody and os.getresuid() == (65534,) * 3 else "open"), str(ids)


@probe
def become_root():
    attempts = {
        "setuid": lambda: os.setuid(0), "seteuid": lambda: os.seteuid(0), "setgid": lambda: os.setgid(0),
        "setegid": lambda: os.setegid(0), "setresuid": lambda: os.setresuid(0, 0, 0),
        "setresgid": lambda: os.setresgid(0, 0, 0), "setgroups": lambda: os.setgroups([0]),
        "setreuid": lambda: os.setreuid(0, 0),
    }
    seen = {name: outcome(attempt) for name, attempt in attempts.items()}
    if not any(line.split()[0] == "0" for line in open("/proc/self/uid_map")):  # then there is no such id
        seen = {name: "EPERM" if error == "EINVAL" else error for name, error in seen.items()}
    syscall(122, 0)  # setfsuid never fails; it answers with the id before
    seen["setfsuid"] = "EPERM" if status()["Uid"].split()[3] != "0" else "ok"
    return all_refused(seen)


@probe
def no_new_privileges():
    """The flag that makes set-uid programs ordinary ones can't be taken back."""
    if status()["NoNewPrivs"] != "1":
        return "open", "not set"
    try:
        prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)
    except OSError as problem:
        return "refused", name_of(problem)
    return "open", "taken back"


@probe
def seccomp_off():
    if status()["Seccomp"] != "2":
        return "open", f"no filter: mode {status()['Seccomp']}"
    try:
        prctl(PR_SET_SECCOMP, 0, 0, 0, 0)
    except OSError as problem:
        return "refused", name_of(problem)
    return "open", "switched off"


def set_id_programs():
    found = []
    for folder in ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec", "/usr/local", "/opt"):
        for directory, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(directory, name)
                mode = os.lstat(path).st_mode
                if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID) and os.access(path, os.X_OK):
                    found.append(path)
    return found


def ids_of_program(path):
    """The ids that a process of that program has, looked at while it hangs in a write into a full pipe."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while select.select([], [writer], [], 0)[1]:
        try:
            os.write(writer, bytes(4096))
        except BlockingIOError:
            break
    os.set_blocking(writer, True)
    pid = os.fork()
    if pid == 0:
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        try:
            os.execv(path, [path, "--help"])
        finally:
            os._exit(99)
    os.close(writer)
    deadline = time.monotonic() + 5
    asleep = 0  # looks in a row: the name changes a little before the ids do
    try:
        while time.monotonic() < deadline:
            seen = status(pid)
            asleep = asleep + 1 if seen["Name"] == os.path.basename(path)[:15] and seen["State"][0] == "S" else 0
            if asleep == 5:
                return set(seen["Uid"].split()), set(seen["Gid"].split())
            time.sleep(0.005)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
    raise RuntimeError(f"{path} was never seen running")


@probe
def set_uid_program():
    """A set-uid or set-gid program of the image gains nothing."""
    programs = set_id_programs()
    if not programs:
        return "error", "the image has no set-uid program, so this shows nothing"
    own = ({str(os.getuid())}, {str(os.getgid())})
    gained = {path: seen for path in programs if (seen := ids_of_program(path)) != own}
    return ("open", gained) if gained else ("contained", f"{programs} run with the script's own ids")


@probe
def set_uid_bit():
    """On a file of one's own: it names the same user, and it can't be run."""
    path = "/tmp/set-uid"
    with open(path, "wb") as file:
        file.write(open("/bin/true", "rb").read())
    os.chmod(path, 0o4755)
    try:
        os.chown(path, 0, 0)
        return "open", "a file of root's"
    except OSError:
        return "contained", f"owner {os.stat(path).st_uid}"
    finally:
        os.unlink(path)


@probe
def file_capability():
    path = "/tmp/file-capability"
    pathlib.Path(path).write_bytes(b"")
    value = struct.pack("<5I", 0x02000001, 1 << 21, 0, 0, 0)
    seen = outcome(os.setxattr, path, "security.capability", value)
    os.unlink(path)
    return all_refused({"setxattr": seen}, good=("EPERM", "EACCES", "ENOSYS", "ENOTSUP"))


@probe
def id_maps():
    def write(name):
        with open(f"/proc/self/{name}", "wb", buffering=0) as file:
            file.write(b"0 0 1\n")

    return all_refused({name: outcome(write, name) for name in ("uid_map", "gid_map", "projid_map")})


@probe
def real_time_priority():
    attempts = {
        "fifo": outcome(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(50)),
        "round robin": outcome(os.sched_setscheduler, 0, os.SCHED_RR, os.sched_param(50)),
        "deadline": outcome(syscall, 314, 0, struct.pack("IIQiIQQQ", 48, 6, 0, 0, 0, 1000000, 2000000, 2000000), 0),
        "io": outcome(syscall, 251, 1, 0, 1 << 13),
    }
    return all_refused(attempts, good=("EPERM", "EACCES", "ENOSYS", "EINVAL"))


@probe
def nice_value():
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    except OSError as problem:
        return "refused", name_of(problem)
    return ("harmless" if is_gvisor() else "open"), "-20"


@probe
def raise_limits():
    """A limit once lowered stays."""
    seen = {}
    for name in ("RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_FSIZE"):
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        if hard == resource.RLIM_INFINITY:
            seen[name] = "no limit"
            continue
        try:
            resource.setrlimit(number, (hard, hard + 1))
            seen[name] = "ok"
        except (OSError, ValueError):
            seen[name] = "EPERM"
    return all_refused(seen)


@probe
def core_dump():
    """A dump would be written by a program of the node's, as root, outside."""
    if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
        return "open", str(resource.getrlimit(resource.RLIMIT_CORE))
    kind, number = in_child(lambda: os.kill(os.getpid(), signal.SIGSEGV))
    left = [name for name in os.listdir("/tmp") + os.listdir(".") if name.startswith("core")]
    return ("open" if left or kind != "signal" else "refused"), f"{kind} {number} {left}"


@probe
def lower_oom_score():
    """So that the kernel's killer would take the runner, or somebody else, first."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("-1000")
    except OSError as problem:
        return "refused", name_of(problem)
    return ("harmless" if is_gvisor() else "open"), pathlib.Path("/proc/self/oom_score_adj").read_text().strip()


