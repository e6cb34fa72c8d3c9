"""Ways to anything that isn't this sandbox."""

import errno
import fcntl
import os
import pathlib
import socket
import stat
import struct
import subprocess

from harness import ARGUMENTS, all_refused, name_of, outcome, probe, syscall

TYPES = {"stream": 1, "datagram": 2, "raw": 3, "seqpacket": 5}
LAST_FAMILY = 46
UNIX = 1


def opens(family, kind, protocol=0):
    try:
        os.close(syscall(41, family, kind, protocol))
    except OSError as problem:
        return name_of(problem)
    return "ok"


@probe
def tcp_socket():
    return all_refused({"IPv4": opens(2, 1), "IPv6": opens(10, 1), "IPv4 with flags": opens(2, 1 | 0o2004000)})


@probe
def udp_socket():
    return all_refused({"IPv4": opens(2, 2), "IPv6": opens(10, 2), "lite": opens(2, 2, 136)})


@probe
def icmp_socket():
    return all_refused({"ping": opens(2, 2, 1), "ping 6": opens(10, 2, 58), "raw": opens(2, 3, 1), "raw 6": opens(10, 3, 58)})


@probe
def raw_socket():
    return all_refused({f"protocol {number}": opens(2, 3, number) for number in (6, 17, 47, 132, 255)})


@probe
def packet_socket():
    return all_refused({"raw": opens(17, 3, 0x0300), "datagram": opens(17, 2, 0x0300), "old": opens(2, 10, 0x0300)})


@probe
def netlink_socket():
    return all_refused({f"protocol {number}": opens(16, 3, number) for number in range(23)})


@probe
def vsock_socket():
    """To the hypervisor, around every network."""
    return all_refused({"stream": opens(40, 1), "datagram": opens(40, 2), "seqpacket": opens(40, 5)})


@probe
def kernel_crypto_socket():
    return all_refused({"AF_ALG": opens(38, 5)})


@probe
def every_other_socket():
    """All families there are but AF_UNIX, in all types: Bluetooth, CAN, TIPC, RDS, XDP, SMC and the rest."""
    seen = {f"{family} {name}": opens(family, kind) for family in range(LAST_FAMILY + 1) if family != UNIX
            for name, kind in TYPES.items()}
    seen["family -1"] = opens(-1, 1)
    return all_refused(seen, good=("EPERM", "EACCES", "ENOSYS"))


@probe
def socket_pair():
    pair = __import__("ctypes").create_string_buffer(8)
    seen = {}
    for family in range(LAST_FAMILY + 1):
        if family != UNIX:
            seen[f"family {family}"] = outcome(syscall, 53, family, 1, 0, pair)
    return all_refused(seen)


def talk(host, port, kind=socket.SOCK_STREAM):
    """'ok' if something answers or takes data."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, kind) as connection:
            connection.settimeout(1.5)
            connection.connect((host, port))
            if kind == socket.SOCK_DGRAM:  # a DNS query
                connection.send(struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + b"\x0akubernetes\x07default\x03svc\0\0\x01\0\x01")
                connection.recv(512)
    except TimeoutError:
        return "ETIMEDOUT"
    except OSError as problem:
        return name_of(problem)
    return "ok"


def destinations(*wanted):
    seen = {}
    for name, (host, port, kind) in ARGUMENTS["destinations"].items():
        if name in wanted:
            seen[name] = talk(host, port, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    if len(seen) != len(wanted):
        return "error", f"the test did not name all of {wanted}"
    return all_refused(seen)


@probe
def metadata_address():
    return destinations("metadata", "metadata by IPv6")


@probe
def host_gateway():
    return destinations("gateway")


@probe
def kube_apiserver():
    return destinations("kube-apiserver by its service", "kube-apiserver at the node")


@probe
def kubelet_ports():
    return destinations("kubelet", "kubelet read-only")


@probe
def skillbox_services():
    return destinations("skillbox-apiserver")


@probe
def neighbour_pod():
    return destinations("neighbour")


@probe
def cluster_dns():
    return destinations("DNS", "DNS over TCP")


@probe
def name_lookup():
    seen = {}
    for host in ("kubernetes.default.svc.cluster.local", "example.com", "metadata.google.internal"):
        try:
            socket.getaddrinfo(host, 80)
            seen[host] = "ok"
        except socket.gaierror as problem:
            seen[host] = "EPERM" if problem.errno in (socket.EAI_AGAIN, socket.EAI_NONAME, socket.EAI_FAIL) else str(problem)
    return all_refused(seen)


@probe
def bash_dev_tcp():
    host, port, _ = ARGUMENTS["destinations"]["neighbour"]
    done = subprocess.run(["bash", "-c", f"exec 3<>/dev/tcp/{host}/{port} && echo through; exec 4<>/dev/udp/{host}/53 && echo through"],
                          capture_output=True, text=True, timeout=5)
    return ("open" if "through" in done.stdout else "refused"), done.stderr[-200:]


@probe
def send_without_connecting():
    """sendmmsg and sendto on a Unix socket with an address of another family."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local:
        address = struct.pack("<H", 2) + struct.pack(">H", 53) + bytes([10, 96, 0, 10]) + bytes(8)
        try:
            syscall(44, local.fileno(), b"x", 1, 0, address, 16)
        except OSError as problem:
            return "refused", name_of(problem)
    return "open", "sent"


