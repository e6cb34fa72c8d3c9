"""Pools of waiting sandboxes for the benchmark, and waiting until the cluster is quiet."""

import json
import pathlib
import time

from cluster import API, NAMESPACE, RELEASE, Failure, command
from contenders import JOBS, PODS


class Pool:
    """A SandboxPool of one shape; made with the first resize()."""

    def __init__(self, cluster, name, shape, **more):
        self.cluster, self.name, self.replicas = cluster, name, 0
        spec = {"image": "python:3.12-slim", "replicas": 0, "resources": shape, **more}
        spec = {key: value for key, value in spec.items() if value is not None}
        path = f"{cluster.resources}/sandboxpools"
        cluster.kube.delete(f"{path}/{name}")
        cluster.kube.wait(f"{path}?fieldSelector=metadata.name={name}", lambda o: not o, f"an old pool {name} goes")
        cluster.kube.send("POST", path, {"apiVersion": API.removeprefix("/apis/"), "kind": "SandboxPool", "metadata": {"name": name},
                                         "spec": spec})
        self.path = f"{path}/{name}"
        cluster.undo.append(lambda: cluster.kube.delete(self.path))

    def resize(self, replicas):
        self.replicas = replicas
        self.cluster.kube.patch(self.path, {"spec": {"replicas": replicas}})

    def ready(self, at_least=None, timeout=180):
        """Waits until as many sandboxes wait as are asked for."""
        wanted = self.replicas if at_least is None else at_least

        def enough(pools):
            status = pools[self.name].get("status", {}) if self.name in pools else {}
            return status.get("ready", 0) >= wanted
        self.cluster.kube.wait(f"{self.cluster.resources}/sandboxpools?fieldSelector=metadata.name={self.name}", enough,
                               f"{wanted} sandboxes of pool {self.name} wait", timeout)

    def delete(self):
        self.cluster.kube.delete(self.path)


class Bound(Pool):
    """A SandboxPool for one skill: its files and packages are unpacked, and the modules imported."""

    def __init__(self, cluster, name, skill, preload):
        super().__init__(cluster, name, None, image=None, skillRef={"name": skill}, preload=preload)


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


def busy_share(seconds):
    """Of all CPUs of this machine, from now on for that long."""
    def times():
        with open("/proc/stat") as file:
            user, nice, system, idle, waiting, *rest = map(int, file.readline().split()[1:9])
        return user + nice + system + sum(rest), idle + waiting
    busy, idle = times()
    time.sleep(seconds)
    busy_after, idle_after = times()
    return (busy_after - busy) / max(1, busy_after - busy + idle_after - idle)


class Quiet:
    """Waits until nothing is under way: the pools are full, no other Pod but those that stay is there, and the machine is idle:
    the kubelet and containerd clean up behind a Pod that is gone."""

    IDLE, IDLE_SECONDS, IDLE_TRIES = 0.2, 0.2, 25  # a machine that others load, too, is never idle

    def __init__(self, cluster, pools=(), stay=("exec",)):
        self.cluster, self.pools, self.stay = cluster, pools, stay
        self.restless = 0  # how often the machine did not get idle

    def wait(self, timeout=180):
        self.wait_for_pods(timeout)
        for _ in range(self.IDLE_TRIES):
            if busy_share(self.IDLE_SECONDS) < self.IDLE:
                return
        self.restless += 1

    def wait_for_pods(self, timeout=180):
        # Other pools of the tenant, such as the chart's, are full when they are quiet, too.
        everyone = self.cluster.kube.get(f"{self.cluster.resources}/sandboxpools")["items"]
        wanted = sum(pool["spec"]["replicas"] for pool in everyone) if self.pools else 0

        def calm(pods):
            return len(pods) == wanted and all(is_ready(p) and "deletionTimestamp" not in p["metadata"] for p in pods.values())
        kube = self.cluster.kube
        kube.wait(PODS, lambda o: not set(o) - set(self.stay), f"Pods of {NAMESPACE} go", timeout)
        kube.wait(JOBS, lambda o: not o, f"Jobs of {NAMESPACE} go", timeout)
        kube.wait(self.cluster.sandbox_pods, calm, f"{wanted} sandboxes wait and no other is there", timeout)
        for pool in self.pools:
            pool.ready(timeout=timeout)


class WithGVisor:
    """The release with gVisor for every sandbox, and so without user namespaces, of which runsc joins none; while the block runs."""

    CHART = pathlib.Path(__file__).resolve().parents[2] / "charts" / "skillbox"

    def __init__(self, cluster):
        self.cluster = cluster

    def obstacle(self):
        """Why it can't be; None if it can."""
        if not self.cluster.kube.get("/apis/node.k8s.io/v1/runtimeclasses?fieldSelector=metadata.name=gvisor")["items"]:
            return "this cluster has no RuntimeClass gvisor"
        return None

    def __enter__(self):
        # What `make up` goes by: without it, it brings the release back when this was killed.
        self.cluster.kube.delete(f"/api/v1/namespaces/{RELEASE}/configmaps/skillbox-dev")
        self.before = json.loads(command("helm", "history", RELEASE, "-n", RELEASE, "--max", "1", "-o", "json"))[0]["revision"]
        try:
            self.helm("upgrade", RELEASE, str(self.CHART), "--reuse-values", "--set", "sandbox.runtimeClassName=gvisor",
                      "--set", "sandbox.userNamespaces=false")
        except Failure:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.helm("rollback", RELEASE, str(self.before))

    def helm(self, *arguments):
        command("helm", *arguments, "-n", RELEASE, "--wait", "--timeout", "3m")
        for program in ("apiserver", "controller"):
            rolled_out(self.cluster, program)


def rolled_out(cluster, program, timeout=120):
    """The Deployment's newest Pod is ready and no older one is left."""
    name = f"{RELEASE}-{program}"

    def done(deployments):
        item = deployments[name]
        status = item.get("status", {})
        return (status.get("observedGeneration") == item["metadata"]["generation"] and status.get("updatedReplicas") == status.get("replicas")
                == status.get("readyReplicas") == item["spec"]["replicas"])
    kube = cluster.kube
    kube.wait(f"/apis/apps/v1/namespaces/{RELEASE}/deployments?fieldSelector=metadata.name={name}", done, f"{name} is rolled out", timeout)
    kube.wait(f"/api/v1/namespaces/{RELEASE}/pods?labelSelector=app.kubernetes.io/component={program}",
              lambda o: len(o) == 1 and all(is_ready(p) for p in o.values()), f"the old Pod of {name} goes", timeout)


def are_supported(cluster, pool, timeout=20):
    """Whether anything acts on SandboxPools here: tries with one sandbox."""
    pool.resize(1)
    start = time.monotonic()
    try:
        pool.ready(timeout=timeout)
    except Failure:
        return False
    return time.monotonic() - start < timeout


def restart(cluster, program):
    """New Pods of one of our programs, as `kubectl rollout restart` makes them."""
    path = f"/apis/apps/v1/namespaces/{RELEASE}/deployments/{RELEASE}-{program}"
    stamp = {"kubectl.kubernetes.io/restartedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    cluster.kube.patch(path, {"spec": {"template": {"metadata": {"annotations": stamp}}}})
    rolled_out(cluster, program)
