"""Plots as SVG, without a library: bars on a logarithmic axis, and lines."""

import math
from html import escape

COLORS = ("#2563a8", "#c2571a", "#3a7d44", "#7a4a9c", "#a83232", "#5f6b76")
WIDTH, LEFT, RIGHT, TOP = 720, 150, 30, 44


def document(height, title, parts):
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>', f'<text x="16" y="24" font-size="15" fill="#222">{escape(title)}</text>',
        *parts, "</svg>", ""])


def text(x, y, what, anchor="start", color="#444"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(str(what))}</text>'


def line(x1, y1, x2, y2, color="#ddd", width=1):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" stroke-width="{width}"/>'


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def decades(low, high):
    return [10.0 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def steps(high):
    """Round marks of a linear axis from 0."""
    size = 10.0 ** math.floor(math.log10(high))
    size = next(s for s in (size / 5, size / 2, size, size * 2) if high / s <= 6)
    return [size * k for k in range(int(high / size) + 2)]


def bars(title, rows):
    """rows: (label, median, p99) in ms; a bar to the median and a thin line on to the 99th percentile."""
    marks = decades(min(r[1] for r in rows), max(r[2] for r in rows))
    height = TOP + 26 * len(rows) + 36

    def x(value):
        return LEFT + (WIDTH - LEFT - RIGHT - 90) * math.log(value / marks[0]) / math.log(marks[-1] / marks[0])
    parts = []
    for mark in marks:
        parts += [line(x(mark), TOP, x(mark), height - 30), text(x(mark), height - 14, f"{number(mark)} ms", "middle")]
    for index, (label, median, p99) in enumerate(rows):
        y = TOP + 26 * index + 4
        color = COLORS[0] if label.startswith(("warm", "cold")) else COLORS[5]
        parts += [f'<rect x="{LEFT}" y="{y}" width="{max(1.0, x(median) - LEFT):.1f}" height="16" fill="{color}"/>',
                  line(x(median), y + 8, x(p99), y + 8, color, 2), text(LEFT - 8, y + 13, label, "end"),
                  text(x(p99) + 6, y + 13, f"{number(median)} (p99 {number(p99)})")]
    return document(height, title, parts)


def lines(title, series, x_label, y_label, logarithmic=False):
    """series: name → [(x, y)]."""
    points = [p for values in series.values() for p in values]
    high = max(y for _, y in points)
    height, right = 360, WIDTH - 150
    marks = decades(min(y for _, y in points), high) if logarithmic else steps(high)
    across = steps(max(x for x, _ in points))
    left, bottom = 76, height - 46

    def x(value):
        return left + (right - left) * value / across[-1]

    def y(value):
        share = math.log(value / marks[0]) / math.log(marks[-1] / marks[0]) if logarithmic else value / marks[-1]
        return bottom - (bottom - TOP) * share
    parts = []
    for mark in marks:
        parts += [line(left, y(mark), right, y(mark)), text(left - 8, y(mark) + 4, number(mark), "end")]
    parts += [text(x(mark), bottom + 18, number(mark), "middle") for mark in across]
    parts += [text((left + right) / 2, height - 8, x_label, "middle"), text(16, TOP - 8, y_label)]
    for index, (name, values) in enumerate(series.items()):
        color = COLORS[index % len(COLORS)]
        path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in values)
        parts += [f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>',
                  *(f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="3" fill="{color}"/>' for a, b in values),
                  line(right + 12, TOP + 18 * index, right + 30, TOP + 18 * index, color, 2),
                  text(right + 36, TOP + 4 + 18 * index, name)]
    return document(height, title, parts)


def stacked(title, rows, names):
    """rows: (label, {name: ms}); where the time of one went."""
    high = max(sum(values.get(n) or 0 for n in names) for _, values in rows)
    height = TOP + 30 * len(rows) + 64
    marks = steps(high)

    def width(value):
        return (WIDTH - LEFT - RIGHT) * value / marks[-1]
    parts = []
    for mark in marks:
        parts += [line(LEFT + width(mark), TOP, LEFT + width(mark), height - 56),
                  text(LEFT + width(mark), height - 40, f"{number(mark)} ms", "middle")]
    for index, (label, values) in enumerate(rows):
        at, y = LEFT, TOP + 30 * index + 4
        parts.append(text(LEFT - 8, y + 14, label, "end"))
        for turn, name in enumerate(names):
            size = width(max(0.0, values.get(name) or 0))
            parts.append(f'<rect x="{at:.1f}" y="{y}" width="{size:.1f}" height="20" fill="{COLORS[turn % len(COLORS)]}"/>')
            at += size
    for turn, name in enumerate(names):
        at = 16 + 112 * turn
        parts += [f'<rect x="{at}" y="{height - 26}" width="12" height="12" fill="{COLORS[turn % len(COLORS)]}"/>', text(at + 18, height - 15, name)]
    return document(height, title, parts)


def plots(data):
    """file name → SVG, of what was measured."""
    found = {}
    by_name = {r["name"]: r for r in data["results"]}
    order = ("warm", "warm_gvisor", "warm_plain", "bare", "exec", "runc", "pod", "cold", "job")
    rows = [(n, by_name[n]["p50_ms"], by_name[n]["p99_ms"]) for n in order if n in by_name]
    if rows:
        found["latency.svg"] = bars("One run of the same script, and p99", rows)
    phases = ("queue", "sandbox", "start", "run", "collect", "rest")
    for file, names in (("phases-warm.svg", ("warm", "warm_plain", "warm_gvisor")), ("phases-cold.svg", ("cold",))):
        rows = [(n, {p: by_name[n]["phases"].get(f"{p}_ms") for p in phases}) for n in names if by_name.get(n, {}).get("phases")]
        if rows:
            found[file] = stacked("Where the time goes (medians)", rows, phases)
    levels = [(int(n.rsplit("_", 1)[1]), r) for n, r in by_name.items() if n.startswith("at_once_")]
    if len(levels) > 1:
        found["concurrency.svg"] = lines("Callers at the same moment", {"median": [(c, r["p50_ms"]) for c, r in levels],
                                         "p99": [(c, r["p99_ms"]) for c, r in levels]}, "callers", "ms")
    if data.get("arrivals"):
        series = {f"{r['share']:.0%}, p99": [(w["from_s"] + 5, w["p99_ms"]) for w in r["windows"] if w["n"]] for r in data["arrivals"]}
        found["arrivals.svg"] = lines("Poisson arrivals at a share of the node's Pod churn, by 10 s", series, "seconds", "ms", True)
    if data.get("memory_mib") and len(data["memory_mib"]["steps"]) > 1:
        grown = data["memory_mib"]["steps"]
        found["memory.svg"] = lines("Resident memory against finished Executions", {
            p.removeprefix("skillbox-"): [(s["finished"], s[p]["rss"]) for s in grown] for p in ("skillbox-apiserver", "skillbox-controller")},
            "finished Executions", "MiB")
    return found
