"""The ways to run the same script on the same input that are compared. once() runs it one time and returns milliseconds."""

import json
import time
import urllib.parse

import skills
import wire
from cluster import IMAGE, NAMESPACE, NODE_ROOT, Failure

SECURITY = {"runAsNonRoot": True, "runAsUser": 65534, "runAsGroup": 65534, "seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER_SECURITY = {**SECURITY, "privileged": False, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                      "capabilities": {"drop": ["ALL"]}}
RESOURCES = {"requests": {"cpu": "10m", "memory": "128Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}}
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"


def environment(folder):
    """What the script is told; `folder` is memory-backed and has main.py and input.json."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder, "LANG": "C.UTF-8",
            "SANDBOX_INPUT_FILE": f"{folder}/input.json", "SANDBOX_OUTPUT": f"{folder}/output.json"}


ON_NODE, IN_POD = environment("/mnt"), environment("/dev/shm")


def pod(name, args):
    """A Pod as hardened as a sandbox, with its volumes."""
    places = {"sandbox": ("/sandbox", "96Mi"), "tmp": ("/tmp", "64Mi")}
    container = {"name": "main", "image": IMAGE, "imagePullPolicy": "IfNotPresent", "command": args, "resources": RESOURCES,
                 "securityContext": CONTAINER_SECURITY,
                 "volumeMounts": [{"name": volume, "mountPath": path} for volume, (path, _) in places.items()]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
        "restartPolicy": "Never", "automountServiceAccountToken": False, "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0, "dnsPolicy": "None", "dnsConfig": {"nameservers": ["127.0.0.1"]},
        "securityContext": {**SECURITY, "fsGroup": 65534}, "containers": [container],
        "volumes": [{"name": volume, "emptyDir": {"medium": "Memory", "sizeLimit": size}} for volume, (_, size) in places.items()]}}


def condition(item, kind):
    return any(c["type"] == kind and c["status"] == "True" for c in item.get("status", {}).get("conditions", []))


class Bare:
    """python3 main.py as a process of the node, in the runtime image's root: the whole process, fork to end."""

    name, repeat, every = "bare", 3, 1

    def __init__(self, node):
        self.node = node
        node.call("write", path="/mnt/input.json", text=skills.INPUT)
        node.call("write", path="/mnt/main.py", text=skills.SCRIPT)

    def once(self):
        answer = self.node.call("spawn", argv=["python3", "main.py"], env=ON_NODE, cwd="/mnt", before=["/mnt/output.json"])
        if "totals" not in self.node.call("read", path="/mnt/output.json")["text"]:
            raise Failure("the bare script wrote no output")
        return answer["ns"][0] / 1e6


class Runc:
    """The same process in a fresh runc container, on the node: `runc run` from its fork to its end."""

    name, repeat, every = "runc", 1, 1
    NAMESPACES = ("pid", "network", "ipc", "uts", "mount")

    def __init__(self, node):
        self.node, self.number = node, 0
        mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
                  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                  {"destination": "/mnt", "type": "bind", "source": f"{NODE_ROOT}/mnt", "options": ["rbind", "rw"]}]
        config = {"ociVersion": "1.0.2", "hostname": "bench", "root": {"path": NODE_ROOT, "readonly": True}, "mounts": mounts,
                  "process": {"user": {"uid": 65534, "gid": 65534}, "cwd": "/mnt", "args": ["python3", "main.py"],
                              "env": [f"{k}={v}" for k, v in ON_NODE.items()], "noNewPrivileges": True, "capabilities": {}},
                  "linux": {"namespaces": [{"type": n} for n in self.NAMESPACES], "cgroupsPath": "/skillbox-bench",
                            "resources": {"memory": {"limit": 128 << 20}, "cpu": {"quota": 50000, "period": 100000}}}}
        node.call("write", path="/run/skillbox-bench/config.json", text=json.dumps(config))

    def once(self):
        self.number += 1
        answer = self.node.call(
            "spawn", argv=["runc", "run", "--bundle", "/run/skillbox-bench", f"skillbox-bench-{self.number}"],
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            before=[f"{NODE_ROOT}/mnt/output.json"])
        if "totals" not in self.node.call("read", path=f"{NODE_ROOT}/mnt/output.json")["text"]:
            raise Failure("the script in runc wrote no output")
        return answer["ns"][0] / 1e6


class Exec:
    """pods/exec of the script into a Pod that runs, from the WebSocket's opening to the exit status."""

    name, repeat, every = "exec", 1, 1

    def __init__(self, cluster):
        self.cluster = cluster
        kube = cluster.kube
        kube.send("POST", PODS, pod("exec", ["sleep", "86400"]))
        kube.wait(PODS, lambda o: "exec" in o and condition(o["exec"], "Ready"), "the Pod to exec into is ready")
        self.run(["sh", "-c", 'printf %s "$1" >/dev/shm/input.json; printf %s "$2" >/dev/shm/main.py', "sh", skills.INPUT, skills.SCRIPT])
        self.argv = ["env", *(f"{k}={v}" for k, v in IN_POD.items()), "python3", "/dev/shm/main.py"]

    def run(self, argv):
        query = urllib.parse.urlencode([("container", "main"), ("stdout", "1"), ("stderr", "1"), *(("command", a) for a in argv)])
        took, stdout, status = wire.exec_whole(self.cluster.kube.connect(), f"{PODS}/exec/exec?{query}", self.cluster.kube.headers)
        if b'"Success"' not in status:
            raise Failure(f"exec: {status or stdout!r}")
        return took * 1000, stdout

    def once(self):
        took, stdout = self.run(self.argv)
        if b"40 orders" not in stdout:
            raise Failure(f"exec: the script said {stdout!r}")
        return took


class Watched:
    """Creates an object and waits until a watch shows the condition; then it is deleted, outside the timed part."""

    def __init__(self, cluster):
        self.cluster, self.number = cluster, 0

    def create(self, path, body, kind):
        kube = self.cluster.kube
        self.number += 1
        body["metadata"]["name"] = name = f"{self.name}-{self.number}"
        raw = kube.raw("POST", path, json.dumps(body).encode())
        field = f"{path}?fieldSelector=metadata.name={name}"
        watch = kube.watch(field, kube.get(field)["metadata"]["resourceVersion"])
        start = time.perf_counter()
        _, status, answer = kube.connection.exchange(raw)
        if status != 201:
            raise Failure(f"{self.name}: {status} {answer[:300]!r}")
        while (line := watch.next(120)):
            if condition(json.loads(line)["object"], kind):
                break
        took = time.perf_counter() - start
        watch.close()
        if line is None:
            raise Failure(f"{name} was not {kind} within 120 s")
        kube.delete(f"{path}/{name}")
        return took * 1000


class Pod(Watched):
    """A hardened Pod with the same volumes, create to Ready: the least that any fresh Pod costs."""

    name, repeat, every = "pod", 1, 1

    def once(self):
        return self.create(PODS, pod("", ["sleep", "600"]), "Ready")


class Job(Watched):
    """The script in a Kubernetes Job, create to Complete."""

    name, repeat, every = "job", 1, 3
    SHELL = 'printf %s "$INPUT" >/dev/shm/input.json; printf %s "$SCRIPT" >/dev/shm/main.py; exec python3 /dev/shm/main.py'

    def once(self):
        template = pod("", ["sh", "-c", self.SHELL])
        variables = {**IN_POD, "INPUT": skills.INPUT, "SCRIPT": skills.SCRIPT}
        template["spec"]["containers"][0]["env"] = [{"name": k, "value": v} for k, v in variables.items()]
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {},
               "spec": {"backoffLimit": 0, "template": {"spec": template["spec"]}}}
        return self.create(JOBS, job, "Complete")


class Skillbox:
    """POST /v1/executions, from the first byte sent to the last received, on a kept connection."""

    repeat, every = 1, 1

    def __init__(self, cluster, name, skill, warm):
        self.name, self.warm = name, warm
        self.connection = cluster.rest.connect()
        self.raw = cluster.rest.execution(skill)
        self.answers = Answers(warm)

    def once(self):
        took, status, body = self.connection.exchange(self.raw)
        self.answers.add(took, status, body)
        return took * 1000


class Answers:
    """What Skillbox answered, looked at outside the timed part: success, warm or not, and the phases of `timings`."""

    def __init__(self, warm):
        self.warm, self.bodies = warm, []

    def add(self, took, status, body):
        self.bodies.append((took, status, body))

    def parsed(self):
        for took, status, body in self.bodies:
            answer = json.loads(body)
            if status != 200 or answer["status"] != "success":
                raise Failure(f"an execution ended with {status} {body[:400].decode(errors='replace')}")
            yield took, answer

    def summary(self):
        """{"not_warm": count, "phases": {phase: [ms]}}; "rest" is what the client saw beyond `total`."""
        phases, not_warm = {}, 0
        for took, answer in self.parsed():
            not_warm += answer["warm"] != self.warm
            for phase, ms in {**answer["timings"], "rest": took * 1000 - answer["timings"]["total"]}.items():
                phases.setdefault(phase, []).append(ms)
        return {"not_warm" if self.warm else "not_cold": not_warm, "phases": phases}
