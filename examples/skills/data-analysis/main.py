"""Statistics of a table, of numbers, or of objects: of every column, and of one column grouped by another."""

import csv
import datetime
import io
import json
import math
import os
import statistics
import sys
from collections import Counter

MISSING = {"", "na", "n/a", "nan", "null", "none", "-"}
NUMBERS = "value"  # the column of a plain list of numbers
KINDS = {str: "a text", bool: "a truth value", list: "a list", dict: "an object", type(None): "null"}


class BadInput(Exception):
    """What the caller can put right."""


def tidy(number):
    """Six decimals are enough for people, and whole numbers have none."""
    number = round(number, 6)
    return int(number) if number == int(number) and abs(number) < 2**53 else number


def to_number(text):
    try:
        number = float(text.replace("_", "x"))  # float() takes 1_000, tables don't mean it
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def to_date(text):
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None


def read_table(text, delimiter):
    """Header, rows and notes."""
    if not delimiter:
        first = text.lstrip("\ufeff").split("\n", 1)[0]
        delimiter = max(",;\t|", key=first.count)
    lines = csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=delimiter)
    try:
        table = [[cell.strip() for cell in line] for line in lines if line]
    except csv.Error as problem:
        raise BadInput(f"the CSV can't be read: {problem}") from problem
    if len(table) < 2:
        raise BadInput("'csv' needs a line of column names and at least one row")
    header = table[0]
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise BadInput(f"column names must differ, but {repeated[0]!r} is there more than once")
    rows = [row for row in table[1:] if len(row) == len(header)]
    left_out = len(table) - 1 - len(rows)
    notes = [f"{left_out} of {len(table) - 1} rows were left out: they don't have {len(header)} cells"] if left_out else []
    if not rows:
        raise BadInput(f"no row has {len(header)} cells as the header has")
    return header, rows, notes


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def cell_of(value, where):
    """A JSON value as a CSV file would have it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"{where} is too large for a number")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def read_data(data):
    """Header, rows and notes of a list of numbers, or of objects, whose keys are the columns."""
    if not isinstance(data, list) or not data:
        raise BadInput("'data' must be a list of numbers or of objects, with at least one of them")
    kind = dict if isinstance(data[0], dict) else None
    for i, item in enumerate(data):
        if not (isinstance(item, dict) if kind else item is None or is_number(item)):
            wanted = "an object as the first one is" if kind else "a number"
            raise BadInput(f"'data' must be a list of numbers or of objects: data[{i}] is {KINDS.get(type(item), 'a number')}, not {wanted}")
    if not kind:
        return [NUMBERS], [[cell_of(item, f"data[{i}]")] for i, item in enumerate(data)], []
    header = list(dict.fromkeys(key for item in data for key in item))
    if not header:
        raise BadInput("the objects of 'data' have no keys")
    return header, [[cell_of(item.get(key), f"data[{i}]") for key in header] for i, item in enumerate(data)], []


def describe_numbers(numbers):
    return {
        "sum": tidy(math.fsum(numbers)),
        "mean": tidy(statistics.fmean(numbers)),
        "median": tidy(statistics.median(numbers)),
        "stdev": tidy(statistics.stdev(numbers)) if len(numbers) > 1 else 0,
        "min": tidy(min(numbers)),
        "max": tidy(max(numbers)),
    }


def describe_column(name, cells, limit):
    values = [cell for cell in cells if cell.lower() not in MISSING]
    column = {"name": name, "type": "text", "count": len(values), "missing": len(cells) - len(values),
              "distinct": len(set(values))}
    if not values:
        return column
    numbers = [to_number(value) for value in values]
    if None not in numbers:
        return {**column, "type": "number", **describe_numbers(numbers)}
    dates = [to_date(value) for value in values]
    if None not in dates:
        return {**column, "type": "date", "min": min(dates).isoformat(), "max": max(dates).isoformat()}
    if len(set(values)) == len(values):  # names or numbers of things: none is more frequent
        return column
    top = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))[:limit]
    return {**column, "top": [{"value": value, "count": count} for value, count in top]}


def column_index(header, field, name):
    if name not in header:
        raise BadInput(f"'{field}' is {name!r}, but the columns are: {', '.join(header)}")
    return header.index(name)


def group(header, rows, group_by, value):
    """The groups, the largest first, and the number of rows that have no number to add."""
    key_at = column_index(header, "group_by", group_by)
    counts = Counter(row[key_at] for row in rows)
    if not value:
        groups = [{"key": key, "count": count} for key, count in counts.items()]
        return sorted(groups, key=lambda entry: (-entry["count"], entry["key"])), 0
    value_at = column_index(header, "value", value)
    numbers, skipped = {}, 0
    for row in rows:
        number = to_number(row[value_at])
        if number is None:
            skipped += 1
        else:
            numbers.setdefault(row[key_at], []).append(number)
    if not numbers:
        raise BadInput(f"column {value!r} holds no numbers")
    total = math.fsum(n for group_numbers in numbers.values() for n in group_numbers)
    groups = []
    for key, count in counts.items():
        mine = numbers.get(key, [])
        entry = {"key": key, "count": count, "sum": tidy(math.fsum(mine))}
        if mine:
            entry |= {"mean": tidy(statistics.fmean(mine)), "min": tidy(min(mine)), "max": tidy(max(mine))}
        entry["share"] = round(math.fsum(mine) / total, 4) if total else 0
        groups.append(entry)
    return sorted(groups, key=lambda entry: (-entry["sum"], entry["key"])), skipped


def analyse(request):
    if not isinstance(request, dict) or ("csv" in request) == ("data" in request):
        raise BadInput("the input must be an object with either 'data', a list of numbers or of objects, or 'csv', a table as text")
    if "csv" in request and not isinstance(request["csv"], str):
        raise BadInput(f"'csv' must be the table as text, not {KINDS.get(type(request['csv']), 'a number')}")
    group_by, value = request.get("group_by"), request.get("value")
    for field in ("group_by", "value"):
        if not isinstance(request.get(field, ""), (str, type(None))):
            raise BadInput(f"'{field}' must be the name of a column")
    if value and not group_by:
        raise BadInput("'value' needs 'group_by'")
    limit = request.get("limit", 20)
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= 1000:
        raise BadInput("'limit' must be a whole number from 1 to 1000")
    delimiter = request.get("delimiter")
    if delimiter is not None and (not isinstance(delimiter, str) or delimiter not in (",", ";", "\t", "|")):
        raise BadInput("'delimiter' must be one of , ; | or a tab")

    if "csv" in request:
        header, rows, notes = read_table(request["csv"], delimiter)
    else:
        header, rows, notes = read_data(request["data"])
    columns = [describe_column(name, [row[i] for row in rows], limit) for i, name in enumerate(header)]
    result = {"row_count": len(rows), "rows": len(rows), "columns": columns}
    if not isinstance(request.get("data", [{}])[0], dict) and columns[0]["type"] == "number":
        # A plain list of numbers: its statistics are the answer.
        result |= {field: columns[0][field] for field in ("sum", "median", "stdev", "min", "max")} | {"mean": float(columns[0]["mean"])}
    if group_by:
        groups, skipped = group(header, rows, group_by, value)
        if skipped:
            notes.append(f"{skipped} rows have no number in {value!r}; they count as rows but not in the sums")
        if len(groups) > limit:
            notes.append(f"the {limit} largest of {len(groups)} groups are shown")
        result |= {"group_by": group_by, **({"value": value} if value else {}), "groups": groups[:limit]}
    return {**result, "notes": notes}


def markdown_table(entries, fields):
    lines = ["| " + " | ".join(fields) + " |", "|" + "---|" * len(fields)]
    for entry in entries:
        cells = (str(entry.get(field, "")).replace("|", "\\|").replace("\n", " ") for field in fields)
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def report(result):
    lines = ["# Report", "", f"{result['rows']} rows, {len(result['columns'])} columns.", ""]
    if "groups" in result:
        what = f"{result['value']} by {result['group_by']}" if "value" in result else f"Rows by {result['group_by']}"
        lines += [f"## {what[0].upper()}{what[1:]}", "", *markdown_table(result["groups"], list(result["groups"][0])), ""]
    lines += ["## Columns", "", *markdown_table(
        result["columns"], ["name", "type", "count", "missing", "distinct", "sum", "mean", "median", "stdev", "min", "max"])]
    for note in result["notes"]:
        lines += ["", f"> {note}"]
    return "\n".join(lines) + "\n"


def summary(result):
    """The groups, or the columns when there are none, as CSV."""
    entries = result.get("groups") or [{k: v for k, v in column.items() if k != "top"} for column in result["columns"]]
    fields = list(dict.fromkeys(field for entry in entries for field in entry))
    out = io.StringIO()
    writer = csv.DictWriter(out, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries)
    return out.getvalue()


def read_input():
    try:
        with open(os.environ["SANDBOX_INPUT_FILE"], encoding="utf-8") as file:
            return json.load(file)
    except (ValueError, RecursionError) as problem:  # a number of thousands of digits, say
        raise BadInput(f"the input can't be used: {problem}") from problem


def main():
    try:
        try:
            result = analyse(read_input())
        except OverflowError as problem:
            raise BadInput("the numbers are too large to be added up") from problem
    except BadInput as problem:
        # One line, whatever names of columns are in it.
        print(f"data-analysis: {' '.join(str(problem).split())}", file=sys.stderr)
        return 1
    files = os.environ["SANDBOX_FILES_DIR"]
    for name, text in (("report.md", report(result)), ("summary.csv", summary(result))):
        with open(os.path.join(files, name), "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)
    # Half a character (a lone surrogate) has no UTF-8; it goes out as the JSON escape that it came as.
    with open(os.environ["SANDBOX_OUTPUT"], "w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(result, file, ensure_ascii=False)
    print(f"analysed {result['rows']} rows, {len(result['columns'])} columns")
    return 0


if __name__ == "__main__":
    sys.exit(main())
