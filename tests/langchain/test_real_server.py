"""langchain-skillbox against the real API server: which skills become tools, and every snippet of docs/langchain.md and of the README,
which prints what it says there. The test is the controller, and its Python functions are the skills."""

import json
import sys
import types

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import ToolException
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import create_react_agent

import skillbox
from api_server import ApiServer, zip_of
from langchain_skillbox import SkillboxToolkit, build_skillbox_toolkit
from langgraph_agent import ScriptedModel
from snippets import ROOT, as_here, blocks, controller, run_block, unkept
from vector_server import files_archive
from waiting import free_port

PAGES = ("docs/langchain.md", "integrations/langchain/README.md")
SCHEMA = {"references/input.schema.json": '{"type":"object","properties":{"name":{"type":"string"}}}'}


@pytest.fixture(scope="module")
def files_server(plane, kube, tmp_path_factory):
    """One whose files can be fetched."""
    url = f"http://127.0.0.1:{free_port()}"
    server = ApiServer(plane, tmp_path_factory.mktemp("langchain"), SKILLBOX_API_PORT=url.rpartition(":")[2], SKILLBOX_PUBLIC_URL=url)
    yield server.start()
    server.stop()


@pytest.fixture(scope="module")
def rest(files_server, make_client):
    rest = make_client(files_server)
    for name in ("greet", "broken", "report"):
        rest.push(name, instructions="Say whom.", files=SCHEMA)
    push_text(rest, "house-style", "Write short sentences.")
    with controller(rest, outcome):
        yield rest


def push_text(rest, name, instructions, version="1.0.0"):
    """A skill to read."""
    text = f"---\nname: {name}\nversion: {version}\ndescription: To read.\n---\n\n{instructions}\n"
    answer = rest.upload(zip_of({"SKILL.md": text}))
    assert answer.status_code == 201 and answer.json()["mode"] == "instructions"


def outcome(rest, execution):
    name, text = execution["spec"]["skillRef"]["name"], execution["spec"]["inputText"]
    if name == "broken":
        return "Failed", {"exitCode": 1, "errorCode": "exit_nonzero", "error": "container exited with code 1: ValueError: no", "logs": "no\n"}
    if name == "report":
        files = [{"name": "charts/a.svg", "text": "<svg/>"}, {"name": "report.md", "text": "# March"}]
        return "Succeeded", {"files": [file["name"] for file in files], "filesRef": rest.put_blob("executions", files_archive(files))}
    version = execution["spec"]["skillRef"].get("version")
    return "Succeeded", {"output": json.dumps({"greeting": f"Hello, {json.loads(text)['name']}!"}, separators=(",", ":")), "logs": f"{version}\n"}


class Greeter(ScriptedModel):
    """A model that greets by the tool that is for that."""

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        last = messages[-1]
        if isinstance(last, ToolMessage):
            return self.say(json.loads(last.text)["greeting"])
        assert "skillbox_greet" in {one["name"] for one in self.tools} and last.text == "Greet Ada."
        return self.call("skillbox_greet", {"name": "Ada"})


