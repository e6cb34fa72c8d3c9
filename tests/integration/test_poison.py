"""Objects that kube-apiserver takes and that can't be used: each is its own problem, and everybody else's work goes on. API server
and controller on a Kubernetes API without nodes."""

import json

import pytest
import requests

from api_server import ApiServer, Client, GROUP, KEYS_NAMESPACE, Kube
from controller import Controller
from waiting import unique, wait_for

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")  # the control plane signs for itself

API = "skillbox.dev/v1alpha1"
# More than we take, more than a checked text may have anywhere, and nearly what kube-apiserver takes.
DEPTHS = (129, 200, 1100, 9900)


class Programs:
    """Both, with one signing key. They can be started again."""

    def __init__(self, plane, folder):
        self.plane = plane
        self.apiserver = ApiServer(plane, folder / "apiserver").start()
        self.controller = self._controller().start()

    def _controller(self):
        return Controller(self.plane, KEYS_NAMESPACE, self.apiserver.signing_key, self.apiserver.url)

    def restart_apiserver(self):
        self.apiserver.stop()
        self.apiserver.start()

    def stop_controller(self):
        self.controller.stop()
        self.controller = None

    def start_controller(self):
        self.controller = self._controller().start()

    def stop(self):
        if self.controller:
            self.controller.stop()
        self.apiserver.stop()

    def readiness(self):
        urls = (self.apiserver.url, f"http://127.0.0.1:{self.controller.port}")
        return [(answer.status_code, answer.text) for answer in (requests.get(url + "/ready", timeout=10) for url in urls)]

    def check_ready(self):
        wait_for(lambda: [status for status, _ in self.readiness()] == [200, 200], lambda: f"both are ready: {self.readiness()}")

    def metric(self, name):
        """Of both, for each resource."""
        found = {}
        for url in (self.apiserver.health_url, f"http://127.0.0.1:{self.controller.port}"):
            for line in requests.get(url + "/metrics", timeout=10).text.splitlines():
                if line.startswith(name + "{"):
                    found[url, line.split('"')[1]] = float(line.split()[-1])
        return found


@pytest.fixture(scope="module")
def kube(control_plane):
    kube = Kube(control_plane)
    if not kube.call("GET", f"/api/v1/namespaces/{KEYS_NAMESPACE}", ok=False).ok:
        kube.namespace(KEYS_NAMESPACE)
    return kube


@pytest.fixture(scope="module")
def programs(control_plane, kube, tmp_path_factory):
    programs = Programs(control_plane, tmp_path_factory.mktemp("poison"))
    yield programs
    programs.stop()


@pytest.fixture
def tenant(programs, kube):
    """A function: a new tenant's client. Afterwards its namespaces' objects are gone, for the tests that follow."""
    made = []

    def make():
        name = unique("poison")
        kube.namespace(name, name)
        kube.call("POST", f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})  # nobody else makes it
        key = programs.apiserver.key("create", "--name", "test", "--tenant", name, "--scopes", "run,push").stdout.strip()
        client = Client(programs.apiserver, key, name, name, kube)
        wait_for(lambda: client.get("/v1/skills").status_code == 200, "the server knows the tenant")
        made.append(name)
        return client

    yield make
    for name in made:
        for resource in ("executions", "skills"):
            kube.call("DELETE", f"{GROUP}/namespaces/{name}/{resource}")
    for name in made:  # else they would count as sandboxes that start
        wait_for(lambda name=name: kube.call("GET", f"/api/v1/namespaces/{name}/pods").json()["items"] == [], "the Pods are gone")


def nested(depth, form):
    """JSON text: json.dumps() has a limit of its own."""
    opening, closing = {"lists": ("[", "]"), "objects": ('{"a":', "}")}[form]
    return opening * depth + "1" + closing * depth


def create(kube, namespace, kind, name, spec):
    """spec: JSON text. The HTTP answer."""
    resource = {"Execution": "executions", "Skill": "skills"}[kind]
    body = f'{{"apiVersion":"{API}","kind":"{kind}","metadata":{{"name":"{name}"}},"spec":{spec}}}'
    return kube.session.post(kube.url + kube.path(namespace, resource), data=body.encode(),
                             headers={"Content-Type": "application/json"}, timeout=60)


def poison_executions(kube, namespace):
    """{name: words of its error}"""
    made = {}
    for depth in DEPTHS:
        for form in ("lists", "objects"):
            name = unique(f"{form}-{depth}")
            answer = create(kube, namespace, "Execution", name, f'{{"skillRef":{{"name":"any"}},"input":{nested(depth, form)}}}')
            assert answer.status_code == 201, f"{depth} {form}: {answer.status_code} {answer.text[:300]}"
            made[name] = f"spec.input: is nested {depth} deep, more than 128"
    name = unique("text")
    text = json.dumps(nested(3000, "lists"))
    assert create(kube, namespace, "Execution", name, f'{{"skillRef":{{"name":"any"}},"inputText":{text}}}').status_code == 201
    made[name] = "spec.inputText: is nested 3000 deep, more than 128"
    return made


def poison_skills(kube, namespace):
    made = {}
    for depth in DEPTHS:
        name = unique(f"schema-{depth}")
        answer = create(kube, namespace, "Skill", name,
                        f'{{"name":"{name}","version":"1.0.0","description":"d","source":{{"files":{{"main.sh":"true"}}}},'
                        f'"inputSchema":{nested(depth, "objects")}}}')
        assert answer.status_code == 201, f"{depth}: {answer.status_code} {answer.text[:300]}"
        made[name] = f"spec.inputSchema: is nested {depth} deep, more than 128"
    name = unique("nul")
    assert create(kube, namespace, "Skill", name, f'{{"name":"{name}","version":"1.0.0","description":"d",'
                  '"source":{"files":{"main.sh":"a\\u0000b"}}}').status_code == 201
    made[name] = "spec.source.files.main.sh: contains a NUL character"
    return made


