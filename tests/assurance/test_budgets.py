"""What the parts of `make test` may take: the script and the page say the same, and nothing is without a budget."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = (ROOT / "dev" / "lib" / "budgets.sh").read_text()
BUDGETS = re.findall(r"^\t([a-z0-9-]+):(\d+)$", SCRIPT, re.MULTILINE)


def test_the_page_has_the_scripts_numbers():
    page = (ROOT / "docs" / "development.md").read_text()
    table = page.partition("<!-- budgets -->")[2].partition("<!-- /budgets -->")[0]
    assert len(BUDGETS) > 5 and re.findall(r"^\| `([a-z0-9-]+)` \| (\d+) ", table, re.MULTILINE) == BUDGETS


def test_every_part_that_is_timed_has_one():
    text = (ROOT / "dev" / "test").read_text()
    configurations = re.search(r"^CONFIGS=\((.*)\)$", (ROOT / "dev" / "lib" / "configs.sh").read_text(), re.MULTILINE)[1].split()
    timed = set(re.findall(r'budget_time "?([a-z$-]+)"?', text))
    parts = {name.replace("$config", config) for name in timed for config in configurations if config != "s3"}
    # The two that have no test that must be alone, and the one that need not be entered.
    parts -= {"image-volume-alone", "init-container-alone", "embedded-enter"}
    assert parts == {name for name, _ in BUDGETS}


def test_all_of_them_together_fit_into_the_time_that_a_run_has():
    assert sum(int(seconds) for _, seconds in BUDGETS) <= 25 * 60
