"""langchain-skillbox without a cluster: from a skill to a tool, from a call to a request, from a result to what a model reads. The
server plays what a real one rarely does (tests/contract)."""

import asyncio
import json

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import ToolException
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests
from langgraph.graph import MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

import skillbox
import vector_runner
from langchain_skillbox import SkillboxTool, SkillboxToolkit, build_skillbox_toolkit
from skillbox import AsyncClient, Client, RunResult, SkillDetail
from vector_server import KEY, VectorServer, load_vectors

# Names that LangChain and LangGraph give to arguments of their own.
TAKEN = ["self", "config", "run_manager", "callbacks", "args", "kwargs", "input", "state", "store", "runtime", "tool_call_id", "name",
         "verbose", "color", "tool_input", "skill", "version", "client", "type", "id"]
RUN = {"method": "POST", "path": "/v1/executions"}


@pytest.fixture(scope="module")
def server():
    with VectorServer() as server:
        yield server


@pytest.fixture
def anyio_backend():
    return "asyncio"


def detail(name="greet", **more):
    return SkillDetail(**{"name": name, "version": "1.0.0", "description": "Greets.", "instructions": "Say who.", **more})


def tool_of(server, client=None, **more):
    return SkillboxTool.from_skill(client or Client(server.url, KEY, max_retries=0), detail(**more))


def answer(**more):
    return {"status": 200, "json": {"execution_id": "e", "status": "success", "error": None, **more}}


def ask(server, tool, arguments, *answers, has=""):
    """The tool message of both kinds of call, which must be the same."""
    messages = []
    for call in (tool.invoke, lambda given: asyncio.run(tool.ainvoke(given))):
        server.play({"exchanges": [{"request": {**RUN, "has": has}, "answer": one} for one in answers]})
        messages.append(call({"type": "tool_call", "id": "1", "name": tool.name, "args": arguments}))
        assert server.verdict() == ""
    assert messages[0] == messages[1] and isinstance(messages[0], ToolMessage)
    return messages[0]


# ---- LangChain's own tests


class Standard:
    pytestmark = pytest.mark.anyio

    @pytest.fixture(autouse=True)
    def made(self, server):
        server.play({"exchanges": [{"request": RUN, "answer": answer(output={"greeting": "Hello"})}]})
        self.tool_made = tool_of(server, input_schema={"type": "object", "properties": {"name": {"type": "string"}}})

    @property
    def tool_constructor(self):
        return self.tool_made

    @property
    def tool_invoke_params_example(self):
        return {"name": "World"}


class TestUnit(Standard, ToolsUnitTests):
    pass


class TestCalls(Standard, ToolsIntegrationTests):
    pass


# ---- the vectors of tests/contract, through a tool


class Caller:
    """Makes a vector's call as an agent would, by a tool. Behind a tool's exception is what the SDK said."""

    name = "sync"

    def __init__(self, url, options):
        self.url, self.options = url, options

    def call(self, method, arguments):
        options = {**self.options, **({"timeout": arguments["timeout"]} if "timeout" in arguments else {})}
        tool = SkillboxTool.from_skill(Client(self.url, **options), detail(arguments["skill"], version=arguments.get("version", "")))
        tool.handle_tool_error = False
        try:
            message = self.invoke(tool, {"type": "tool_call", "id": "1", "name": tool.name, "args": arguments.get("input", {})})
        except ToolException as error:
            cause = error.__cause__
            if not isinstance(cause, skillbox.SkillFailed):
                assert error.args[0].startswith(cause.message)
                raise cause from None
            assert error.args[0] == f"{cause.result.error}\n\n{cause.result.logs}".strip()
            return cause.result
        result = message.artifact
        assert message.content == (result.output_text or "The skill ended without output.") and message.status == "success"
        return result

    def invoke(self, tool, call):
        return tool.invoke(call)

    def close(self):
        pass


class AsyncCaller(Caller):
    name = "async"

    def invoke(self, tool, call):
        return asyncio.run(tool.ainvoke(call))


VECTORS = {name: vector for name, vector in load_vectors().items() if len(vector["calls"]) == 1 and vector["calls"][0]["method"] == "run"
           and set(vector["calls"][0]["arguments"]) <= {"skill", "version", "input", "timeout"}}