def read(kube, namespace, resource, name, type_):
    """(its condition, its status, its uid). The text of a deep object is more than Python's parser takes: the status alone."""
    text = kube.session.get(kube.url + kube.path(namespace, resource, name), timeout=60).text
    decoder = json.JSONDecoder()
    uid = text.partition('"uid":"')[2].partition('"')[0]
    found = text.rpartition('"status":{')  # it stands last, and there are no objects below conditions
    status = decoder.raw_decode("{" + found[2])[0] if found[1] else {}
    condition = next((c for c in status.get("conditions", []) if c["type"] == type_), None)
    return condition, status, uid


def notes_of(kube, namespace, uid):
    events = kube.call("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events").json()["items"]
    return [event.get("note", "") for event in events if event["regarding"].get("uid") == uid]


def check_poison(kube, namespace, executions, skills):
    """Each says what is wrong with it, and has an Event that says it."""
    for name, words in executions.items():
        condition, status, uid = wait_for(lambda name=name: (r := read(kube, namespace, "executions", name, "Succeeded"))[0]
                                          and r[0]["status"] == "False" and r, f"{name} is failed")
        assert (condition["reason"], status["errorCode"]) == ("Failed", "sandbox_start_failed")
        assert words in status["error"] and words in condition["message"]
        wait_for(lambda uid=uid, words=words: any(words in note for note in notes_of(kube, namespace, uid)), f"{name} has its Event")
    for name, words in skills.items():
        condition, _, uid = wait_for(lambda name=name: (r := read(kube, namespace, "skills", name, "Ready"))[0] and r,
                                     f"{name} is looked at")
        assert (condition["status"], condition["reason"]) == ("False", "Invalid")
        assert words in condition["message"]
        wait_for(lambda uid=uid, words=words: any(words in note for note in notes_of(kube, namespace, uid)), f"{name} has its Event")


def check_work_goes_on(kube, client):
    """What is asked for over REST comes as far as it can without nodes: to a Pod."""
    execution = client.start(client.push())

    def pods():
        return [pod for pod in kube.call("GET", f"/api/v1/namespaces/{client.namespace}/pods").json()["items"]
                if any(owner["name"] == execution for owner in pod["metadata"].get("ownerReferences", []))]

    wait_for(pods, "the execution has its Pod")
    assert client.get(f"/v1/executions/{execution}").status_code == 200


def test_others_go_on(programs, kube, tenant):
    evil, good = tenant(), tenant()
    check_work_goes_on(kube, good)
    # While both watch.
    executions, skills = poison_executions(kube, evil.namespace), poison_skills(kube, evil.namespace)
    check_work_goes_on(kube, good)
    programs.check_ready()
    check_poison(kube, evil.namespace, executions, skills)
    # In the list that a new controller and a new API server begin with, untouched yet.
    programs.stop_controller()
    more, more_skills = poison_executions(kube, evil.namespace), poison_skills(kube, evil.namespace)
    programs.restart_apiserver()
    programs.start_controller()
    good.server = evil.server = programs.apiserver
    programs.check_ready()
    check_work_goes_on(kube, good)
    check_poison(kube, evil.namespace, more, more_skills)
    assert not programs.apiserver.logged("watch interrupted") and not programs.controller.logged("watch interrupted")
    # Its own tenant works on, too, and finds over REST what became of them.
    check_work_goes_on(kube, evil)
    for name, words in {**executions, **more}.items():
        _, _, uid = read(kube, evil.namespace, "executions", name, "Succeeded")
        answer = evil.get(f"/v1/executions/{uid}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "failed" and words in answer.json()["error"]
    listed = evil.get("/v1/executions?limit=100")
    assert listed.status_code == 200 and len(listed.json()["executions"]) >= len(executions) + len(more)


def test_one_that_cannot_be_read_at_all(programs, kube, tenant):
    """Its status is not what we write: somebody with the right to write it did. It is left out, counted and told of; it comes back
    when it is mended."""
    evil, good = tenant(), tenant()
    name = unique("status")
    assert create(kube, evil.namespace, "Execution", name, '{"skillRef":{"name":"any"}}').status_code == 201
    path = kube.path(evil.namespace, "executions", name)
    wait_for(lambda: kube.call("GET", path).json().get("status"), "the execution waits for its skill")
    kube.call("PATCH", path + "/status", {"status": {"podName": "a\0b"}}, "application/merge-patch+json")
    counts = lambda: [value for (_, resource), value in programs.metric("skillbox_informer_unreadable").items()  # noqa: E731
                      if resource == "executions"]
    wait_for(lambda: counts() == [1, 1], lambda: f"both leave it out: {counts()}")
    uid = kube.call("GET", path).json()["metadata"]["uid"]
    note = wait_for(lambda: notes_of(kube, evil.namespace, uid), "it has its Event")
    assert "status.podName: contains a NUL character" in note
    programs.check_ready()
    check_work_goes_on(kube, good)
    kube.call("PATCH", path + "/status", {"status": {"podName": None}}, "application/merge-patch+json")
    wait_for(lambda: counts() == [0, 0], lambda: f"it is back: {counts()}")
