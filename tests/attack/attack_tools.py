"""The probe skill, the Pod that it is compared with, and what stands around them."""

import concurrent.futures
import json
import pathlib
import subprocess
import tempfile
import time

import cases
from skillbox_client import component_pods, manifest, zip_of
from waiting import unique, wait_for
from wheel_maker import wheel

FOLDER = pathlib.Path(__file__).parent / "probes"
LISTENS_AT = 8099


def probe_files():
    return {path.name: path.read_text() for path in sorted(FOLDER.glob("*.py"))}


def native_wheel():
    """{path in the archive: bytes} of a wheel with a compiled module."""
    with tempfile.TemporaryDirectory() as folder:
        library = pathlib.Path(folder, "core.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)], input=b"int answer(void) { return 42; }\n", check=True)
        core = library.read_bytes()
    loads = b"import ctypes, os\nanswer = ctypes.CDLL(os.path.join(os.path.dirname(__file__), 'core.so')).answer\n"
    name, data = wheel("attack_native", tag="py3-none-linux_x86_64", files={
        "attack_native/__init__.py": loads, "attack_native/core.so": core, "attack_alone.py": b"x = 1\n"})
    return {f"wheels/{name}": data}


def destinations(kubectl, control):
    """Where a script would want to get: {name: (address, port, kind)}."""
    node = kubectl.json("get", "nodes")["items"][0]
    node_address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
    kubernetes = kubectl.json("get", "-n", "default", "service", "kubernetes")["spec"]["clusterIP"]
    dns = kubectl.items("services", "-n", "kube-system", "-l", "k8s-app=kube-dns")[0]["spec"]["clusterIP"]
    own = component_pods(kubectl, "apiserver")[0]
    gateway = control.address.rsplit(".", 1)[0] + ".1"
    return {
        "metadata": ("169.254.169.254", 80, "tcp"),
        "metadata by IPv6": ("fd00:ec2::254", 80, "tcp"),
        "gateway": (gateway, 10250, "tcp"),
        "kube-apiserver by its service": (kubernetes, 443, "tcp"),
        "kube-apiserver at the node": (node_address, 6443, "tcp"),
        "kubelet": (node_address, 10250, "tcp"),
        "kubelet read-only": (node_address, 10255, "tcp"),
        "skillbox-apiserver": (own["status"]["podIP"], 8080, "tcp"),
        "neighbour": (control.address, LISTENS_AT, "tcp"),
        "DNS": (dns, 53, "udp"),
        "DNS over TCP": (dns, 53, "tcp"),
    }


class Control:
    """A Pod as anybody would write it, but for its user; in a namespace of its own, so of no tenant."""

    def __init__(self, kubectl):
        self.kubectl = kubectl
        self.namespace = unique("skillbox-attack")
        self.address = None

    def __enter__(self):
        self.kubectl.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        wait_for(lambda: self.kubectl.run("get", "-n", self.namespace, "serviceaccount", "default", check=False).returncode == 0,
                 "the namespace has its service account")
        self.kubectl.run("create", "-n", self.namespace, "-f", "-", stdin=json.dumps({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "control"},
            "spec": {
                "securityContext": {"runAsUser": 65534, "runAsGroup": 65534, "fsGroup": 65534},
                "terminationGracePeriodSeconds": 0,
                "containers": [{
                    "name": "control", "image": "python:3.12-slim", "imagePullPolicy": "IfNotPresent",
                    "command": ["python3", "-m", "http.server", str(LISTENS_AT), "--directory", "/sandbox"],
                    "env": [{"name": "SKILLBOX_TOKEN", "value": "a secret in the environment"}],
                    "volumeMounts": [{"name": "sandbox", "mountPath": "/sandbox"}],
                }],
                "volumes": [{"name": "sandbox", "emptyDir": {}}],
            }}))
        self.kubectl.run("wait", "-n", self.namespace, "--for=condition=Ready", "pod/control", "--timeout=60s", timeout=90)
        self.address = self.kubectl.json("get", "-n", self.namespace, "pod", "control")["status"]["podIP"]
        return self

    def __exit__(self, *_):
        self.kubectl.run("delete", "namespace", self.namespace, "--wait=false")

    def probe(self, names):
        """{probe: [verdict, detail]} in this Pod."""
        start = ("import json, os, subprocess, sys\n"
                 "job = json.load(sys.stdin)\n"
                 "os.makedirs('/sandbox/out/files', exist_ok=True)\n"
                 "os.makedirs('/tmp/probes', exist_ok=True)\n"
                 "for name, text in job.pop('files').items(): open('/tmp/probes/' + name, 'w').write(text)\n"
                 "sys.exit(subprocess.run([sys.executable, '/tmp/probes/main.py'], input=json.dumps(job), text=True).returncode)\n")
        job = {"files": probe_files(), "probes": names, "arguments": {"destinations": destinations(self.kubectl, self)}}
        done = self.kubectl.run("exec", "-i", "-n", self.namespace, "control", "--", "python3", "-c", start, stdin=json.dumps(job),
                                timeout=120)
        return json.loads(done.stdout.splitlines()[-1])


