"""Figures: percentiles, ratios with their targets, tables in Markdown."""

import math

TARGETS = {
    "warm_over_bare": (0.6, "at most", "a warm execution, over REST, against the bare process (medians)"),
    "warm_p99_over_p50": (3, "at most", "warm executions: 99th percentile against median"),
    "cold_over_pod": (1.25, "at most", "a cold execution against a hardened Pod with the same volumes, create to Ready, and the bare process (medians)"),
    "job_over_warm": (40, "at least", "a Kubernetes Job against a warm execution (medians)"),
    "gvisor_warm_over_warm": (1.5, "at most", "warm executions: gVisor against runc, each against the bare process of its phase"),
    "cli_version_ms": (10, "at most", "ms of `skillbox --version`, the whole process (median)"),
    "cli_over_curl_ms": (5, "at most", "ms that `skillbox run` takes beyond curl with the same request, whole processes (medians)"),
    "files_46mb_start_ms": (300, "at most", "ms to load a skill of 46 MB in some 430 files into a sandbox that waits (median)"),
    "numpy_over_bound": (1.5, "at most", "with numpy imported against without, in pools bound to their skill (medians)"),
    "throughput_over_pod_churn": (0.9, "at least", "executions a second, sustained, against bare Pods made and deleted a second"),
    "writes_per_warm_execution": (2, "at most", "writes on resources of skillbox.dev"),
    "cpu_share": (0.15, "at most", "API server's and controller's part of the CPU that an execution costs the whole node"),
    "apiserver_mib_1000": (20, "at most", "resident MiB of the API server, with 1,000 finished Executions"),
    "controller_mib_1000": (20, "at most", "resident MiB of the controller, with 1,000 finished Executions"),
}


def percentile(values, p):
    """Nearest rank: a value that was measured. None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(p / 100 * len(ordered)) - 1)]


def summary(name, values, **more):
    return {"name": name, "n": len(values), **{f"p{p}_ms": rounded(percentile(values, p)) for p in (50, 90, 99)}, **more}


def rounded(value, digits=3):
    return None if value is None else round(value, digits)


def quotient(a, b):
    return rounded(a / b) if a is not None and b else None


def phase_medians(answers):
    """What `timings` said, medians; and how many were not what they should be."""
    seen = answers.summary()
    phases = {f"{name}_ms": rounded(percentile(values, 50)) for name, values in seen.pop("phases").items()}
    return {"phases": phases, **seen}


def ratios(data):
    """The ratios that have targets, from the results by name; None where something was not measured."""
    by_name = {r["name"]: r for r in data["results"]}

    def p(name, which=50):
        return by_name.get(name, {}).get(f"p{which}_ms")

    def against_bare(name, bare):
        return quotient(p(name), p(bare))
    rates = data.get("throughput", {})
    memory = (data.get("memory_mib") or {}).get("finished_1000", {})
    return {
        "warm_over_bare": against_bare("warm", "bare"),
        "warm_p99_over_p50": quotient(p("warm", 99), p("warm")),
        "cold_over_pod": quotient(p("cold"), p("pod") + p("bare") if p("pod") and p("bare") else None),
        "job_over_warm": quotient(p("job"), p("warm")),
        "gvisor_warm_over_warm": quotient(against_bare("warm_gvisor", "bare_gvisor"), against_bare("warm", "bare")),
        "cli_version_ms": p("cli_version"),
        "cli_over_curl_ms": rounded(p("cli_run") - p("curl_run")) if p("cli_run") and p("curl_run") else None,
        "files_46mb_start_ms": p("files_46mb_start"),
        "numpy_over_bound": quotient(p("numpy_bound"), p("bound")),
        "throughput_over_pod_churn": quotient(rates.get("executions_per_s"), rates.get("pods_per_s")),
        "writes_per_warm_execution": rounded(data.get("per_execution", {}).get("skillbox_writes")),
        "cpu_share": rounded(data.get("per_execution", {}).get("share")),
        "apiserver_mib_1000": memory.get("skillbox-apiserver"),
        "controller_mib_1000": memory.get("skillbox-controller"),
    }


def is_met(name, value):
    limit, way, _ = TARGETS[name]
    return value <= limit if way == "at most" else value >= limit


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return lines + ["| " + " | ".join(cell(c) for c in row) + " |" for row in rows]


def cell(value):
    if value is None:
        return "–"
    if isinstance(value, float):
        if value and abs(value) < 0.1:
            return f"{value:.3f}"
        return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def markdown(data):
    """All figures of a run, one table each."""
    machine = data["machine"]
    lines = [f"`{data['command']}`, {data['date']}, commit {machine['commit']}, {machine['cpus']} CPUs ({machine['cpu']}), "
             f"{machine['memory_gib']} GiB, Kubernetes {machine['kubernetes']}, {machine['container_runtime']}, "
             f"Linux {machine['kernel']}. Load average before {data['load_before'][0]:.1f}, after {data['load_after'][0]:.1f}.", ""]
    lines += table(["", "measured", "target", ""], [
        [f"{text} (`{name}`)", data["ratios"].get(name), f"{way} {limit:g}",
         "not measured" if data["ratios"].get(name) is None else "" if is_met(name, data["ratios"][name]) else "**missed**"]
        for name, (limit, way, text) in TARGETS.items()])
    lines += ["", *table(["ms", "N", "median", "p90", "p99"],
                         [[f"`{r['name']}`", r["n"], r["p50_ms"], r["p90_ms"], r["p99_ms"]] for r in data["results"]])]
    for title, part in (("Phases", phases_table), ("Arrivals", arrivals_table), ("Cost", costs_table), ("Memory", memory_table)):
        rows = part(data)
        if rows:
            lines += ["", f"**{title}**", "", *rows]
    return "\n".join(lines) + "\n"


def phases_table(data):
    rows = [r for r in data["results"] if r.get("phases")]
    if not rows:
        return []
    names = list(rows[0]["phases"])
    return table(["median, ms", *(n.removesuffix("_ms") for n in names)], [[f"`{r['name']}`", *(r["phases"].get(n) for n in names)] for r in rows])


def arrivals_table(data):
    return table(["share of the Pod churn", "a second", "N", "median ms", "p99 ms", "not warm"],
                 [[f"{r['share']:.0%}", r["rate_per_s"], r["n"], r["p50_ms"], r["p99_ms"], r["not_warm"]]
                  for r in data["arrivals"]]) if data.get("arrivals") else []


def costs_table(data):
    cost = data.get("per_execution")
    if not cost:
        return []
    rows = [[f"CPU ms of {comm}", seconds * 1000] for comm, seconds in cost["cpu_s"].items()]
    rows += [["CPU ms of the whole node", cost["node_cpu_s"] * 1000], ["share of apiserver and controller", f"{cost['share']:.1%}"]]
    rows += [[f"write {key}", value] for key, value in cost["writes"].items()]
    return table([f"an execution, of {cost['n']}", ""], rows)


def memory_table(data):
    return table(["finished Executions", "apiserver MiB (anonymous)", "controller MiB (anonymous)"],
                 [[step["finished"], *(f"{step[p]['rss']} ({step[p]['anon']})" for p in ("skillbox-apiserver", "skillbox-controller"))]
                  for step in data["memory_mib"]["steps"]]) if data.get("memory_mib") else []
