"""LangChain and LangGraph on the live server: langchain-tests' own suites, what users are told word for word, and the example's agent,
whose model is a script that sees what a model sees."""

import json
import pathlib
import subprocess
import sys

import pytest
from langchain_core.messages import ToolMessage
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import create_react_agent

import skillbox
from langchain_skillbox import SkillboxTool, SkillboxToolkit, build_skillbox_toolkit
from langgraph_agent import QUESTION, ScriptedModel, file_reader, make_agent

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKILLS = ROOT / "examples" / "skills"
pytestmark = pytest.mark.filterwarnings("ignore:create_react_agent")


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def sdk(environment, client):
    """The SDK, with a skill that is asked for and one that isn't."""
    with skillbox.Client(environment["SKILLBOX_SERVER_URL"], environment["SKILLBOX_API_KEY"], timeout=120) as sdk:
        before = {skill.name for skill in sdk.list_skills()}
        pushed = [sdk.register_skill(SKILLS / name) for name in ("data-analysis", "hello-bash")]
        yield sdk
        for skill in pushed:
            if skill.name not in before:
                sdk.delete_skill(skill.name, skill.version)


class Standard:
    pytestmark = pytest.mark.anyio

    @pytest.fixture(autouse=True)
    def made(self, sdk):
        self.tool_made = SkillboxTool.from_skill(sdk, sdk.get_skill("hello-bash"))

    @property
    def tool_constructor(self):
        return self.tool_made

    @property
    def tool_invoke_params_example(self):
        return {"name": "World"}


class TestUnit(Standard, ToolsUnitTests):
    pass


class TestIntegration(Standard, ToolsIntegrationTests):
    pass


def test_the_lines_for_newcomers(environment, sdk):
    url, key = environment["SKILLBOX_SERVER_URL"], environment["SKILLBOX_API_KEY"]
    model = ScriptedModel()

    tools = build_skillbox_toolkit(url, key)
    agent = create_react_agent(model, tools)

    assert {"skillbox_data_analysis", "skillbox_hello_bash"} <= {tool.name for tool in tools}
    states = agent.stream({"messages": [("user", QUESTION)]}, stream_mode="values")
    called, answered = next(state["messages"][-2:] for state in states if isinstance(state["messages"][-1], ToolMessage))
    assert called.tool_calls[0]["name"] == answered.name == "skillbox_data_analysis"
    assert answered.status == "success" and json.loads(answered.content)["groups"][0]["key"] == "North"


def test_an_agent_finds_a_skill_and_uses_its_file(sdk, tmp_path):
    """Two skills, told apart by what they say of themselves; structured arguments; the file that the skill made."""
    agent = make_agent(ScriptedModel(), sdk, tmp_path, ["hello-bash", "data-analysis"])
    asked, called, answered, reads, read, said = agent.invoke({"messages": [("user", QUESTION)]})["messages"]
    assert called.tool_calls[0]["name"] == "skillbox_data_analysis"
    assert called.tool_calls[0]["args"] == {"csv": QUESTION.partition("\n\n")[2], "group_by": "region", "value": "revenue"}
    assert answered.artifact.output["groups"][0]["sum"] == 12.5 and answered.artifact.files_list == ["report.md", "summary.csv"]
    assert reads.tool_calls[0] | {"id": ""} == {"name": "read_file", "args": {"name": "report.md"}, "id": "", "type": "tool_call"}
    assert "| North | 2 | 12.5 |" in said.text and said.text == read.text
    assert (tmp_path / answered.artifact.execution_id / "report.md").read_text() == said.text


def test_a_later_question_uses_a_file_of_before(sdk, tmp_path):
    """What a checkpointer has kept of a result is enough to fetch its files."""
    class Later(ScriptedModel):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            if messages[-1].text == "And as CSV?":
                return self.call("read_file", {"name": "summary.csv"})
            return super()._generate(messages)

    agent = make_agent(Later(), sdk, tmp_path, ["data-analysis"], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    agent.invoke({"messages": [("user", QUESTION)]}, config)
    said = agent.invoke({"messages": [("user", "And as CSV?")]}, config)["messages"][-1].text
    assert said.startswith("key,count,sum") and "North,2,12.5" in said


def test_a_file_that_nobody_made(sdk, tmp_path):
    read_file = file_reader(sdk, tmp_path)
    call = {"type": "tool_call", "id": "1", "name": "read_file", "args": {"name": "../x", "state": {"messages": []}}}
    answered = read_file.invoke(call)
    assert answered.status == "error" and answered.text == "no skill has made a file '../x'; there are: none"


def test_a_failure_in_an_agent(sdk, tmp_path):
    """The model reads why, with the script's own words; the agent goes on."""
    class Wrong(ScriptedModel):
        @staticmethod
        def arguments(question):
            return {"csv": "a,b\n1,2\n", "group_by": "region"}

    agent = make_agent(Wrong(), sdk, tmp_path, ["hello-bash", "data-analysis"])
    *_, answered, said = agent.invoke({"messages": [("user", QUESTION)]})["messages"]
    assert answered.status == "error" and answered.artifact is None and said.text == answered.text
    assert answered.text.startswith("container exited with code") and "region" in answered.text


@pytest.mark.anyio
async def test_an_agent_on_asyncio(sdk, tmp_path):
    agent = make_agent(ScriptedModel(), sdk, tmp_path, ["data-analysis"])
    messages = (await agent.ainvoke({"messages": [("user", QUESTION)]}))["messages"]
    assert "| North | 2 | 12.5 |" in messages[-1].text


def test_the_example_is_a_program(environment, sdk):
    variables = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": f"{ROOT}/sdks/python:{ROOT}/integrations/langchain",
                 **{name: environment[name] for name in ("SKILLBOX_SERVER_URL", "SKILLBOX_API_KEY")}}
    done = subprocess.run([sys.executable, "-W", "error", ROOT / "examples" / "agents" / "langgraph_agent.py", "--skills", "data-analysis,hello-bash"],
                          capture_output=True, text=True, timeout=120, env=variables)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert done.stdout.count("| North | 2 | 12.5 |") == 2, "as the file was read, and as it was told"


def test_all_tools_of_the_server(sdk):
    """Whatever else was pushed there: all can be told to a model."""
    tools = SkillboxToolkit(sdk).get_tools()
    assert len(tools) >= 2 and ScriptedModel().bind_tools(tools).tools
