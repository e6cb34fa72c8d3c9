"""A chart of a CSV table, as SVG."""

import csv
import io
import json
import math
import os
import re
import sys
from xml.sax.saxutils import escape, quoteattr

ROWS_MAX, SERIES_MAX = 2000, 8
SIZE_MIN, SIZE_MAX = 200, 2000
KINDS = ("bar", "line", "scatter")
COLOURS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#db2777", "#4b5563")
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
FILE = "chart.svg"


class BadInput(Exception):
    """What the caller can put right."""


# ---- the table


def to_number(text):
    try:
        number = float(text.replace("_", "x"))  # float() takes 1_000, tables don't mean it
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def tidy(number):
    """Whole numbers are written without a point."""
    return int(number) if number == int(number) and abs(number) < 2**53 else number


def read_table(text, delimiter):
    text = text.lstrip("\ufeff")
    if not delimiter:
        delimiter = max(",;\t|", key=text.split("\n", 1)[0].count)
    try:
        lines = [[cell.strip() for cell in line] for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if line]
    except csv.Error as problem:
        raise BadInput(f"the CSV can't be read: {problem}") from problem
    if len(lines) < 2:
        raise BadInput("'csv' needs a line of column names and at least one row")
    header, rows = lines[0], [line for line in lines[1:] if len(line) == len(lines[0])]
    if len(set(header)) < len(header):
        raise BadInput("the column names of 'csv' must differ")
    if not rows:
        raise BadInput(f"no row of 'csv' has {len(header)} cells as its first line has")
    if len(rows) > ROWS_MAX:
        raise BadInput(f"'csv' has {len(rows)} rows, and a chart at most {ROWS_MAX}: group or shorten the table first")
    left_out = len(lines) - 1 - len(rows)
    return header, rows, [f"{left_out} rows were left out: they don't have {len(header)} cells"] if left_out else []


def column(header, field, name):
    if name not in header:
        raise BadInput(f"'{field}' is {name!r}, but the columns are: {', '.join(header)}")
    return header.index(name)


def choose_columns(request, header, rows):
    """Indexes of x and of all y."""
    x = column(header, "x", request["x"]) if request.get("x") is not None else 0
    wanted = request.get("y")
    if wanted is not None:
        names = wanted if isinstance(wanted, list) else [wanted]
        if not names or len(names) > SERIES_MAX:
            raise BadInput(f"'y' must be one column, or a list of 1 to {SERIES_MAX} columns")
        return x, list(dict.fromkeys(column(header, "y", name) for name in names))
    numeric = [i for i in range(len(header)) if i != x and any(to_number(row[i]) is not None for row in rows)]
    if not numeric:
        raise BadInput("no column but 'x' holds numbers")
    return x, numeric[:SERIES_MAX]


# ---- drawing


def number_text(number):
    return f"{number:.10g}"


def ticks_between(low, high):
    """Round numbers, some five of them, that hold low and high between them."""
    if low == high:
        low, high = (low - 1, high + 1) if low == 0 else (low - abs(low) / 2, high + abs(high) / 2)
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999999)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [i * step for i in range(first, last + 1)]


def xml(text):
    return escape(NOT_XML.sub("\ufffd", text))


def shortened(text, length=16):
    return text if len(text) <= length else text[:length - 1] + "…"


