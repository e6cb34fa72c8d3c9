"""The Python SDK on the cluster: the lines that newcomers are told, word for word but for the server, the key and its tenant."""

import contextlib
import io
import pathlib

import pytest

from skillbox import Client

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "skills"
LINES = """
client = Client("http://localhost:8080", "sk-...", tenant_id="default")

for skill in client.list_skills():
    print(f"{skill.name}: {skill.description}")

print(client.run("text-summary", input={"text": "It rained. The river rose. The bridge is closed.", "max_sentences": 3}).output)

result = client.run("data-analysis", input={"data": [1, 2, 3, 4, 5]})
if result.has_files:
    client.download_files(result, "./output")
"""


@pytest.fixture
def client(environment):
    return Client(environment["SKILLBOX_SERVER_URL"], environment["SKILLBOX_API_KEY"])


@pytest.fixture
def pushed(client):
    return [client.register_skill(EXAMPLES / name) for name in ("text-summary", "data-analysis")]


@pytest.fixture
def tenant(client, pushed):
    return client.get_execution(client.run("text-summary", input={"text": "One."}).execution_id).tenant_id


def test_the_lines_for_newcomers(environment, pushed, tenant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = LINES.replace("http://localhost:8080", environment["SKILLBOX_SERVER_URL"])
    lines = lines.replace("sk-...", environment["SKILLBOX_API_KEY"]).replace('"default"', repr(tenant))
    names, shown = {"Client": Client}, io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile(lines, "lines", "exec"), names)  # noqa: S102
    told = shown.getvalue().splitlines()
    for skill in pushed:
        assert f"{skill.name}: {skill.description}" in told
    assert told[-1] == "{'summary': 'It rained. The river rose. The bridge is closed.', 'sentence_count': 3, 'total_sentences': 3}"
    assert (names["result"].output["row_count"], names["result"].output["mean"]) == (5, 3.0)
    assert sorted(path.name for path in (tmp_path / "output").iterdir()) == ["report.md", "summary.csv"]
