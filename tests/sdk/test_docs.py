"""Every Python snippet of docs/sdk-python.md and of the READMEs runs as it stands, against the real API server, and prints what it says
there. The test is the controller, and its Python functions are the skills."""

import json

import pytest

from api_server import ApiServer
from snippets import ROOT, as_here, blocks, controller, run_block, unkept
from vector_server import files_archive
from waiting import free_port

PAGES = ("docs/sdk-python.md", "sdks/python/README.md", "README.md")
# What newcomers are told, word for word.
NEWCOMERS = '''
client = Client("http://localhost:8080", "sk-...", tenant_id="default")
for skill in client.list_skills():
    print(f"{skill.name}: {skill.description}")
result = client.run("text-summary", input={"text": "One. Two.", "max_sentences": 3})
print(result.output)
if result.has_files:
    client.download_files(result, "./output")
'''


@pytest.fixture(scope="module")
def rest(plane, make_client, tmp_path_factory):
    """A client of a server whose files can be fetched, with the skills."""
    url = f"http://127.0.0.1:{free_port()}"
    server = ApiServer(plane, tmp_path_factory.mktemp("docs"), SKILLBOX_API_PORT=url.rpartition(":")[2], SKILLBOX_PUBLIC_URL=url)
    rest = make_client(server.start())
    for name in ("greet", "broken", "echo", "report", "slow", "text-summary"):
        rest.push(name, instructions="Call it.", files={"references/input.schema.json": '{"type":"object"}'})
    with controller(rest, outcome):
        yield rest
    server.stop()


def outcome(rest, execution):
    """How a skill ends: reason and status; None: it doesn't."""
    name, text = execution["spec"]["skillRef"]["name"], execution["spec"]["inputText"]
    if execution["spec"].get("cancel"):
        return "Cancelled", {"errorCode": "cancelled", "error": "cancelled"}
    if name == "slow":
        return None
    if name == "broken":
        return "Failed", {"exitCode": 1, "errorCode": "exit_nonzero", "error": "container exited with code 1: ValueError: no", "logs": "no\n"}
    if name == "greet":
        return "Succeeded", {"output": json.dumps({"greeting": f"Hello, {json.loads(text)['name']}!"}), "logs": "greeting\ndone\n"}
    if name == "report":
        files = [{"name": "charts/a.svg", "text": "<svg/>"}, {"name": "report.md", "text": "# March"}]
        return "Succeeded", {"files": [file["name"] for file in files], "filesRef": rest.put_blob("executions", files_archive(files))}
    return "Succeeded", {"output": text}


@pytest.fixture
def place(rest, tmp_path, monkeypatch):
    """Where a reader of the page is: server and key in the environment, a skill's folder in the directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKILLBOX_SERVER_URL", rest.server.url)
    monkeypatch.setenv("SKILLBOX_API_KEY", rest.key)
    folder = tmp_path / "examples" / "skills" / "greet"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: greet\ndescription: Greets.\nlang: bash\n---\n\nCall it.\n")
    (folder / "main.sh").write_text("true\n")
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_every_snippet_runs(rest, place, page):
    names = {"__name__": "snippet"}
    found = blocks(page)
    assert found
    assert page == "README.md" or (ROOT / page).read_text().count("```") == 2 * len(found), "a block that is not run"
    for code in found:
        printed = run_block(as_here(code, rest), names)
        assert unkept(code, printed) == [], printed
        if "delete_skill" in code:
            names["client"].register_skill("examples/skills/greet")  # for those that come after
    if page == PAGES[0]:
        assert (place / "output" / "report.md").read_text() == "# March" and (place / "output" / "charts" / "a.svg").exists()


def test_the_lines_for_newcomers(rest, place):
    printed = run_block(as_here(NEWCOMERS, rest), {"Client": __import__("skillbox").Client})
    assert "text-summary: made by a test\n" in printed and "{'text': 'One. Two.', 'max_sentences': 3}\n" in printed