@pytest.mark.parametrize("kind", [Caller, AsyncCaller], ids=lambda kind: kind.name)
@pytest.mark.parametrize("name", VECTORS)
def test_vector(server, name, kind):
    assert vector_runner.play(server, VECTORS[name], kind) == []


def test_there_are_vectors_for_tools():
    statuses = {exchange["answer"]["status"] for vector in VECTORS.values() for exchange in vector["exchanges"]}
    assert len(VECTORS) >= 20 and statuses >= {200, 404, 422, 429, 500, 502, 503, 504}


# ---- what a model is told of a skill


@pytest.mark.parametrize("skill, name", [
    ("data-analysis", "skillbox_data_analysis"), ("a.b_c-D9", "skillbox_a_b_c_D9"), ("x" * 55, "skillbox_" + "x" * 55),
    ("x" * 128, "skillbox_" + "x" * 55)])
def test_name(server, skill, name):
    tool = tool_of(server, name=skill)
    assert tool.name == name and len(name) <= 64 and tool.skill == skill


def test_description(server):
    assert tool_of(server).description == "Greets.\n\nSay who."
    assert tool_of(server, instructions="").description == "Greets."


def test_a_description_that_is_too_long_for_a_model(server):
    skill = detail(instructions="one\n\ntwo three\nfour")
    def cut(longest):
        return SkillboxTool.from_skill(Client(server.url), skill, max_description=longest).description
    assert cut(len("Greets.\n\none\n\ntwo three\nfour")) == "Greets.\n\none\n\ntwo three\nfour"
    assert cut(24) == cut(23) == "Greets.\n\none\n\ntwo three" and cut(22) == "Greets.\n\none"
    assert cut(12) == "Greets.\n\none" and cut(11) == "Greets." and cut(5) == "Gree…" and cut(1) == "…"


ITEM = {"type": "object", "properties": {"next": {"$ref": "#/$defs/item"}}}
SCHEMAS = [
    # As it is.
    ({"type": "object", "properties": {"b": {"type": "number"}, "a": {}}, "required": ["b"], "additionalProperties": False}, None),
    ({"$ref": "#/$defs/item", "$defs": {"item": ITEM}, "type": "object", "properties": {}}, None),
    # No type, or one of several: an object it must be.
    ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
    ({"anyOf": [{"required": ["a"]}]}, {"anyOf": [{"required": ["a"]}], "type": "object", "properties": {}}),
    ({"type": ["object", "null"], "properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
    # None: any object.
    (None, {"type": "object", "properties": {}, "additionalProperties": True}),
    (True, {"type": "object", "properties": {}, "additionalProperties": True}),
    ({}, {"type": "object", "properties": {}}),
]
WRAPPED = [
    ({"type": "string"}, {"properties": {"input": {"type": "string"}}}),
    ({"type": ["array", "null"]}, {"properties": {"input": {"type": ["array", "null"]}}}),
    (False, {"properties": {"input": False}}),
    ({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array", "items": {"$ref": "#/$defs/item"}, "$defs": {"item": ITEM}},
     {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {"item": ITEM},
      "properties": {"input": {"type": "array", "items": {"$ref": "#/$defs/item"}}}}),
    ({"type": "array", "items": {"anyOf": [{"$ref": "#"}, {"$ref": "#/definitions/a"}, {"$ref": "#/prefixItems/0"}, {"const": {"$ref": "#"}}]},
      "prefixItems": [{}], "definitions": {"a": {"$ref": "#"}}},
     {"definitions": {"a": {"$ref": "#/properties/input"}},
      "properties": {"input": {"type": "array", "items": {"anyOf": [
          {"$ref": "#/properties/input"}, {"$ref": "#/definitions/a"}, {"$ref": "#/properties/input/prefixItems/0"}, {"const": {"$ref": "#"}}]}, "prefixItems": [{}]}}}),
    ({"$id": "urn:x", "type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": {}}},
     {"$id": "urn:x", "$defs": {"a": {}}, "properties": {"input": {"type": "array", "items": {"$ref": "#/$defs/a"}}}}),
]
# What LangChain can't follow, and would end the program: any value.
ODD = [
    ({"type": "object", "properties": {"a": {"$ref": "#here"}, "b": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"$anchor": "here"}}},
     {"type": "object", "properties": {"a": {}, "b": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"$anchor": "here"}}}),
    ({"type": "object", "properties": {"a": {"$ref": "#/nowhere"}, "b": {"$ref": "urn:x"}}},
     {"type": "object", "properties": {"a": {}, "b": {}}}),
]


