"""Skillbox from Python: run skills for AI agents in sandboxes of their own.

    from skillbox import Client

    client = Client("http://localhost:8080", "sk-...")
    result = client.run("greet", input={"name": "World"})
    print(result.output)

`Client` is synchronous and may be shared by threads; `AsyncClient` has the same methods as coroutines. Both keep their
connections open, try again what may be tried again, and raise typed errors. One file, no dependency, Python 3.9 and later.

How it is built: each call is written once, as a generator that yields what it needs (`_Open`, `_Read`, `_Sleep`, ...) and
knows no socket. `Client` and `AsyncClient` carry these steps out, one by http.client and one by asyncio's streams.
"""

from __future__ import annotations

import array
import asyncio
import base64
import codecs
import contextlib
import dataclasses
import decimal
import email.utils
import gzip
import http.client
import inspect
import io
import json
import os
import pathlib
import random
import re
import shutil
import socket
import ssl
import stat
import tempfile
import threading
import time
import urllib.parse
import urllib.request
import uuid
import zipfile
import zlib
from typing import (Any, AsyncIterator, BinaryIO, Callable, Dict, Generator, Generic, Iterator, List, Mapping, NamedTuple,
                    Optional, Tuple, Type, TypeVar, Union)

__version__ = "0.1.0"
__all__ = [
    "APIConnectionError", "APIError", "APITimeoutError", "ArchiveError", "AsyncClient", "AuthenticationError", "Client",
    "ConflictError", "Execution", "InvalidInputError", "NotFoundError", "PermissionDeniedError", "RateLimitError", "RawJSON",
    "RunResult", "ServerError", "Skill", "SkillDetail", "SkillFailed", "SkillboxError", "Validation",
]

_T = TypeVar("_T")
# What a call is made of: it yields steps, is sent what came of each, and returns the call's result.
_Plan = Generator[Any, Any, _T]
_Path = Union[str, "os.PathLike[str]"]

_DEFAULT_URL = "http://localhost:8080"
_PIECE = 65536
_CONNECT_SECONDS = 30.0  # to reach a server
_SILENT_SECONDS = 60.0  # without a byte; a followed log has a sign of life every 15 s. A synchronous run is as silent as it is long
_SILENT_UPLOAD_SECONDS = 300.0  # a server may have something to do with a skill before it answers
_LONG_SECONDS = 10.0  # a call that was cut after that was perhaps too silent for something between
_BACKOFF_SECONDS, _BACKOFF_SECONDS_MAX = 0.5, 8.0
_PATIENCE_SECONDS = 60.0  # the longest Retry-After that a call without a timeout waits for
_IDLE_SECONDS, _IDLE_CONNECTIONS = 60.0, 10  # the server closes idle connections after 75 s
_ANSWER_BYTES = 256 << 20
_ERROR_BYTES = 1 << 20
_EVENT_BYTES = 16 << 20
_PACK_FILES, _PACK_BYTES = 20_000, 4 << 30  # against packing a wrong folder: the server's own limits are lower
_UNPACK_FILES, _UNPACK_BYTES = 20_000, 4 << 30
_ENDED = ("success", "failed", "timeout", "cancelled")


# ---- errors


class SkillboxError(Exception):
    """What all errors of this module are. `idempotency_key`: the one that a `run` or `submit` was sent with; the same call
    with it again gives the same execution instead of a second one."""

    idempotency_key: str = ""
    _is_repeat = False  # an attempt before this one may have done it


class APIError(SkillboxError):
    """The server refused. `error_code` is its word (`not_found`), `message` says what was wrong and what to do,
    `retry_after` in how many seconds to come back, if it said so."""

    def __init__(self, status_code: int, error_code: str, message: str, *, request_id: str = "",
                 retry_after: Optional[float] = None) -> None:
        super().__init__(status_code, error_code, message)
        self.status_code = status_code
        self.error_code = error_code
        self.message = message
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        request = f", request {self.request_id}" if self.request_id else ""
        return f"{self.message} ({self.status_code} {self.error_code}{request})"


class AuthenticationError(APIError):
    """401: no key, or one that is wrong or revoked."""


class PermissionDeniedError(APIError):
    """403: the key lacks the scope, or is another tenant's."""


class NotFoundError(APIError):
    """404: no such skill or execution."""


class ConflictError(APIError):
    """409: the idempotency key was used with another request."""


class InvalidInputError(APIError):
    """400, 413, 415 or 422: what was sent can't be used; the message says why."""


class RateLimitError(APIError):
    """429: too many requests (`rate_limited`) or executions (`no_capacity`); come back after `retry_after` seconds."""


class ServerError(APIError):
    """5xx: the server or something between failed; or its answer makes no sense."""


class APIConnectionError(SkillboxError):
    """No whole answer came: the server can't be reached, or the connection was cut."""


class APITimeoutError(APIConnectionError):
    """Time was over before the answer came. What was asked for may go on at the server."""


class ArchiveError(SkillboxError):
    """The files of an execution came as an archive that is damaged, too large or not safe to unpack. Nothing was written."""


class SkillFailed(SkillboxError):
    """The skill ran and failed, timed out or was cancelled. `result` is all that came of it."""

    def __init__(self, result: RunResult) -> None:
        super().__init__(result)
        self.result = result

    def __str__(self) -> str:
        code = f" ({self.result.error_code})" if self.result.error_code else ""
        return f"execution {self.result.execution_id}: {self.result.error or self.result.status}{code}"


_ERRORS: Mapping[int, Type[APIError]] = {
    400: InvalidInputError, 401: AuthenticationError, 403: PermissionDeniedError, 404: NotFoundError, 409: ConflictError,
    413: InvalidInputError, 415: InvalidInputError, 422: InvalidInputError, 429: RateLimitError,
}


class _Broken(Exception):
    """A transport's word: no whole answer. timeout: it took too long; final: another attempt makes no sense."""

    def __init__(self, message: str, *, timeout: bool = False, final: bool = False) -> None:
        super().__init__(message)
        self.timeout = timeout
        self.final = final


# ---- results


class RawJSON(str):
    """JSON text that is sent as it stands, as `input`: every digit, every blank. `RawJSON('{"n": 1.10}')`"""


@dataclasses.dataclass
class RunResult:
    """What came of a run, or of one that still goes on (`status` `pending` or `running`)."""

    execution_id: str
    status: str
    output: Any = None
    """The skill's output. Integers keep all digits; numbers with a point are floats: `output_text` has them digit by digit."""
    output_text: str = ""
    """The output as JSON text, byte for byte as the server sent it; empty if there is none."""
    files_list: List[str] = dataclasses.field(default_factory=list)
    files_url: str = ""
    logs: str = ""
    logs_truncated: bool = False
    exit_code: Optional[int] = None
    duration_ms: Optional[int] = None
    timings: Dict[str, float] = dataclasses.field(default_factory=dict)
    warm: Optional[bool] = None
    reason: str = ""
    message: str = ""
    isolation: List[Dict[str, Any]] = dataclasses.field(default_factory=list)
    error: Optional[str] = None
    error_code: str = ""

    @property
    def has_files(self) -> bool:
        """Whether there is something for `download_files`."""
        return bool(self.files_list or self.files_url)

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in _ENDED

    @property
    def succeeded(self) -> bool:
        return self.status == "success"

    def raise_for_status(self) -> RunResult:
        """Raises `SkillFailed` if the run failed, timed out or was cancelled; else gives itself."""
        if self.ended and not self.succeeded:
            raise SkillFailed(self)
        return self


@dataclasses.dataclass
class Execution(RunResult):
    """The record of an execution."""

    skill_name: str = ""
    skill_version: str = ""
    tenant_id: str = ""
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    input: Any = None
    input_text: str = ""
    """The input as JSON text, byte for byte."""
    skill_digest: str = ""
    image: str = ""


@dataclasses.dataclass
class Skill:
    """A version of a skill, as lists show it and `register_skill` returns it."""

    name: str
    version: str
    description: str = ""
    lang: str = ""
    digest: str = ""
    uploaded_at: str = ""
    mode: str = "executable"
    """`instructions` if there is nothing to run."""
    status: str = ""


@dataclasses.dataclass
class SkillDetail(Skill):
    """A version of a skill with all that the server tells of it."""

    image: str = ""
    instructions: str = ""
    timeout: str = ""
    resources: Dict[str, str] = dataclasses.field(default_factory=dict)
    input_schema: Any = None
    output_schema: Any = None
    size: int = 0


