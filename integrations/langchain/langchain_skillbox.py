"""The skills of a Skillbox server as LangChain tools.

    from langchain_skillbox import build_skillbox_toolkit

    tools = build_skillbox_toolkit("http://localhost:8080", "sk-...")

A tool is the newest version of a skill. A model sees its description, its instructions and the schema of its input; what it
calls the tool with is the skill's input, which runs in a sandbox of its own on the server. What the skill answers is what the
model reads; the whole result, files included, is the tool message's `artifact`.
"""

from __future__ import annotations

import concurrent.futures
import difflib
import hashlib
import json
import re
from typing import Any, Callable, Iterable, Literal, NoReturn

from langchain_core.tools import BaseTool, BaseToolkit, ToolException
from langchain_core.utils.json_schema import dereference_refs
from pydantic import PrivateAttr
from skillbox import (APIError, AsyncClient, Client, InvalidInputError, NotFoundError, RateLimitError, RawJSON, RunResult, Skill,
                      SkillDetail, SkillFailed)

__version__ = "0.1.0"
__all__ = ["SkillboxTool", "SkillboxToolkit", "build_skillbox_toolkit"]

_NAME_LENGTH = 64  # what models' APIs take
_OUTPUT_BYTES = 48 << 10  # what a model gets to read of an output, of a log that stands for one, and of a failure's log
_LOG_BYTES = 16 << 10
_FAILURE_LOG_BYTES = 4 << 10
_REQUESTS = 8  # at once, when skills are looked up


class SkillboxTool(BaseTool):
    """A version of a skill as a tool. `SkillboxTool.from_skill(client, client.get_skill("greet"))` makes one by hand.

    skill, version: what is run; without a version the newest.
    client: a `skillbox.Client` or `AsyncClient`; the tool makes itself the other kind, for `invoke` and `ainvoke`.

    A run that fails, and a request that the server refuses for what is in it, is a `ToolException`: the model reads why, in a
    message with the status "error", unless `handle_tool_error` is False. All other errors are the SDK's own and are raised.
    """

    skill: str
    version: str = ""
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: bool | str | Callable[[ToolException], Any] | None = True
    _client: Client = PrivateAttr()
    _async_client: AsyncClient = PrivateAttr()
    _is_wrapped: bool = PrivateAttr(default=False)

    def __init__(self, *, client: Client | AsyncClient, **fields: Any) -> None:
        super().__init__(**fields)
        self._client = client if isinstance(client, Client) else Client.like(client)
        self._async_client = client if isinstance(client, AsyncClient) else AsyncClient.like(client)

    @classmethod
    def from_skill(cls, client: Client | AsyncClient, skill: SkillDetail, *, name: str = "",
                   max_description: int | None = None) -> SkillboxTool:
        """The tool of a skill, as `get_skill` gives it.

        name: instead of `skillbox_` and the skill's name.
        max_description: characters; a longer description is cut at a line's end.
        """
        if skill.mode == "instructions":
            raise ValueError(f"skill '{skill.name}' has instructions to read and no script to run, so it can't be a tool")
        text = f"{skill.description}\n\n{skill.instructions}".strip()
        schema, is_wrapped = _args_schema(skill.input_schema)
        tool = cls(client=client, skill=skill.name, version=skill.version, name=name or _tool_name(skill.name),
                   description=_cut_description(text, max_description), args_schema=schema,
                   metadata={"skillbox_skill": skill.name, "skillbox_version": skill.version, "skillbox_digest": skill.digest})
        tool._is_wrapped = is_wrapped
        return tool

    # No argument of these two has a name, and none is asked for by LangChain: skills have arguments called config, self, ….

    def _run(self, /, *args: Any, **kwargs: Any) -> tuple[str, RunResult]:
        given = self._input(args, kwargs)
        try:
            return _answer(self._client.run(self.skill, version=self.version, input=given))
        except APIError as error:
            _refuse(error)

    async def _arun(self, /, *args: Any, **kwargs: Any) -> tuple[str, RunResult]:
        given = self._input(args, kwargs)
        try:
            return _answer(await self._async_client.run(self.skill, version=self.version, input=given))
        except APIError as error:
            _refuse(error)

    def _input(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RawJSON | None:
        if args:
            raise TypeError(f"{self.name} takes its arguments by name")
        if self._is_wrapped and "input" not in kwargs:
            raise ToolException("the argument 'input' is missing")
        value = kwargs["input"] if self._is_wrapped else kwargs
        if value == {}:
            return None  # which is {} to the server
        try:
            return RawJSON(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))
        except (TypeError, ValueError, RecursionError) as error:
            raise ToolException(f"the arguments can't be sent as JSON: {error}") from error