@pytest.mark.parametrize("schema, wanted", SCHEMAS + ODD)
def test_schema(server, schema, wanted):
    tool = tool_of(server, input_schema=schema)
    assert tool.args_schema == (schema if wanted is None else wanted)
    assert tool.args == tool.args_schema["properties"]
    if wanted is None:
        assert json.dumps(tool.args_schema) == json.dumps(schema), "in the same order"
    ask(server, tool, {"a": 1}, answer(), has='"input":{"a":1}')


@pytest.mark.parametrize("schema, wanted", WRAPPED)
def test_schema_of_what_is_no_object(server, schema, wanted):
    """Models call with objects. So the input becomes an argument, and is taken out of it again."""
    tool = tool_of(server, input_schema=schema)
    assert tool.args_schema == {**wanted, "type": "object", "required": ["input"]}
    ask(server, tool, {"input": [1, "é"]}, answer(), has='"input":[1,"é"]')
    assert ask(server, tool, {}).content == "the argument 'input' is missing"


def test_models_take_every_schema(server):
    for schema, _ in SCHEMAS + WRAPPED + ODD:
        function = convert_to_openai_tool(tool_of(server, input_schema=schema))["function"]
        assert function["name"] == "skillbox_greet" and function["description"] == "Greets.\n\nSay who."
        assert function["parameters"]["type"] == "object" and "properties" in function["parameters"]


def test_a_trace_says_what_ran(server):
    tool = tool_of(server, digest="sha256:aa")
    assert tool.metadata == {"skillbox_skill": "greet", "skillbox_version": "1.0.0", "skillbox_digest": "sha256:aa"}
    assert KEY not in repr(tool) + str(tool)


# ---- calls


def test_arguments_go_as_they_come(server):
    """In their order, with names that LangChain has for its own, and in the version that the model was told of."""
    arguments = {name: i for i, name in enumerate(TAKEN)}
    tool = tool_of(server, input_schema={"properties": {name: {} for name in TAKEN}})
    text = json.dumps(arguments, separators=(",", ":"))
    ask(server, tool, arguments, answer(), has=f'{{"skill":"greet","version":"1.0.0","input":{text}}}')


def test_arguments_through_a_graph(server):
    """LangGraph puts its own state, store and runtime into arguments of these names, of tools that ask for it."""
    arguments = {name: [name] for name in TAKEN}
    tool = tool_of(server, input_schema={"properties": {name: {} for name in TAKEN}})
    graph = StateGraph(MessagesState).add_node("tools", ToolNode([tool])).set_entry_point("tools").compile()
    state = {"messages": [{"role": "assistant", "content": "", "tool_calls": [
        {"type": "tool_call", "id": "1", "name": tool.name, "args": arguments}]}]}
    exchange = {"request": {**RUN, "has": f'"input":{json.dumps(arguments, separators=(",", ":"))}'}, "answer": answer(output=1)}
    server.play({"exchanges": [exchange, exchange]})
    messages = [graph.invoke(state)["messages"][-1], asyncio.run(graph.ainvoke(state))["messages"][-1]]
    assert server.verdict() == "" and [(m.content, m.artifact.output, m.status) for m in messages] == [("1", 1, "success")] * 2


def test_arguments_that_are_no_json(server):
    assert "JSON" in ask(server, tool_of(server), {"x": float("nan")}).content
    with pytest.raises(TypeError, match="by name"):
        tool_of(server)._run("text")
    with pytest.raises(ValueError, match="String"):
        tool_of(server).invoke("text")


def test_a_client_of_either_kind(server):
    tool = SkillboxTool.from_skill(AsyncClient(server.url, KEY), detail())
    assert ask(server, tool, {}, answer(output={"a": 1})).content == '{"a":1}'


