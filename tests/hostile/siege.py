#!/usr/bin/env python3
"""One tenant does all that harms at once, while another runs its executions: none of these may be lost, wrong or late.

On the cluster of `make up`, which has nothing else to do meanwhile: dev/siege. First the quiet tenant runs alone; then every attack
of attacks.py goes on in a process of its own, at the lowest priority, since attackers have machines of their own and here they
share this one."""

import argparse
import contextlib
import json
import multiprocessing
import os
import pathlib
import statistics
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import requests  # noqa: E402

import attacks  # noqa: E402
from kube_api import KubeApi  # noqa: E402
from skillbox_client import Kubectl, Node, component_pods, load_environment, restart_count, skill_zip  # noqa: E402
from tenant import new_tenant  # noqa: E402
from waiting import unique, wait_for  # noqa: E402

PROGRAMS = ("apiserver", "controller")
LATE = 3  # times the quiet p99
MEMORY_MIB = 128
# What an operator gives a tenant of ill will on a small node: not the whole of it.
QUOTA = ("quota.hard.pods=20", r"quota.hard.limits\.memory=6Gi")
POOL = 6  # of the other tenant, which wants a sandbox every two seconds
PATIENCE_S = 60  # of a caller who is told to come again
SCRIPT = """import json, os
given = json.load(open(os.environ["SANDBOX_INPUT_FILE"]))
json.dump({"n": given["n"], "square": given["n"] ** 2}, open(os.environ["SANDBOX_OUTPUT"], "w"))
print("run", given["n"])
"""


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Caller:
    """The quiet tenant: one run every so often, each in time."""

    def __init__(self, client, skill):
        self.client, self.skill, self.session = client, skill, requests.Session()
        self.timings = []  # of the records, and when the caller had each, in ms

    def run(self, n):
        """(seconds, what was wrong or None, times it was told to come again)"""
        started, refusals = time.monotonic(), 0
        body = json.dumps({"skill": self.skill, "input": {"n": n}})
        headers = {"Authorization": f"Bearer {self.client.api_key}", "Content-Type": "application/json",
                   "Idempotency-Key": unique("siege")}
        while True:
            try:
                answer = self.session.post(self.client.base_url + "/v1/executions", data=body, headers=headers, timeout=PATIENCE_S)
                if answer.status_code == 200:
                    record = answer.json()
                    self.timings.append({**record["timings"], "caller": (time.monotonic() - started) * 1000})
                    right = record["status"] == "success" and record["output"] == {"n": n, "square": n * n}
                    return time.monotonic() - started, None if right else answer.text[:400], refusals
                problem = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code not in (429, 503):
                    return time.monotonic() - started, problem, refusals
            except requests.exceptions.RequestException as lost:
                problem = str(lost)
            refusals += 1
            if time.monotonic() - started > PATIENCE_S:
                return time.monotonic() - started, problem, refusals
            time.sleep(0.2)

    def runs(self, count, seconds, first, tell):
        results, threads, began = [], [], time.monotonic()
        for i in range(count):
            time.sleep(max(0, began + i * seconds / count - time.monotonic()))
            thread = threading.Thread(target=lambda n=first + i: results.append((n, *self.run(n))))
            thread.start()
            threads.append(thread)
            tell(i + 1, results)
        for thread in threads:
            thread.join()
        return results


def attacker(attack, client, kube_url, stop):
    os.nice(19)
    attacks.attack_until(attack, attacks.Target(client, kube_url), stop)


@contextlib.contextmanager
def under_attack(client, kube_url, chosen):
    context = multiprocessing.get_context("fork")
    stop = context.Event()
    processes = [context.Process(target=attacker, args=(attack, client, kube_url, stop), daemon=True) for attack in chosen]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        stop.set()
        for process in processes:
            process.join(15)
            if process.is_alive():
                process.kill()


class Programs:
    """Memory and restarts of both, from the node."""

    def __init__(self, kubectl, node):
        self.kubectl, self.node = kubectl, node
        self.before = self.identities()

    def identities(self):
        return {name: [(pod["metadata"]["uid"], restart_count(pod)) for pod in component_pods(self.kubectl, name)]
                for name in PROGRAMS}

    def peaks_mib(self):
        script = r"""for p in $(pgrep -x "skillbox-$1"); do sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$p/status"; done"""
        return {name: max(int(kib) for kib in self.node.execute("bash", "-c", script, "bash", name[:6]).split()) / 1024
                for name in PROGRAMS}

    def restarted(self):
        return [name for name, identities in self.identities().items() if identities != self.before[name]]


def progress(phase, count):
    def tell(done, results):
        if sys.stderr.isatty():
            print(f"\r  {phase}: {done} of {count}, {sum(1 for r in results if r[2])} wrong ", end="", file=sys.stderr, flush=True)
            if done == count:
                print(file=sys.stderr)
    return tell