@pytest.fixture
def place(rest, tmp_path, monkeypatch):
    """Where a reader of the page is: server and key in the environment, and a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKILLBOX_SERVER_URL", rest.server.url)
    monkeypatch.setenv("SKILLBOX_API_KEY", rest.key)
    models = types.ModuleType("langchain.chat_models")
    models.init_chat_model = lambda name: Greeter()
    monkeypatch.setitem(sys.modules, "langchain", types.ModuleType("langchain"))
    monkeypatch.setitem(sys.modules, "langchain.chat_models", models)
    return tmp_path


@pytest.mark.filterwarnings("ignore:create_react_agent")
@pytest.mark.parametrize("page", PAGES)
def test_every_snippet_runs(rest, place, page):
    names = {"__name__": "snippet"}
    found = blocks(page)
    assert found and (ROOT / page).read_text().count("```") == 2 * len(found), "a block that is not run"
    for code in found:
        printed = run_block(as_here(code, rest), names)
        assert unkept(code, printed) == [], printed
    if page == PAGES[0]:
        assert (place / "output" / "report.md").read_text() == "# March" and (place / "output" / "charts" / "a.svg").exists()


def test_the_tools_of_a_server(server, make_client):
    """By name, the newest upload of each; those to read are left out, and strangers' are not there."""
    rest, stranger = make_client(server), make_client(server)
    stranger.push("theirs")
    rest.push("b-two", description="new", instructions="old")
    rest.push("b-two", version="0.1.0", description="newest", instructions="The newest upload.", files=SCHEMA)
    rest.push("a.b", instructions="x")
    rest.push("a_b", instructions="y")
    push_text(rest, "to-read", "text")
    rest.push("turned")
    push_text(rest, "turned", "text", "2.0.0")
    tools = SkillboxToolkit(skillbox.Client(server.url, rest.key)).get_tools()
    second = "skillbox_a_b_648fa9b3"
    assert [(tool.name, tool.skill, tool.version) for tool in tools] == [
        ("skillbox_a_b", "a.b", "1.0.0"), (second, "a_b", "1.0.0"), ("skillbox_b_two", "b-two", "0.1.0")]
    assert f"`{second}`" in (ROOT / "docs" / "langchain.md").read_text()
    assert tools[2].description == "newest\n\nThe newest upload."
    assert tools[2].args_schema == json.loads(SCHEMA["references/input.schema.json"])
    assert tools[2].metadata["skillbox_digest"].startswith("sha256:")
    some = build_skillbox_toolkit(server.url, rest.key, skills=["b-two", "a_b", "b-two"], tenant_id=rest.tenant)
    assert [tool.name for tool in some] == ["skillbox_b_two", second]
    with pytest.raises(skillbox.PermissionDeniedError):
        build_skillbox_toolkit(server.url, rest.key, tenant_id="other")
    with pytest.raises(skillbox.AuthenticationError):
        build_skillbox_toolkit(server.url, "sk-wrong")


def test_a_tool_keeps_its_version(rest):
    """It is what the model was told of."""
    [tool] = build_skillbox_toolkit(rest.server.url, rest.key, skills=["greet"])
    rest.push("greet", version="2.0.0", instructions="Say whom.", files=SCHEMA)
    try:
        call = {"type": "tool_call", "id": "1", "name": tool.name, "args": {"name": "x"}}
        assert tool.invoke(call).artifact.logs == "1.0.0\n"
        assert build_skillbox_toolkit(rest.server.url, rest.key, skills=["greet"])[0].version == "2.0.0"
    finally:
        rest.request("DELETE", "/v1/skills/greet/2.0.0")
        rest.push("greet", instructions="Say whom.", files=SCHEMA)


def test_a_skill_that_is_gone(rest):
    rest.push("passing")
    [tool] = build_skillbox_toolkit(rest.server.url, rest.key, skills=["passing"])
    rest.request("DELETE", "/v1/skills/passing/1.0.0")
    assert tool.invoke({}) == "skill not found: passing@1.0.0"
    tool.handle_tool_error = False
    with pytest.raises(ToolException) as caught:
        tool.invoke({})
    assert isinstance(caught.value.__cause__, skillbox.NotFoundError)


@pytest.mark.filterwarnings("ignore:create_react_agent")
def test_an_artifact_survives_a_checkpoint(rest):
    tools = build_skillbox_toolkit(rest.server.url, rest.key, skills=["greet"])
    agent = create_react_agent(Greeter(), tools, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    answer = agent.invoke({"messages": [("user", "Greet Ada.")]}, config)
    assert isinstance(answer["messages"][-1], AIMessage) and answer["messages"][-1].text == "Hello, Ada!"
    kept = agent.get_state(config).values["messages"][-2].artifact
    assert skillbox.RunResult(**kept) == answer["messages"][-2].artifact
