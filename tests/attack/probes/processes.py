"""Other processes: the runner, which is PID 1, and whatever else can be seen."""

import ctypes
import os
import pathlib
import resource
import signal
import struct
import time

from harness import ARGUMENTS, all_refused, in_child, libc, name_of, outcome, probe, syscall


def read(path, size=65536):
    with open(path, "rb") as file:
        return file.read(size)


def reading(path):
    """'ok' only if there was something to read."""
    try:
        return "ok" if read(path) else "EACCES"
    except OSError as problem:
        return name_of(problem)


@probe
def runner_memory():
    """/proc/1/mem, and the maps that say where to look."""
    seen = {}
    for name in ("maps", "smaps", "pagemap", "numa_maps"):
        seen[name] = reading(f"/proc/1/{name}")
    for mode in ("rb", "r+b"):
        seen[f"mem {mode}"] = outcome(open, "/proc/1/mem", mode)
    return all_refused(seen)


@probe
def runner_environment():
    return all_refused({name: reading(f"/proc/1/{name}") for name in ("environ", "auxv")})


@probe
def runner_descriptors():
    seen = {}
    for number in range(64):
        for mode in (os.O_RDONLY, os.O_WRONLY, os.O_PATH):
            seen[f"fd/{number} {mode}"] = outcome(os.open, f"/proc/1/fd/{number}", mode)
        seen[f"fd/{number}"] = outcome(os.readlink, f"/proc/1/fd/{number}")
    return all_refused(seen)


@probe
def runner_descriptor_numbers():
    """Which descriptors there are, with their flags and positions; not what they lead to."""
    verdict, detail = all_refused({name: outcome(os.listdir, f"/proc/1/{name}") for name in ("fd", "fdinfo")})
    return ("harmless", os.listdir("/proc/1/fd")) if verdict == "open" else (verdict, detail)


@probe
def runner_name():
    """The name of PID 1 is shown and looked at by nobody who matters."""
    try:
        with open("/proc/1/comm", "wb", buffering=0) as file:
            file.write(b"x) R 0 0 0")
    except OSError as problem:
        return ("refused" if problem.errno in (1, 13, 22) else "error"), name_of(problem)
    return "harmless", read("/proc/1/comm")


@probe
def runner_links():
    """/proc/1/root and cwd lead into another mount namespace where there is one."""
    seen = {name: outcome(os.readlink, f"/proc/1/{name}") for name in ("root", "cwd", "exe")}
    seen.update({f"{name}/": outcome(os.listdir, f"/proc/1/{name}/") for name in ("root", "cwd", "map_files")})
    return all_refused(seen)


@probe
def runner_state():
    """What would tell where PID 1 is, what it waits for, what it calls."""
    return all_refused({name: reading(f"/proc/1/{name}") for name in ("stack", "syscall", "io", "personality", "timers")})


@probe
def runner_settings():
    """Files of PID 1 that change it."""
    seen = {name: outcome(open, f"/proc/1/{name}", "w") for name in
            ("oom_score_adj", "oom_adj", "clear_refs", "coredump_filter", "loginuid", "timerslack_ns", "autogroup",
             "sched", "attr/current", "attr/exec", "setgroups", "uid_map", "timens_offsets")}
    return all_refused(seen)


@probe
def runner_ptrace():
    seen = {}
    for name, request in {"attach": 16, "seize": 0x4206}.items():
        try:
            seen[name] = f"result {syscall(101, request, 1, 0, 0)}"
        except OSError as problem:
            seen[name] = name_of(problem)
    return all_refused(seen)


@probe
def ptrace_of_a_child():
    """Even of one's own: ptrace has a long history of holes."""
    kind, code = in_child(lambda: 0 if syscall(101, 0, 0, 0, 0) == 0 else 1)
    return ("refused" if (kind, code) == ("exit", 100) else "open"), f"{kind} {code}"


@probe
def runner_signals():
    """Every signal by every call that sends one."""
    seen = {}
    for number in range(1, 65):
        seen[f"kill {number}"] = outcome(os.kill, 1, number)
    information = ctypes.create_string_buffer(128)
    for name, call in {"tkill": (200, 1, 9), "tgkill": (234, 1, 1, 9), "rt_sigqueueinfo": (129, 1, 9, information),
                       "rt_tgsigqueueinfo": (297, 1, 1, 9, information), "kill 2^32+1": (62, (1 << 32) + 1, 9)}.items():
        seen[name] = outcome(syscall, *call)
    return all_refused(seen)


