"""A tenant whose ResourceQuota is used up has many Executions: kube-apiserver is asked now and then whether it has room again, by one
of them for all, and not by each. When it has, they go on."""

import pytest

from controller import Controller, clear, signing_key_in
from metrics_text import read_metrics
from waiting import unique, wait_for

API = "skillbox.dev/v1alpha1"
ROOM, COUNT = 2, 40


@pytest.fixture
def controller(plane, kube, tmp_path):
    home = unique("home")
    kube.namespace(home)
    clear(kube)
    controller = Controller(plane, home, signing_key_in(tmp_path), "http://127.0.0.1:1").start()
    yield controller
    controller.stop()


def set_quota(kube, namespace, pods):
    """With what kube-controller-manager would write."""
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    quota = kube.call("GET", f"{path}/q", ok=False).json()
    if quota.get("kind") != "ResourceQuota":
        quota = kube.call("POST", path, {"metadata": {"name": "q"}, "spec": {"hard": {"pods": str(pods)}}}).json()
    else:
        quota["spec"]["hard"]["pods"] = str(pods)
        quota = kube.call("PUT", f"{path}/q", quota).json()
    quota["status"] = {"hard": {"pods": str(pods)}, "used": quota.get("status", {}).get("used", {"pods": "0"})}
    kube.call("PUT", f"{path}/q/status", quota)


def count_refused(controller):
    """Creates of Pods that were refused."""
    return sum(value for (name, labels), value in read_metrics(f"http://127.0.0.1:{controller.port}").samples.items()
               if name == "skillbox_kubernetes_requests_total" and ("resource", "pods") in labels and ("code", "403") in labels)


def test_one_asks_for_all(controller, kube):
    name = unique("full")
    kube.namespace(name, name)
    kube.call("POST", f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})
    set_quota(kube, name, ROOM)
    kube.apply_skill(name, "s", lang="bash", image="bash:5")

    def pods():
        return kube.call("GET", f"/api/v1/namespaces/{name}/pods").json()["items"]

    def reasons():
        items = kube.call("GET", kube.path(name, "executions")).json()["items"]
        conditions = [c for item in items for c in item.get("status", {}).get("conditions", [])[:1]]
        return [c["reason"] if c["reason"] != "Failed" else c["message"] for c in conditions]

    def execute(count):
        for _ in range(count):
            kube.call("POST", kube.path(name, "executions"), {"apiVersion": API, "kind": "Execution", "metadata": {"name": unique("x")},
                                                               "spec": {"skillRef": {"name": "s"}}})

    # The first that is refused tells the controller of it; of those under way at that moment each is refused by itself, so the others
    # come after it.
    execute(ROOM + 1)
    wait_for(lambda: reasons().count("QuotaExceeded") == 1, lambda: f"one is told: {reasons()}")
    execute(COUNT - ROOM - 1)
    wait_for(lambda: reasons().count("QuotaExceeded") == COUNT - ROOM, lambda: f"all are told: {reasons()}")
    assert len(pods()) == ROOM
    # By one of them, with pauses of 1 s and more: not 37 creates more.
    before = count_refused(controller)
    assert before < COUNT / 2
    set_quota(kube, name, ROOM + 3)
    wait_for(lambda: len(pods()) == ROOM + 3, "what there is room for is used", timeout=30)
    assert count_refused(controller) - before < 10
    clear(kube, name)
