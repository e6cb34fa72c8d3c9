"""What executions cost beside time: writes to the Kubernetes API, CPU, memory, start of the programs."""

import concurrent.futures
import json
import pathlib
import re
import time
import uuid

import skills
from cluster import API, NAMESPACE, PROGRAMS, RELEASE, Failure, on_node
from pools import rolled_out

WRITES = ("POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION")
DAEMONS = ("kube-apiserver", "etcd", "kubelet", "containerd", "kube-scheduler", "kube-controller-manager", "kube-proxy")


def parse_writes(text):
    """{"verb group/resource/subresource": count} of writes, from kube-apiserver's metrics."""
    counts = {}
    for line in text.splitlines():
        if not line.startswith("apiserver_request_total{"):
            continue
        labels, value = line[len("apiserver_request_total{"):].rsplit("} ", 1)
        label = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if label["verb"] not in WRITES or label.get("dry_run") or not label["code"].startswith("2"):
            continue
        name = "/".join(filter(None, (label["group"], label["resource"], label["subresource"])))
        key = f"{label['verb']} {name}"
        counts[key] = counts.get(key, 0) + float(value.split()[0])
    return counts


def difference(before, after):
    return {key: after[key] - before.get(key, 0) for key in sorted(after) if after[key] != before.get(key, 0)}


class Meter:
    """CPU of our programs, of the cluster's, and of the whole node; and writes; between start() and stop()."""

    def __init__(self, cluster, node):
        self.cluster, self.node = cluster, node

    def read(self):
        return time.perf_counter(), self.node.usage((*PROGRAMS, *DAEMONS)), parse_writes(self.cluster.kube.metrics())

    def start(self):
        self.before = self.read()

    def stop(self):
        (t0, use0, writes0), (t1, use1, writes1) = self.before, self.read()
        cpu = {}
        for comm, item in use1["processes"].items():
            if item["pids"] != use0["processes"][comm]["pids"]:
                raise Failure(f"{comm} was restarted while its CPU was measured")
            cpu[comm] = (item["cpu_ns"] - use0["processes"][comm]["cpu_ns"]) / 1e9
        return {"seconds": t1 - t0, "cpu_s": cpu, "node_cpu_s": (use1["node_cpu_ns"] - use0["node_cpu_ns"]) / 1e9,
                "writes": difference(writes0, writes1)}


def per_execution(cluster, node, count, skill, pool, quiet, idle_seconds):
    """`count` executions one after the other, until the pool is full again, and as long with none: what each one costs."""
    quiet.wait()
    time.sleep(3)  # the kubelet and containerd still tidy up after the Pods that are gone
    meter = Meter(cluster, node)
    meter.start()
    time.sleep(idle_seconds)
    idle = meter.stop()
    connection, raw = cluster.rest.connect(), cluster.rest.execution(skill)
    not_warm = 0
    meter.start()
    for _ in range(count):
        if pool:
            pool.ready(at_least=1)
        _, status, body = connection.exchange(raw)
        answer = json.loads(body)
        if status != 200 or answer["status"] != "success":
            raise Failure(f"an execution ended with {status} {body[:300]!r}")
        not_warm += not answer["warm"]
    quiet.wait()
    busy = meter.stop()
    connection.close()
    return {"n": count, "not_warm": not_warm, **shares(idle, busy, count)}


def shares(idle, busy, count):
    """CPU seconds an execution, beyond what the same time costs idle, and our programs' share of it; writes an execution."""
    scale = busy["seconds"] / idle["seconds"]
    cpu = {comm: (busy["cpu_s"][comm] - idle["cpu_s"][comm] * scale) / count for comm in busy["cpu_s"]}
    node = (busy["node_cpu_s"] - idle["node_cpu_s"] * scale) / count
    ours = sum(cpu[p] for p in PROGRAMS)
    writes = {key: value / count for key, value in busy["writes"].items()}
    cpu["the rest: runc, shims, Pods' own"] = node - sum(cpu.values())
    return {"cpu_s": cpu, "node_cpu_s": node, "share": ours / node if node > 0 else None, "writes": writes,
            "skillbox_writes": sum(v for k, v in writes.items() if "skillbox.dev/" in k),
            "idle_cpu_share_of_one": {comm: idle["cpu_s"][comm] / idle["seconds"] for comm in PROGRAMS}}


def memory(node):
    """MiB of both programs: resident, of that anonymous (the rest is the program's and its libraries' pages), and the peak."""
    return {comm: {key: round(item[f"{key}_kib"] / 1024, 2) for key in ("rss", "anon", "peak")}
            for comm, item in node.usage()["processes"].items()}


