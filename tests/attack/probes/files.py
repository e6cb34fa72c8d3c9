"""What the file system lets through: mounts, devices, /proc, /sys, cgroups, host paths."""

import errno
import fcntl
import os
import pathlib
import stat
import struct
import termios
import time

from harness import all_refused, name_of, outcome, probe, syscall

WRITABLE = ("/sandbox/out", "/tmp", "/dev/shm")
HOST_PATHS = ("/host", "/rootfs", "/hostfs", "/mnt/host", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/docker",
              "/run/containerd", "/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock",
              "/run/crio", "/etc/kubernetes", "/etc/cni", "/opt/cni", "/var/log/pods", "/run/systemd/private", "/kind")
HARMLESS_DEVICES = {"null", "zero", "full", "random", "urandom", "tty", "ptmx"}
HARMLESS_OTHERS = {"pts", "shm", "mqueue", "fd", "stdin", "stdout", "stderr", "core", "termination-log", "net", "char", "block"}
HAVE_PROBES = {"/dev/fuse", "/dev/net/tun"}  # of their own


def mounts():
    """(mount point, options, type, source) of each mount."""
    found = []
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split()
        kind, source, options = right.split()[:3]
        found.append((fields[4], set(fields[5].split(",")) | set(options.split(",")), kind, source))
    return found


def is_writable(path):
    """Whether a file can be made in that directory."""
    name = os.path.join(path, "attack-probe")
    try:
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except OSError as problem:
        return name_of(problem)
    os.unlink(name)
    return "ok"


@probe
def service_account_token():
    found = [path for path in ("/var/run/secrets", "/run/secrets", "/var/run/secrets/kubernetes.io/serviceaccount/token",
                               "/var/run/secrets/eks.amazonaws.com", "/var/run/secrets/azure") if os.path.lexists(path)]
    return ("open", found) if found else ("absent", "")


@probe
def host_paths():
    found = [path for path in HOST_PATHS if os.path.lexists(path)]
    return ("open", found) if found else ("absent", f"{len(HOST_PATHS)} paths")


@probe
def kubernetes_configuration():
    """Credentials where tools keep them."""
    found = [path for path in ("/root/.kube/config", "/tmp/.kube/config", "/etc/kubernetes/admin.conf", "/root/.aws", "/root/.docker",
                               "/var/lib/kubelet/pki", "/etc/rancher", "/root/.ssh", "/root/.bash_history") if os.path.lexists(path)]
    return ("open", found) if found else ("absent", "")


@probe
def writable_directories():
    """A file in every directory of the image."""
    writable, tried = [], 0
    end = time.monotonic() + 6
    for top in ("/",):
        for directory, folders, _ in os.walk(top):
            if directory == "/":
                folders[:] = [name for name in folders if name not in ("proc", "sys")]
            if directory.startswith(WRITABLE):
                folders.clear()
                continue
            if time.monotonic() > end:
                break
            tried += 1
            if is_writable(directory) == "ok":
                writable.append(directory)
    if tried < 100:
        return "error", f"only {tried} directories"
    return ("open", writable) if writable else ("refused", f"{tried} directories")


@probe
def root_file_system():
    seen = {path: outcome(os.open, path, os.O_WRONLY) for path in
            ("/etc/passwd", "/etc/shadow", "/etc/ld.so.cache", "/bin/sh", "/usr/bin/env", "/etc/os-release")}
    seen["mkdir /attack"] = outcome(os.mkdir, "/attack")
    seen["unlink /etc/passwd"] = outcome(os.unlink, "/etc/passwd")
    seen["rename /etc"] = outcome(os.rename, "/etc", "/etc2")
    seen["chmod /bin/sh"] = outcome(os.chmod, "/bin/sh", 0o6755)
    seen["ld.so.preload"] = outcome(os.open, "/etc/ld.so.preload", os.O_WRONLY | os.O_CREAT)
    return all_refused(seen)


@probe
def own_program():
    """The skill's own files are what was uploaded: nothing can be put in their place."""
    seen = {"main.py": outcome(os.open, "/sandbox/scripts/main.py", os.O_WRONLY),
            "unlink": outcome(os.unlink, "/sandbox/scripts/main.py"),
            "rename": outcome(os.rename, "/sandbox/scripts", "/sandbox/other"),
            "new": outcome(os.open, "/sandbox/scripts/new.py", os.O_WRONLY | os.O_CREAT),
            "input.json": outcome(os.open, "/sandbox/input.json", os.O_WRONLY),
            "unlink input": outcome(os.unlink, "/sandbox/input.json"),
            "chmod": outcome(os.chmod, "/sandbox/scripts", 0o777) if is_writable("/sandbox/scripts") == "ok" else "EACCES",
            "in /sandbox": outcome(os.open, "/sandbox/new", os.O_WRONLY | os.O_CREAT)}
    return all_refused(seen)


