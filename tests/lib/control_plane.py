"""A Kubernetes API of our own for tests: etcd and kube-apiserver as processes, no nodes, gone with the session."""

import contextlib
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import time

from waiting import free_port, unique

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "skillbox-dev" / "bin"


def program(name):
    """Where a program is: in the cache that `make up` fills, else on the PATH."""
    found = shutil.which(name, path=f"{CACHE}{os.pathsep}{os.environ['PATH']}")
    if not found:
        raise RuntimeError(f"{name} is missing: `make up` builds it into {CACHE}")
    return found


@contextlib.contextmanager
def running_plane(folder):
    """A Kubernetes API with our custom resources in it."""
    plane = ControlPlane(folder)
    try:
        plane.install_crds()
        yield plane
    finally:
        plane.stop()


class ControlPlane:
    """url, token (of system:masters), kubeconfig (a path), and kubectl() with them."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.processes = []
        self.token = secrets.token_hex(16)
        etcd, peer, port = free_port(), free_port(), free_port()
        self.url = f"https://127.0.0.1:{port}"
        self.kubeconfig = self.folder / "kubeconfig"
        (self.folder / "tokens.csv").write_text(f'{self.token},admin,admin,"system:masters"\n')
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "test", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }))
        key = self.folder / "service-accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        self._start("etcd", "--data-dir", self.folder / "etcd", "--unsafe-no-fsync",
                    "--listen-client-urls", f"http://127.0.0.1:{etcd}", "--advertise-client-urls", f"http://127.0.0.1:{etcd}",
                    "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                    "--initial-cluster", f"default=http://127.0.0.1:{peer}")
        self._start("kube-apiserver", "--etcd-servers", f"http://127.0.0.1:{etcd}", "--cert-dir", self.folder / "certs",
                    "--bind-address", "127.0.0.1", "--secure-port", str(port), "--service-cluster-ip-range", "10.1.0.0/24",
                    "--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", key,
                    "--service-account-signing-key-file", key, "--token-auth-file", self.folder / "tokens.csv",
                    "--authorization-mode", "RBAC", "--allow-privileged")
        self._wait_until_ready()

    def _start(self, name, *arguments):
        log = open(self.folder / f"{name}.log", "wb")
        self.processes.append(subprocess.Popen([program(name), *map(str, arguments)], stdout=log, stderr=log))
        log.close()

    def _wait_until_ready(self, timeout=60):
        deadline = time.monotonic() + timeout
        while self.kubectl("get", "--raw", "/readyz", check=False).returncode != 0:
            ended = [p.args[0] for p in self.processes if p.poll() is not None]
            if ended or time.monotonic() > deadline:
                logs = "\n".join((self.folder / f"{n}.log").read_text()[-2000:] for n in ("etcd", "kube-apiserver"))
                self.stop()
                raise RuntimeError(f"{ended or 'kube-apiserver is not ready'}:\n{logs}")
            time.sleep(0.1)

    def kubectl(self, *arguments, stdin=None, check=True):
        """CompletedProcess of kubectl; stdin may be text or an object (or a list of them) to be sent as JSON."""
        if stdin is not None and not isinstance(stdin, str):
            stdin = json.dumps({"apiVersion": "v1", "kind": "List", "items": stdin} if isinstance(stdin, list) else stdin)
        command = [program("kubectl"), "--kubeconfig", str(self.kubeconfig), "--cache-dir", str(self.folder / "cache"),
                   *map(str, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 or not check, f"{' '.join(command)}: {done.stderr}"
        return done

    def get(self, *arguments):
        return json.loads(self.kubectl("get", *arguments, "-o", "json").stdout)

    def make_tenant(self, prefix):
        """The name of a new namespace, which is a tenant's; with its service account, since nobody else makes one here."""
        name = unique(prefix)
        self.kubectl("create", "-f", "-", stdin=[
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"skillbox.dev/tenant": name}}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}])
        return name

    def install_crds(self):
        self.kubectl("apply", "--server-side", "-k", ROOT / "crds")
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s",
                     *(f"crd/{name}.skillbox.dev" for name in ("executions", "sandboxpools", "skills")))

    def stop(self):
        for process in reversed(self.processes):
            process.kill()  # its data is thrown away, and kube-apiserver waits for open watches otherwise
            process.wait()