class Probes:
    """Runs each group of probes in a sandbox of its own, all at once, when the first of them is asked for."""

    def __init__(self, client, kubectl, control, runtime):
        self.client = client
        self.kubectl = kubectl
        self.control = control
        self.runtime = runtime
        self.name = unique("probes")
        self.results = None

    def __enter__(self):
        files = {"SKILL.md": manifest(self.name, lang="python", timeout="90s"), **probe_files(), **native_wheel()}
        self.client.push(zip_of(files))
        return self

    def __exit__(self, *_):
        self.client.request("DELETE", f"/v1/skills/{self.name}/1.0.0")

    def arguments(self):
        return {"destinations": destinations(self.kubectl, self.control), "runtime": self.runtime}

    def _run(self, group, arguments):
        names = [case.name for case in cases.cases_of(group)]
        return self.client.run(self.name, input={"probes": names, "arguments": arguments})

    def of(self, case):
        """(verdict, detail)."""
        if self.results is None:
            arguments = self.arguments()
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                jobs = {group: pool.submit(self._run, group, arguments) for group in cases.PROBES}
            self.results = {group: job.result() for group, job in jobs.items()}
        result = self.results[case.group]
        assert result["status"] == "success", f"the sandbox of the group {case.group}: {result}"
        return result["output"][case.name]


class Neighbour:
    def __init__(self, client):
        self.client = client
        self.name = unique("neighbour")

    def __enter__(self):
        self.client.push(zip_of({"SKILL.md": manifest(self.name, lang="bash"), "main.sh": "echo 1 >$SANDBOX_OUTPUT"}))
        return self

    def __exit__(self, *_):
        self.client.request("DELETE", f"/v1/skills/{self.name}/1.0.0")

    def is_served(self, within=20):
        """Runs, and ends in time."""
        started = time.monotonic()
        result = self.client.run(self.name)
        took = time.monotonic() - started
        assert result.get("output") == 1, result
        assert took < within, f"the neighbour took {took:.1f} s"
        return took


def node_is_well(kubectl):
    conditions = {c["type"]: c["status"] for c in kubectl.json("get", "nodes")["items"][0]["status"]["conditions"]}
    assert conditions["Ready"] == "True", conditions
    assert {conditions[name] for name in ("MemoryPressure", "DiskPressure", "PIDPressure")} == {"False"}, conditions


def memory_peak(node, component):
    """The most memory that a program of ours has had, in bytes."""
    script = """for directory in /proc/[0-9]*; do
        [ "$(cat "$directory/comm" 2>/dev/null)" = "$1" ] && sed -n 's/^VmHWM:[[:space:]]*//p' "$directory/status"
    done; true"""
    lines = node.execute("bash", "-c", script, "bash", f"skillbox-{component}"[:15]).splitlines()
    assert len(lines) == 1, lines
    return int(lines[0].split()[0]) * 1024


def judge(case, runtime, verdict, detail=""):
    wanted = case.wanted(runtime)
    assert verdict in wanted.split("|"), f"{case.group}/{case.name} on {runtime} is {verdict}, not {wanted}: {detail}"


