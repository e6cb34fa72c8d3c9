#!/usr/bin/env python3
"""An agent in plain Python, with skills as its tools and no framework.

    examples/run csv-to-chart word-counter     pushes two skills to choose from
    examples/agents/plain.py                   with a scripted model: needs no model and no network
    examples/agents/plain.py --question "How many words has this?" --file README.md

With a real model, any that speaks the chat completions protocol with tools (most do, local ones too):

    MODEL_URL=http://localhost:11434/v1 MODEL_NAME=… MODEL_API_KEY=… examples/agents/plain.py

SKILLBOX_SERVER_URL and SKILLBOX_API_KEY say where the skills are."""

import argparse
import json
import os
import pathlib
import re
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "sdks" / "python"))

from skillbox import Client, SkillboxError  # noqa: E402

QUESTION = "Draw a bar chart of the units sold in each month."
DATA = "month,units\nJan,120\nFeb,90\nMar,150\nApr,130\n"
TURNS_MAX = 6
TEXT_MAX = 20_000  # of a result that the model gets to read


class Failure(Exception):
    """Why there is no answer."""


# ---- skills as tools


class Toolbox:
    """The skills of a server as a model's tools."""

    def __init__(self, client, folder):
        self.client, self.folder, self.skills, self.files = client, folder, {}, []
        for skill in client.list_skills():
            if skill.mode == "executable":
                self.skills[re.sub(r"[^A-Za-z0-9_-]", "_", skill.name)[:64]] = skill.name
        if not self.skills:
            raise Failure("the server has no skills; examples/run pushes some")

    def describe(self):
        """What a model is told: name, description and arguments of each."""
        found = []
        for name, skill in self.skills.items():
            detail = self.client.get_skill(skill)
            found.append({"type": "function", "function": {
                "name": name,
                "description": f"{detail.description}\n\n{detail.instructions}"[:4000],
                "parameters": detail.input_schema or {"type": "object"},
            }})
        return found

    def call(self, name, arguments):
        """Runs a skill; what the model reads of it. A failure goes back as text, too: it may do better then."""
        if name not in self.skills:
            return f"there is no tool {name!r}; there are: {', '.join(self.skills)}"
        result = self.client.run(self.skills[name], input=arguments, timeout=120)
        if not result.succeeded:
            return f"It failed: {result.error}\n{result.logs[-2000:]}"
        text = (result.output_text or result.logs)[:TEXT_MAX]
        if result.has_files:
            paths = self.client.download_files(result, self.folder)
            self.files += paths
            text += "\nFiles: " + ", ".join(str(path) for path in paths)
        return text


# ---- models


class ScriptedModel:
    """Stands in for a model, so that the loop can be seen without one. It chooses as a model does, by the descriptions (here: the
    words that they share with the question), and what it says otherwise is written down beforehand."""

    ARGUMENTS = {
        "csv-to-chart": lambda data: {"csv": data, "kind": "bar", "title": "Units sold"},
        "data-analysis": lambda data: {"csv": data},
        "word-counter": lambda data: {"text": data, "top": 3},
        "text-summary": lambda data: {"text": data, "max_sentences": 2},
    }

    def __init__(self, data):
        self.data = data

    def next(self, messages, tools):
        last = messages[-1]
        if last["role"] == "tool":
            return {"role": "assistant", "content": f"Here is what came of it: {last['content']}"}
        wanted = self.words(messages[1]["content"].split("\n\n")[0])
        known = [tool["function"] for tool in tools if tool["function"]["name"] in self.ARGUMENTS]
        best = max(known, key=lambda tool: len(wanted & self.words(tool["description"].split("\n\n")[0])), default=None)
        if best is None:
            raise Failure(f"the scripted model knows none of the server's skills; examples/run pushes some ({', '.join(self.ARGUMENTS)})")
        call = {"name": best["name"], "arguments": json.dumps(self.ARGUMENTS[best["name"]](self.data))}
        return {"role": "assistant", "content": "", "tool_calls": [{"id": "call-1", "type": "function", "function": call}]}

    @staticmethod
    def words(text):
        return {word.rstrip("s") for word in re.findall(r"[a-z]{3,}", text.lower())}


class ChatModel:
    """A real model behind POST …/chat/completions."""

    def __init__(self, url, name, key):
        self.url, self.name, self.key = url.rstrip("/") + "/chat/completions", name, key

    def next(self, messages, tools):
        body = json.dumps({"model": self.name, "messages": messages, "tools": tools}).encode()
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {self.key}"} if self.key else {})}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url, body, headers), timeout=300) as answer:
                return json.load(answer)["choices"][0]["message"]
        except (OSError, ValueError, LookupError, TypeError) as problem:
            raise Failure(f"the model at {self.url} gave no answer: {problem!r}") from problem


# ---- the loop


def arguments_of(call):
    """A tool call's arguments; None if they are no JSON object."""
    try:
        arguments = json.loads(call["function"]["arguments"] or "{}")
    except ValueError:
        return None
    return arguments if isinstance(arguments, dict) else None


def run_agent(model, toolbox, question, data, say=print):
    """Asks the model, runs the skills that it wants, and goes on until it answers."""
    tools = toolbox.describe()
    messages = [{"role": "system", "content": "Answer with the help of the tools. Say which files were made."},
                {"role": "user", "content": f"{question}\n\n{data}"}]
    for _ in range(TURNS_MAX):
        message = model.next(messages, tools)
        messages.append(message)
        calls = message.get("tool_calls") or []
        if not calls:
            return message.get("content") or ""
        for call in calls:
            name, arguments = call["function"]["name"], arguments_of(call)
            say(f"-> {name} {json.dumps(arguments)[:200]}")
            text = "The arguments are no JSON object." if arguments is None else toolbox.call(name, arguments)
            say(f"<- {text[:200]}")
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": text})
    raise Failure(f"the model has asked for tools {TURNS_MAX} times without an answer")


def use_files(paths):
    """What an application may do with a file that a skill made: here it says what it is."""
    for path in paths:
        begin = path.read_bytes()[:4096].decode("utf-8", errors="replace")
        size = re.search(r'<svg [^>]*width="(\d+)" height="(\d+)"', begin)
        what = f"an image of {size[1]} x {size[2]} pixels: open it in a browser" if size else f"{path.stat().st_size} bytes"
        print(f"{path}: {what}")


def main():
    parser = argparse.ArgumentParser(description="An agent in plain Python, with skills as its tools.")
    parser.add_argument("--question", default=QUESTION)
    parser.add_argument("--file", type=pathlib.Path, help="text that goes with the question; four months of sales if left out")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("output"), help="folder for files (./output)")
    arguments = parser.parse_args()
    try:
        data = arguments.file.read_text(encoding="utf-8") if arguments.file else DATA
        url = os.environ.get("MODEL_URL")
        model = ChatModel(url, os.environ.get("MODEL_NAME", ""), os.environ.get("MODEL_API_KEY", "")) if url else ScriptedModel(data)
        with Client() as client:
            toolbox = Toolbox(client, arguments.output)
            print(run_agent(model, toolbox, arguments.question, data))
        use_files(toolbox.files)
    except (Failure, SkillboxError, OSError, ValueError) as problem:
        print(f"plain.py: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
