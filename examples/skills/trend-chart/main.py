"""The trend of measurements over time: numbers, a chart, a workbook. It needs an image with pandas, scipy and matplotlib."""

import json
import math
import os
import sys

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt  # noqa: E402
import pandas as pd  # noqa: E402
import scipy.stats  # noqa: E402

RECORDS_MIN, RECORDS_MAX, SERIES_MAX = 3, 20_000, 8
LARGEST = 1e100  # squares of it are numbers, too
YEARS = (1900, 2199)
DAY = pd.Timedelta(days=1)
CHART, WORKBOOK = "chart.png", "trend.xlsx"


class BadInput(Exception):
    """What the caller can put right."""


def text_of(request, key, default):
    value = request.get(key, default)
    if not isinstance(value, str) or len(value) > 200:
        raise BadInput(f"'{key}' must be a text of at most 200 characters")
    return value


def shown(text):
    """Without what neither a chart nor a workbook can show."""
    return "".join(c if c.isprintable() else " " for c in text)


def number_of(value):
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST
    return float(value) if is_number else None


def read_table(request):
    """(a table with the columns series, time, value; notes)"""
    if not isinstance(request, dict):
        raise BadInput("the input must be an object with 'records'")
    records = request.get("records")
    if not isinstance(records, list) or not RECORDS_MIN <= len(records) <= RECORDS_MAX or not all(isinstance(r, dict) for r in records):
        raise BadInput(f"'records' must be a list of {RECORDS_MIN} to {RECORDS_MAX} objects")
    keys = {"time": text_of(request, "time", "time"), "value": text_of(request, "value", "value")}
    if "series" in request:
        keys["series"] = text_of(request, "series", "")
    for role, key in keys.items():
        if not any(key in record for record in records):
            raise BadInput(f"no record has the key {key!r} ('{role}'); the first one has {', '.join(sorted(records[0])) or 'none'}")
    times = [record.get(keys["time"]) for record in records]
    times = pd.Series([time if isinstance(time, str) else None for time in times], dtype="str")
    table = pd.DataFrame({"time": pd.to_datetime(times, format="ISO8601", utc=True, errors="coerce")})
    table["value"] = [number_of(record.get(keys["value"])) for record in records]
    table["series"] = [shown(str(record.get(keys["series"], "(none)"))) for record in records] if "series" in keys else shown(keys["value"])
    table["time"] = table["time"].where(table["time"].dt.year.between(*YEARS))
    kept = table.dropna().sort_values("time", kind="stable")
    left_out = len(table) - len(kept)
    return kept, [f"{left_out} records were left out: they have no number, or no time from {YEARS[0]} to {YEARS[1]}"] if left_out else []


def summary_of(name, rows):
    days = (rows["time"] - rows["time"].iloc[0]) / DAY
    if len(rows) < RECORDS_MIN or days.nunique() < 2:
        raise BadInput(f"the series {name!r} has {len(rows)} records at {days.nunique()} times; a trend needs {RECORDS_MIN} at 2")
    fit = scipy.stats.linregress(days, rows["value"])
    p_value = 1.0 if math.isnan(fit.pvalue) else fit.pvalue  # of a level line
    return {"name": name, "count": len(rows), "from": f"{rows['time'].iloc[0]:%Y-%m-%d}", "to": f"{rows['time'].iloc[-1]:%Y-%m-%d}",
            "mean": round(rows["value"].mean(), 6), "slope_per_day": round(fit.slope, 6), "p_value": round(p_value, 6),
            "trend": ("up" if fit.slope > 0 else "down") if p_value < 0.05 else "unclear"}, fit.intercept + fit.slope * days


def draw(groups, lines, title, path):
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    for name, rows in groups:
        (dots,) = axes.plot(rows["time"], rows["value"], "o", markersize=4, label=name.replace("$", r"\$"))
        axes.plot(rows["time"], lines[name], color=dots.get_color(), alpha=0.6)
    axes.set_title(title.replace("$", r"\$"))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.autofmt_xdate()
    figure.savefig(path, dpi=120)


def months_of(table):
    month = table["time"].dt.strftime("%Y-%m").rename("month")
    months = table.groupby(["series", month])["value"].mean().rename("mean").reset_index()
    return months.assign(change=months.groupby("series")["mean"].diff())


def main():
    with open(os.environ["SANDBOX_INPUT_FILE"], encoding="utf-8") as file:
        request = json.load(file)
    table, notes = read_table(request)
    title = shown(text_of(request, "title", ""))
    groups = list(table.groupby("series", sort=True))
    if not groups:
        raise BadInput(f"no record has both a number and a time from {YEARS[0]} to {YEARS[1]}")
    if len(groups) > SERIES_MAX:
        raise BadInput(f"'records' have {len(groups)} series, and a chart at most {SERIES_MAX}: choose some, or leave 'series' out")
    found, lines = [], {}
    for name, rows in groups:
        summary, lines[name] = summary_of(name, rows)
        found.append(summary)
    folder = os.environ["SANDBOX_FILES_DIR"]
    draw(groups, lines, title, os.path.join(folder, CHART))
    with pd.ExcelWriter(os.path.join(folder, WORKBOOK)) as book:
        pd.DataFrame(found).to_excel(book, sheet_name="series", index=False)
        months_of(table).to_excel(book, sheet_name="months", index=False)
    with open(os.environ["SANDBOX_OUTPUT"], "w", encoding="utf-8") as file:
        json.dump({"series": found, "files": [CHART, WORKBOOK], "notes": notes}, file)


if __name__ == "__main__":
    try:
        main()
    except BadInput as problem:
        sys.exit(f"trend-chart: {problem}")
