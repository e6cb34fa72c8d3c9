#!/usr/bin/env python3
"""make bench: what an execution costs, beside the other ways to run the same script, on the cluster of `make up`.

    dev/bench [--quick | --full] [--only NAME,…] [--docs] [--profile]

Writes build/bench.json, and tables and plots to build/bench/. What is compared is measured in turn, in the same run. Needs the
node as a container of an engine that answers (`make up`), since bare processes and memory are measured in it.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
import time

import command_line
import contenders
import costs
import hotspots
import loads
import packages
import plots
import pools
import report
import skills
import wire
from cluster import PROGRAMS, Cluster, Failure, Node, image_root, reachable

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEED = 20261124
PRELOAD = ["json"]  # as the pool that the chart brings
SHARES = (0.25, 0.5, 0.75, 0.9)
#            quick, default, full
SCALE = {
    "rounds": (3, 24, 60), "rounds_seconds": (60, 480, 1800), "gvisor_rounds": (3, 15, 40), "gvisor_seconds": (20, 60, 600),
    "cli_rounds": (5, 30, 60), "package_rounds": (3, 20, 40), "waiting": (10, 50, 50), "levels": ((1, 10), (1, 5, 10, 20, 50), (1, 5, 10, 20, 50)), "each_level": (10, 50, 100),
    "churn": (12, 40, 100), "arrival_seconds": (10, 30, 120), "sizes": (1, 3, 10), "cost": (10, 50, 200), "idle_seconds": (3, 10, 30),
    "finished": ((1000,), (1000, 10000), (1000, 10000, 50000)), "starts": (1, 3, 5),
}


class Bench:
    def __init__(self, options, cluster, image, node):
        self.options, self.cluster, self.image, self.node = options, cluster, image, node
        self.scale = {name: values[1 + options.full - options.quick] for name, values in SCALE.items()}
        self.begin = time.monotonic()
        self.data = {"results": [], "ratios": {}, "memory_mib": {}, "cpu_s_per_1000": {}}
        self.pool = self.large = None
        self.churn = []

    def say(self, text):
        print(f"  {time.monotonic() - self.begin:5.0f} s  {text}", flush=True)

    def result(self, name, values, answers=None, **more):
        if answers:
            more.update(report.phase_medians(answers))
        self.data["results"].append(report.summary(name, values, **more))
        item = self.data["results"][-1]
        self.say(f"{name}: median {item['p50_ms']} ms, p99 {item['p99_ms']} ms, N {item['n']}")

    def make_pools(self):
        """Whether sandboxes wait here."""
        self.pool = pools.Pool(self.cluster, "bench-warm", skills.WARM, preload=PRELOAD)
        self.warm = pools.are_supported(self.cluster, self.pool)
        if self.warm:
            self.large = pools.Pool(self.cluster, "bench-large", skills.LARGE)
        else:
            self.say("nothing fills a SandboxPool here: warm executions can't be measured")
            self.pool.delete()
            self.pool = None

    def quiet(self, stay=("exec",)):
        return pools.Quiet(self.cluster, [p for p in (self.pool, self.large) if p], stay)

    # ---- what is measured, by name

    def latency(self):
        if self.pool:
            self.pool.resize(4)
        contestants = [contenders.Bare(self.image), contenders.Runc(self.node), contenders.Exec(self.cluster), contenders.Pod(self.cluster),
                       contenders.Job(self.cluster), contenders.Skillbox(self.cluster, "cold", "bench-cold", False)]
        if self.pool:
            plain = pools.Pool(self.cluster, "bench-plain", skills.PLAIN)
            plain.resize(2)
            contestants += [contenders.Skillbox(self.cluster, "warm", "bench-warm", True),
                            contenders.Skillbox(self.cluster, "warm_plain", "bench-plain", True)]
            contestants[-2].repeat = 3
        quiet = self.quiet()
        took = loads.rounds(contestants, self.scale["rounds"], self.scale["rounds_seconds"], quiet, self.say)
        if quiet.restless:
            self.say(f"before {quiet.restless} runs the machine did not get idle")
        if self.pool:
            plain.delete()
        for contestant in contestants:
            self.result(contestant.name, took[contestant.name], getattr(contestant, "answers", None))
        self.cluster.kube.delete(f"{contenders.PODS}/exec")

    def cli(self):
        if self.pool:
            self.pool.resize(4)
        folder, contestants = command_line.contestants("bench-warm")
        try:
            took = loads.rounds(contestants, self.scale["cli_rounds"], self.scale["rounds_seconds"], self.quiet(), self.say)
        finally:
            shutil.rmtree(folder)
        for contestant in contestants:
            self.result(contestant.name, took[contestant.name])

    def dependencies(self):
        """What packages cost: loaded into a sandbox that waits, and there already, in pools bound to their skill."""
        if not self.pool:
            return
        for name, archive in packages.archives(packages.download(self.cluster)).items():
            self.cluster.rest.send("POST", "/v1/skills", archive, "application/zip")
            self.cluster.undo.append(lambda name=name: self.cluster.rest.send("DELETE", f"/v1/skills/{name}/1.0.0"))
        own, self.large = (self.pool, self.large), None
        made = [pools.Pool(self.cluster, "bench-46mb", packages.FILES, preload=PRELOAD),
                pools.Pool(self.cluster, "bench-unbound", packages.UNBOUND, preload=PRELOAD),
                pools.Bound(self.cluster, "bench-bound", "bench-bound", PRELOAD),
                pools.Bound(self.cluster, "bench-numpy", "bench-numpy", [*PRELOAD, "numpy"])]
        contestants = [contenders.Skillbox(self.cluster, name, skill, True) for name, skill in
                       (("files_46mb", "bench-46mb"), ("numpy_unbound", "bench-unbound"), ("bound", "bench-bound"), ("numpy_bound", "bench-numpy"))]
        try:
            self.pool.resize(0)
            for pool in made:
                pool.resize(2 if isinstance(pool, pools.Bound) else 1)
            quiet = pools.Quiet(self.cluster, made)
            took = loads.rounds(contestants, self.scale["package_rounds"], self.scale["rounds_seconds"], quiet, self.say)
        finally:
            for pool in made:
                pool.delete()
            self.pool, self.large = own
        for contestant in contestants:
            self.result(contestant.name, took[contestant.name], contestant.answers)
            starts = contestant.answers.summary()["phases"]["start"]
            self.result(f"{contestant.name}_start", starts)

    def gvisor(self):
        if not self.pool:
            return
        gvisor = pools.WithGVisor(self.cluster)
        if (obstacle := gvisor.obstacle()):
            self.say(f"left out: {obstacle}")
            return
        self.pool.resize(0)
        with gvisor:
            own = self.pool, self.large
            self.pool, self.large = pools.Pool(self.cluster, "bench-gvisor", skills.WARM, preload=PRELOAD), None
            try:
                self.pool.resize(3)
                bare, warm = contenders.Bare(self.image), contenders.Skillbox(self.cluster, "warm_gvisor", "bench-warm", True)
                bare.name = "bare_gvisor"
                took = loads.rounds([bare, warm], self.scale["gvisor_rounds"], self.scale["gvisor_seconds"], self.quiet(), self.say)
                self.result("bare_gvisor", took["bare_gvisor"])
                self.result("warm_gvisor", took["warm_gvisor"], warm.answers)
            finally:
                self.pool.delete()
                self.pool, self.large = own
        self.cluster.rest.connection.close()

    def concurrency(self):
        skill = "bench-warm" if self.pool else "bench-cold"
        for level in self.scale["levels"]:
            if self.pool:
                self.pool.resize(max(4, min(level, self.scale["waiting"])))
            times = max(1, self.scale["each_level"] // level) if level > 1 else min(10, self.scale["each_level"])
            took, answers = loads.at_once(self.cluster, level, times, skill, self.quiet(), bool(self.pool))
            self.result(f"at_once_{level}", took, answers)

    def throughput(self):
        """Pods and executions by turns, twice."""
        count = self.scale["churn"]
        rates, took = [], []
        if self.pool:
            self.pool.resize(8)
        for _ in range(2):
            self.quiet().wait()
            self.churn.append(loads.pod_churn(self.cluster, count))
            self.quiet().wait()
            rate, each, answers = loads.closed_loop(self.cluster, 16, count, "bench-warm" if self.pool else "bench-cold",
                                                    self.quiet().wait_for_pods, bool(self.pool))
            answers.summary()  # all of them succeeded
            rates.append(rate)
            took += each
            self.say(f"Pods {self.churn[-1]:.2f}/s, executions {rate:.2f}/s")
        self.result("saturated_16_callers", took)
        self.data["throughput"] = {"pods_per_s": report.rounded(sum(self.churn) / 2), "executions_per_s": report.rounded(sum(rates) / 2),
                                   "pods_each": self.churn, "executions_each": rates, "n": 2 * count}

    def arrivals(self):
        if not self.churn:
            self.churn.append(loads.pod_churn(self.cluster, self.scale["churn"]))
        churn, seconds = sum(self.churn) / len(self.churn), self.scale["arrival_seconds"]
        self.data["arrivals"] = []
        if self.pool:
            self.pool.resize(10)
        for share in SHARES:
            self.quiet().wait()
            took, answers = loads.open_loop(self.cluster, churn * share, seconds, SEED + int(share * 100),
                                            "bench-warm" if self.pool else "bench-cold", bool(self.pool))
            values = [ms for _, ms in took]
            self.result(f"arrivals_{share:.0%}".replace("%", ""), values, answers)
            self.data["arrivals"].append({**report.summary("", values), "share": share, "rate_per_s": report.rounded(churn * share),
                                          "not_warm": answers.summary().get("not_warm"), "windows": loads.windows(took, seconds)})

    def sizes(self):
        if self.large:
            self.pool.resize(0)
            self.large.resize(2)
        took, answers = loads.sizes(self.cluster, self.scale["sizes"], self.quiet())
        for name, values in took.items():
            self.result(name, values, answers.get(name))
        if self.large:
            self.large.resize(0)

    def cost(self):
        if self.pool:
            self.pool.resize(10)
        cost = costs.per_execution(self.cluster, self.node, self.scale["cost"], "bench-warm" if self.pool else "bench-cold", self.pool,
                                   self.quiet(), self.scale["idle_seconds"])
        self.data["per_execution"] = cost
        self.data["cpu_s_per_1000"] = {p: report.rounded(cost["cpu_s"][p] * 1000) for p in PROGRAMS}
        self.say(f"an execution: {cost['skillbox_writes']:.2f} writes, CPU {cost['node_cpu_s'] * 1000:.0f} ms of the node, of that "
                 f"{(cost['share'] or 0):.1%} apiserver and controller")

    def memory(self):
        if self.pool:
            self.pool.resize(0)
            self.quiet().wait()
        finished = costs.Finished(self.cluster)
        costs.remove_executions(self.cluster)  # those of the other parts would count, too
        for program in ("apiserver", "controller"):
            pools.restart(self.cluster, program)
        steps = [{"finished": 0, **costs.settled_memory(self.node)}]
        try:
            for count in self.scale["finished"]:
                finished.grow(count)
                steps.append({"finished": count, **costs.settled_memory(self.node)})
                self.say(f"{count} finished Executions: " + ", ".join(f"{p} {steps[-1][p]['rss']} MiB" for p in PROGRAMS))
        finally:
            costs.remove_executions(self.cluster)
        self.data["memory_mib"] = {"idle": {p: steps[0][p]["rss"] for p in PROGRAMS}, "finished_1000": {p: steps[1][p]["rss"] for p in PROGRAMS},
                                   "steps": steps, "after_their_end": costs.settled_memory(self.node)}
        self.cluster.rest.connection.close()

    def starts(self):
        for program, values in costs.starts(self.cluster, self.node, self.scale["starts"]).items():
            self.result(f"start_{program.removeprefix('skillbox-')}", values)
        self.data["size"] = costs.footprint()

    # ---- the run

    # The order counts: the throughput's Pod churn sets the rates of the arrivals; restarts come last.
    PARTS = ("latency", "cli", "dependencies", "gvisor", "concurrency", "throughput", "arrivals", "sizes", "cost", "starts", "memory")

    def run(self):
        self.data["load_before"] = os.getloadavg()
        self.make_pools()
        if self.options.profile:
            hotspots.profile(self)
            return self.warm
        for part in self.PARTS:
            if not self.options.only or part in self.options.only:
                self.say(f"-- {part}")
                getattr(self, part)()
        self.data["load_after"] = os.getloadavg()
        self.data["ratios"] = report.ratios(self.data)
        return self.warm


def join(old, new):
    """The run before with what this one measured in its place."""
    names = {r["name"] for r in new["results"]}
    kept = [r for r in old["results"] if r["name"] not in names]
    joined = {**old, **{key: value for key, value in new.items() if value}, "results": kept + new["results"]}
    joined["command"] = f"{old['command']}; {new['command']}"
    joined["load_before"] = old["load_before"]
    joined["ratios"] = report.ratios(joined)
    return joined


def write(data, docs):
    folder = ROOT / "build" / "bench"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (ROOT / "build" / "bench.json").write_text(json.dumps(data, indent=1) + "\n")
    (folder / "bench.md").write_text(report.markdown(data))
    for name, svg in plots.plots(data).items():
        (folder / name).write_text(svg)
    if docs:
        shared = ROOT / "docs" / "performance"
        shared.mkdir(exist_ok=True)
        for file in folder.iterdir():
            shutil.copy(file, shared / file.name)
        (shared / "bench.md").write_text("# All figures\n\nMade by `make bench`; [performance.md](../performance.md) says what they mean.\n\n"
                                         + report.markdown(data))


def arguments():
    parser = argparse.ArgumentParser(prog="dev/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="few of each, for working on the benchmark itself: 3 minutes")
    length.add_argument("--full", action="store_true", help="many of each, and 50,000 finished Executions: an hour")
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"some of {', '.join(Bench.PARTS)}")
    parser.add_argument("--add", action="store_true", help="to the figures of build/bench.json, in place of those that are measured again")
    parser.add_argument("--docs", action="store_true", help="copies tables and plots to docs/performance/")
    parser.add_argument("--profile", action="store_true", help="where the time of warm executions goes, with perf, to build/bench/profile.md")
    options = parser.parse_args()
    if unknown := set(options.only or ()) - set(Bench.PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}")
    return options


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was made and set is taken back
    try:
        reachable()
        cluster = Cluster()
        with image_root():
            image, node = Node("image"), Node("node")
            try:
                cluster.prepare()
                bench = Bench(options, cluster, image, node)
                bench.data.update(command=" ".join(["dev/bench", *sys.argv[1:]]), date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
                                  machine=cluster.versions(), bare_python=image.python, seed=SEED, skill=skills.SCRIPT)
                warm = bench.run()
            finally:
                cluster.close()
                image.close()
                node.close()
        if not options.profile:
            if options.add:
                bench.data = join(json.loads((ROOT / "build" / "bench.json").read_text()), bench.data)
            write(bench.data, options.docs)
            print("\n" + report.markdown(bench.data) + "\nbuild/bench.json, build/bench/")
        return 0 if warm else 1
    except (Failure, wire.Closed) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