def address(kubectl, environment):
    """Of the Service, by the node's own address where it is on this machine's network: the engine's proxy before the published
    port, which no other cluster has, would be what is measured (its queue overflows, and a second passes)."""
    node = next(a["address"] for a in kubectl.items("nodes")[0]["status"]["addresses"] if a["type"] == "InternalIP")
    for service in kubectl.items("services", "-A", "-l", "app.kubernetes.io/name=skillbox,app.kubernetes.io/component=apiserver"):
        direct = f"http://{node}:{service['spec']['ports'][0].get('nodePort')}"
        with contextlib.suppress(requests.exceptions.RequestException):
            requests.get(direct + "/health", timeout=2).raise_for_status()
            return direct
    return environment["SKILLBOX_SERVER_URL"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="how long (600)")
    parser.add_argument("--runs", type=int, default=300, help="executions of the other tenant meanwhile (300)")
    parser.add_argument("--quiet-runs", type=int, default=100, help="before it, alone, at the same pace (100)")
    parser.add_argument("--only", metavar="ATTACK", action="append", choices=[a.__name__ for a in attacks.ATTACKS],
                        help="one of: " + ", ".join(a.__name__ for a in attacks.ATTACKS))
    return parser.parse_args()


def phases(timings):
    """Where the time went, as the records say."""
    return ", ".join(f"{name} {statistics.median(t[name] for t in timings):.1f}" for name in timings[0]) if timings else "none"


def report(quiet, besieged, programs):
    """The lines, and what did not hold."""
    times = {"quiet": [r[1] for r in quiet], "besieged": [r[1] for r in besieged]}
    limit = LATE * percentile(times["quiet"], 0.99)
    broken = [f"run {n}: {wrong}" for n, _, wrong, _ in sorted(quiet) + sorted(besieged) if wrong]
    late = [s for s in times["besieged"] if s > limit]
    for name, values in times.items():
        print(f"  {name:9} N {len(values)}  median {statistics.median(values) * 1000:.1f} ms  "
              f"p99 {percentile(values, 0.99) * 1000:.1f} ms  max {max(values) * 1000:.1f} ms")
    print(f"  later than {LATE} x the quiet p99 ({limit * 1000:.1f} ms): {len(late)}; told to come again: {sum(r[3] for r in besieged)}")
    if late:
        broken.append(f"{len(late)} of {len(besieged)} were late")
    for name, mib in programs.peaks_mib().items():
        print(f"  {name} at most {mib:.1f} MiB")
        if mib >= MEMORY_MIB:
            broken.append(f"{name} took {mib:.1f} MiB, not under {MEMORY_MIB}")
    broken += [f"{name} was restarted" for name in programs.restarted()]
    return broken


def main():
    options = arguments()
    environment = load_environment()
    chosen = [a for a in attacks.ATTACKS if not options.only or a.__name__ in options.only]
    kubectl = Kubectl(environment)
    url = address(kubectl, environment)
    programs = Programs(kubectl, Node(environment, kubectl))
    api = KubeApi(environment)
    try:
        with new_tenant(kubectl, url, "quiet", "run,push") as quiet, new_tenant(
                kubectl, url, "hostile", "run,push", QUOTA) as hostile:
            inside = Kubectl(environment, quiet.tenant)
            inside.apply({"apiVersion": "skillbox.dev/v1alpha1", "kind": "SandboxPool", "metadata": {"name": "python"},
                          "spec": {"image": "python:3.12-slim", "replicas": POOL, "preload": ["json"]}})
            wait_for(lambda: (inside.get("sandboxpool", "python").get("status") or {}).get("ready") == POOL, "the pool is ready")
            skill = unique("square")
            quiet.push(skill_zip(skill, SCRIPT))
            caller, pace = Caller(quiet, skill), options.seconds / options.runs
            alone = caller.runs(options.quiet_runs, options.quiet_runs * pace, 0, progress("quiet", options.quiet_runs))
            before = len(caller.timings)
            with under_attack(hostile, api.url, chosen):
                besieged = caller.runs(options.runs, options.seconds, 10 ** 6, progress("besieged", options.runs))
            broken = report(alone, besieged, programs)
            for name, timings in (("quiet", caller.timings[:before]), ("besieged", caller.timings[before:])):
                print(f"  {name}: medians of the records' timings, ms: {phases(timings)}")
            for slow in sorted(caller.timings[before:], key=lambda t: -t["caller"])[:5]:
                print(f"  one of the slowest: {phases([slow])}")
    finally:
        api.close()
    for line in broken:
        print(f"  NOT HELD: {line}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
