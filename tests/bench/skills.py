"""What is run: one small script (JSON in, JSON out), the same for every contender, and scripts for large inputs and results."""

import io
import json
import zipfile

SCRIPT = """\
import json
import os

with open(os.environ["SANDBOX_INPUT_FILE"]) as file:
    orders = json.load(file)["orders"]
totals = {}
for order in orders:
    totals[order["customer"]] = totals.get(order["customer"], 0) + order["amount"]
print(len(orders), "orders")
with open(os.environ["SANDBOX_OUTPUT"], "w") as file:
    json.dump({"customers": len(totals), "totals": totals}, file)
"""
INPUT = json.dumps({"orders": [{"customer": f"c{n % 7}", "amount": n} for n in range(40)]})

LARGE_INPUT = """\
import json
import os

with open(os.environ["SANDBOX_INPUT_FILE"]) as file:
    text = json.load(file)["text"]
with open(os.environ["SANDBOX_OUTPUT"], "w") as file:
    json.dump({"length": len(text)}, file)
"""
LARGE_OUTPUT = """\
import json
import os

with open(os.environ["SANDBOX_OUTPUT"], "w") as file:
    json.dump({"text": "x" * (1000 * 1000)}, file)
"""
FILES = """\
import os

block = os.urandom(1 << 20)
for number in range(5):
    with open(os.path.join(os.environ["SANDBOX_FILES_DIR"], f"part-{number}.bin"), "wb") as file:
        for turn in range(10):
            file.write(bytes([number, turn]) + block[2:])
"""

# Shapes of sandboxes. A pool serves the skills of exactly its shape, so each contender has one of its own.
WARM = {"cpu": "500m", "memory": "128Mi"}
COLD = {"cpu": "500m", "memory": "130Mi"}
PLAIN = {"cpu": "500m", "memory": "132Mi"}
LARGE = {"cpu": "500m", "memory": "384Mi"}

SKILLS = {
    "bench-warm": (SCRIPT, WARM),
    "bench-cold": (SCRIPT, COLD),
    "bench-plain": (SCRIPT, PLAIN),
    "bench-input": (LARGE_INPUT, LARGE),
    "bench-output": (LARGE_OUTPUT, LARGE),
    "bench-files": (FILES, LARGE),
}


def archive(name, script, resources):
    lines = [f"name: {name}", "description: made by make bench", "lang: python", "resources:",
             *(f"  {key}: {value}" for key, value in resources.items())]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("SKILL.md", "---\n" + "\n".join(lines) + "\n---\nFor measuring.\n")
        made.writestr("main.py", script)
    return out.getvalue()


def archives():
    return {name: archive(name, *rest) for name, rest in SKILLS.items()}
