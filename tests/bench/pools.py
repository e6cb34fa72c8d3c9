"""Pools of waiting sandboxes for the benchmark, and waiting until the cluster is quiet."""

import time

from cluster import API, NAMESPACE, RELEASE, Failure
from contenders import JOBS, PODS


class Pool:
    """A SandboxPool of one shape; made with the first resize()."""

    def __init__(self, cluster, name, shape, **more):
        self.cluster, self.name, self.replicas = cluster, name, 0
        spec = {"image": "python:3.12-slim", "replicas": 0, "resources": shape, **more}
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


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


class Quiet:
    """Waits until nothing is under way: the pools are full, and no other Pod but those that stay is there."""

    def __init__(self, cluster, pools=(), stay=("exec",)):
        self.cluster, self.pools, self.stay = cluster, pools, stay

    def wait(self, timeout=180):
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


class RuntimeClass:
    """The controller with another runtime class, while the block runs."""

    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name
        self.path = f"/apis/apps/v1/namespaces/{RELEASE}/deployments/{RELEASE}-controller"

    def set(self, value):
        deployment = self.cluster.kube.get(self.path)
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        entry = next(e for e in container["env"] if e["name"] == "SKILLBOX_RUNTIME_CLASS")
        old, entry["value"] = entry.get("value", ""), value
        if old != value:
            self.cluster.kube.send("PATCH", self.path, {"spec": {"template": {"spec": {"containers": [
                {"name": container["name"], "env": [entry]}]}}}}, "application/strategic-merge-patch+json")
            rolled_out(self.cluster, "controller")
        return old

    def obstacle(self):
        """Why it can't be; None if it can."""
        container = self.cluster.kube.get(self.path)["spec"]["template"]["spec"]["containers"][0]
        if {"name": "SKILLBOX_USER_NAMESPACES", "value": "true"} in container["env"]:
            return f"sandboxes have user namespaces here, of which {self.name} joins none, and the admission policy asks for them"
        return None

    def __enter__(self):
        self.old = self.set(self.name)

    def __exit__(self, *_):
        self.set(self.old)


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