class Chart:
    """Lines of SVG, and where values lie in it."""

    def __init__(self, request, kind, labels, xs, series):
        self.kind, self.labels, self.xs, self.series = kind, labels, xs, series
        self.width, self.height = request.get("width", 800), request.get("height", 480)
        title = request.get("title") or ""
        values = [y for _, ys in series for y in ys if y is not None]
        self.y_ticks = ticks_between(min(values + [0]) if kind == "bar" else min(values), max(values + [0]) if kind == "bar" else max(values))
        self.x_ticks = ticks_between(min(xs), max(xs)) if kind == "scatter" else []
        self.left = 22 + 7 * max(len(number_text(tick)) for tick in self.y_ticks)
        self.top, self.right, self.bottom = (44 if title else 20), self.width - 20, self.height - (68 if len(series) > 1 else 44)
        self.out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
                    f'viewBox="0 0 {self.width} {self.height}" font-family="sans-serif" font-size="12" role="img" '
                    f'aria-label={quoteattr(NOT_XML.sub(" ", title) or kind + " chart")}>',
                    f'<rect width="{self.width}" height="{self.height}" fill="#ffffff"/>']
        if title:
            self.text(self.width / 2, 26, shortened(title, self.width // 9), size=16)

    def text(self, x, y, text, anchor="middle", size=12, more=""):
        self.out.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="#111827"{more}>{xml(text)}</text>')

    def y_of(self, value):
        low, high = self.y_ticks[0], self.y_ticks[-1]
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def x_of(self, i):
        if self.kind == "scatter":
            low, high = self.x_ticks[0], self.x_ticks[-1]
            return self.left + (self.xs[i] - low) / (high - low) * (self.right - self.left)
        return self.left + (i + 0.5) * self.slot

    @property
    def slot(self):
        return (self.right - self.left) / len(self.labels)

    def axes(self):
        for tick in self.y_ticks:
            y = self.y_of(tick)
            self.out.append(f'<line x1="{self.left}" x2="{self.right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e7eb"/>')
            self.text(self.left - 6, y + 4, number_text(tick), "end")
        if self.kind == "scatter":
            low, high = self.x_ticks[0], self.x_ticks[-1]
            for tick in self.x_ticks:
                x = self.left + (tick - low) / (high - low) * (self.right - self.left)
                self.text(x, self.bottom + 18, number_text(tick))
        else:
            # As many labels as there is room for.
            longest = max(len(shortened(label)) for label in self.labels)
            every = max(1, math.ceil((7 * longest + 8) / self.slot))
            for i in range(0, len(self.labels), every):
                self.text(self.x_of(i), self.bottom + 18, shortened(self.labels[i]))
        base = self.y_of(0) if self.y_ticks[0] <= 0 <= self.y_ticks[-1] else self.bottom
        self.out.append(f'<line x1="{self.left}" x2="{self.right}" y1="{base:.1f}" y2="{base:.1f}" stroke="#6b7280"/>')

    def bars(self):
        width = self.slot * 0.8 / len(self.series)
        for n, (name, ys) in enumerate(self.series):
            for i, y in enumerate(ys):
                if y is not None:
                    top, bottom = sorted((self.y_of(y), self.y_of(0)))
                    x = self.left + i * self.slot + self.slot * 0.1 + n * width
                    self.out.append(f'<rect x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{bottom - top:.1f}" fill="{COLOURS[n]}">'
                                    f"<title>{xml(self.labels[i])}: {xml(name)} {number_text(y)}</title></rect>")

    def lines(self):
        for n, (_, ys) in enumerate(self.series):
            pieces, piece = [], []
            for i, y in enumerate([*ys, None]):  # a missing value interrupts the line
                if y is not None:
                    piece.append(f"{self.x_of(i):.1f},{self.y_of(y):.1f}")
                elif piece:
                    pieces.append(piece)
                    piece = []
            for piece in pieces:
                self.out.append(f'<polyline points="{" ".join(piece)}" fill="none" stroke="{COLOURS[n]}" stroke-width="2" stroke-linecap="round"/>')
            if len(ys) <= 60 or max(map(len, pieces)) == 1:
                self.dots(n, ys)

    def dots(self, n, ys):
        for i, y in enumerate(ys):
            if y is not None:
                self.out.append(f'<circle cx="{self.x_of(i):.1f}" cy="{self.y_of(y):.1f}" r="3.5" fill="{COLOURS[n]}" fill-opacity="0.8">'
                                f"<title>{xml(self.labels[i])}: {number_text(y)}</title></circle>")

    def legend(self):
        x, room = self.left, (self.right - self.left) / len(self.series)
        for n, (name, _) in enumerate(self.series):
            self.out.append(f'<rect x="{x:.1f}" y="{self.height - 26}" width="12" height="12" fill="{COLOURS[n]}"/>')
            self.text(x + 18, self.height - 16, shortened(name, max(3, int(room / 7) - 4)), "start")
            x += room

    def svg(self):
        self.axes()
        if self.kind == "bar":
            self.bars()
        elif self.kind == "line":
            self.lines()
        else:
            for n, (_, ys) in enumerate(self.series):
                self.dots(n, ys)
        if len(self.series) > 1:
            self.legend()
        return "\n".join([*self.out, "</svg>"]) + "\n"


# ---- the skill


def check(request):
    if not isinstance(request, dict) or not isinstance(request.get("csv"), str):
        raise BadInput("the input must be an object whose 'csv' is the table as text")
    if request.get("kind", "bar") not in KINDS:
        raise BadInput(f"'kind' must be one of {', '.join(KINDS)}, not {request['kind']!r}")
    if not isinstance(request.get("title", ""), str):
        raise BadInput("'title' must be a text")
    for field in ("width", "height"):
        value = request.get(field, SIZE_MIN)
        if not isinstance(value, int) or isinstance(value, bool) or not SIZE_MIN <= value <= SIZE_MAX:
            raise BadInput(f"'{field}' must be a whole number from {SIZE_MIN} to {SIZE_MAX}")
    delimiter = request.get("delimiter")
    if delimiter is not None and (not isinstance(delimiter, str) or delimiter not in (",", ";", "\t", "|")):
        raise BadInput("'delimiter' must be one of , ; | or a tab")


def draw(request):
    """The answer, and the file's text."""
    check(request)
    kind = request.get("kind", "bar")
    header, rows, notes = read_table(request["csv"], request.get("delimiter"))
    x, columns = choose_columns(request, header, rows)
    if kind == "scatter":
        there = [row for row in rows if to_number(row[x]) is not None]
        if not there:
            raise BadInput(f"a scatter chart needs numbers along the bottom, and column {header[x]!r} holds none: name another as 'x'")
        if len(there) < len(rows):
            notes.append(f"{len(rows) - len(there)} rows have no number in {header[x]!r} and were left out")
        rows = there
    series, described = [], []
    for i in columns:
        ys = [to_number(row[i]) for row in rows]
        values = [y for y in ys if y is not None]
        if not values:
            raise BadInput(f"column {header[i]!r} holds no numbers")
        if len(values) < len(ys):
            notes.append(f"{len(ys) - len(values)} cells of {header[i]!r} hold no number and were left out")
        series.append((header[i], ys))
        described.append({"name": header[i], "points": len(values), "min": tidy(min(values)), "max": tidy(max(values))})
    xs = [to_number(row[x]) for row in rows] if kind == "scatter" else []
    try:
        svg = Chart(request, kind, [row[x] for row in rows], xs, series).svg()
    except (OverflowError, ValueError, StopIteration, ZeroDivisionError) as problem:
        raise BadInput("the numbers lie too far apart, or too close together, to be drawn") from problem
    return {"file": FILE, "kind": kind, "x": header[x], "series": described, "notes": notes}, svg


def read_input():
    try:
        with open(os.environ["SANDBOX_INPUT_FILE"], encoding="utf-8") as file:
            return json.load(file)
    except (ValueError, RecursionError) as problem:  # a number of thousands of digits, say
        raise BadInput(f"the input can't be used: {problem}") from problem


def main():
    try:
        result, svg = draw(read_input())
    except BadInput as problem:
        # One line, whatever names of columns are in it.
        print(f"csv-to-chart: {' '.join(str(problem).split())}", file=sys.stderr)
        return 1
    with open(os.path.join(os.environ["SANDBOX_FILES_DIR"], FILE), "w", encoding="utf-8") as file:
        file.write(svg)
    # Half a character (a lone surrogate) has no UTF-8; it goes out as the JSON escape that it came as.
    with open(os.environ["SANDBOX_OUTPUT"], "w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(result, file, ensure_ascii=False)
    print(f"drew {len(result['series'])} series as {FILE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