@probe
def runner_pidfd():
    """A process descriptor of PID 1 would take signals, and lead to its descriptors."""
    try:
        descriptor = syscall(434, 1, 0)
    except OSError as problem:
        return "refused", name_of(problem)
    seen = {"getfd": outcome(syscall, 438, descriptor, 0, 0), "signal": outcome(syscall, 424, descriptor, 9, 0, 0),
            "setns": outcome(syscall, 308, descriptor, 0x40000000)}
    return all_refused(seen)


@probe
def runner_limits():
    """prlimit asks for the same user id only: a limit of CPU time would kill PID 1, one of files stop its work."""
    seen = {}
    for name in ("RLIMIT_CPU", "RLIMIT_NOFILE", "RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK"):
        number = getattr(resource, name)
        try:
            soft, hard = resource.prlimit(1, number)  # asks first, then sets what is there already
        except OSError as problem:
            seen[f"get {name}"] = name_of(problem)
            continue
        seen[name] = outcome(resource.prlimit, 1, number, (soft, hard))
    return all_refused(seen)


def numbers_only(answer):
    """gVisor keeps these for those who ask, and schedules as it likes."""
    return ("harmless" if answer[0] == "open" and ARGUMENTS.get("runtime") == "gvisor" else answer[0]), answer[1]


@probe
def runner_scheduling():
    """A runner that never gets the processor can't end the script."""
    mask = struct.pack("Q", 1)
    attributes = struct.pack("IIQiIQQQ", 48, 5, 0, 0, 0, 0, 0, 0)  # SCHED_IDLE
    seen = {
        "setpriority": outcome(os.setpriority, os.PRIO_PROCESS, 1, os.getpriority(os.PRIO_PROCESS, 1)),
        "sched_setscheduler": outcome(syscall, 144, 1, 0, struct.pack("i", 0)),
        "sched_setparam": outcome(syscall, 142, 1, struct.pack("i", 0)),
        "sched_setattr to idle": outcome(syscall, 314, 1, attributes, 0),
        "sched_setaffinity": outcome(syscall, 203, 1, 8, mask),
        "ioprio_set": outcome(syscall, 251, 1, 1, (3 << 13)),
    }
    return numbers_only(all_refused(seen))


@probe
def scheduling_of_all_of_the_user():
    """PRIO_USER and IOPRIO_WHO_USER mean every process of the user, the runner with them."""
    seen = {"setpriority of the user": outcome(os.setpriority, os.PRIO_USER, os.getuid(), 0),
            "ioprio_set of the user": outcome(syscall, 251, 3, os.getuid(), (2 << 13) | 4)}
    return numbers_only(all_refused(seen))


@probe
def runner_process_group():
    return all_refused({"setpgid": outcome(os.setpgid, 1, os.getpid())})


@probe
def host_processes():
    """Nobody is there but the runner, its relays and the script's own tree."""
    foreign = {}
    own_session = os.getsid(os.getppid())
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == 1:
            continue
        try:
            text = read(f"/proc/{name}/stat").decode(errors="replace")
            program = text[text.index("(") + 1:text.rindex(")")]
            parent, _, session = (int(part) for part in text[text.rindex(")") + 4:].split()[:3])
        except (FileNotFoundError, ProcessLookupError):
            continue
        is_own = session == own_session or session in (os.getsid(0), os.getpid())
        is_relay = parent == 0 and program == "runner"
        if not is_own and not is_relay:
            foreign[name] = (program, parent, session)
    first = read("/proc/1/stat").split(b")")[0].decode() + ")"
    if first != "1 (runner)":
        foreign["1"] = first
    return ("open", foreign) if foreign else ("absent", first)


