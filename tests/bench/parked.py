#!/usr/bin/env python3
"""From the job's last byte to its EXIT in the runner, parked and cold, by turns in one run: for people.

    SKILLBOX_RUNNER=build/release/bin/skillbox-runner tests/bench/parked.py [N]

Needs root, as tests/runner does; the sandboxes are made of namespaces there. From the job's first byte on, all that takes
part runs under SCHED_RR, so that other work on the machine is not measured. Also tells the memory of an interpreter that
waits."""

import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from runner import frames, sandbox  # noqa: E402

SCRIPTS = {
    "python": ("main.py", {
        "pass": "pass\n",
        "json in, json out": "import json, os\njson.dump(json.load(open(os.environ['SANDBOX_INPUT_FILE'])), open(os.environ['SANDBOX_OUTPUT'], 'w'))\n",
    }),
    "node": ("main.js", {
        "nothing": "\n",
        "json in, json out": "const fs = require('fs');\nfs.writeFileSync(process.env.SANDBOX_OUTPUT, JSON.stringify(JSON.parse(fs.readFileSync(process.env.SANDBOX_INPUT_FILE))));\n",
    }),
}


def memory(pid):
    """Private and shared KiB of a process."""
    rows = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    kib = {name: int(value.split()[0]) for name, value in rows.items()}
    return kib["Private_Dirty"] + kib["Private_Clean"], kib["Shared_Clean"] + kib["Shared_Dirty"]


def once(interpreter, script, source, parked, preload=""):
    """(ms from START to EXIT, run_us of the runner, memory of the one that waits)"""
    with tempfile.TemporaryDirectory() as directory:
        environment = {"SKILLBOX_TOKEN": sandbox.TOKEN, "PATH": sandbox.PATH, "SKILLBOX_PRELOAD": preload}
        if parked:
            environment["SKILLBOX_PARK"] = interpreter
        one = sandbox.Sandbox(pathlib.Path(directory), environment=environment)
        try:
            peer = one.connect()
            used = None
            if parked:
                child = sandbox.wait_until(lambda: next(iter(sandbox.children_of(one.pid)), None), what="the interpreter")
                wait_for_sleep(child)
                used = memory(child)
            prefer([one.pid, *sandbox.children_of(one.pid), peer.process.pid, *sandbox.children_of(peer.process.pid)])
            job = frames.whole_job({script: source}, interpreter=interpreter, script=script)
            begin = time.perf_counter()
            peer.send(job)
            kind, fields = peer.receive()
            while kind != frames.EXIT:
                assert kind == frames.STARTED, fields
                kind, fields = peer.receive()
            taken = (time.perf_counter() - begin) * 1000
            assert fields["exit_code"] == 0 and fields["parked"] == parked, fields
            return taken, fields["run_us"] / 1000, used
        finally:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            one.close()


def prefer(processes):
    """They, all their threads, and this process."""
    threads = [int(task.name) for pid in processes for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    for thread in [0, *threads]:
        os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(1))


def wait_for_sleep(pid):
    """Until it blocks in its read (of a socket: unix_stream_*), so that nothing of its start is measured."""
    def blocked():
        return "unix_stream" in pathlib.Path(f"/proc/{pid}/wchan").read_text() or \
            pathlib.Path(f"/proc/{pid}/stack").exists() and "unix_stream" in pathlib.Path(f"/proc/{pid}/stack").read_text()
    sandbox.wait_until(blocked, what="the interpreter to wait")


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(f"{time.strftime('%Y-%m-%d %H:%M')}, {count} runs each, load {os.getloadavg()[0]:.1f}")
    print(f"{'':54} job → EXIT, ms         the run alone, ms")
    for interpreter, (script, sources) in SCRIPTS.items():
        for name, source in sources.items():
            ways = {"parked": (True, ""), "cold": (False, "")}
            if "import json" in source:
                ways["parked, json preloaded"] = (True, "json")
            rows = {way: [] for way in ways}
            for _ in range(count):
                for way, (parked, preload) in ways.items():
                    rows[way].append(once(interpreter, script, source, parked, preload))
            for way, got in rows.items():
                label = f"{interpreter}, {name}, {way}"
                whole, run = [g[0] for g in got], [g[1] for g in got]
                print(f"{label:54} median {statistics.median(whole):6.2f} p99 {percentile(whole, .99):6.2f}   "
                      f"median {statistics.median(run):6.2f} p99 {percentile(run, .99):6.2f}", flush=True)
        private, shared = (statistics.median(g[2][i] for g in rows["parked"]) for i in (0, 1))
        print(f"{interpreter} while it waits: {private / 1024:.1f} MiB private, {shared / 1024:.1f} MiB shared")


if __name__ == "__main__":
    main()
