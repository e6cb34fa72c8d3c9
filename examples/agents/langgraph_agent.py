#!/usr/bin/env python3
"""A LangGraph agent whose tools are the skills of a Skillbox server. It reads the files that they make.

    examples/agents/langgraph_agent.py                                  # the model is a script: nothing to sign up for
    examples/agents/langgraph_agent.py --model anthropic:claude-opus-4-6 "Which region sold most?"

Server and key come from SKILLBOX_SERVER_URL and SKILLBOX_API_KEY; the skill data-analysis should be there. It needs
langchain-skillbox, skillbox-sdk and langgraph; with --model also langchain and the package of the model's maker.
"""

import argparse
import json
import pathlib
import re
import tempfile
import uuid
import warnings
from typing import Annotated, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import ToolException, tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.prebuilt import InjectedState, create_react_agent
from langgraph.warnings import LangGraphDeprecatedSinceV10
from langchain_skillbox import SkillboxToolkit
from skillbox import Client, RunResult

QUESTION = "What are the totals of each region in this table? Compare the groups.\n\nregion,revenue\nNorth,10.5\nSouth,7\nNorth,2\n"
LONGEST_FILE = 20_000  # characters that the model gets to read


def results_of(messages):
    """What skills have answered: the artifacts of their tool messages. A checkpointer makes dicts of them."""
    found = [message.artifact for message in messages if (getattr(message, "name", None) or "").startswith("skillbox_")]
    return [RunResult(**one) if isinstance(one, dict) else one for one in found if one is not None]  # None: it has failed


def file_reader(client, folder):
    """A tool that reads what a skill has put into a file."""

    @tool
    def read_file(name: str, state: Annotated[dict, InjectedState]) -> str:
        """Reads a text file that a skill has made. Give its name as the skill's description has it."""
        results = results_of(state["messages"])
        for result in reversed(results):
            if name in result.files_list:
                client.download_files(result, folder / result.execution_id)
                return (folder / result.execution_id / name).read_text(errors="replace")[:LONGEST_FILE]
        there = [one for result in results for one in result.files_list]
        raise ToolException(f"no skill has made a file '{name}'; there are: {', '.join(there) or 'none'}")

    read_file.handle_tool_error = True
    return read_file


def make_agent(model, client, folder, skills=None, **options):
    """langchain.agents.create_agent, which takes over from create_react_agent, is called alike, and needs the package langchain."""
    warnings.filterwarnings("ignore", category=LangGraphDeprecatedSinceV10)
    return create_react_agent(model, [*SkillboxToolkit(client, skills).get_tools(), file_reader(client, folder)], **options)


class ScriptedModel(BaseChatModel):
    """Stands in for a model, without a network: it picks the tool whose description has most of the question's words, calls it
    with a table from the question, reads the report that it makes, and answers with that. It sees what a model sees."""

    tools: list[dict[str, Any]] = []

    @property
    def _llm_type(self):
        return "script"

    def bind_tools(self, tools, **kwargs):
        return self.model_copy(update={"tools": [convert_to_openai_tool(one)["function"] for one in tools]})

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        last = messages[-1]
        if not isinstance(last, ToolMessage):
            return self.call(self.best(last.text), self.arguments(last.text))
        if last.status == "error" or last.name == "read_file":
            return self.say(last.text)
        groups = json.loads(last.text)["groups"]
        assert groups, "a tool has answered with its output"
        return self.call("read_file", {"name": "report.md"})

    def best(self, question):
        def words(text):
            return set(re.findall(r"[a-z]{4,}", text.lower()))
        return max(self.tools, key=lambda one: len(words(one["description"]) & words(question)))["name"]

    @staticmethod
    def arguments(question):
        table = question.partition("\n\n")[2]
        return {"csv": table, "group_by": "region", "value": "revenue"}

    @staticmethod
    def say(text):
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    @staticmethod
    def call(name, arguments):
        call = {"name": name, "args": arguments, "id": uuid.uuid4().hex, "type": "tool_call"}
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=[call]))])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?", default=QUESTION)
    parser.add_argument("--model", help="one that langchain's init_chat_model knows; else a script stands in")
    parser.add_argument("--skills", help="their names, with commas between; all if left out", type=lambda text: text.split(","))
    options = parser.parse_args()
    if options.model:
        from langchain.chat_models import init_chat_model
        model = init_chat_model(options.model)
    else:
        model = ScriptedModel()
    with Client(timeout=120) as client, tempfile.TemporaryDirectory() as folder:
        agent = make_agent(model, client, pathlib.Path(folder), options.skills)
        for step in agent.stream({"messages": [("user", options.question)]}, stream_mode="values"):
            step["messages"][-1].pretty_print()


if __name__ == "__main__":
    main()