@dataclasses.dataclass
class Validation:
    """What the server says of a skill that was not stored."""

    valid: bool
    name: str = ""
    version: str = ""
    problems: List[str] = dataclasses.field(default_factory=list)
    warnings: List[str] = dataclasses.field(default_factory=list)


# ---- JSON as values and as text


def _integer(text: str) -> Any:
    try:
        return int(text)
    except ValueError:  # longer than Python converts (4300 digits)
        return decimal.Decimal(text)


_DECODER = json.JSONDecoder(parse_int=_integer)
_BLANK = re.compile(r"[ \t\r\n]*")


def _parse(text: str) -> Any:
    """ValueError if it isn't JSON."""
    try:
        value, end = _DECODER.raw_decode(text, _skip(text, 0))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _skip(text, end) != len(text):
        raise ValueError("more than one value")
    return value


def _skip(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _pieces(text: str) -> Iterator[Tuple[str, str]]:
    """(key, text) of each member of an object, ("", text) of each element of an array; text must be one of these."""
    position = _skip(text, 0)
    is_object = text[position] == "{"
    position = _skip(text, position + 1)
    while text[position] not in "}]":
        key = ""
        if is_object:
            key, position = _DECODER.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)  # the colon
        _, end = _DECODER.raw_decode(text, position)
        yield key, text[position:end]
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)


class _Nonsense(ValueError):
    """An answer that isn't what the API promises."""


def _object(text: str) -> Dict[str, Any]:
    value = _parse(text)
    if not isinstance(value, dict):
        raise _Nonsense("it is not a JSON object")
    return value


def _build(kind: Type[_T], value: Any, **more: Any) -> _T:
    """A dataclass from the keys that it knows; null counts as left out."""
    if not isinstance(value, dict):
        raise _Nonsense("there is no JSON object where one belongs")
    given = dict(more)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name in value and field.name not in more and (value[field.name] is not None or field.name in ("input", "output")):
            given[field.name] = value[field.name]
        elif field.name not in given and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise _Nonsense(f"'{field.name}' is missing")
    return kind(**given)


def _result(kind: Type[_T], text: str) -> _T:
    """A RunResult or Execution."""
    value = _object(text)
    raw = {f"{key}_text": piece for key, piece in _pieces(text) if key in ("output", "input")}
    return _build(kind, value, **{key: piece for key, piece in raw.items() if key in kind.__dataclass_fields__})  # type: ignore[attr-defined]


def _skills(text: str) -> List[Skill]:
    value = _parse(text)
    if not isinstance(value, list):
        raise _Nonsense("it is not a JSON array")
    return [_build(Skill, item) for item in value]


def _page(text: str) -> Tuple[List[Execution], str]:
    pieces = dict(_pieces(text)) if isinstance(_parse(text), dict) else {}
    if not pieces.get("executions", "").startswith("["):
        raise _Nonsense("'executions' is missing")
    following = _parse(pieces.get("next", "null"))
    return [_result(Execution, piece) for _, piece in _pieces(pieces["executions"])], following if isinstance(following, str) else ""


def _json_text(value: Any, what: str) -> str:
    if isinstance(value, RawJSON):
        try:
            _parse(value)
        except ValueError as error:
            raise ValueError(f"{what} is not JSON: {error}") from None
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise type(error)(f"{what} can't be sent as JSON: {error}") from None


# ---- requests


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int

    @property
    def name(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


_PORTS = {"http": 80, "https": 443}


class _Proxy(NamedTuple):
    host: str
    port: int
    headers: Dict[str, str]


class _Body:
    """A request's body; each attempt reads it from its beginning."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, io.SEEK_END)

    def pieces(self) -> Iterator[bytes]:
        self.file.seek(0)
        left = self.size
        while left:
            piece = self.file.read(min(left, _PIECE))
            if not piece:
                raise OSError("a file became shorter while it was sent")
            left -= len(piece)
            yield piece


class _Request(NamedTuple):
    method: str
    origin: _Origin
    target: str
    headers: Dict[str, str]
    body: Optional[_Body] = None

    @property
    def name(self) -> str:
        return f"{self.method} {self.origin.scheme}://{self.origin.name}{self.target.partition('?')[0]}"

    def head(self, proxy: Optional[_Proxy]) -> Tuple[str, Dict[str, str]]:
        """The target and the headers of its first lines."""
        headers = {"Host": self.origin.name, **self.headers}
        if self.body is not None:
            headers["Content-Length"] = str(self.body.size)
        if proxy is None or self.origin.scheme == "https":
            return self.target, headers
        return f"http://{self.origin.name}{self.target}", {**headers, **proxy.headers}


def _split_url(url: str, what: str) -> Tuple[_Origin, urllib.parse.SplitResult]:
    """The message names the URL without its user and password."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{what} is not a URL: {error}") from None
    shown = url.rpartition("@")[2]
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{what} must begin with http:// or https:// and a host, like {_DEFAULT_URL}; it is '{shown}'")
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        raise ValueError(f"{what} has a blank, or a character that is not ASCII: '{shown}'")
    return _Origin(parts.scheme, parts.hostname, port or _PORTS[parts.scheme]), parts


def _proxy_of(origin: _Origin) -> Optional[_Proxy]:
    """As the environment says: http_proxy, https_proxy, no_proxy."""
    url = urllib.request.getproxies().get(origin.scheme)
    if not url or urllib.request.proxy_bypass(f"{origin.host}:{origin.port}"):
        return None
    proxy, parts = _split_url(url if "://" in url else "http://" + url, f"the environment's {origin.scheme}_proxy")
    if proxy.scheme != "http":
        raise ValueError(f"the environment's {origin.scheme}_proxy must begin with http://; it begins with {proxy.scheme}://")
    headers = {}
    if parts.username:
        user = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
    return _Proxy(proxy.host, proxy.port, headers)


def _header_text(value: str, what: str, longest: int) -> str:
    """ValueError without the value: it may be a secret."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a string, not {type(value).__name__}")
    if len(value) > longest or not re.fullmatch(r"[\x21-\x7e]*", value):
        raise ValueError(f"{what} must be printable ASCII without blanks, at most {longest} characters")
    return value


def _segment(value: str, what: str) -> str:
    """A part of a path."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a string, not {type(value).__name__}")
    if value in ("", ".", ".."):
        raise ValueError(f"{what} must not be '{value}'")
    return urllib.parse.quote(value, safe="")


def _seconds(value: Optional[float], what: str) -> Optional[float]:
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf")):
        raise ValueError(f"{what} must be a number of seconds above 0, or None; it is {value!r}")
    return value


def _duration(value: Union[str, float]) -> str:
    if isinstance(value, str):
        return value
    _seconds(value, "run_timeout")
    return f"{max(1, round(value * 1000))}ms"