# ---- what a model reads


def test_output_digit_by_digit(server):
    text = '{"z":1.10,"id":12345678901234567890,"a":"é"}'
    one = {"status": 200, "text": f'{{"execution_id":"e","status":"success","output":{text},"logs":"log","error":null}}'}
    message = ask(server, tool_of(server), {}, one)
    assert message.content == message.artifact.output_text == text and isinstance(message.artifact, RunResult)
    assert message.status == "success" and message.artifact.logs == "log"


@pytest.mark.parametrize("more, content", [
    ({"output": None}, "null"), ({"output": ""}, '""'), ({"logs": "one\ntwo\n"}, "one\ntwo"), ({}, "The skill ended without output."),
    ({"files_list": ["a.txt", "b/c.txt"], "files_url": "u"}, "The skill ended without output. Its files: a.txt, b/c.txt")])
def test_without_output_the_log(server, more, content):
    message = ask(server, tool_of(server), {}, answer(**more))
    assert message.content == content and message.artifact.execution_id == "e"


def test_a_large_output_is_cut_and_is_whole_in_the_artifact(server):
    message = ask(server, tool_of(server), {}, answer(output="é" * 40000))
    shown, _, note = message.content.partition("\n")
    assert message.artifact.output == "é" * 40000 and shown == '"' + "é" * 24575
    assert note == "… (cut: these are the first 48 KiB of 80002 bytes of output of execution e)"
    whole = "x" * (48 * 1024 - 2)
    assert ask(server, tool_of(server), {}, answer(output=whole)).content == f'"{whole}"'


def test_of_a_long_log_the_end(server):
    log = "".join(f"line {i}\n" for i in range(5000))
    message = ask(server, tool_of(server), {}, answer(logs=log))
    assert 16000 < len(message.content) <= 16384 and message.content.endswith("\nline 4999") and message.content.startswith("line ")
    assert ask(server, tool_of(server), {}, answer(logs="é" * 20000)).content == "é" * 8192


@pytest.mark.parametrize("status", ["failed", "timeout", "cancelled"])
def test_a_failure_is_told_with_the_end_of_its_log(server, status):
    log = "".join(f"line {i}\n" for i in range(1000))
    failed = answer(status=status, error="it ended badly", error_code="exit_nonzero", logs=log, output={"so": "far"})
    message = ask(server, tool_of(server), {}, failed)
    error, _, shown = message.content.partition("\n\n")
    assert message.status == "error" and error == "it ended badly" and shown.endswith("\nline 999") and 4000 < len(shown) <= 4096
    assert ask(server, tool_of(server), {}, answer(status=status)).content == f"the execution ended as {status}"
    tool = tool_of(server)
    tool.handle_tool_error = False
    with pytest.raises(ToolException, match="it ended badly") as caught:
        ask(server, tool, {}, failed)
    assert caught.value.__cause__.result.output == {"so": "far"}


@pytest.mark.parametrize("status, code, retry_after, told", [
    (422, "input_schema_mismatch", None, "why"), (400, "bad_request", None, "why"), (404, "not_found", None, "why"),
    (413, "too_large", None, "why"), (429, "no_capacity", "7", "why (try again in 7 seconds)"),
    (401, "unauthorized", None, None), (403, "forbidden", None, None), (500, "internal_error", None, None), (503, "unavailable", "1", None)])
def test_a_model_is_told_what_it_can_mend(server, status, code, retry_after, told):
    refusal = {"status": status, "json": {"error": code, "message": "why", "request_id": "r"},
               "headers": {"Retry-After": retry_after} if retry_after else {}}
    if told:
        message = ask(server, tool_of(server), {}, refusal)
        assert (message.content, message.status) == (told, "error")
        return
    with pytest.raises(skillbox.APIError, match="why"):
        ask(server, tool_of(server), {}, refusal)


def test_a_server_that_is_not_there_is_the_programs_affair(server):
    with pytest.raises(skillbox.APIConnectionError):
        ask(server, tool_of(server), {}, {**answer(), "fault": {"cut_at": 0}})


# ---- toolkits: the rest of them is in test_real_server.py


