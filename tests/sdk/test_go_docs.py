"""Every Go snippet of docs/sdk-go.md and of the READMEs compiles and runs as it stands, against the real API server, and prints what it
says there; so do the lines that newcomers are told. All of them are one program."""

import pathlib
import re
import subprocess

import pytest

import go_tool
from test_docs import place, rest  # noqa: F401
from waiting import unique

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ("docs/sdk-go.md", "sdks/go/README.md", "README.md")
MARK = "---- snippet"
# After a page that deletes it.
AGAIN = """
_, err := client.RegisterSkill(ctx, "examples/skills/greet")
return err
"""


def blocks(page):
    return re.findall(r"^```go\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def promised(code):
    """What the comments behind a Println say that it prints."""
    return [text.strip() for text in re.findall(r"^.*fmt\.Println\(.*\)\s+// (.*)$", code, re.MULTILINE)]


def as_here(code, rest):  # noqa: F811
    return (code.replace('"http://localhost:8080"', f'"{rest.server.url}"').replace('"sk-..."', f'"{rest.key}"')
            .replace('WithTenant("default")', f'WithTenant("{rest.tenant}")').replace('"invoice-4711"', f'"{unique("invoice")}"'))


@pytest.fixture(scope="module")
def program(rest, tmp_path_factory):  # noqa: F811
    """The snippets as (page, code), and the program of them."""
    folder = tmp_path_factory.mktemp("go-docs")
    found = [(page, code) for page in PAGES for code in blocks(page)]
    snippets = [one for page, code in found if not code.startswith(("type ", "func "))
                for one in ((page, code), *([(page, AGAIN)] if "DeleteSkill(" in code else []))]
    snippets.append(("newcomers", go_tool.NEWCOMERS))
    declarations = [as_here(code, rest) for _, code in found if code.startswith(("type ", "func "))]
    (folder / "main.go").write_text(go_tool.program([as_here(code, rest) for _, code in snippets], declarations, MARK))
    return snippets, go_tool.build(folder)


def run(program, place):  # noqa: F811
    """(page, code, output) of each snippet."""
    snippets, path = program
    done = subprocess.run([path], cwd=place, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = done.stdout.split(MARK + "\n")[1:]
    assert len(outputs) == len(snippets)
    return [(page, code, output) for (page, code), output in zip(snippets, outputs)]


def test_every_snippet_runs(program, place):  # noqa: F811
    ran = run(program, place)
    for page, code, output in ran:
        for text in promised(code):
            if "…" in text:
                assert all(part.strip() in output for part in text.split("…")), (page, code, output)
            else:
                assert any(text in line for line in output.splitlines()), (page, code, output)
    assert (place / "output" / "report.md").read_text() == "# March" and (place / "output" / "charts" / "a.svg").exists()
    assert ran[-1][2] == 'success {"text":"One. Two.","max_sentences":3} [] <nil>\n'


def test_every_block_is_run():
    page = (ROOT / PAGES[0]).read_text()
    assert page.count("```go\n") >= 12 and page.count("```") == 2 * (page.count("```go\n") + page.count("```sh\n"))
    assert sum(len(promised(code)) for code in blocks(PAGES[0])) > 15


def test_snippets_are_formatted():
    """As gofmt does it, but for what makes a program of them."""
    problems = []
    for page in PAGES:
        for code in blocks(page):
            whole = code if code.startswith(("type ", "func ")) else "func x() error {\n" + re.sub(r"^(?=.)", "\t", code, flags=re.MULTILINE) + "}\n"
            problems.append(go_tool.gofmt(source="package x\n\n" + whole))
    assert [text for text in problems if text] == []
