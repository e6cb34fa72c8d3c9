"""The vectors with `given` are true of the real API server: the SDK makes their calls there, and each answer is compared with the
vector's. The test is the controller."""

import contextlib
import json
import threading

import pytest

import skillbox
import vector_runner
from vector_server import files_archive, load_vectors
from waiting import wait_for

VECTORS = {name: vector for name, vector in load_vectors().items() if "given" in vector}
EXECUTION = "0b8f4c7e-6a1d-4a5e-9c3b-2f7d8e9a1b2c"
VARY = {"execution_id", "created_at", "started_at", "finished_at", "uploaded_at", "duration_ms", "timings", "files_url", "digest",
        "skill_digest", "size", "tenant_id", "next", "request_id"}


class Caller(vector_runner.Sync):
    """With the real server, whose answers it keeps."""

    def __init__(self, rest, options):
        super().__init__(rest.server.url, {"api_key": rest.key, **options})
        self.answers = []
        self.open_really = self.client._transport.open
        self.client._transport.open = self.open

    def open(self, step):
        if step.request.origin.host == "public.example":  # SKILLBOX_PUBLIC_URL of the server
            step = step._replace(request=step.request._replace(origin=self.client._core.origin))
        stream = self.open_really(step)
        answer = {"status": stream.status, "type": stream.headers.get("Content-Type"), "body": b""}
        self.answers.append(answer)
        read = stream.read

        def recording():
            data = read()
            answer["body"] += data
            return data

        stream.read = recording
        return stream


@contextlib.contextmanager
def controller(rest, finish):
    """Ends each new execution as `finish` says."""
    known, over, problems = {e["metadata"]["name"] for e in rest.kube.executions(rest.namespace)}, threading.Event(), []

    def work():
        while not over.wait(0.02):
            for execution in rest.kube.executions(rest.namespace):
                name = execution["metadata"]["name"]
                if name not in known:
                    known.add(name)
                    end(rest, name, finish)

    def watched():
        try:
            work()
        except Exception as problem:
            problems.append(problem)

    thread = threading.Thread(target=watched)
    if finish:
        thread.start()
    yield
    over.set()
    if finish:
        thread.join(30)
    assert problems == []


def end(rest, name, finish):
    status = dict(finish.get("status", {}))
    if "files" in finish:
        status["files"] = [entry["name"] for entry in finish["files"]]
        status["filesRef"] = rest.put_blob("executions", files_archive(finish["files"]))
    rest.kube.finish(rest.namespace, name, finish["reason"], **status)


def prepare(rest, given):
    """What is there before; the id of the last execution."""
    for skill in given.get("skills", []):
        rest.push(**skill)
    execution_id = EXECUTION
    for run in given.get("runs", []):
        execution_id = rest.start(run["skill"])
        if "reason" in run:
            end(rest, execution_id, run)
            path = f"/v1/executions/{execution_id}"
            wait_for(lambda: "finished_at" in rest.get(path).json(), "the server knows that it has ended")
    return execution_id


def without_what_varies(value):
    if isinstance(value, list):
        return [without_what_varies(one) for one in value]
    return {key: one for key, one in value.items() if key not in VARY} if isinstance(value, dict) else value


def unlike(wanted, found, where=""):
    """Where two JSON values differ, but for what may."""
    if type(wanted) is not type(found) and not {type(wanted), type(found)} <= {int, float}:
        return [f"{where}: {found!r} instead of {wanted!r}"]
    if isinstance(wanted, list) and len(wanted) == len(found):
        return [text for i, one in enumerate(wanted) for text in unlike(one, found[i], f"{where}[{i}]")]
    if isinstance(wanted, dict):
        problems = [f"{where}: {sorted(set(wanted) ^ set(found))} on one side only"] if set(wanted) != set(found) else []
        return problems + [text for key in wanted if key in found and key not in VARY - {"timings"}
                           for text in unlike(wanted[key], found[key], f"{where}.{key}")]
    return [] if wanted == found else [f"{where}: {found!r} instead of {wanted!r}"]


def answer_differs(wanted, found):
    if wanted["status"] != found["status"]:
        return [f"status {found['status']} instead of {wanted['status']}: {found['body'][:300]!r}"]
    text = wanted.get("text", "").replace("$BASE", "http://public.example:8080")
    value = wanted["json"] if "json" in wanted else json.loads(text) if text.startswith("{") else None
    if value is None:
        return [] if found["body"].decode() == text else [f"{found['body']!r} instead of {text!r}"]
    return unlike(value, json.loads(found["body"]), "answer")


@pytest.mark.parametrize("name", VECTORS)
def test_vector_on_the_real_server(server, make_client, name):
    vector, rest = VECTORS[name], make_client(server)
    given = vector["given"]
    vector = json.loads(json.dumps(vector).replace(EXECUTION, prepare(rest, given)))
    if isinstance(vector.get("result"), (dict, list)) and not given.get("runs"):
        vector["result"] = without_what_varies(vector["result"])
    with contextlib.closing(Caller(rest, vector.get("client", {}))) as caller, controller(rest, given.get("finish")):
        assert vector_runner.run_vector(vector, caller) == []
    exchanges = vector["exchanges"]
    assert [a["status"] for a in caller.answers] == [e["answer"]["status"] for e in exchanges]
    if given.get("compare", True):
        assert [answer_differs(e["answer"], a) for e, a in zip(exchanges, caller.answers)] == [[] for _ in exchanges]


def test_a_call_that_was_cut_is_asked_about(client):
    """The same key and body with Prefer: respond-async is the same execution, and answered at once."""
    skill, key = client.push(), {"Idempotency-Key": "once"}
    with client.waiting({"skill": skill}, key) as (name, answers):
        patient = client.post({"skill": skill}, {**key, "Prefer": "respond-async"})
        assert patient.status_code == 202 and patient.json()["execution_id"] == name and not answers
        client.kube.finish(client.namespace, name)
    assert answers[0].json()["execution_id"] == name


def test_enough_of_them_are_true_of_it():
    assert len(VECTORS) >= 35
    methods = {call["method"] for vector in VECTORS.values() for call in vector["calls"]}
    public = {name for name, value in vars(skillbox.Client).items() if callable(value) and not name.startswith("_")}
    assert methods == public - {"close", "like"}