def isolation_of_a_run(cluster):
    """The layers in the record of an execution: most of what the watch brings of one."""
    connection = cluster.rest.connect()
    _, status, body = connection.exchange(cluster.rest.execution("bench-cold"))
    connection.close()
    answer = json.loads(body)
    if status != 200 or answer["status"] != "success":
        raise Failure(f"an execution ended with {status} {body[:300]!r}")
    return cluster.kube.get(f"{cluster.resources}/executions/{answer['execution_id']}")["status"]["isolation"]


class Finished:
    """Finished Executions, written directly to the Kubernetes API as the controller would have left them."""

    def __init__(self, cluster):
        self.cluster, self.count = cluster, 0
        self.path = f"{cluster.resources}/executions"
        self.isolation = isolation_of_a_run(cluster)

    def grow(self, count, workers=8):
        """Until there are `count`."""
        numbers = iter(range(self.count, count))

        def work(share):
            connection = self.cluster.kube.connect()
            for number in share:
                self.one(connection, number)
            connection.close()
        todo = list(numbers)
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for future in [pool.submit(work, todo[k::workers]) for k in range(workers)]:
                future.result()
        self.count = count

    def one(self, connection, number):
        # The skill does not exist, so the controller waits for it, and starts nothing before the status is there.
        name = str(uuid.uuid4())
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        send = self.cluster.kube.send
        send("POST", self.path, {
            "apiVersion": API.removeprefix("/apis/"), "kind": "Execution",
            "metadata": {"name": name},
            "spec": {"skillRef": {"name": "bench-none", "version": "1.0.0"}, "inputText": skills.INPUT}}, connection=connection)
        send("PATCH", f"{self.path}/{name}/status", {"status": {
            "conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded", "message": "the script ended with 0",
                            "lastTransitionTime": now}],
            "startTime": now, "completionTime": now, "exitCode": 0, "durationMilliseconds": 12, "podName": f"skx-{name}-0",
            "output": json.dumps({"customers": 7, "totals": {f"c{n}": 100 * n for n in range(7)}}), "logs": "40 orders\n",
            "timings": {"queue": 0.1, "sandbox": 0.1, "start": 1, "run": 12, "collect": 0.1, "total": 14}, "warm": True,
            "skillVersion": "1.0.0", "skillDigest": "sha256:" + "0" * 64, "image": "python:3.12-slim",
            "imageID": "docker.io/library/python@sha256:" + "0" * 64, "isolation": self.isolation}},
            "application/merge-patch+json", connection=connection)


def remove_executions(cluster):
    """All of the benchmark's own."""
    path = f"{cluster.resources}/executions"
    while cluster.kube.get(f"{path}?limit=1")["items"]:
        cluster.kube.delete(f"{path}?limit=500")  # more at a time take longer than the API server allows
    cluster.kube.wait(path, lambda o: not o, "the finished Executions go", 600)


def settled_memory(node, seconds=15):
    """Memory once it stops growing."""
    deadline, last = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        now = memory(node)
        if now == last:
            break
        last = now
        time.sleep(2)
    return now


def starts(cluster, node, times):
    """Milliseconds from exec to /ready of both programs, in new Pods. name → [ms]"""
    ports = {"skillbox-apiserver": 8080, "skillbox-controller": 8081}
    took = {program: [] for program in PROGRAMS}
    for _ in range(times):
        for program, port in ports.items():
            path = f"/api/v1/namespaces/{RELEASE}/pods"
            part = program.removeprefix("skillbox-")
            old = node.usage()["processes"][program]["pids"]
            for pod in cluster.kube.get(f"{path}?labelSelector=app.kubernetes.io/component={part}")["items"]:
                cluster.kube.delete(f"{path}/{pod['metadata']['name']}")
            took[program].append(node.call("start_time", comm=program, old=old, port=port, seconds=60)["ready_ms"])
            rolled_out(cluster, part)
    cluster.rest.connection.close()
    return took


def footprint():
    """Bytes of the programs and of their images, as the node has them."""
    sizes = {}
    for name, size in re.findall(r"docker.io/skillbox/(\w+)\S*.*?([\d.]+ [KMG]iB)", on_node("ctr -n k8s.io images ls 2>/dev/null")):
        sizes[name] = size
    release = pathlib.Path(__file__).resolve().parents[2] / "build/release/bin"
    binaries = {p.name: p.stat().st_size for p in sorted(release.glob("skillbox-*")) if p.is_file()}
    return {"image": sizes, "binary_bytes": binaries}