def _retry_after(text: Optional[str]) -> Optional[float]:
    """Seconds, or a date."""
    text = (text or "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _error_of(status: int, headers: Mapping[str, str], body: bytes) -> APIError:
    kind = _ERRORS.get(status, ServerError if status >= 500 else APIError)
    text = body.decode("utf-8", "replace")
    request_id = headers.get("X-Request-ID") or ""
    try:
        value = _object(text)
        code, message = value["error"], value["message"]
        if not isinstance(code, str) or not isinstance(message, str):
            raise _Nonsense
        request_id = value.get("request_id") or request_id
    except (ValueError, KeyError):
        code = f"http_{status}"
        if headers.get("Location"):
            message = f"the answer is a redirect to {headers['Location']}: use that as base_url"
        else:
            words = " ".join(re.sub(r"<[^>]*>", " ", text).split())
            message = f"the answer is not Skillbox's: {words[:200] or http.client.responses.get(status, 'no text')}"
    return kind(status, code, message, request_id=str(request_id), retry_after=_retry_after(headers.get("Retry-After")))


# ---- steps that a plan yields


class _Stream:
    """An answer whose body is still to be read. read() gives b"" at the end, and raises _Broken if there is none."""

    status: int
    headers: Mapping[str, str]

    def read(self) -> Any:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class _Open(NamedTuple):
    """Send a request; sent back is the _Stream. silence: seconds without a byte."""

    request: _Request
    deadline: Optional[float]
    silence: Optional[float]


class _Read(NamedTuple):
    stream: _Stream


class _Sleep(NamedTuple):
    seconds: float


class _Give(NamedTuple):
    """Something for the caller, who iterates."""

    value: Any


class _Call(NamedTuple):
    """The caller's own function; if it gives something that can be awaited, that is awaited."""

    function: Callable[[str], Any]
    argument: str


class _Work(NamedTuple):
    """Something that may block for a while."""

    function: Callable[[], Any]


def _left(deadline: Optional[float], longest: Optional[float]) -> Optional[float]:
    """Seconds that the next step may take; None: any."""
    if deadline is None:
        return longest
    left = deadline - time.monotonic()
    if left <= 0:
        raise _Broken("time is over", timeout=True)
    return left if longest is None else min(left, longest)


def _read_all(stream: _Stream, longest: int) -> _Plan[bytes]:
    data = bytearray()
    while True:
        piece = yield _Read(stream)
        if not piece:
            return bytes(data)
        data += piece
        if len(data) > longest:
            raise _Broken(f"the answer is longer than {longest} bytes", final=True)


# ---- server-sent events


class _Events:
    """Takes a stream of server-sent events apart: feed(bytes) gives (event, data)."""

    def __init__(self) -> None:
        self.decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")("replace"), translate=True)
        self.rest: List[str] = []
        self.size = 0
        self.event, self.data = "", []  # type: Tuple[str, List[str]]

    def feed(self, data: bytes) -> Iterator[Tuple[str, str]]:
        *lines, rest = self.decoder.decode(data).split("\n")
        self.size += len(data)
        if lines:
            lines[0] = "".join(self.rest) + lines[0]
            self.rest, self.size = [], len(rest)
        self.rest.append(rest)
        for line in lines:
            if not line:
                if self.data:
                    yield self.event or "message", "\n".join(self.data)
                self.event, self.data = "", []
                continue
            name, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if name == "event":
                self.event = value
            elif name == "data":
                self.data.append(value)
        if self.size + sum(map(len, self.data)) > _EVENT_BYTES:
            raise _Broken(f"an event of the log is longer than {_EVENT_BYTES} bytes", final=True)


# ---- archives: a skill's folder on its way out, files on their way in

_LEFT_OUT = {".git", ".hg", ".svn", "__pycache__", "__MACOSX", ".DS_Store", "Thumbs.db"}


def _walk(folder: pathlib.Path) -> Iterator[Tuple[str, pathlib.Path, os.stat_result]]:
    """(name in the archive, path, stat) of each file, in order."""
    found: List[Tuple[str, pathlib.Path, os.stat_result]] = []
    size = 0
    todo = [("", folder)]
    while todo:
        prefix, here = todo.pop()
        for entry in os.scandir(here):
            if entry.name in _LEFT_OUT or entry.name.startswith("._"):
                continue
            name, path, info = prefix + entry.name, pathlib.Path(entry.path), entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                todo.append((name + "/", path))
                continue
            if not stat.S_ISREG(info.st_mode):
                kind = "a symbolic link" if stat.S_ISLNK(info.st_mode) else "no regular file"
                raise ValueError(f"{path} is {kind}: a skill has regular files only; put a copy there")
            found.append((name, path, info))
            size += info.st_size
            if len(found) > _PACK_FILES or size > _PACK_BYTES:
                raise ValueError(f"{folder} has more than {_PACK_FILES} files or {_PACK_BYTES} bytes: is it the skill's folder?")
    yield from sorted(found)


def _pack(path: _Path) -> BinaryIO:
    """The zip that is there, or one of the folder: the same bytes for the same files."""
    path = pathlib.Path(path)
    if not path.is_dir():
        return open(path, "rb")
    if not any(name.lower() == "skill.md" for name in os.listdir(path)):
        raise FileNotFoundError(f"{path} has no SKILL.md: is it the skill's folder?")
    out: BinaryIO = tempfile.TemporaryFile()
    try:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, file, info in _walk(path):
                entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system = 3
                entry.external_attr = (stat.S_IFREG | (0o755 if info.st_mode & 0o100 else 0o644)) << 16
                entry.file_size = info.st_size
                with open(file, "rb") as source, archive.open(entry, "w") as target:
                    shutil.copyfileobj(source, target, _PIECE)
    except BaseException:
        out.close()
        raise
    return out


def _number(field: bytes) -> int:
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    return int(field.strip(b" \0") or b"0", 8)


def _parts(name: bytes) -> Tuple[str, ...]:
    """The parts of a safe relative path, or ArchiveError."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        raise ArchiveError(f"the archive has a name that is not UTF-8: {name!r}") from None
    parts = tuple(part for part in text.split("/") if part != ".")
    if not parts or "" in parts or ".." in parts or re.search(r"[\\\x00-\x1f\x7f]", text):
        raise ArchiveError(f"the archive has a name that leaves the folder or isn't plain: {text!r}")
    if os.name == "nt":
        for part in parts:
            device = part.partition(".")[0].rstrip(" ").upper()
            if re.search(r'[<>:"|?*]|[ .]$', part) or re.fullmatch(r"CON|PRN|AUX|NUL|(COM|LPT)[0-9\xb9\xb2\xb3]", device):
                raise ArchiveError(f"the archive has a name that Windows can't keep: {text!r}")
    return parts


class _Entry(NamedTuple):
    parts: Tuple[str, ...]
    size: int
    executable: bool
    mtime: float


class _Tar:
    """The regular files of a gzip tar, as a stream. Anything but files and folders is an ArchiveError."""

    REFUSED = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device", b"6": "a pipe"}

    def __init__(self, file: BinaryIO, max_size: int, max_files: int) -> None:
        self.source = gzip.GzipFile(fileobj=file, mode="rb")
        self.max_size, self.max_files = max_size, max_files

    def read(self, size: int) -> bytes:
        try:
            data = self.source.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise ArchiveError(f"the archive is damaged: {error}") from None
        if len(data) != size:
            raise ArchiveError("the archive ends before its end")
        return data

    def content(self, size: int) -> Iterator[bytes]:
        left = size
        while left:
            piece = self.read(min(left, _PIECE))
            left -= len(piece)
            yield piece
        self.read(-size % 512)

    def end(self) -> None:
        """To the last byte, so that the checksum is looked at."""
        try:
            if len(self.source.read(_ERROR_BYTES)) == _ERROR_BYTES:
                raise ArchiveError("the archive goes on after its end")
        except (OSError, EOFError, zlib.error) as error:
            raise ArchiveError(f"the archive is damaged: {error}") from None

    def entries(self) -> Iterator[_Entry]:
        """Each must have its content read before the next is taken."""
        long_name: Optional[bytes] = None
        pax: Dict[bytes, bytes] = {}
        count = total = headers = 0
        while True:
            block = self.read(512)
            if not block.strip(b"\0"):
                return self.end()
            try:
                if sum(block[:148]) + 8 * 32 + sum(block[156:]) != _number(block[148:156]):
                    raise ValueError
                size, mode, mtime = _number(block[124:136]), _number(block[100:108]), _number(block[136:148])
                if min(size, mode, mtime) < 0:
                    raise ValueError
            except ValueError:
                raise ArchiveError("the archive is damaged: a header makes no sense") from None
            kind = block[156:157]
            headers += 1
            if headers > 4 * self.max_files:
                raise ArchiveError(f"the archive has more than max_files ({self.max_files}) entries")
            if kind in (b"x", b"g", b"L", b"K"):
                if size > _PIECE:
                    raise ArchiveError("the archive has a name that is too long")
                text = b"".join(self.content(size))
                if kind == b"L":
                    long_name = text.rstrip(b"\0")
                elif kind == b"x":
                    pax = self.records(text)
                continue
            name = block[:100].rstrip(b"\0").partition(b"\0")[0]
            if block[257:263] == b"ustar\0" and block[345:500].strip(b"\0"):
                name = block[345:500].partition(b"\0")[0] + b"/" + name
            name = pax.get(b"path", long_name if long_name is not None else name)
            size = int(pax.get(b"size", b"%d" % size))
            long_name, pax = None, {}
            if kind == b"5":
                _parts(name.rstrip(b"/") or b"/")
                if size:
                    raise ArchiveError("the archive is damaged: a folder has content")
                continue
            if kind not in (b"0", b"\0"):
                raise ArchiveError(f"the archive has {self.REFUSED.get(kind, 'an entry of an unknown kind')}: {name!r}")
            count += 1
            total += size
            if count > self.max_files:
                raise ArchiveError(f"the archive has more than max_files ({self.max_files}) files")
            if total > self.max_size:
                raise ArchiveError(f"the files are larger than max_size ({self.max_size} bytes)")
            yield _Entry(_parts(name), size, bool(mode & 0o100), float(mtime))

    @staticmethod
    def records(text: bytes) -> Dict[bytes, bytes]:
        found = {}
        while text:
            digits, blank, _ = text.partition(b" ")
            length = int(digits) if blank and re.fullmatch(rb"[0-9]{1,6}", digits) else 0
            key, equals, value = text[len(digits) + 1:length].partition(b"=")
            if not equals or not value.endswith(b"\n") or key.startswith(b"GNU.sparse") or (
                    key == b"size" and not re.fullmatch(rb"[0-9]{1,18}\n", value)):
                raise ArchiveError("the archive is damaged: an extended header makes no sense")
            found[key] = value[:-1]
            text = text[length:]
        return found


def _unpack(file: BinaryIO, folder: pathlib.Path, max_size: int, max_files: int) -> List[pathlib.Path]:
    """Everything is unpacked aside first. So a bad archive leaves nothing, and each file appears whole."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = pathlib.Path(tempfile.mkdtemp(prefix=".skillbox-", dir=folder))
    try:
        file.seek(0)
        archive = _Tar(file, max_size, max_files)
        staged: Dict[Tuple[str, ...], pathlib.Path] = {}
        for entry in archive.entries():
            if entry.parts in staged:
                raise ArchiveError(f"the archive has a name twice: {'/'.join(entry.parts)!r}")
            path = aside / str(len(staged))
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            with open(os.open(path, flags, 0o755 if entry.executable else 0o644), "wb") as out:
                for piece in archive.content(entry.size):
                    out.write(piece)
            with contextlib.suppress(OSError, OverflowError):  # a time that this file system can't keep
                os.utime(path, (entry.mtime, entry.mtime))
            staged[entry.parts] = path
        names = sorted(staged, key=lambda parts: "/".join(parts).encode())
        for parts in names:
            _check_place(folder, parts, staged)
        paths = []
        for parts in names:
            target = folder.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged[parts], target)
            paths.append(target)
        return paths
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _check_place(folder: pathlib.Path, parts: Tuple[str, ...], staged: Mapping[Tuple[str, ...], Any]) -> None:
    """What is in the folder already must not lead out of it, nor be in the way."""
    here = folder
    for depth, part in enumerate(parts[:-1], 1):
        here = here / part
        if parts[:depth] in staged:
            raise ArchiveError(f"the archive has a file and a folder of one name: {'/'.join(parts[:depth])!r}")
        if here.is_symlink():
            raise ArchiveError(f"{here} is a symbolic link: files are not written through it; remove it or choose another folder")
        if here.exists() and not here.is_dir():
            raise ArchiveError(f"{here} is a file where a folder belongs: remove it or choose another folder")
    if (here / parts[-1]).is_dir() and not (here / parts[-1]).is_symlink():
        raise ArchiveError(f"{here / parts[-1]} is a folder where a file belongs: remove it or choose another folder")


