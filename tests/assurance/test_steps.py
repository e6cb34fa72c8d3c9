"""A step of dev/ that fails half way is a failure, wherever it is called from: bash goes on after failures inside whatever is
on the left of ||, and once said "ok" of them."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAILS = "work() { false; echo went-on; }; enter() { step one 'A step' work; echo entered; }"


def run(folder, command):
    script = f"set -euo pipefail; LOGS={folder}; . dev/lib/ui.sh; . dev/lib/budgets.sh; {FAILS}; budget_start; {command}; echo reached"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    log = folder / "one.log"
    return done.returncode, done.stdout, log.read_text() if log.exists() else ""


def test_a_step_that_fails_ends_the_script(tmp_path):
    for command in ("enter", "budget_time part enter"):
        status, out, log = run(tmp_path, command)
        assert status != 0 and "reached" not in out and "entered" not in out and log == "", (command, out, log)


def test_a_status_that_is_asked_for_is_given(tmp_path):
    status, out, _ = run(tmp_path, "budget_time part sh -c 'exit 3' || echo status $?")
    assert (status, out) == (0, "status 3\nreached\n")
    assert re.fullmatch(r"part\t\d+\n", (tmp_path / "budgets.tsv").read_text())


def test_what_is_waited_for_in_the_background_fails_too(tmp_path):
    """As dev/lib/configs.sh goes back to the first configuration, whatever happened."""
    status, out, log = run(tmp_path, "(enter) & wait $! || echo noticed")
    assert status == 0 and "noticed" in out and "entered" not in out and log == "", (out, log)


def test_the_way_back_is_not_on_the_left_of_an_or():
    text = (ROOT / "dev" / "test").read_text() + (ROOT / "dev" / "lib" / "configs.sh").read_text()
    assert not re.search(r"(config_(enter|leave)|\bstep)\b[^\n]*\)? \|\| ", text)


def test_the_table_marks_what_went_over(tmp_path):
    _, out, _ = run(tmp_path, "printf 'up\\t20000\\ncheck\\t175001\\nnew\\t5\\n' >$BUDGET_FILE; budget_table")
    assert re.search(r"^  up +20\.0 s +20 s$", out, re.MULTILINE)
    assert re.search(r"^  check +175\.0 s +175 s  over its budget$", out, re.MULTILINE)
    assert re.search(r"^  new +0\.0 s *$", out, re.MULTILINE) and "over budget: check (" in out