@probe
def runner_program():
    """The program that runs in every sandbox (CVE-2019-5736 wrote to the runtime's own)."""
    seen = {path: outcome(os.open, path, os.O_WRONLY) for path in ("/skillbox/runner", "/proc/1/exe")}
    seen["unlink"] = outcome(os.unlink, "/skillbox/runner")
    seen["new"] = outcome(os.open, "/skillbox/new", os.O_WRONLY | os.O_CREAT)
    return all_refused(seen, good=("EPERM", "EACCES", "ENOSYS", "EROFS", "ETXTBSY"))


@probe
def shadow():
    return all_refused({path: outcome(open, path) for path in ("/etc/shadow", "/etc/gshadow", "/etc/sudoers")})


def stays_what_it_is(folder, name):
    """It may be executed, and the script owns it: so nothing must change it, or put something else in its place."""
    file = f"{folder}/{name}"
    evil, opened, at = "/sandbox/out/attack-evil", os.open(file, os.O_RDONLY), os.open(folder, os.O_RDONLY)
    pathlib.Path(evil).write_text("changed")
    for path in (folder, file):
        outcome(os.chmod, path, 0o777)
    before = pathlib.Path(file).read_bytes()
    seen = {
        "write": outcome(os.open, file, os.O_WRONLY), "truncate": outcome(os.truncate, file, 0),
        "by its descriptor": outcome(os.open, f"/proc/self/fd/{opened}", os.O_RDWR),
        "by the directory": outcome(os.open, name, os.O_WRONLY, dir_fd=at),
        "by the working directory": outcome(os.open, "/proc/self/cwd" + file.removeprefix("/sandbox"), os.O_WRONLY),
        "by PID 1": outcome(os.open, "/proc/1/root" + file, os.O_WRONLY),
        "create": outcome(os.open, folder + "/attack", os.O_WRONLY | os.O_CREAT),
        "remove": outcome(os.unlink, file), "rename": outcome(os.rename, file, folder + "/attack"),
        "move away": outcome(os.rename, file, "/sandbox/out/attack"), "replace": outcome(os.replace, evil, file),
        "move the folder": outcome(os.rename, folder, "/sandbox/out/attack"),
        "link in": outcome(os.link, evil, folder + "/attack"), "link out": outcome(os.link, file, "/sandbox/out/attack"),
        "symbolic link": outcome(os.symlink, evil, folder + "/attack"),
    }
    os.unlink(evil)
    os.close(opened)
    os.close(at)
    if pathlib.Path(file).read_bytes() != before:
        return "open", "changed"
    return all_refused(seen, good=("EPERM", "EACCES", "EROFS", "EXDEV", "EBUSY"))


@probe
def what_the_archive_brought():
    return stays_what_it_is("/sandbox/scripts", "harness.py")


@probe
def a_compiled_module():
    """It is loaded from where its wheel was unpacked; another in its place would be loaded by whoever imports it next."""
    import attack_native
    if attack_native.answer() != 42:
        return "error", "the module doesn't work"
    return stays_what_it_is("/sandbox/packages/attack_native", "core.so")


@probe
def a_folder_of_packages():
    """A package that comes first on the path, or in the place of all."""
    return stays_what_it_is("/sandbox/packages", "attack_alone.py")


@probe
def hard_link_out():
    """A hard link would give a file of somebody else's a new name where one may write."""
    return all_refused({path: outcome(os.link, path, "/tmp/link") for path in ("/etc/shadow", "/bin/su", "/skillbox/runner")},
                       good=("EPERM", "EACCES", "EROFS", "EXDEV"))


