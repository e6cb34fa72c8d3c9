#!/usr/bin/env python3
"""Writes sales.csv (the same bytes every time), sales.json (the skill's input made of it) and sales-request.json (the body
for POST /v1/executions). With --check it writes nothing and fails if a file is not what it would write."""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
REGIONS = ("North", "South", "East", "West")
PRODUCTS = (("Desk lamp", 34.9), ("Office chair", 189.0), ("Standing desk", 449.0), ("Monitor arm", 79.5), ("Keyboard", 59.9))
CHANNELS = ("online", "retail", "partner")
ROWS = 120


def random_numbers(seed):
    """A generator of our own: the data must not change with Python's."""
    while True:
        seed = (seed * 1103515245 + 12345) % 2**31
        yield seed >> 8


def sales_csv():
    numbers = random_numbers(20260101)
    lines = ["order_id,date,region,product,channel,units,unit_price,revenue,satisfaction"]
    for i in range(ROWS):
        region = REGIONS[next(numbers) % 7 % 4]  # not all alike
        product, price = PRODUCTS[next(numbers) % len(PRODUCTS)]
        channel = CHANNELS[next(numbers) % len(CHANNELS)]
        units = 1 + next(numbers) % 12
        price = round(price * (1 - 0.05 * (next(numbers) % 4)), 2)
        rating = next(numbers) % 11
        satisfaction = "" if rating < 2 else str(1 + rating // 2 - 1)  # not everyone answers
        day = f"2026-{1 + i // 20:02d}-{1 + (i % 20) * 27 // 20:02d}"
        lines.append(f"SO-{10001 + i},{day},{region},{product},{channel},{units},{price:.2f},{units * price:.2f},{satisfaction}")
    return "\n".join(lines) + "\n"


def files():
    table = sales_csv()
    request = {"csv": table, "group_by": "region", "value": "revenue"}
    return {
        "sales.csv": table,
        "sales.json": json.dumps(request) + "\n",
        "sales-request.json": json.dumps({"skill": "data-analysis", "input": request}) + "\n",
    }


def main(arguments):
    stale = []
    for name, text in files().items():
        path = HERE / name
        if arguments == ["--check"]:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"not as make.py writes them: {', '.join(stale)}", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