# ---- the calls, written once


class _Core:
    """What both clients share: every call as a plan."""

    def __init__(self, base_url: Optional[str], api_key: str, tenant_id: str, timeout: Optional[float], max_retries: int) -> None:
        url = base_url or os.environ.get("SKILLBOX_SERVER_URL") or _DEFAULT_URL
        self.origin, parts = _split_url(url.strip(), "base_url")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("base_url must have no user, query or fragment; the key goes into api_key")
        self.prefix = parts.path.rstrip("/")
        key = _header_text((api_key or os.environ.get("SKILLBOX_API_KEY") or "").strip(), "api_key", 4096)
        tenant = _header_text(tenant_id, "tenant_id", 256)
        self.timeout = _seconds(timeout, "timeout")
        if isinstance(max_retries, bool) or not isinstance(max_retries, int) or max_retries < 0:
            raise ValueError(f"max_retries must be a whole number from 0 on; it is {max_retries!r}")
        self.max_retries = max_retries
        self.common = {"User-Agent": f"skillbox-python/{__version__}", "Accept-Encoding": "identity"}
        self.headers = dict(self.common)
        if key:
            self.headers["Authorization"] = f"Bearer {key}"
        if tenant:
            self.headers["X-Tenant-ID"] = tenant
        self.shown = f"{self.origin.scheme}://{self.origin.name}{self.prefix}"

    def deadline(self, timeout: Optional[float]) -> Optional[float]:
        timeout = self.timeout if _seconds(timeout, "timeout") is None else timeout
        return None if timeout is None else time.monotonic() + timeout

    def request(self, method: str, path: str, headers: Optional[Mapping[str, str]] = None, body: Optional[_Body] = None) -> _Request:
        return _Request(method, self.origin, self.prefix + path,
                        {**self.headers, "Accept": "application/json", **(headers or {})}, body)

    # How often and when to try again.

    def pause(self, problem: SkillboxError, failures: int, deadline: Optional[float]) -> Optional[float]:
        """Seconds until the next attempt; None: there is none."""
        asked = None
        if isinstance(problem, APIError):
            if problem.status_code not in (429, 502, 503, 504):
                return None
            asked = problem.retry_after
        if failures >= self.max_retries:
            return None
        if asked is None:
            pause = min(_BACKOFF_SECONDS_MAX, _BACKOFF_SECONDS * 2 ** failures) * (0.5 + random.random() / 2)
        else:
            pause = asked * (1 + random.random() / 10)
        latest = time.monotonic() + _PATIENCE_SECONDS * 1.1 if deadline is None else deadline
        return pause if time.monotonic() + pause < latest else None

    def attempts(self, request: _Request, deadline: Optional[float], consume: Callable[[_Stream], _Plan[_T]],
                 silence: Optional[float] = _SILENT_SECONDS, progress: Callable[[], int] = lambda: 0,
                 after_long: Optional[_Request] = None) -> _Plan[_T]:
        """One request, tried again where that may help. consume: reads the answer of a 2xx. Where progress() grows, the count
        begins anew. after_long: sent instead, once an attempt has failed after a long time."""
        failures, reached = 0, progress()
        while True:
            cause: Optional[BaseException] = None
            began = time.monotonic()
            try:
                stream = yield _Open(request, deadline, silence)
                if 200 <= stream.status < 300:
                    return (yield from consume(stream))
                problem: SkillboxError = _error_of(stream.status, stream.headers, (yield from _read_all(stream, _ERROR_BYTES)))
                if failures and request.method == "DELETE" and stream.status == 404:
                    problem._is_repeat = True
            except APIError as error:  # consume's: the end of a log
                problem = error
            except _Broken as broken:
                cause = broken
                late = deadline is not None and time.monotonic() >= deadline
                kind = APITimeoutError if broken.timeout else APIConnectionError
                problem = kind(f"{request.name}: {'the timeout is over' if late else broken}")
                if late or broken.final:
                    raise problem from broken.__cause__
            if progress() != reached:
                failures, reached = 0, progress()
            pause = self.pause(problem, failures, deadline)
            if pause is None:
                raise problem from (cause.__cause__ if cause else None)
            failures += 1
            if after_long is not None and time.monotonic() - began >= _LONG_SECONDS:
                request = after_long
            yield _Sleep(pause)

    def ask(self, request: _Request, deadline: Optional[float], read: Callable[[str], _T],
            silence: Optional[float] = _SILENT_SECONDS, after_long: Optional[_Request] = None) -> _Plan[_T]:
        """A request whose answer is read whole."""
        def consume(stream: _Stream) -> _Plan[_T]:
            body = yield from _read_all(stream, _ANSWER_BYTES)
            try:
                return read(body.decode("utf-8"))
            except (ValueError, RecursionError) as error:
                raise _invalid(stream, f"{request.name}: the answer makes no sense: {error}") from None
        return (yield from self.attempts(request, deadline, consume, silence, after_long=after_long))

    # Executions.

    def execute(self, skill: str, version: str, input: Any, env: Optional[Mapping[str, str]], timeout: Optional[float],
                key: Optional[str], run_timeout: Union[str, float, None], on_log: Optional[Callable[[str], Any]],
                is_async: bool) -> _Plan[RunResult]:
        if not isinstance(skill, str) or not skill:
            raise ValueError(f"skill must be a skill's name; it is {skill!r}")
        members = [("skill", json.dumps(skill))]
        if version:
            members.append(("version", _json_text(version, "version")))
        if input is not None:
            members.append(("input", _json_text(input, "input")))
        if env:
            members.append(("env", _json_text(dict(env), "env")))
        if run_timeout is not None:
            members.append(("timeout", json.dumps(_duration(run_timeout))))
        if is_async or on_log:
            members.append(("async", "true"))
        text = "{" + ",".join(f'"{name}":{value}' for name, value in members) + "}"
        key = _header_text(key if key is not None else uuid.uuid4().hex, "idempotency_key", 128) or uuid.uuid4().hex
        request = self.request("POST", "/v1/executions", {"Content-Type": "application/json", "Idempotency-Key": key},
                               _Body(io.BytesIO(text.encode("utf-8", "backslashreplace"))))  # a lone surrogate becomes \ud800
        # Nothing comes while a skill runs, and proxies cut what is silent. Then the same execution is asked about now and again.
        patient = request._replace(headers={**request.headers, "Prefer": "respond-async"})
        deadline = self.deadline(timeout)
        try:
            result = yield from self.ask(request, deadline, lambda text: _result(RunResult, text),
                                         _SILENT_SECONDS if is_async or on_log else None, patient)
            if on_log and not is_async:
                function = on_log
                yield from self.follow(result.execution_id, deadline, lambda line: _Call(function, line))
            if not is_async and (on_log or not result.ended):
                result = yield from self.until_ended(result.execution_id, deadline)
            return result
        except SkillboxError as error:
            error.idempotency_key = key
            raise

    def record(self, execution_id: str, deadline: Optional[float]) -> _Plan[Execution]:
        path = f"/v1/executions/{_segment(execution_id, 'execution_id')}"
        return (yield from self.ask(self.request("GET", path), deadline, lambda text: _result(Execution, text)))

    def until_ended(self, execution_id: str, deadline: Optional[float]) -> _Plan[Execution]:
        began = time.monotonic()
        while True:
            record = yield from self.record(execution_id, deadline)
            if record.ended:
                return record
            pause = min(2.0, max(0.05, (time.monotonic() - began) / 4))
            if deadline is not None and time.monotonic() + pause > deadline:
                raise APITimeoutError(f"execution {execution_id} is still {record.status}: the timeout is over")
            yield _Sleep(pause)

    def logs(self, execution_id: str) -> _Plan[str]:
        request = self.request("GET", f"/v1/executions/{_segment(execution_id, 'execution_id')}/logs", {"Accept": "text/plain"})
        return (yield from self.ask(request, self.deadline(None), lambda text: text))

    def lines(self, execution_id: str, follow: bool) -> _Plan[None]:
        if follow:
            yield from self.follow(execution_id, None, _Give)
            return
        lines = (yield from self.logs(execution_id)).split("\n")
        for line in lines if lines[-1] else lines[:-1]:
            yield _Give(line[:-1] if line.endswith("\r") else line)

    def follow(self, execution_id: str, deadline: Optional[float], give: Callable[[str], Any]) -> _Plan[None]:
        """Each line once, also over several connections. Every answer begins with the first line: those that were given are
        told by their hashes and left out. If a line is another (the middle of a long log is left out at its end), all from
        there on is given."""
        path = f"/v1/executions/{_segment(execution_id, 'execution_id')}/logs?follow=true"
        request = self.request("GET", path, {"Accept": "text/event-stream"})
        given, count = array.array("q"), [0]

        def consume(stream: _Stream) -> _Plan[None]:
            events, number = _Events(), 0
            if not (stream.headers.get("Content-Type") or "").startswith("text/event-stream"):
                raise _invalid(stream, f"{request.name}: the answer is no event stream")
            while True:
                data = yield _Read(stream)
                if not data:
                    raise _Broken("the log ended without saying so")
                for event, text in events.feed(data):
                    if event == "end":
                        return
                    if event == "error":
                        raise _error_of(503, stream.headers, text.encode())
                    if event != "message":
                        continue
                    mark = hash(text)
                    if number < len(given) and given[number] == mark:
                        number += 1
                        continue
                    del given[number:]
                    given.append(mark)
                    number += 1
                    count[0] += 1
                    yield give(text)
        yield from self.attempts(request, deadline, consume, progress=lambda: count[0])

    def executions(self, skill: str, status: str, limit: int) -> _Plan[None]:
        asked = {"skill": skill, "status": status, "limit": str(limit)}
        while True:
            query = urllib.parse.urlencode({name: value for name, value in asked.items() if value})
            page, following = yield from self.ask(self.request("GET", f"/v1/executions?{query}"), self.deadline(None), _page)
            for execution in page:
                yield _Give(execution)
            if not following or following == asked.get("cursor"):
                return
            asked["cursor"] = following

    def cancel(self, execution_id: str) -> _Plan[None]:
        request = self.request("DELETE", f"/v1/executions/{_segment(execution_id, 'execution_id')}")
        yield from self.ask(request, self.deadline(None), lambda text: None)

    def download(self, result: RunResult, folder: _Path, timeout: Optional[float], max_size: int,
                 max_files: int) -> _Plan[List[pathlib.Path]]:
        deadline, target = self.deadline(timeout), pathlib.Path(folder)
        if not result.has_files:
            return []
        url = result.files_url or (yield from self.record(result.execution_id, deadline)).files_url
        with tempfile.TemporaryFile() as opened:
            file: BinaryIO = opened

            def consume(stream: _Stream) -> _Plan[None]:
                file.seek(0)
                file.truncate()
                size = 0
                while True:
                    piece = yield _Read(stream)
                    if not piece:
                        return
                    size += len(piece)
                    if size > max_size + _ERROR_BYTES:
                        raise ArchiveError(f"the files are larger than max_size ({max_size} bytes)")
                    file.write(piece)
            try:
                yield from self.attempts(self.bare(url), deadline, consume)
            except APIError as error:
                if error.status_code not in (401, 403) or not result.execution_id:
                    raise
                fresh = (yield from self.record(result.execution_id, deadline)).files_url  # links are good for an hour
                if not fresh:
                    raise error
                yield from self.attempts(self.bare(fresh), deadline, consume)
            paths: List[pathlib.Path] = yield _Work(lambda: _unpack(file, target, max_size, max_files))
            return paths

    def bare(self, url: str) -> _Request:
        """A signed link is fetched without key and tenant."""
        origin, parts = _split_url(url, "files_url")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return _Request("GET", origin, target, dict(self.common))

    # Skills.

    def upload(self, path: _Path, where: str, read: Callable[[str], _T], timeout: Optional[float]) -> _Plan[_T]:
        deadline = self.deadline(timeout)
        file: BinaryIO = yield _Work(lambda: _pack(path))
        try:
            request = self.request("POST", where, {"Content-Type": "application/zip"}, _Body(file))
            return (yield from self.ask(request, deadline, read, _SILENT_UPLOAD_SECONDS))
        finally:
            file.close()

    def register(self, path: _Path, timeout: Optional[float]) -> _Plan[Skill]:
        return (yield from self.upload(path, "/v1/skills", lambda text: _build(Skill, _object(text)), timeout))

    def validate(self, path: _Path, timeout: Optional[float]) -> _Plan[Validation]:
        return (yield from self.upload(path, "/v1/skills/validate", lambda text: _build(Validation, _object(text)), timeout))

    def skills(self) -> _Plan[List[Skill]]:
        return (yield from self.ask(self.request("GET", "/v1/skills"), self.deadline(None), _skills))

    def skill_path(self, name: str, version: str) -> str:
        return f"/v1/skills/{_segment(name, 'name')}/{_segment(version or 'latest', 'version')}"

    def skill(self, name: str, version: str) -> _Plan[SkillDetail]:
        request = self.request("GET", self.skill_path(name, version))
        return (yield from self.ask(request, self.deadline(None), lambda text: _build(SkillDetail, _object(text))))

    def delete_skill(self, name: str, version: str) -> _Plan[None]:
        if not version:
            raise ValueError("version must be given: deleting never means 'the latest'")
        try:
            yield from self.ask(self.request("DELETE", self.skill_path(name, version)), self.deadline(None), lambda text: None)
        except NotFoundError as error:
            if not error._is_repeat:  # an attempt before this one, whose answer was lost, deleted it
                raise

    def health(self) -> _Plan[Dict[str, Any]]:
        request = _Request("GET", self.origin, self.prefix + "/health", dict(self.common))
        return (yield from self.ask(request, self.deadline(None), _object))


