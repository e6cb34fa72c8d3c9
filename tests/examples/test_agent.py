"""examples/agents/plain.py without a cluster: its loop, and the protocol that it speaks with a real model."""

import http.server
import json
import threading

import pytest

from script_runner import EXAMPLES, load

PLAIN = load(EXAMPLES / "agents" / "plain.py")


class Tools:
    """A toolbox without a server."""

    def __init__(self):
        self.calls = []

    def describe(self):
        return [{"type": "function", "function": {"name": name, "description": text, "parameters": {"type": "object"}}}
                for name, text in (("csv-to-chart", "Draws a CSV table as a bar chart."), ("word-counter", "Counts the words of a text."))]

    def call(self, name, arguments):
        self.calls.append((name, arguments))
        return '{"words":3}'


class Model:
    def __init__(self, *answers):
        self.answers, self.seen = list(answers), []

    def next(self, messages, tools):
        self.seen.append(json.loads(json.dumps(messages)))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def wants(name, arguments):
    return {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}]}


SAYS = {"role": "assistant", "content": "It has 3 words."}


def run(model, tools):
    return PLAIN.run_agent(model, tools, "How many?", "a b c", say=lambda text: None)


def test_what_a_skill_gave_goes_back_to_the_model():
    model, tools = Model(wants("word-counter", '{"text":"a b c"}'), SAYS), Tools()
    assert run(model, tools) == "It has 3 words."
    assert tools.calls == [("word-counter", {"text": "a b c"})]
    assert model.seen[1][-1] == {"role": "tool", "tool_call_id": "c", "content": '{"words":3}'}


@pytest.mark.parametrize("arguments", ["{", "[1]", "7"])
def test_arguments_that_are_no_object_are_told_to_the_model(arguments):
    model, tools = Model(wants("word-counter", arguments), SAYS), Tools()
    assert run(model, tools) == "It has 3 words." and tools.calls == []
    assert model.seen[1][-1]["content"] == "The arguments are no JSON object."


def test_a_model_that_never_answers_is_stopped():
    with pytest.raises(PLAIN.Failure, match="asked for tools 6 times"):
        run(Model(wants("word-counter", "{}")), Tools())


@pytest.mark.parametrize("question, name", [("Draw a chart of it.", "csv-to-chart"), ("Count the words.", "word-counter")])
def test_the_scripted_model_chooses_by_description(question, name):
    tools = Tools()
    PLAIN.run_agent(PLAIN.ScriptedModel("a,b\n1,2\n"), tools, question, "a,b\n1,2\n", say=lambda text: None)
    assert [call[0] for call in tools.calls] == [name]


class ModelServer(http.server.BaseHTTPRequestHandler):
    answers, requests = [], []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.requests.append((self.path, self.headers["Authorization"], json.loads(body)))
        status, answer = self.answers.pop(0)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def model_server():
    ModelServer.answers, ModelServer.requests = [], []
    with http.server.HTTPServer(("127.0.0.1", 0), ModelServer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/"
        server.shutdown()
        thread.join()


def test_a_real_model_is_spoken_with_by_chat_completions(model_server):
    ModelServer.answers += [(200, json.dumps({"choices": [{"message": message}]}).encode()) for message in (wants("word-counter", "{}"), SAYS)]
    assert run(PLAIN.ChatModel(model_server, "some-model", "key"), Tools()) == "It has 3 words."
    (path, key, first), (_, _, second) = ModelServer.requests
    assert (path, key, first["model"]) == ("/v1/chat/completions", "Bearer key", "some-model")
    assert [tool["function"]["name"] for tool in first["tools"]] == ["csv-to-chart", "word-counter"]
    assert [message["role"] for message in second["messages"]] == ["system", "user", "assistant", "tool"]


@pytest.mark.parametrize("answer", [(500, b"x"), (200, b"x"), (200, b'{"choices":[]}'), (200, b"[]")])
def test_a_model_without_an_answer_is_a_failure(model_server, answer):
    ModelServer.answers.append(answer)
    with pytest.raises(PLAIN.Failure, match="/v1/chat/completions gave no answer"):
        run(PLAIN.ChatModel(model_server, "m", ""), Tools())