@probe
def abstract_sockets():
    """Names of Unix sockets that belong to the network namespace: of nobody but this sandbox, and none that answers."""
    names = {line.split()[-1] for line in pathlib.Path("/proc/net/unix").read_text().splitlines()[1:] if "@" in line}
    names |= {"@skillbox-runner", "@/containerd-shim/x.sock", "@cgroup", "@docker"}
    seen = {}
    for name in sorted(names):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            try:
                connection.connect("\0" + name[1:])
                connection.send(b"\0\0\0\4\1\0\0\0\1")
                seen[name] = "ok" if connection.recv(1) else "EACCES"  # closed without a word
            except ConnectionRefusedError:
                seen[name] = "ENOENT"
            except (ConnectionResetError, BrokenPipeError):
                seen[name] = "EACCES"
            except OSError as problem:
                seen[name] = name_of(problem)
    return all_refused(seen)


@probe
def take_the_runners_name():
    """To be taken for PID 1 by the next relay. Where the name is free, this is another network namespace than the relay's; that it
    is, is shown by the attacks on the protocol."""
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind("\0skillbox-runner")
        except OSError as problem:
            return ("refused" if problem.errno in (errno.EADDRINUSE, errno.EACCES, errno.EPERM) else "error"), name_of(problem)
    return "contained", "bound"


@probe
def socket_files():
    """Unix sockets in the file system: the container runtime's, Docker's, systemd's."""
    found = []
    for top in ("/run", "/var/run", "/var/lib", "/tmp", "/dev", "/etc", "/sandbox", "/skillbox", "/opt", "/mnt", "/host"):
        for directory, _, names in os.walk(top):
            for name in names:
                path = os.path.join(directory, name)
                try:
                    if stat.S_ISSOCK(os.lstat(path).st_mode):
                        found.append(path)
                except OSError:
                    pass
    return ("open", found) if found else ("absent", "no socket anywhere")


@probe
def network_settings():
    """Files of /proc that change the network."""
    seen = {}
    for directory, _, names in os.walk("/proc/sys/net"):
        for name in names:
            seen[os.path.join(directory, name)] = outcome(os.open, os.path.join(directory, name), os.O_WRONLY)
    return all_refused(seen)


@probe
def tunnel_device():
    """A network interface of one's own making; gVisor's kernel has the device, and asks for rights."""
    try:
        descriptor = os.open("/dev/net/tun", os.O_RDWR)
    except OSError as problem:
        return all_refused({"/dev/net/tun": name_of(problem)})
    seen = outcome(fcntl.ioctl, descriptor, 0x400454CA, struct.pack("16sH22x", b"attack0", 0x1002))
    return ("contained" if seen in ("EPERM", "EACCES") else "open"), seen