class SkillboxToolkit(BaseToolkit):
    """The tools of a server's skills, or of those named.

    client: a `skillbox.Client` (or `AsyncClient`) with the server, the key and the timeout of all calls.
    skills: their names. None: all that the key sees. Skills that are only to be read have no tool.
    max_description: see `SkillboxTool.from_skill`.
    """

    skills: list[str] | None = None
    max_description: int | None = None
    _client: Client = PrivateAttr()
    _async_client: AsyncClient = PrivateAttr()

    def __init__(self, client: Client | AsyncClient, skills: Iterable[str] | None = None, *,
                 max_description: int | None = None) -> None:
        if isinstance(skills, str):
            raise ValueError(f"skills must be a list of names: skills=[{skills!r}]")
        names = None if skills is None else list(skills)
        if names is not None and not all(isinstance(name, str) for name in names):
            raise ValueError(f"skills must be a list of names; it is {names!r}")
        if max_description is not None and max_description < 1:
            raise ValueError(f"max_description must be a number of characters, from 1 on; it is {max_description!r}")
        super().__init__()
        self.skills, self.max_description = names, max_description
        self._client = client if isinstance(client, Client) else Client.like(client)
        self._async_client = client if isinstance(client, AsyncClient) else AsyncClient.like(client)

    def get_tools(self) -> list[BaseTool]:
        """The tools as the skills are now, by the skills' names: asks the server each time."""
        listed = self._client.list_skills()
        names = _tool_names(listed)
        wanted = list(names) if self.skills is None else [self._known(skill, names, listed) for skill in dict.fromkeys(self.skills)]
        with concurrent.futures.ThreadPoolExecutor(_REQUESTS) as pool:
            details = list(pool.map(self._look_up, wanted))
        return [self._tool(detail, names[detail.name]) for detail in details if detail is not None]

    @staticmethod
    def _known(skill: str, names: dict[str, str], listed: list[Skill]) -> str:
        if skill in names:
            return skill
        if any(one.name == skill for one in listed):
            raise ValueError(f"skills: '{skill}' has instructions to read and no script to run, so it can't be a tool")
        near = difflib.get_close_matches(skill, names, 1)
        there = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(list(names)[:20]) or 'none'}"
        raise ValueError(f"skills: this key sees no skill '{skill}'; {there}")

    def _look_up(self, skill: str) -> SkillDetail | None:
        """The newest version, if it runs."""
        try:
            detail = self._client.get_skill(skill)
        except NotFoundError:  # deleted since it was listed
            return None
        return None if detail.mode == "instructions" else detail

    def _tool(self, detail: SkillDetail, name: str) -> SkillboxTool:
        tool = SkillboxTool.from_skill(self._client, detail, name=name, max_description=self.max_description)
        tool._async_client = self._async_client  # one for all, so that they share its connections
        return tool


def build_skillbox_toolkit(url: str | None = None, key: str = "", *, skills: Iterable[str] | None = None, tenant_id: str = "",
                           max_description: int | None = None) -> list[BaseTool]:
    """A tool for each skill of the server, in its newest version.

    url, key: `SKILLBOX_SERVER_URL` and `SKILLBOX_API_KEY` if left out.
    skills: names of skills, if not all are to be tools.
    tenant_id: checked by the server against the key's tenant; not needed.
    max_description: characters of a description; OpenAI takes 1,024.
    """
    return SkillboxToolkit(Client(url, key, tenant_id=tenant_id), skills, max_description=max_description).get_tools()


# ---- from a skill to a tool


def _tool_name(skill: str) -> str:
    return ("skillbox_" + re.sub(r"[^A-Za-z0-9_]", "_", skill))[:_NAME_LENGTH]


def _tool_names(listed: Iterable[Skill]) -> dict[str, str]:
    """{skill: tool} of all skills that have a version to run, by name. Where two would be one, the second has a digest in it.
    All are looked at whichever are wanted, so that a tool keeps its name."""
    found: dict[str, str] = {}
    for skill in sorted({one.name for one in listed if one.mode != "instructions"}):
        name = _tool_name(skill)
        if name in found.values():
            name = f"{name[:55]}_{hashlib.sha256(skill.encode()).hexdigest()[:8]}"
        found[skill] = name
    return found