@probe
def files_of_the_kubelet():
    """/etc/hosts and the others are files of the node's, mounted one by one."""
    return all_refused({path: outcome(os.open, path, os.O_WRONLY | os.O_APPEND) for path in
                        ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")})


@probe
def termination_log():
    """The file for a last message lies on the node's disk, where no limit of the Pod counts it."""
    return all_refused({"/dev/termination-log": outcome(os.open, "/dev/termination-log", os.O_WRONLY)})


DEVICES = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}


@probe
def writable_mounts():
    """Of all mounts only the places of the script are writable, and these belong to the sandbox's memory."""
    wrong = []
    for point, options, kind, source in mounts():
        if "ro" in options or point.startswith(("/proc", "/sys", *WRITABLE)):
            continue
        if point in DEVICES and stat.S_ISCHR(os.stat(point).st_mode):
            continue  # with a user namespace each is a mount of its own: nothing but the device can be reached through it
        if point in ("/", "/dev", "/dev/pts", "/dev/mqueue", "/sandbox", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf",
                     "/dev/termination-log"):
            mode = os.O_WRONLY | (0 if os.path.isfile(point) else os.O_DIRECTORY)
            target = point if os.path.isfile(point) else os.path.join(point, "attack-probe")
            seen = outcome(os.open, target, os.O_WRONLY) if mode == os.O_WRONLY else is_writable(point)
            if seen != "ok" or point in ("/dev/mqueue",):
                continue
        wrong.append((point, kind, source, sorted(options)))
    return ("open", wrong) if wrong else ("absent", f"{len(mounts())} mounts")


@probe
def host_mounts():
    """No block device of the node's, no host path, no file system that reaches through to it."""
    kinds = {"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "overlay", "ext4", "xfs", "btrfs", "9p", "rootfs", "dev",
             "gofer", "lisafs", "erofs", "devtmpfs", "none"}
    known = ("/proc", "/sys", "/dev", "/sandbox", "/tmp", "/skillbox", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
    wrong = [mount for mount in ((point, kind, source) for point, _, kind, source in mounts())
             if mount[1] not in kinds or not (mount[0] == "/" or mount[0].startswith(known))]
    return ("open", wrong) if wrong else ("absent", [point for point, *_ in mounts()][:20])


@probe
def device_nodes():
    """/dev holds nothing but the harmless ones."""
    wrong = []
    for directory, folders, names in os.walk("/dev"):
        for name in names:
            path = os.path.join(directory, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and name not in HARMLESS_DEVICES and directory != "/dev/pts"
                                      and path not in HAVE_PROBES):
                if outcome(os.open, path, os.O_RDWR) == "ok" or outcome(os.open, path, os.O_RDONLY) == "ok":
                    wrong.append(path)
        if directory == "/dev":
            wrong += [name for name in folders if name not in HARMLESS_OTHERS]
    return ("open", wrong) if wrong else ("absent", sorted(os.listdir("/dev")))


@probe
def file_system_device():
    """/dev/fuse is of use to those who may mount; gVisor's kernel has one of its own."""
    try:
        descriptor = os.open("/dev/fuse", os.O_RDWR | os.O_NONBLOCK)
    except OSError as problem:
        return all_refused({"/dev/fuse": name_of(problem)})
    seen = {"read": outcome(os.read, descriptor, 1 << 16),
            "mount": outcome(syscall, 165, b"x", b"/tmp", b"fuse", 0, f"fd={descriptor},rootmode=40000,user_id=65534,group_id=65534".encode())}
    verdict, detail = all_refused(seen)
    return ("open" if verdict == "open" else "contained"), detail


@probe
def known_devices():
    names = ("mem", "kmem", "kmsg", "port", "kvm", "sda", "sda1", "vda", "vdb", "nvme0n1", "xvda", "loop0", "loop-control",
             "dm-0", "mapper/control", "snapshot", "cpu/0/msr", "hpet", "nvram", "rtc0", "watchdog", "uinput", "input/event0", "dri/card0",
             "snd/control", "userfaultfd", "autofs", "btrfs-control", "vfio/vfio", "vhost-vsock", "vhost-net", "vsock", "cuse", "ppp", "rfkill", "tpm0", "hwrng", "console",
             "tty0", "tty1", "ttyS0", "vcs", "vcsa", "fb0", "raw/rawctl", "bus/usb/001/001", "zfs", "crypto", "udmabuf", "gpiochip0")
    return all_refused({name: outcome(os.open, f"/dev/{name}", os.O_RDONLY) for name in names})


@probe
def make_device():
    seen = {}
    for place in ("/tmp", "/sandbox/out", "/dev/shm", "/dev"):
        for name, mode, number in (("memory", stat.S_IFCHR, (1, 1)), ("disk", stat.S_IFBLK, (8, 0)), ("disk 2", stat.S_IFBLK, (254, 0)),
                                   ("null", stat.S_IFCHR, (1, 3)), ("kmsg", stat.S_IFCHR, (1, 11)), ("fuse", stat.S_IFCHR, (10, 229))):
            seen[f"{place} {name}"] = outcome(os.mknod, f"{place}/attack-node", mode | 0o666, os.makedev(*number))
    return all_refused(seen)


@probe
def type_into_a_terminal():
    """TIOCSTI, TIOCLINUX, TIOCSETD, on a pseudo terminal of one's own."""
    try:
        descriptor = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
    except OSError as problem:
        return all_refused({"/dev/ptmx": name_of(problem)})
    seen = {}
    for name, number in {"TIOCSTI": termios.TIOCSTI, "TIOCLINUX": 0x541C, "TIOCSETD": termios.TIOCSETD}.items():
        seen[name] = outcome(fcntl.ioctl, descriptor, number, struct.pack("i", 3))
    return all_refused(seen, good=("EPERM", "EACCES", "ENOTTY"))


def _open_all(top, seconds, limit=60000):
    """How opening for writing ended, for each file below."""
    seen, end = {}, time.monotonic() + seconds
    for directory, folders, names in os.walk(top):
        for name in names:
            path = os.path.join(directory, name)
            try:
                if not stat.S_ISREG(os.lstat(path).st_mode):
                    continue
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
                seen[path] = "ok"
            except OSError as problem:
                seen[path] = name_of(problem)
        if time.monotonic() > end or len(seen) > limit:
            break
    return seen


@probe
def kernel_settings():
    """/proc/sys: core_pattern, modprobe, hostname, overcommit, and every other one."""
    seen = _open_all("/proc/sys", 3)
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/overcommit_memory", "/proc/sys/fs/binfmt_misc/register",
                 "/proc/sys/kernel/hostname", "/proc/sys/kernel/randomize_va_space", "/proc/sys/kernel/ns_last_pid"):
        seen[path] = outcome(os.open, path, os.O_WRONLY)
    return all_refused(seen)


@probe
def core_pattern():
    """The kernel would run the program named there as root, outside."""
    return all_refused({"core_pattern": outcome(pathlib.Path("/proc/sys/kernel/core_pattern").write_text, "|/tmp/x")})


@probe
def sysrq():
    return all_refused({"/proc/sysrq-trigger": outcome(os.open, "/proc/sysrq-trigger", os.O_WRONLY)})


@probe
def top_of_proc():
    """Every file right below /proc, for writing."""
    return all_refused({name: outcome(os.open, f"/proc/{name}", os.O_WRONLY) for name in os.listdir("/proc")
                        if not name.isdigit() and os.path.isfile(f"/proc/{name}") and not os.path.islink(f"/proc/{name}")})


@probe
def kernel_memory():
    """Masked by the runtime: an empty file, or none."""
    seen = {}
    for path in ("/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
                 "/proc/kpagecount", "/proc/kpageflags", "/proc/vmallocinfo", "/proc/slabinfo", "/proc/kmsg", "/proc/iomem", "/proc/ioports"):
        try:
            with open(path, "rb") as file:
                text = file.read(4096)
        except OSError as problem:
            seen[path] = name_of(problem)
            continue
        # addresses of all zeros are what the kernel shows to those who may not see them
        digits = text.replace(b"00000000-00000000", b"").replace(b"0000-0000", b"")
        seen[path] = "ok" if digits.strip() and path not in ("/proc/iomem", "/proc/ioports") else "EACCES"
    return all_refused(seen)


@probe
def kernel_addresses():
    """Where the kernel's functions are would help to attack it."""
    try:
        lines = pathlib.Path("/proc/kallsyms").read_text().splitlines()
    except OSError as problem:
        return ("absent" if problem.errno == errno.ENOENT else "refused"), name_of(problem)
    shown = [line for line in lines if int(line.split()[0], 16) != 0]
    return ("open", shown[:3]) if shown else ("refused", f"{len(lines)} lines, all zero")


@probe
def firmware():
    """/sys/firmware, powercap (a side channel) and debug interfaces are masked."""
    seen = {}
    for path in ("/sys/firmware", "/sys/devices/virtual/powercap", "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/kernel/security",
                 "/proc/acpi", "/proc/scsi", "/proc/asound", "/sys/fs/bpf", "/sys/fs/fuse/connections"):
        try:
            seen[path] = "ok" if os.listdir(path) else "ENOENT"
        except OSError as problem:
            seen[path] = name_of(problem)
    return all_refused(seen)


@probe
def sysfs():
    """uevent_helper and every other file of /sys, for writing."""
    seen = _open_all("/sys", 4)
    seen["/sys/kernel/uevent_helper"] = outcome(os.open, "/sys/kernel/uevent_helper", os.O_WRONLY)
    return all_refused(seen)


@probe
def cgroups():
    """Its own limits, release_agent, new groups."""
    seen = {}
    for directory, folders, names in os.walk("/sys/fs/cgroup"):
        for name in names:
            if name in ("cgroup.procs", "tasks", "release_agent", "notify_on_release", "devices.allow") or name.endswith(
                    (".max", "limit_in_bytes", ".freeze", "cgroup.subtree_control", "cfs_quota_us", "cgroup.kill")):
                seen[os.path.join(directory, name)] = outcome(os.open, os.path.join(directory, name), os.O_WRONLY)
        seen[f"mkdir {directory}"] = outcome(os.mkdir, os.path.join(directory, "attack"))
        if len(seen) > 3000:
            break
    return all_refused(seen)


@probe
def cgroup_of_the_host():
    """Groups of other Pods are not to be seen."""
    tops = ["/sys/fs/cgroup"]
    tops += [entry.path for entry in os.scandir(tops[0]) if entry.is_dir()] if os.path.isdir(tops[0]) else []
    found = [os.path.join(top, name) for top in tops
             for name in ("kubepods", "kubepods.slice", "kubelet", "kubelet.slice", "system.slice", "init.scope", "user.slice")
             if os.path.exists(os.path.join(top, name))]
    return ("open", found) if found else ("absent", tops)


@probe
def freeze_a_file_system():
    """FIFREEZE stops all writes to a file system; FITRIM, FS_IOC_SETFLAGS and the rest need rights, too."""
    seen = {}
    for place in ("/", "/tmp", "/sandbox/out", "/etc/hosts"):
        descriptor = os.open(place, os.O_RDONLY)
        for name, number in {"FIFREEZE": 0xC0045877, "FITHAW": 0xC0045878, "FITRIM": 0xC0185879}.items():
            seen[f"{name} {place}"] = outcome(fcntl.ioctl, descriptor, number, bytes(24))
        os.close(descriptor)
    return all_refused(seen, good=("EPERM", "EACCES", "EROFS", "ENOTTY", "ENOTSUP"))


@probe
def root_by_a_directory_descriptor():
    """A descriptor of a directory that was inherited, or /proc/self/root, with enough '..' (CVE-2024-21626)."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        path = f"/proc/self/fd/{name}"
        try:
            if stat.S_ISDIR(os.stat(path).st_mode) and os.path.exists(f"{path}/../../../../../../../var/lib/kubelet"):
                found.append(path)
        except OSError:
            continue
    for place in (".", "/proc/self/cwd", "/proc/self/root"):
        if os.path.exists(f"{place}/../../../../../../../../var/lib/kubelet"):
            found.append(place)
    return ("open", found) if found else ("absent", os.listdir("/proc/self/fd"))


@probe
def inherited_descriptors():
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
    strange = {name: what for name, what in found.items() if not what.startswith(("pipe:", "/dev/null", "/proc/", "/sandbox/out"))}
    return ("open", strange) if strange else ("absent", found)


@probe
def message_queue_file_system():
    """Queues live in the sandbox's own IPC namespace."""
    seen = outcome(os.open, "/dev/mqueue/attack", os.O_RDWR | os.O_CREAT)
    queues = os.listdir("/dev/mqueue") if os.path.isdir("/dev/mqueue") else []
    foreign = [name for name in queues if name != "attack"]
    return ("open", foreign) if foreign else ("contained", seen)


@probe
def new_system_calls_on_files():
    """setxattrat, file_setattr and the like, which a filter may not know: on files of the image."""
    seen = {"setxattrat": outcome(syscall, 463, -100, b"/etc/passwd", 0, b"user.x", bytes(16), 16),
            "file_setattr": outcome(syscall, 469, -100, b"/etc/passwd", bytes(24), 24, 0),
            "fchmodat2": outcome(syscall, 452, -100, b"/etc/passwd", 0o777, 0)}
    return all_refused(seen)
