"""Where the time of warm executions goes: the phases that the answers tell of, and what the processors did meanwhile (perf)."""

import collections
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import contenders
import report
from cluster import Failure

ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = ("skillbox-apiser", "skillbox-contro", "runner", "python3", "python")
RATE = 9973


def profile(bench):
    """Executions one after the other, each in a full and quiet pool, while perf looks at the whole machine; only what it saw between
    the request's first byte and the answer's last counts."""
    if not shutil.which("perf"):
        raise Failure("perf is not installed: apt-get install linux-perf")
    cluster, warm = bench.cluster, bool(bench.pool)
    if warm:
        bench.pool.resize(6)
    contestant = contenders.Skillbox(cluster, "warm" if warm else "cold", "bench-warm" if warm else "bench-cold", warm)
    quiet = bench.quiet()
    quiet.wait()
    contestant.once()
    spans = []
    with tempfile.TemporaryDirectory() as folder:
        trace = str(pathlib.Path(folder, "perf.data"))
        recorder = subprocess.Popen(["perf", "record", "-q", "-a", "-F", str(RATE), "-e", "cpu-clock", "-k", "CLOCK_MONOTONIC", "-o", trace],
                                    stderr=subprocess.PIPE, text=True)
        try:
            for _ in range(10 if bench.options.quick else 40):
                quiet.wait()
                begin = time.perf_counter()  # perf's clock, too
                contestant.once()
                spans.append((begin, time.perf_counter()))
        finally:
            recorder.terminate()
            _, said = recorder.communicate()
        samples = subprocess.run(["perf", "script", "-i", trace, "-F", "comm,tid,time,ip,sym,dso"], capture_output=True, text=True).stdout
    if not samples:
        raise Failure(f"perf recorded nothing: {said[-300:]}")
    contestant.answers.bodies.pop(0)  # the one that warmed up
    lines = tables(spans, samples, report.phase_medians(contestant.answers))
    folder = ROOT / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profile.md").write_text("\n".join(lines) + "\n")
    print("\n".join(["", *lines, "", "build/bench/profile.md"]))


SAMPLE = re.compile(r"^\s*(.{1,16}?)\s+(\d+)\s+(\d+\.\d+):\s+[0-9a-f]+ (.*) \((.*)\)$")


def inside(spans, text):
    """(milliseconds since the span's begin, span, comm, symbol, file) of the samples in the spans, which are in order."""
    current = 0
    for line in text.splitlines():
        if not (found := SAMPLE.match(line)):
            continue
        comm, _, at, symbol, file = found.groups()
        at = float(at)
        while current < len(spans) and at > spans[current][1]:
            current += 1
        if current == len(spans):
            return
        if at >= spans[current][0]:
            yield (at - spans[current][0]) * 1000, current, comm, symbol, file


def tables(spans, text, answers):
    """The report as Markdown lines: phases, processes, functions."""
    each = 1000 / RATE / len(spans)  # a sample stands for that many milliseconds of one execution
    by_process, by_function, ends = collections.Counter(), collections.defaultdict(collections.Counter), collections.defaultdict(dict)
    for at, span, comm, symbol, file in inside(spans, text):
        by_process[comm] += each
        name = "kernel" if file.startswith("[") else file.rsplit("/", 1)[-1]
        by_function[comm][f"{symbol} ({name})"] += each
        first, _ = ends[comm].get(span, (at, at))
        ends[comm][span] = (first, at)
    took = [(b - a) * 1000 for a, b in spans]
    phases = {"whole": report.percentile(took, 50), **{k.removesuffix("_ms"): v for k, v in answers["phases"].items()}}
    lines = [f"{len(spans)} executions, medians in ms; `rest` is what the client saw beyond `total`.", "",
             *report.table(list(phases), [list(phases.values())]), "",
             "Processors during these executions: ms an execution, and when a process is first and last seen at work (medians, ms from "
             "the request's first byte).", ""]
    rows = [[f"`{comm}`", ms, *(report.percentile([span[k] for span in ends[comm].values()], 50) for k in (0, 1)),
             f"{len(ends[comm]) / len(spans):.0%}"] for comm, ms in by_process.most_common(16) if not comm.startswith("swapper")]
    lines += report.table(["process", "CPU ms", "first", "last", "seen in"], rows)
    for comm in OURS:
        if functions := by_function.get(comm):
            lines += ["", f"`{comm}`", "", *report.table(["ms an execution", "function"], [[ms, f"`{name}`"] for name, ms in functions.most_common(10)])]
    return lines