def _invalid(stream: _Stream, message: str) -> APIError:
    return ServerError(stream.status, "invalid_answer", message, request_id=stream.headers.get("X-Request-ID") or "")


# ---- connections


_C = TypeVar("_C")


class _Pool(Generic[_C]):
    """Connections that wait for their next request, the newest first."""

    def __init__(self, close: Callable[[_C], None], place: Callable[[], Any]) -> None:
        self.close_one, self.place = close, place
        self.lock = threading.Lock()
        self.idle: List[Tuple[float, Any, _Origin, _C]] = []

    def take(self, origin: _Origin) -> Optional[_C]:
        """place: connections of another process (after a fork) or event loop are not used."""
        oldest, here, found, old = time.monotonic() - _IDLE_SECONDS, self.place(), None, []
        with self.lock:
            for index in range(len(self.idle) - 1, -1, -1):
                since, place, whose, connection = self.idle[index]
                if since < oldest or place != here:
                    old.append(connection)
                elif whose == origin and found is None:
                    found = connection
                else:
                    continue
                del self.idle[index]
        for connection in old:
            self.close_one(connection)
        return found

    def put(self, origin: _Origin, connection: _C) -> None:
        with self.lock:
            self.idle.append((time.monotonic(), self.place(), origin, connection))
            too_many = self.idle.pop(0)[3] if len(self.idle) > _IDLE_CONNECTIONS else None
        if too_many is not None:
            self.close_one(too_many)

    def clear(self) -> None:
        with self.lock:
            idle, self.idle = self.idle, []
        for _, _, _, connection in idle:
            self.close_one(connection)