LIST, GET = {"method": "GET", "path": "/v1/skills"}, {"method": "GET", "path": "/v1/skills/greet/latest"}


def toolkit(server, *exchanges, **options):
    server.play({"exchanges": [{"request": request, "answer": one} for request, one in exchanges]})
    try:
        return SkillboxToolkit(Client(server.url, KEY, max_retries=0), **options).get_tools()
    finally:
        assert server.verdict() == ""


def listed(*names, **more):
    return LIST, {"status": 200, "json": [{"name": name, "version": "1.0.0", **more} for name in names]}


def test_a_skill_that_is_deleted_meanwhile_is_left_out(server):
    gone = {"status": 404, "json": {"error": "not_found", "message": "skill not found", "request_id": "r"}}
    assert toolkit(server, listed("greet"), (GET, gone)) == []
    with pytest.raises(skillbox.ServerError):
        toolkit(server, listed("greet"), (GET, {**gone, "status": 500}))


def test_names_that_would_be_one(server):
    """Of skills that are not wanted too: a tool keeps its name, whichever others are taken."""
    skills = ["x-y", "x.y", "x_y", "greet"]
    shown = {"status": 200, "json": {"name": "x_y", "version": "1.0.0", "description": "d"}}
    tools = toolkit(server, listed(*skills), ({**GET, "path": "/v1/skills/x_y/latest"}, shown), skills=["x_y"])
    assert [(tool.name, tool.skill) for tool in tools] == [("skillbox_x_y_f9068e81", "x_y")]


@pytest.mark.parametrize("skills, words", [
    (["gret"], "no skill 'gret'; did you mean 'greet'?"), (["zzz"], "no skill 'zzz'; there are: greet"), (["zzz", "greet"], "no skill 'zzz'")])
def test_a_wrong_name_says_so(server, skills, words):
    with pytest.raises(ValueError) as caught:
        toolkit(server, listed("greet"), skills=skills)
    assert words in str(caught.value)


@pytest.mark.parametrize("skills, words", [("greet", "skills=['greet']"), ([1], "it is [1]")])
def test_what_is_no_list_of_names_says_so(server, skills, words):
    with pytest.raises(ValueError) as caught:
        SkillboxToolkit(Client(server.url), skills)
    assert words in str(caught.value)
    assert SkillboxToolkit(Client(server.url), ("a",)).skills == ["a"]


def test_a_skill_to_read_can_be_no_tool(server):
    assert toolkit(server, listed("greet", mode="instructions")) == []
    with pytest.raises(ValueError, match="'greet' has instructions to read"):
        toolkit(server, listed("greet", mode="instructions"), skills=["greet"])
    with pytest.raises(ValueError, match="'greet' has instructions to read"):
        tool_of(server, mode="instructions")


def test_a_newest_version_that_is_only_to_be_read(server):
    shown = {"status": 200, "json": {"name": "greet", "version": "2", "mode": "instructions"}}
    assert toolkit(server, listed("greet"), (GET, shown)) == []


@pytest.mark.parametrize("longest", [0, -1])
def test_a_wrong_max_description(server, longest):
    with pytest.raises(ValueError, match=f"max_description .*{longest}"):
        SkillboxToolkit(Client(server.url), max_description=longest)


def test_build_skillbox_toolkit(server, monkeypatch):
    shown = {"status": 200, "json": {"name": "greet", "version": "2.0", "description": "d", "instructions": "long"}}
    exchanges = [{"request": {**LIST, "headers": {"X-Tenant-ID": "t"}}, "answer": listed("greet")[1]}, {"request": GET, "answer": shown}]
    server.play({"exchanges": exchanges})
    tools = build_skillbox_toolkit(server.url, KEY, skills=["greet"], tenant_id="t", max_description=2)
    assert server.verdict() == "" and [(one.name, one.version, one.description) for one in tools] == [("skillbox_greet", "2.0", "d")]
    monkeypatch.setenv("SKILLBOX_SERVER_URL", server.url)
    monkeypatch.setenv("SKILLBOX_API_KEY", KEY)
    server.play({"exchanges": [{"request": LIST, "answer": {"status": 200, "json": []}}]})
    assert build_skillbox_toolkit() == [] and server.verdict() == ""
