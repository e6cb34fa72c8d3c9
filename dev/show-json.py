"""Prints JSON so that a person can take it in: three levels are spread over lines, what is below stays on one."""
import json
import sys


def spread(value, indent, levels):
    short = json.dumps(value, ensure_ascii=False)
    if levels == 0 or not isinstance(value, (dict, list)) or len(short) + len(indent) <= 100:
        return short
    inner = indent + "  "
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(k)}: {spread(v, inner, levels - 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + indent + "}"
    return "[\n" + ",\n".join(inner + spread(v, inner, levels - 1) for v in value) + "\n" + indent + "]"


print(spread(json.load(sys.stdin), "", 3))