@probe
def secrets_in_environments():
    """The Pod's token, and anything of Kubernetes, in the environment of every process."""
    found, looked = [], 0
    harmless = {b"SKILLBOX_CHANNEL", b"SKILLBOX_PRELOAD"}  # what a parked interpreter was told: a descriptor, modules
    names = (b"SKILLBOX", b"KUBERNETES", b"TOKEN=", b"AWS_", b"S3_", b"DSN=")
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                text = read(f"/proc/{name}/environ", 1 << 20)
            except OSError:
                continue
            looked += 1
            found += [f"{name}: {entry.split(b'=')[0].decode()}" for entry in text.split(b"\0")
                      if entry.split(b"=")[0] not in harmless and any(word in entry.split(b"=")[0] + b"=" for word in names)]
    if not looked:
        return "error", "not even the own environment could be read"
    return ("open", found) if found else ("absent", f"{looked} environments")


def relays():
    """The names in /proc of processes that were entered from outside: they have no parent here, as PID 1 has none."""
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) > 1:
            try:
                text = read(f"/proc/{name}/stat")
            except OSError:
                continue
            if int(text[text.rindex(b")") + 4:].split()[0]) == 0:
                yield name


@probe
def relay_signals():
    """The signal 0 only asks whether another may be sent."""
    seen = {}
    for name in relays():
        seen[f"relay {name}"] = outcome(os.kill, int(name), 0)
    if not seen:
        return "error", "no relay is there"
    verdict, detail = all_refused(seen)
    # What comes of a killed relay is shown by the attacks on the protocol.
    return ("contained" if verdict == "open" else verdict), detail


@probe
def relay_descriptors():
    """The relay's ends of the stream to the controller."""
    seen = {}
    for name in relays():
        for what in ("fd/0", "fd/1", "fd/3", "mem"):
            seen[f"{name}/{what}"] = outcome(os.open, f"/proc/{name}/{what}", os.O_RDWR)
        seen[f"{name}/environ"] = reading(f"/proc/{name}/environ")
    if not seen:
        return "error", "no relay is there"
    return all_refused(seen)


@probe
def relay_limits():
    seen = {}
    for name in relays():
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        seen[name] = outcome(resource.prlimit, int(name), resource.RLIMIT_NOFILE, limits)
    if not seen:
        return "error", "no relay is there"
    return all_refused(seen)


@probe
def signal_by_a_descriptor():
    """F_SETOWN and F_SETSIG send a signal of one's choice to a process of one's choice when data comes."""
    reader, writer = os.pipe()
    import fcntl
    seen = {"F_SETSIG": outcome(fcntl.fcntl, reader, 10, signal.SIGKILL)}
    seen["F_SETSIG on a socket"] = outcome(fcntl.fcntl, writer, 10, signal.SIGSTOP)
    return all_refused(seen)


@probe
def end_signal_of_a_child():
    """clone with SIGKILL as the signal that tells the parent of the end; orphans end at PID 1."""
    return all_refused({name: outcome(syscall, 56, number, 0, 0, 0, 0) for name, number in
                        {"SIGKILL": signal.SIGKILL, "SIGSTOP": signal.SIGSTOP}.items()})


@probe
def message_of_the_runner_program():
    """The runner's program, started by the script, can't play PID 1 or the relay."""
    seen = {}
    for arguments in (["relay"], [], ["copy", "/tmp/runner"]):
        pid = os.fork()
        if pid == 0:
            descriptor = os.open("/tmp/said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            try:
                os.execv("/skillbox/runner", ["runner", *arguments])
            except OSError as problem:
                os._exit(100 if problem.errno in (1, 13) else 101)
        deadline = time.monotonic() + 3
        ended = (0, 0)
        while ended[0] == 0 and time.monotonic() < deadline:
            ended = os.waitpid(pid, os.WNOHANG)
            time.sleep(0.01)
        if ended[0] == 0:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        said = pathlib.Path("/tmp/said").read_bytes()
        code = os.waitstatus_to_exitcode(ended[1]) if ended[0] else "still running"
        seen[" ".join(arguments) or "as PID 1"] = (code, said[:200].decode(errors="replace"))
    if all(code == 100 for code, _ in seen.values()):
        return "refused", "exec is refused"
    # gVisor has no Landlock, so the program may run; what counts is that nobody speaks with it.
    relay_code, relay_said = seen["relay"]
    if relay_said == "" or relay_code not in (0, "still running"):
        if seen["as PID 1"][0] not in (0, "still running"):
            return "contained", seen
    return "open", seen


libc.prctl.restype = ctypes.c_int
