"""The cluster of `make up` as the benchmark sees it: its Kubernetes API, Skillbox's REST API, its node from inside."""

import base64
import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import urllib.parse

import skills
import wire

NODE = os.environ.get("SKILLBOX_NODE", "skillbox-control-plane")
RELEASE = "skillbox"
NAMESPACE = "skillbox-bench"
API = "/apis/skillbox.dev/v1alpha1"
IMAGE = "docker.io/library/python:3.12-slim"
NODE_ROOT = "/run/skillbox-bench/root"
PROGRAMS = ("skillbox-apiserver", "skillbox-controller")


class Failure(Exception):
    """The benchmark can't go on; the message says why."""


def command(*argv, **options):
    done = subprocess.run(argv, capture_output=True, text=True, **options)
    if done.returncode:
        raise Failure(f"{' '.join(argv[:6])}…: {done.stderr.strip()[-500:]}")
    return done.stdout


class Kube:
    """The Kubernetes API, with the credentials of KUBECONFIG's current context."""

    def __init__(self):
        config = json.loads(command("kubectl", "config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        url = urllib.parse.urlsplit(config["clusters"][0]["cluster"]["server"])
        self.address = (url.hostname, url.port or 443)
        self.host = f"{url.hostname}:{url.port or 443}"
        user = config["users"][0]["user"]
        self.headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        with tempfile.TemporaryDirectory() as folder:
            files = {}
            for name, text in (("ca", config["clusters"][0]["cluster"].get("certificate-authority-data")),
                               ("cert", user.get("client-certificate-data")), ("key", user.get("client-key-data"))):
                if text:
                    files[name] = str(pathlib.Path(folder, name))
                    pathlib.Path(files[name]).write_bytes(base64.b64decode(text))
            self.context = wire.tls_context(files.get("ca"), files.get("cert"), files.get("key"))
        self.connection = self.connect()

    def connect(self):
        return wire.Connection(*self.address, self.context)

    def raw(self, method, path, body=b"", kind="application/json"):
        return wire.request(method, path, self.host, {**self.headers, "Accept": "application/json", "Content-Type": kind}, body)

    def send(self, method, path, value=None, kind="application/json", fine=(200, 201, 202), connection=None):
        """One request; the answer parsed. fine: other status codes that are no failure and answer None."""
        body = json.dumps(value).encode() if value is not None else b""
        raw = self.raw(method, path, body, kind)
        connection = connection or self.connection
        try:
            _, status, answer = connection.exchange(raw)
        except (wire.Closed, OSError):
            if method not in ("GET", "DELETE"):
                raise
            _, status, answer = connection.exchange(raw)  # a kept connection had been closed
        if status not in (200, 201, 202):
            if status in fine:
                return None
            raise Failure(f"{method} {path}: {status} {answer[:400].decode(errors='replace')}")
        return json.loads(answer) if answer[:1] == b"{" else answer

    def get(self, path, **options):
        return self.send("GET", path, **options)

    def patch(self, path, value):
        return self.send("PATCH", path, value, "application/merge-patch+json")

    def delete(self, path):
        return self.send("DELETE", path, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}, fine=(404,))

    def watch(self, path, version):
        sign = "&" if "?" in path else "?"
        return wire.Lines(self.connect(), self.raw("GET", f"{path}{sign}watch=1&resourceVersion={version}"))

    def wait(self, path, condition, what, timeout=120):
        """Lists, then watches, until condition(objects by name) is true; returns what it gave."""
        deadline = time.monotonic() + timeout
        while True:
            items = self.get(path)
            objects = {item["metadata"]["name"]: item for item in items["items"]}
            if (value := condition(objects)):
                return value
            watch = self.watch(path, items["metadata"]["resourceVersion"])
            try:
                while (line := watch.next(deadline - time.monotonic())):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        break
                    name = event["object"]["metadata"]["name"]
                    if event["type"] == "DELETED":
                        objects.pop(name, None)
                    else:
                        objects[name] = event["object"]
                    if (value := condition(objects)):
                        return value
            except wire.Closed:
                pass
            finally:
                watch.close()
            if time.monotonic() >= deadline:
                raise Failure(f"not within {timeout} s: {what}")

    def metrics(self):
        return self.send("GET", "/metrics").decode()


class Rest:
    """Skillbox's REST API with the key of .dev/env."""

    def __init__(self):
        url = urllib.parse.urlsplit(os.environ["SKILLBOX_SERVER_URL"])
        self.address = (url.hostname, url.port or 80)
        self.host = f"{url.hostname}:{url.port or 80}"
        self.headers = {"Authorization": f"Bearer {os.environ['SKILLBOX_API_KEY']}", "Accept": "application/json"}
        self.connection = self.connect()

    def connect(self):
        return wire.Connection(*self.address, timeout=300)

    def raw(self, method, path, body=b"", kind="application/json"):
        return wire.request(method, path, self.host, {**self.headers, "Content-Type": kind}, body)

    def execution(self, skill, input_text=skills.INPUT):
        """The whole request of an execution, in bytes."""
        return self.raw("POST", "/v1/executions", b'{"skill":"%s","input":%s}' % (skill.encode(), input_text.encode()))

    def send(self, method, path, body=b"", kind="application/json"):
        try:
            _, status, answer = self.connection.exchange(self.raw(method, path, body, kind))
        except (wire.Closed, OSError):
            _, status, answer = self.connection.exchange(self.raw(method, path, body, kind))
        if status >= 300:
            raise Failure(f"{method} {path}: {status} {answer[:300].decode(errors='replace')}")
        return json.loads(answer) if answer else None

    def download(self, url):
        """Fetches a files_url on a connection of its own: (seconds, bytes)."""
        parts = urllib.parse.urlsplit(url)
        connection = wire.Connection(parts.hostname, parts.port or 80, timeout=300)
        took, status, body = connection.exchange(wire.request("GET", f"{parts.path}?{parts.query}", parts.netloc))
        connection.close()
        if status != 200:
            raise Failure(f"files_url: {status} {body[:200]!r}")
        return took, body


class Node:
    """node_side.py on the node; root is "image" or "node"."""

    def __init__(self, root):
        self.process = None
        program = pathlib.Path(__file__).with_name("node_side.py").read_text()
        self.process = subprocess.Popen(
            ["docker", "exec", "-i", NODE, "chroot", NODE_ROOT, "python3", "-B", "-c", program, root],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"the benchmark's part on the node does not start: {self.process.stderr.read()[-500:]}")
        self.python = json.loads(line)["python"]

    def call(self, name, **arguments):
        self.process.stdin.write(json.dumps([name, arguments]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": self.process.stderr.read()[-500:]}
        if "error" in answer:
            raise Failure(f"on the node: {answer['error']}")
        return answer

    def usage(self, comms=PROGRAMS):
        return self.call("usage", comms=comms)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


MOUNT = f"""
set -e
umask 022
mkdir -p {NODE_ROOT}
ctr -n k8s.io images mount {IMAGE} {NODE_ROOT} >/dev/null
mount -t proc proc {NODE_ROOT}/proc
mount --bind /dev {NODE_ROOT}/dev
mount -t tmpfs tmpfs {NODE_ROOT}/mnt
"""
UNMOUNT = f"""
for p in dev proc mnt; do ! mountpoint -q {NODE_ROOT}/$p || umount {NODE_ROOT}/$p; done
ctr -n k8s.io images unmount --rm {NODE_ROOT} 2>/dev/null || true
ctr -n k8s.io leases rm {NODE_ROOT} 2>/dev/null || true
"""


@contextlib.contextmanager
def image_root():
    """The runtime image's root file system on the node, read-only as in a sandbox, with /proc, /dev and a memory-backed /mnt."""
    on_node(UNMOUNT)
    try:
        on_node(MOUNT)
        yield
    finally:
        on_node(UNMOUNT)


def on_node(script):
    return command("docker", "exec", NODE, "sh", "-c", script)


def reachable():
    """Ends with what to do when there is no cluster of `make up`."""
    for name in ("SKILLBOX_SERVER_URL", "SKILLBOX_API_KEY", "KUBECONFIG"):
        if not os.environ.get(name):
            raise Failure("no cluster: run `make up` first")
    try:
        command("kubectl", "get", "--raw", "/readyz", "--request-timeout=10s")
        Rest().send("GET", "/v1/skills")
    except (Failure, OSError) as problem:
        raise Failure(f"the cluster of `make up` does not answer ({problem}); `make up` repairs it") from None
    try:
        on_node("true")
    except (Failure, OSError) as problem:
        raise Failure(f"bare processes and memory are measured on the node, which must be a container of an engine that answers here "
                      f"({problem})") from None


class Cluster:
    """All of it, and what is made in it for measuring; close() takes that away."""

    def __init__(self):
        self.kube, self.rest = Kube(), Rest()
        self.undo = []
        self.tenant_namespace = ""

    def prepare(self):
        self.kube.delete(f"/api/v1/namespaces/{NAMESPACE}")
        self.kube.wait(f"/api/v1/namespaces?fieldSelector=metadata.name={NAMESPACE}", lambda o: not o, f"namespace {NAMESPACE} goes")
        self.kube.send("POST", "/api/v1/namespaces", {
            "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
        self.undo.append(lambda: self.kube.delete(f"/api/v1/namespaces/{NAMESPACE}"))
        self.kube.wait(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", lambda o: "default" in o, "the namespace's account")
        for name, archive in skills.archives().items():
            self.rest.send("POST", "/v1/skills", archive, "application/zip")
            self.undo.append(lambda name=name: self.rest.send("DELETE", f"/v1/skills/{name}/1.0.0"))
        first = self.rest.send("POST", "/v1/executions", b'{"skill":"bench-cold","input":%s}' % skills.INPUT.encode())
        if first["status"] != "success":
            raise Failure(f"the first execution ended with {first}")
        found = self.kube.get(f"{API}/executions?fieldSelector=metadata.name={first['execution_id']}")["items"]
        self.tenant_namespace = found[0]["metadata"]["namespace"]
        for pool in self.kube.get(f"{self.resources}/sandboxpools")["items"]:  # of a run that was killed
            if pool["metadata"]["name"].startswith("bench-"):
                self.kube.delete(f"{self.resources}/sandboxpools/{pool['metadata']['name']}")

    @property
    def resources(self):
        return f"{API}/namespaces/{self.tenant_namespace}"

    @property
    def sandbox_pods(self):
        return f"/api/v1/namespaces/{self.tenant_namespace}/pods"

    def versions(self):
        kubelet = self.kube.get("/api/v1/nodes")["items"][0]["status"]["nodeInfo"]
        images = {}
        for program in ("apiserver", "controller"):
            deployment = self.kube.get(f"/apis/apps/v1/namespaces/{RELEASE}/deployments/{RELEASE}-{program}")
            images[program] = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        with open("/proc/cpuinfo") as file:
            model = re.search(r"model name\s*: (.*)", file.read())
        with open("/proc/meminfo") as file:
            memory = int(file.readline().split()[1]) >> 20
        root = pathlib.Path(__file__).resolve().parents[2]
        commit = subprocess.run(["git", "-C", root, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
        return {"commit": commit, "cpu": model.group(1) if model else "unknown", "cpus": os.cpu_count(), "memory_gib": memory,
                "kernel": kubelet["kernelVersion"], "kubernetes": kubelet["kubeletVersion"],
                "container_runtime": kubelet["containerRuntimeVersion"], "images": images}

    def close(self):
        problems = []
        while self.undo:
            try:
                self.undo.pop()()
            except (Failure, OSError, wire.Closed) as problem:
                problems.append(str(problem))
        if problems:
            raise Failure("left behind: " + "; ".join(problems))
