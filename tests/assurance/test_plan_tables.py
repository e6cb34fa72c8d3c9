"""docs/architecture.md shows the plan's rules and actions as they are, in the order that counts."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXECUTION = ROOT / "controller" / "execution"


def documented(name):
    """First cells of the table between <!-- name --> and <!-- /name -->."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    block, = re.findall(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.S)
    head, line, *rows = block.splitlines()
    assert head.startswith("|") and set(line) <= set("|-"), block
    return [row.split("|")[1].strip() for row in rows]


def table(file, name):
    """The lines of `name[] = { … };`."""
    text = (EXECUTION / file).read_text()
    block, = re.findall(rf"\}} {name}\[\] = \{{\n(.*?)\n\}};", text, re.S)
    return block


def test_rules():
    rules = re.findall(r'\{"([^"]+)", rule_\w+\}', table("plan.c", "rules"))
    assert len(rules) > 20 and len(set(rules)) == len(rules)
    assert documented("plan-rules") == rules


def test_every_rule_is_asked():
    text = (EXECUTION / "plan.c").read_text()
    defined = re.findall(r"^static enum verdict (rule_\w+)\(", text, re.M)
    assert sorted(defined) == sorted(re.findall(r", (rule_\w+)\}", table("plan.c", "rules")))


def test_actions():
    actions = re.findall(r'\{(ACTION_\w+), "([^"]+)", \w+\}', table("apply.c", "actions"))
    assert documented("plan-actions") == [name for _, name in actions]
    text = (EXECUTION / "plan.h").read_text()
    values = dict(re.findall(r"(ACTION_\w+) = 1 << (\d+)", text))
    assert [values[action] for action, _ in actions] == [str(i) for i in range(len(actions))], "the enum's values are their order"
