"""The Go SDK: its own tests, and the vectors of tests/contract, played with its test program (sdks/go/adapter_test.go)."""

import json
import pathlib
import subprocess
import types

import pytest

import go_tool
import skillbox
import vector_runner
from vector_server import VectorServer, load_vectors

ROOT = pathlib.Path(__file__).resolve().parents[2]
SDK = ROOT / "sdks" / "go"
VECTORS = load_vectors()
# Go's types have the fields that the API has; what is new in an object of these is ignored, and can't be seen.
FIELDS = {"isolation": {"name", "active", "detail"}}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """All tests of the module, as one program."""
    path = tmp_path_factory.mktemp("go") / "skillbox.test"
    go_tool.run("test", "-c", "-o", path, ".", cwd=SDK)
    return path


class Adapter:
    """The program as vector_runner's caller: it says calls in JSON, and makes of the answers what the Python SDK gives."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
                                        env={**go_tool.environment(), "SKILLBOX_TEST_ADAPTER": "1"})

    def say(self, **call):
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "problem" not in answer, answer
        return answer

    def __call__(self, url, options):
        self.say(new={"url": url, **options})
        return self

    name = "go"

    def call(self, method, arguments):
        on_log = arguments.get("on_log")
        folder = arguments.get("dir")
        said = {key: str(value) if isinstance(value, pathlib.Path) else value for key, value in arguments.items()
                if key not in ("on_log", "result")}
        if isinstance(said.get("input"), skillbox.RawJSON):
            said["raw_input"] = said.pop("input")
        answer = self.say(method=method, arguments={**said, **({"on_log": True} if on_log else {})})
        for line in answer["lines"] if on_log else ():
            on_log(line)
        if "error" in answer:
            raise error_of(answer["error"])
        if method == "download_files":
            return sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.relative_to(folder).as_posix().encode())
        return answer["lines"] if method == "iter_logs" else answer["result"] if method == "health" else with_attributes(answer["result"])

    def close(self):
        pass

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        self.process.stdout.close()


def with_attributes(value):
    if isinstance(value, list):
        return [with_attributes(one) for one in value]
    return types.SimpleNamespace(**value) if isinstance(value, dict) else value


def error_of(said):
    kind = vector_runner.KINDS.get(said["kind"])
    assert kind, said
    if issubclass(kind, skillbox.APIError):
        return kind(said.get("status"), said.get("code"), said["text"], request_id=said.get("request_id"), retry_after=said.get("retry_after"))
    return kind(said["text"])


def visible(vector):
    result = vector.get("result")
    if not isinstance(result, dict):
        return vector
    known = {key: [{name: one[name] for name in FIELDS[key]} for one in value] if key in FIELDS else value for key, value in result.items()}
    return {**vector, "result": known}


@pytest.fixture(scope="module")
def adapter(program):
    adapter = Adapter(program)
    yield adapter
    adapter.stop()


@pytest.fixture(scope="module")
def vectors():
    with VectorServer() as server:
        yield server


@pytest.mark.parametrize("name", VECTORS)
def test_vector(vectors, adapter, name):
    assert vector_runner.play(vectors, visible(VECTORS[name]), adapter) == []


def test_a_vector_can_fail(vectors, adapter):
    vector = VECTORS["executions: run with nothing but the skill"]
    wrong = [{**vector, "calls": [{"method": "run", "arguments": {"skill": "other"}}]}, {**vector, "result": {"status": "failed"}},
             {**vector, "error": {"kind": "not_found"}}, {**vector, "connections": 2}]
    for one in wrong:
        assert vector_runner.play(vectors, one, adapter) != []


def test_its_own_tests(program):
    done = subprocess.run([program, "-test.timeout=60s"], cwd=SDK, capture_output=True, text=True, check=False, env=go_tool.environment())
    assert done.returncode == 0 and done.stdout.endswith("PASS\n"), done.stdout + done.stderr


def test_vet():
    go_tool.run("vet", "./...", cwd=SDK)


def test_format():
    assert go_tool.gofmt(SDK) == ""


def test_the_module():
    """Without dependencies, and with the licence that pkg.go.dev looks for."""
    lines = (SDK / "go.mod").read_text().split("\n")
    assert lines == [f"module {go_tool.MODULE}", "", "go 1.23", ""] and not (SDK / "go.sum").exists()
    assert (SDK / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    version = (SDK / "client.go").read_text().partition('const Version = "')[2].partition('"')[0]
    assert f"\n## {version}\n" in (SDK / "CHANGELOG.md").read_text()