def _keep_alive(sock: Any) -> None:
    """So that a server that is gone without a word is noticed, however long a run takes."""
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 6)):
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


# What goes wrong on a connection. OSError has timeouts, resets, names that aren't found, and TLS.
_TROUBLES = (OSError, EOFError, http.client.HTTPException, asyncio.TimeoutError, asyncio.LimitOverrunError)


def _broken(error: BaseException) -> _Broken:
    if isinstance(error, _Broken):
        return error
    timeout = isinstance(error, (socket.timeout, asyncio.TimeoutError, TimeoutError))
    if timeout:
        words = "no answer in time"
    elif isinstance(error, (http.client.RemoteDisconnected, http.client.IncompleteRead, EOFError)):
        words = "the connection was cut before the answer's end"
    else:
        words = f"{type(error).__name__}: {error}"
    broken = _Broken(words, timeout=timeout, final=isinstance(error, ssl.SSLCertVerificationError))
    broken.__cause__ = error
    return broken


def _is_stale(broken: _Broken) -> bool:
    """A kept connection that the server had closed in the meantime says so at once, and never by a timeout."""
    return not broken.timeout and not broken.final


class _SyncStream(_Stream):
    def __init__(self, transport: _SyncTransport, connection: http.client.HTTPConnection, sock: Any,
                 response: http.client.HTTPResponse, step: _Open) -> None:
        self.transport, self.connection, self.sock, self.response, self.step = transport, connection, sock, response, step
        self.status, self.headers = response.status, response.headers  # type: ignore[assignment]
        self.left = response.length
        self.ended = False

    def read(self) -> bytes:
        if self.ended:
            return b""
        try:
            data = b""
            if self.left != 0:
                self.sock.settimeout(_left(self.step.deadline, self.step.silence))
                # read1 itself counts what is left of a Content-Length in some versions of Python only.
                data = self.response.read1(_PIECE if self.left is None else min(_PIECE, self.left))
                if not data and self.left:
                    raise EOFError
            if self.left is not None:
                self.left -= len(data)
        except (_Broken, *_TROUBLES) as error:
            self.close()
            raise _broken(error) from error
        if not data:
            self.ended = True
            keep = not self.response.will_close
            self.response.close()
            if keep:
                self.transport.pool.put(self.step.request.origin, self.connection)
            else:
                self.connection.close()
        return data

    def close(self) -> None:
        if not self.ended:
            self.ended = True
            self.response.close()
            self.connection.close()


class _SyncTransport:
    def __init__(self, context: Optional[ssl.SSLContext]) -> None:
        self.context = context
        self.pool: _Pool[http.client.HTTPConnection] = _Pool(lambda connection: connection.close(), os.getpid)

    def connect(self, origin: _Origin, proxy: Optional[_Proxy], timeout: Optional[float]) -> http.client.HTTPConnection:
        host, port = (proxy.host, proxy.port) if proxy else (origin.host, origin.port)
        if origin.scheme == "http":
            connection = http.client.HTTPConnection(host, port, timeout=timeout)
        else:
            if self.context is None:
                self.context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=self.context)
            if proxy:
                connection.set_tunnel(origin.host, origin.port, proxy.headers)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        _keep_alive(connection.sock)
        return connection

    def open(self, step: _Open) -> _SyncStream:
        proxy = _proxy_of(step.request.origin)
        while True:
            connection = self.pool.take(step.request.origin)
            is_kept = connection is not None
            try:
                if connection is None:
                    connection = self.connect(step.request.origin, proxy, _left(step.deadline, _CONNECT_SECONDS))
                return self.send(connection, proxy, step)
            except (_Broken, *_TROUBLES) as error:
                if connection is not None:
                    connection.close()
                broken = _broken(error)
                if not is_kept or not _is_stale(broken):
                    raise broken from error
            except BaseException:
                if connection is not None:
                    connection.close()
                raise

    def send(self, connection: http.client.HTTPConnection, proxy: Optional[_Proxy], step: _Open) -> _SyncStream:
        request = step.request
        target, headers = request.head(proxy)
        sock = connection.sock
        sock.settimeout(_left(step.deadline, step.silence))

        def pieces() -> Iterator[bytes]:
            assert request.body is not None
            for piece in request.body.pieces():
                yield piece
                sock.settimeout(_left(step.deadline, step.silence))
        try:
            connection.request(request.method, target, pieces() if request.body else None, headers)
        except (BrokenPipeError, ConnectionResetError) as error:
            with contextlib.suppress(*_TROUBLES):  # a refusal may have come before all was sent
                return _SyncStream(self, connection, sock, connection.getresponse(), step)
            raise error
        sock.settimeout(_left(step.deadline, step.silence))
        return _SyncStream(self, connection, sock, connection.getresponse(), step)


class _AsyncConnection(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def close(self) -> None:
        with contextlib.suppress(RuntimeError):  # its event loop is closed
            self.writer.transport.abort()


async def _within(work: Any, timeout: Optional[float]) -> Any:
    return await (work if timeout is None else asyncio.wait_for(work, timeout))


class _AsyncStream(_Stream):
    def __init__(self, transport: _AsyncTransport, connection: _AsyncConnection, head: bytes, step: _Open) -> None:
        self.transport, self.connection, self.step = transport, connection, step
        line, _, rest = head.partition(b"\r\n")
        match = re.fullmatch(rb"HTTP/1\.([01]) ([1-5]\d\d)( .*)?", line)
        if not match:
            raise http.client.BadStatusLine(repr(line[:100]))
        self.status = int(match[2])
        headers = http.client.parse_headers(io.BytesIO(rest))
        self.headers = headers  # type: ignore[assignment]
        options = (headers.get("Connection") or "").lower()
        self.keep = "close" not in options and (match[1] == b"1" or "keep-alive" in options)
        self.ended = False
        self.is_chunked = (headers.get("Transfer-Encoding") or "").lower() == "chunked"
        length = (headers.get("Content-Length") or "").strip()
        self.left: Optional[int] = None  # of the body, or of the chunk
        if self.status in (204, 304):
            self.left, self.is_chunked = 0, False
        elif self.is_chunked:
            self.left = 0
        elif re.fullmatch("[0-9]{1,18}", length):
            self.left = int(length)
        else:
            self.keep = False

    async def read(self) -> bytes:
        if self.ended:
            return b""
        try:
            data: bytes = await _within(self.piece(), _left(self.step.deadline, self.step.silence))
        except (_Broken, *_TROUBLES) as error:
            self.close()
            raise _broken(error) from error
        if not data:
            self.ended = True
            if self.keep:
                self.transport.pool.put(self.step.request.origin, self.connection)
            else:
                self.connection.close()
        return data

    async def piece(self) -> bytes:
        reader = self.connection.reader
        if self.is_chunked and self.left == 0:
            line = await reader.readuntil(b"\n")
            size = line.partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,15}", size):
                raise http.client.HTTPException("a chunk has no size")
            self.left = int(size, 16)
            if self.left == 0:
                while (await reader.readuntil(b"\n")).strip():
                    pass
                return b""
        if self.left == 0:
            return b""
        data = await reader.read(_PIECE if self.left is None else min(_PIECE, self.left))
        if self.left is not None:
            if not data:
                raise EOFError
            self.left -= len(data)
            if self.is_chunked and self.left == 0:
                await reader.readexactly(2)
        return data

    def close(self) -> None:
        if not self.ended:
            self.ended = True
            self.connection.close()


