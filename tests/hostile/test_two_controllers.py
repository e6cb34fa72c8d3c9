"""`kubectl scale --replicas=2` of the controller, and one of a node that was cut off beside its replacement. The one that started last
works; the other finds out, gives up all that it has and stands by for good. No run is lost, none has two Pods, and a pool has as
many as it asks for."""

import threading

import pytest
import requests

from controller import Controller, clear, signing_key_in
from waiting import unique, wait_for

API = "skillbox.dev/v1alpha1"


class Two:
    def __init__(self, plane, folder, home):
        key = signing_key_in(folder)
        self.made = []
        self.make = lambda name: Controller(plane, home, key, "http://127.0.0.1:1", SKILLBOX_POD_NAME=name)

    def start(self, name):
        self.made.append(self.make(name).start())
        return self.made[-1]


@pytest.fixture
def two(plane, kube, tmp_path):
    home = unique("home")
    kube.namespace(home)
    two = Two(plane, tmp_path, home)
    two.home = home
    yield two
    for controller in two.made:
        controller.stop()


@pytest.fixture
def namespace(kube):
    name = unique("two")
    kube.namespace(name, name)
    kube.call("POST", f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})
    kube.apply_skill(name, "s")
    yield name
    clear(kube, name)


def ready(controller):
    answer = requests.get(f"http://127.0.0.1:{controller.port}/ready", timeout=5)
    return answer.status_code, answer.json().get("message", "")


def metric(controller, name):
    lines = requests.get(f"http://127.0.0.1:{controller.port}/metrics", timeout=5).text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(name + " "))


def run(kube, namespace):
    return kube.call("POST", kube.path(namespace, "executions"),
                     {"apiVersion": API, "kind": "Execution", "metadata": {"name": unique("x")}, "spec": {"skillRef": {"name": "s"}}}).json()


def pods(kube, namespace):
    return [pod["metadata"]["name"] for pod in kube.call("GET", f"/api/v1/namespaces/{namespace}/pods").json()["items"]]


def test_the_last_one_works(two, kube, namespace):
    first = two.start("first")
    wait_for(lambda: ready(first)[0] == 200, lambda: f"the first is ready: {ready(first)}")
    kube.call("POST", kube.path(namespace, "sandboxpools"),
              {"apiVersion": API, "kind": "SandboxPool", "metadata": {"name": "p"}, "spec": {"replicas": 3, "image": "python:3.12-slim"}})
    executions, over = [], threading.Event()

    def keep_asking():
        while not over.wait(0.2):
            executions.append(run(kube, namespace))

    asking = threading.Thread(target=keep_asking)
    asking.start()
    wait_for(lambda: any(name.startswith("skx-") for name in pods(kube, namespace)), "the first makes Pods")
    second = two.start("second")
    wait_for(lambda: ready(second)[0] == 200, lambda: f"the second is ready: {ready(second)}")
    wait_for(lambda: ready(first)[0] == 503, lambda: f"the first stands by: {ready(first)}", timeout=10)
    made_before = len(executions)
    wait_for(lambda: len(executions) > made_before + 3, "there are executions that only the second sees")
    over.set()
    asking.join()
    assert ready(first) == (503, "stands by: the controller second was started later and works")
    assert [metric(c, "skillbox_controller_works") for c in (first, second)] == [0, 1]
    assert [metric(c, "skillbox_controller_generation") for c in (first, second)] == [2, 2]
    assert first.logged("another controller was started later and works: this one stands by")
    # One Pod each, of the first attempt, whoever made it; and nothing was told of a sandbox that was lost.
    wanted = sorted(f"skx-{e['metadata']['uid']}-0" for e in executions)
    wait_for(lambda: sorted(n for n in pods(kube, namespace) if n.startswith("skx-")) == wanted,
             lambda: f"each has its Pod: {wanted} {pods(kube, namespace)}")
    wait_for(lambda: len([n for n in pods(kube, namespace) if n.startswith("sbp-")]) == 3, "the pool has three")
    for execution in kube.executions(namespace):
        status = execution.get("status", {})
        assert not status.get("attempt") and not status.get("errorCode"), status
    # It stays so: no end of a process, and so no new generation.
    lease = kube.call("GET", f"/apis/coordination.k8s.io/v1/namespaces/{two.home}/leases/skillbox-controller").json()
    assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"]) == ("second", 2)
    assert first.process.poll() is None and second.process.poll() is None


def test_nothing_without_a_generation(two, kube, namespace):
    """The Lease can't be had: nothing is done, and /ready says why. It goes on when the Lease is there."""
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{two.home}/leases"
    kube.call("POST", lease, {"metadata": {"name": "skillbox-controller"}, "spec": {"leaseTransitions": 2 ** 31 - 1}})
    controller = two.start("only")
    wait_for(lambda: "leaseTransitions is 2147483647" in ready(controller)[1], lambda: f"it says why: {ready(controller)}")
    assert ready(controller)[0] == 503
    execution = run(kube, namespace)
    assert not pods(kube, namespace)
    kube.call("DELETE", f"{lease}/skillbox-controller")
    wait_for(lambda: pods(kube, namespace) == [f"skx-{execution['metadata']['uid']}-0"], "it works")
    assert metric(controller, "skillbox_controller_generation") == 1