def _cut_description(text: str, longest: int | None) -> str:
    if longest is None or len(text) <= longest:
        return text
    kept = text[:longest + 1].rpartition("\n")[0].rstrip()
    return kept or text[:longest - 1] + "…"


_LIFTED = ("$schema", "$id", "$defs", "definitions")


def _args_schema(schema: Any) -> tuple[dict[str, Any], bool]:
    """A tool's arguments are an object. So what is none becomes the argument `input`: then True. `properties` must be there for
    some models, and for LangChain."""
    if schema is None or schema is True:
        return {"type": "object", "properties": {}, "additionalProperties": True}, False
    schema = _that_can_be_followed(schema)
    kind = schema.get("type", "object") if isinstance(schema, dict) else ""
    if kind == "object" or (isinstance(kind, list) and "object" in kind):
        return {**schema, "type": "object", "properties": schema.get("properties", {})}, False
    inner, lifted = schema, {}
    if isinstance(schema, dict):
        inner = _moved({key: value for key, value in schema.items() if key not in _LIFTED})
        lifted = {key: _moved(schema[key]) for key in _LIFTED if key in schema}
    return {**lifted, "type": "object", "properties": {"input": inner}, "required": ["input"]}, True


def _that_can_be_followed(schema: Any) -> Any:
    """LangChain writes out what a `$ref` leads to, and knows paths from the root only: an anchor, a URI or a path to nothing would
    end the program, for all tools. There any value is shown instead; the skill sees what it gets in any case."""
    for kept in (r".*", r"#(/.*)?$", r"(?!)"):
        tried = _with_references(schema, kept)
        try:
            if isinstance(tried, dict):
                dereference_refs(tried)
            return tried
        except Exception:  # KeyError, ValueError, …: it is LangChain's affair which
            continue
    return schema


def _with_references(schema: Any, kept: str) -> Any:
    if isinstance(schema, list):
        return [_with_references(one, kept) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _with_references(value, kept) for key, value in schema.items()
            if not (key == "$ref" and isinstance(value, str) and not re.match(kept, value))}


def _moved(schema: Any) -> Any:
    """With references to what has moved from the root to the argument `input`."""
    if isinstance(schema, list):
        return [_moved(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {}
    for key, value in schema.items():
        if key in ("$ref", "$dynamicRef") and isinstance(value, str) and re.match(r"#(/(?!(\$defs|definitions)/)|$)", value):
            value = "#/properties/input" + value[1:]
        moved[key] = value if key in ("const", "enum", "default", "examples") else _moved(value)
    return moved


# ---- from a result to what a model reads


def _answer(result: RunResult) -> tuple[str, RunResult]:
    if not result.succeeded:
        log = _tail(result.logs, _FAILURE_LOG_BYTES)
        text = result.error or f"the execution ended as {result.status}"
        raise ToolException(f"{text}\n\n{log}" if log else text) from SkillFailed(result)
    if not result.output_text:
        return _tail(result.logs, _LOG_BYTES) or _nothing(result), result
    data = result.output_text.encode("utf-8", "surrogatepass")
    if len(data) <= _OUTPUT_BYTES:
        return result.output_text, result
    text = data[:_OUTPUT_BYTES].decode("utf-8", "ignore")
    return f"{text}\n… (cut: these are the first {_OUTPUT_BYTES >> 10} KiB of {len(data)} bytes of output of execution " \
           f"{result.execution_id})", result


def _nothing(result: RunResult) -> str:
    files = f" Its files: {', '.join(result.files_list)[:_FAILURE_LOG_BYTES]}" if result.files_list else ""
    return "The skill ended without output." + files


def _tail(log: str, longest: int) -> str:
    """The end of a log, whole lines if there are any."""
    log = log.strip("\n")
    data = log.encode("utf-8", "surrogatepass")
    if len(data) <= longest:
        return log
    text = data[-longest:].decode("utf-8", "ignore")
    return text.partition("\n")[2] or text


def _refuse(error: APIError) -> NoReturn:
    """What a model can do something about, by other arguments or by waiting, it gets to read; the rest is its developer's."""
    if not isinstance(error, (InvalidInputError, NotFoundError, RateLimitError)):
        raise error
    wait = f" (try again in {error.retry_after:g} seconds)" if error.retry_after else ""
    raise ToolException(f"{error.message}{wait}") from error