class _AsyncTransport:
    def __init__(self, context: Optional[ssl.SSLContext]) -> None:
        self.context = context
        self.pool: _Pool[_AsyncConnection] = _Pool(lambda connection: connection.close(), asyncio.get_running_loop)

    async def connect(self, origin: _Origin, proxy: Optional[_Proxy]) -> _AsyncConnection:
        context = None
        if origin.scheme == "https":
            if self.context is None:
                self.context = ssl.create_default_context()
            context = self.context
        if proxy is None:
            pair = await asyncio.open_connection(origin.host, origin.port, ssl=context)
        elif context is None:
            pair = await asyncio.open_connection(proxy.host, proxy.port)
        else:
            sock = await self.tunnel(origin, proxy)
            try:
                pair = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=origin.host)
            except BaseException:
                sock.close()
                raise
        _keep_alive(pair[1].get_extra_info("socket"))
        return _AsyncConnection(*pair)

    async def tunnel(self, origin: _Origin, proxy: _Proxy) -> socket.socket:
        """A socket to the server, through the proxy. (StreamWriter.start_tls is there from Python 3.11 on only.)"""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM)
        trouble: BaseException = OSError(f"{proxy.host} has no address")
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            sock.setblocking(False)
            try:
                await loop.sock_connect(sock, address)
                name = f"[{origin.host}]" if ":" in origin.host else origin.host
                lines = [f"CONNECT {name}:{origin.port} HTTP/1.1", f"Host: {name}:{origin.port}"]
                lines += [f"{key}: {value}" for key, value in proxy.headers.items()]
                await loop.sock_sendall(sock, "\r\n".join([*lines, "", ""]).encode())
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    byte = await loop.sock_recv(sock, 1)  # what follows is for TLS
                    head += byte
                    if not byte or len(head) > _PIECE:
                        raise OSError("the proxy gave no answer")
                if not re.match(rb"HTTP/1\.[01] 2\d\d", head):
                    raise OSError(f"the proxy refused: {head.splitlines()[0].decode('latin-1')[:200]}")
                return sock
            except BaseException as error:
                sock.close()
                if not isinstance(error, OSError):
                    raise
                trouble = error
        raise trouble

    async def open(self, step: _Open) -> _AsyncStream:
        proxy = _proxy_of(step.request.origin)
        while True:
            connection = self.pool.take(step.request.origin)
            is_kept = connection is not None
            try:
                if connection is None:
                    timeout = _left(step.deadline, _CONNECT_SECONDS)
                    connection = await _within(self.connect(step.request.origin, proxy), timeout)
                    assert connection is not None
                return await self.send(connection, proxy, step)
            except (_Broken, *_TROUBLES) as error:
                if connection is not None:
                    connection.close()
                broken = _broken(error)
                if not is_kept or not _is_stale(broken):
                    raise broken from error
            except BaseException:  # cancelled
                if connection is not None:
                    connection.close()
                raise

    async def send(self, connection: _AsyncConnection, proxy: Optional[_Proxy], step: _Open) -> _AsyncStream:
        request = step.request
        target, headers = request.head(proxy)
        lines = [f"{request.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        connection.writer.write("\r\n".join(lines).encode("latin-1"))
        try:
            for piece in request.body.pieces() if request.body else ():
                connection.writer.write(piece)
                await _within(connection.writer.drain(), _left(step.deadline, step.silence))
        except (BrokenPipeError, ConnectionResetError):
            pass  # a refusal may have come before all was sent
        while True:
            head = await _within(connection.reader.readuntil(b"\r\n\r\n"), _left(step.deadline, step.silence))
            stream = _AsyncStream(self, connection, head, step)
            if stream.status >= 200:
                return stream


# ---- the clients


class Client:
    """The REST API of a Skillbox server. It may be shared by threads; `with Client(...) as client:` closes its connections.

    base_url: where the server is; `SKILLBOX_SERVER_URL` if left out, else http://localhost:8080.
    api_key: `SKILLBOX_API_KEY` if left out.
    tenant_id: checked by the server against the key's tenant; not needed.
    timeout: seconds that a call may take in all, attempts and pauses included. None: as long as it takes, but all except
    `run` end after a minute without a byte.
    max_retries: how often a call is tried again, after lost connections and the answers 429, 502, 503 and 504.
    ssl_context: instead of `ssl.create_default_context()`, for https.
    """

    def __init__(self, base_url: Optional[str] = None, api_key: str = "", *, tenant_id: str = "", timeout: Optional[float] = None,
                 max_retries: int = 2, ssl_context: Optional[ssl.SSLContext] = None) -> None:
        self._core = _Core(base_url, api_key, tenant_id, timeout, max_retries)
        self._transport = _SyncTransport(ssl_context)

    @classmethod
    def like(cls: Type[_T], client: Union[Client, AsyncClient]) -> _T:
        """A client of this kind with the settings of another, of either kind, and connections of its own."""
        made: Any = cls.__new__(cls)
        made._core, made._transport = client._core, _SyncTransport(client._transport.context)
        return made  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"Client({self._core.shown!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections that are kept open. A later call opens new ones."""
        self._transport.pool.clear()

    def _steps(self, plan: _Plan[_T], done: List[_T]) -> Iterator[Any]:
        """Carries a plan out: gives what it gives, and puts its result into done."""
        stream: Optional[_Stream] = None
        answer: Any = None
        error: Optional[Exception] = None
        try:
            while True:
                try:
                    step = plan.send(answer) if error is None else plan.throw(error)
                except StopIteration as end:
                    done.append(end.value)
                    return
                answer = error = None
                if isinstance(step, _Give):
                    yield step.value
                    continue
                try:
                    if isinstance(step, _Open):
                        if stream is not None:
                            stream.close()
                        stream = answer = self._transport.open(step)
                    elif isinstance(step, _Read):
                        answer = step.stream.read()
                    elif isinstance(step, _Sleep):
                        time.sleep(step.seconds)
                    elif isinstance(step, _Call):
                        step.function(step.argument)
                    else:
                        answer = step.function()
                except Exception as problem:
                    error = problem
        finally:
            plan.close()
            if stream is not None:
                stream.close()

    def _do(self, plan: _Plan[_T]) -> _T:
        done: List[_T] = []
        for _ in self._steps(plan, done):
            pass
        return done[0]

    def run(self, skill: str, *, version: str = "", input: Any = None, env: Optional[Mapping[str, str]] = None,
            timeout: Optional[float] = None, idempotency_key: Optional[str] = None, on_log: Optional[Callable[[str], Any]] = None,
            run_timeout: Union[str, float, None] = None) -> RunResult:
        """Runs a skill and waits for its end, whatever comes of it: look at `status`, or use `raise_for_status()`.

        input: anything that JSON can say; `RawJSON` for text that is sent as it stands.
        timeout: seconds to wait, instead of the client's. Then `APITimeoutError`; the execution itself goes on.
        run_timeout: seconds, or text like "30s", after which the run itself is ended; it can only shorten the skill's.
        idempotency_key: the same key within 24 hours gives the same execution. Without one, one is made for this call.
        on_log: called with each line of the log while it runs.
        """
        return self._do(self._core.execute(skill, version, input, env, timeout, idempotency_key, run_timeout, on_log, False))

    def submit(self, skill: str, *, version: str = "", input: Any = None, env: Optional[Mapping[str, str]] = None,
               timeout: Optional[float] = None, idempotency_key: Optional[str] = None,
               run_timeout: Union[str, float, None] = None) -> RunResult:
        """Starts a skill and returns at once; `wait` or `iter_logs` with the result's `execution_id` go on from there."""
        return self._do(self._core.execute(skill, version, input, env, timeout, idempotency_key, run_timeout, None, True))

    def wait(self, execution_id: str, *, timeout: Optional[float] = None) -> RunResult:
        """Waits until an execution has ended. After `timeout` seconds: `APITimeoutError`."""
        return self._do(self._core.until_ended(execution_id, self._core.deadline(timeout)))

    def get_execution(self, execution_id: str) -> Execution:
        """The record of an execution as it is now."""
        return self._do(self._core.record(execution_id, self._core.deadline(None)))

    def get_execution_logs(self, execution_id: str) -> str:
        """The log; of one that runs, what there is so far."""
        return self._do(self._core.logs(execution_id))

    def iter_logs(self, execution_id: str, *, follow: bool = True) -> Iterator[str]:
        """The log line by line, while the execution runs; it ends with it. A broken connection is opened again, and lines that
        were given are not repeated. The client's `timeout` doesn't count here: a log lasts as long as its run."""
        return self._steps(self._core.lines(execution_id, follow), [])

    def list_executions(self, *, skill: str = "", status: str = "", limit: int = 50) -> Iterator[Execution]:
        """All executions, newest first, of that skill and status if given; without input, output and log, which
        `get_execution` has. limit: how many are asked for at once."""
        return self._steps(self._core.executions(skill, status, limit), [])

    def cancel(self, execution_id: str) -> None:
        """Ends an execution. One that has ended already stays as it is."""
        self._do(self._core.cancel(execution_id))

    def download_files(self, result: RunResult, dir: _Path, *, timeout: Optional[float] = None, max_size: int = _UNPACK_BYTES,
                       max_files: int = _UNPACK_FILES) -> List[pathlib.Path]:
        """Puts the files of an execution into a folder and returns their paths in order; files of the same names are replaced.
        Nothing is written outside of the folder, no link is made or followed, and a bad archive (`ArchiveError`) leaves
        nothing behind. max_size: bytes, unpacked."""
        return self._do(self._core.download(result, dir, timeout, max_size, max_files))

    def register_skill(self, path: _Path, *, timeout: Optional[float] = None) -> Skill:
        """Uploads a skill: its folder (with a SKILL.md), or a zip. Left out of a folder: .git, .hg, .svn, __pycache__,
        __MACOSX, .DS_Store, Thumbs.db, ._*. It can be run at once, and is the latest version."""
        return self._do(self._core.register(path, timeout))

    def validate_skill(self, path: _Path, *, timeout: Optional[float] = None) -> Validation:
        """What the server says of a skill, without storing it."""
        return self._do(self._core.validate(path, timeout))

    def list_skills(self) -> List[Skill]:
        """Every version of every skill, by name, then version."""
        return self._do(self._core.skills())

    def get_skill(self, name: str, version: str = "latest") -> SkillDetail:
        return self._do(self._core.skill(name, version))

    def delete_skill(self, name: str, version: str) -> None:
        """Deletes one version. Executions of it keep their records."""
        self._do(self._core.delete_skill(name, version))

    def health(self) -> Dict[str, Any]:
        """`{"status": "ok"}`, or an error. Needs no key."""
        return self._do(self._core.health())


class AsyncClient:
    """`Client` for asyncio: the same arguments, methods, results and errors. `async with AsyncClient(...) as client:`"""

    def __init__(self, base_url: Optional[str] = None, api_key: str = "", *, tenant_id: str = "", timeout: Optional[float] = None,
                 max_retries: int = 2, ssl_context: Optional[ssl.SSLContext] = None) -> None:
        self._core = _Core(base_url, api_key, tenant_id, timeout, max_retries)
        self._transport = _AsyncTransport(ssl_context)

    @classmethod
    def like(cls: Type[_T], client: Union[Client, AsyncClient]) -> _T:
        """As `Client.like`."""
        made: Any = cls.__new__(cls)
        made._core, made._transport = client._core, _AsyncTransport(client._transport.context)
        return made  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"AsyncClient({self._core.shown!r})"

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections that are kept open. A later call opens new ones."""
        self._transport.pool.clear()

    async def _steps(self, plan: _Plan[_T], done: List[_T]) -> AsyncIterator[Any]:
        stream: Optional[_Stream] = None
        answer: Any = None
        error: Optional[Exception] = None
        try:
            while True:
                try:
                    step = plan.send(answer) if error is None else plan.throw(error)
                except StopIteration as end:
                    done.append(end.value)
                    return
                answer = error = None
                if isinstance(step, _Give):
                    yield step.value
                    continue
                try:
                    if isinstance(step, _Open):
                        if stream is not None:
                            stream.close()
                        stream = answer = await self._transport.open(step)
                    elif isinstance(step, _Read):
                        answer = await step.stream.read()
                    elif isinstance(step, _Sleep):
                        await asyncio.sleep(step.seconds)
                    elif isinstance(step, _Call):
                        given = step.function(step.argument)
                        if inspect.isawaitable(given):
                            await given
                    else:
                        answer = await asyncio.get_running_loop().run_in_executor(None, step.function)
                except Exception as problem:
                    error = problem
        finally:
            plan.close()
            if stream is not None:
                stream.close()

    async def _do(self, plan: _Plan[_T]) -> _T:
        done: List[_T] = []
        async for _ in self._steps(plan, done):
            pass
        return done[0]

    async def run(self, skill: str, *, version: str = "", input: Any = None, env: Optional[Mapping[str, str]] = None,
                  timeout: Optional[float] = None, idempotency_key: Optional[str] = None,
                  on_log: Optional[Callable[[str], Any]] = None, run_timeout: Union[str, float, None] = None) -> RunResult:
        """As `Client.run`. on_log may be a coroutine function."""
        return await self._do(self._core.execute(skill, version, input, env, timeout, idempotency_key, run_timeout, on_log, False))

    async def submit(self, skill: str, *, version: str = "", input: Any = None, env: Optional[Mapping[str, str]] = None,
                     timeout: Optional[float] = None, idempotency_key: Optional[str] = None,
                     run_timeout: Union[str, float, None] = None) -> RunResult:
        """As `Client.submit`."""
        return await self._do(self._core.execute(skill, version, input, env, timeout, idempotency_key, run_timeout, None, True))

    async def wait(self, execution_id: str, *, timeout: Optional[float] = None) -> RunResult:
        """As `Client.wait`."""
        return await self._do(self._core.until_ended(execution_id, self._core.deadline(timeout)))

    async def get_execution(self, execution_id: str) -> Execution:
        """As `Client.get_execution`."""
        return await self._do(self._core.record(execution_id, self._core.deadline(None)))

    async def get_execution_logs(self, execution_id: str) -> str:
        """As `Client.get_execution_logs`."""
        return await self._do(self._core.logs(execution_id))

    def iter_logs(self, execution_id: str, *, follow: bool = True) -> AsyncIterator[str]:
        """As `Client.iter_logs`, for `async for`."""
        return self._steps(self._core.lines(execution_id, follow), [])

    def list_executions(self, *, skill: str = "", status: str = "", limit: int = 50) -> AsyncIterator[Execution]:
        """As `Client.list_executions`, for `async for`."""
        return self._steps(self._core.executions(skill, status, limit), [])

    async def cancel(self, execution_id: str) -> None:
        """As `Client.cancel`."""
        await self._do(self._core.cancel(execution_id))

    async def download_files(self, result: RunResult, dir: _Path, *, timeout: Optional[float] = None,
                             max_size: int = _UNPACK_BYTES, max_files: int = _UNPACK_FILES) -> List[pathlib.Path]:
        """As `Client.download_files`."""
        return await self._do(self._core.download(result, dir, timeout, max_size, max_files))

    async def register_skill(self, path: _Path, *, timeout: Optional[float] = None) -> Skill:
        """As `Client.register_skill`."""
        return await self._do(self._core.register(path, timeout))

    async def validate_skill(self, path: _Path, *, timeout: Optional[float] = None) -> Validation:
        """As `Client.validate_skill`."""
        return await self._do(self._core.validate(path, timeout))

    async def list_skills(self) -> List[Skill]:
        """As `Client.list_skills`."""
        return await self._do(self._core.skills())

    async def get_skill(self, name: str, version: str = "latest") -> SkillDetail:
        """As `Client.get_skill`."""
        return await self._do(self._core.skill(name, version))

    async def delete_skill(self, name: str, version: str) -> None:
        """As `Client.delete_skill`."""
        await self._do(self._core.delete_skill(name, version))

    async def health(self) -> Dict[str, Any]:
        """As `Client.health`."""
        return await self._do(self._core.health())
