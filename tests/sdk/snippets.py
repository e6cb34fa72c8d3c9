"""Runs the Python snippets of a page as they stand, against the real API server. The test is the controller, and its Python functions
are the skills."""

import contextlib
import io
import pathlib
import re
import threading

from waiting import unique

ROOT = pathlib.Path(__file__).resolve().parents[2]


def blocks(page):
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


@contextlib.contextmanager
def controller(rest, outcome):
    """Ends executions as outcome(rest, execution) says: reason and status; None: it doesn't end."""
    ended, over, problems = set(), threading.Event(), []

    def look():
        for execution in rest.kube.executions(rest.namespace):
            name = execution["metadata"]["name"]
            try:
                found = outcome(rest, execution) if name not in ended else None
            except Exception as problem:  # the caller must not wait for ever
                found = "Failed", {"errorCode": "exit_nonzero", "error": f"the test's skill: {problem!r}"}
                problems.append(problem)
            if found:
                ended.add(name)
                rest.kube.finish(rest.namespace, name, found[0], **found[1])

    def work():
        try:
            while not over.wait(0.02):
                look()
        except Exception as problem:
            problems.append(problem)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join(30)
    assert problems == []


def as_here(code, rest):
    return (code.replace('"http://localhost:8080"', repr(rest.server.url)).replace('"sk-..."', repr(rest.key))
            .replace('tenant_id="default"', f"tenant_id={rest.tenant!r}").replace('"invoice-4711"', repr(unique("invoice"))))


def run_block(code, names):
    """What it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "snippet", "exec"), names)
    return out.getvalue()


def promised(code):
    """What the comments behind a print say that it prints."""
    return [text.strip() for text in re.findall(r"^.*print\(.*\)\s+# (.*)$", code, re.MULTILINE)]


def unkept(code, printed):
    """What is promised and not printed; after … anything may follow."""
    return [text for text in promised(code) if (text.removesuffix("…").strip() not in printed if text.endswith("…")
                                                else text not in printed.splitlines())]
