"""Somebody who may create Pods in a tenant's namespace makes one that has the name, the labels and the owner of a sandbox, and runs.
It must never be spoken to: no stream, and so no skill, input or environment, and nothing that it says is recorded. The run goes on
in a Pod of ours, under another name."""

import pytest

from controller import Controller, clear, signing_key_in
from fake_kubelet import FakeKubelet
from waiting import unique, wait_for

API = "skillbox.dev/v1alpha1"
MANAGED = {"app.kubernetes.io/managed-by": "skillbox", "app.kubernetes.io/component": "sandbox"}


@pytest.fixture(scope="module")
def controller(plane, kube, tmp_path_factory):
    home = unique("home")
    kube.namespace(home)
    key = signing_key_in(tmp_path_factory.mktemp("controller"))
    controller = Controller(plane, home, key, "http://127.0.0.1:1").start()
    yield controller
    controller.stop()


@pytest.fixture(scope="module")
def kubelet(kube, tmp_path_factory):
    kubelet = FakeKubelet(kube, tmp_path_factory.mktemp("kubelet"), unique("node"))
    yield kubelet
    kubelet.close()


@pytest.fixture
def namespace(kube):
    name = unique("foreign")
    kube.namespace(name, name)
    kube.call("POST", f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})
    yield name
    clear(kube, name)


def make_pod(kube, kubelet, namespace, name, owner, kind, label, token, annotations=None):
    """As the attacker does it, down to the token that the environment of a sandbox has. It runs at once."""
    meta = owner["metadata"]
    path = f"/api/v1/namespaces/{namespace}/pods"
    made = kube.call("POST", path, {
        "metadata": {"name": name, "labels": {**MANAGED, label: meta["uid"]}, "annotations": annotations or {},
                     "ownerReferences": [{"apiVersion": API, "kind": kind, "name": meta["name"], "uid": meta["uid"], "controller": True}]},
        "spec": {"nodeName": kubelet.name, "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0,
                 "containers": [{"name": "sandbox", "image": "x", "env": [{"name": "SKILLBOX_TOKEN", "value": token}]}]}}).json()
    run(kube, path, name, ok=False)  # it may be gone already
    return made


def run(kube, path, name, ok=True):
    kube.call("PATCH", f"{path}/{name}/status", {"status": {"phase": "Running", "containerStatuses": [
        {"name": "sandbox", "image": "x", "imageID": "", "ready": True, "restartCount": 0,
         "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}}, "application/strategic-merge-patch+json", ok)


def create(kube, namespace, resource, spec):
    kind = {"executions": "Execution", "sandboxpools": "SandboxPool"}[resource]
    return kube.call("POST", kube.path(namespace, resource),
                     {"apiVersion": API, "kind": kind, "metadata": {"name": unique("x")}, "spec": spec}).json()


def pods_of(kube, namespace, prefix):
    items = kube.call("GET", f"/api/v1/namespaces/{namespace}/pods").json()["items"]
    return {pod["metadata"]["name"]: pod for pod in items if pod["metadata"]["name"].startswith(prefix)}


def token_of(pod):
    return next(v["value"] for v in pod["spec"]["containers"][0]["env"] if v["name"] == "SKILLBOX_TOKEN")


def wait_for_ours(kube, kubelet, namespace, name):
    """The Pod that the controller makes under that name; it is run, so that the controller goes into it."""
    pod = wait_for(lambda: pods_of(kube, namespace, "skx-").get(name), f"{name} is made")
    assert pod["spec"]["containers"][0]["command"] == ["/skillbox/runner"]
    path = f"/api/v1/namespaces/{namespace}/pods"
    kube.call("POST", f"{path}/{name}/binding", {"metadata": {"name": name}, "target": {"kind": "Node", "name": kubelet.name}})
    run(kube, path, name)
    wait_for(lambda: kubelet.execs(name), "the controller goes into its own Pod")
    return pod


def test_one_that_came_first(controller, kube, kubelet, namespace):
    """The Pod stands before the controller comes to make its own; it says all that anybody can know."""
    execution = create(kube, namespace, "executions", {"skillRef": {"name": "s"}, "inputText": '"secret"', "env": [{"name": "A", "value": "secret"}]})
    uid = execution["metadata"]["uid"]
    first = f"skx-{uid}-0"
    make_pod(kube, kubelet, namespace, first, execution, "Execution", "skillbox.dev/execution-uid", "0" * 32)
    kube.apply_skill(namespace, "s")
    wait_for_ours(kube, kubelet, namespace, f"skx-{uid}-1")
    assert not kubelet.execs(first)
    status = kube.execution(namespace, execution["metadata"]["name"])["status"]
    assert status["attempt"] == 1
    notes = [e["note"] for e in kube.call("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events").json()["items"]
             if e["reason"] == "ForeignPod"]
    assert any(first in note and "is not ours" in note for note in notes), notes


def test_all_names_taken(controller, kube, kubelet, namespace):
    """The run ends and says why; the Pods are left to whoever made them until their run has ended."""
    execution = create(kube, namespace, "executions", {"skillRef": {"name": "s"}})
    uid, name = execution["metadata"]["uid"], execution["metadata"]["name"]
    for attempt in range(3):
        make_pod(kube, kubelet, namespace, f"skx-{uid}-{attempt}", execution, "Execution", "skillbox.dev/execution-uid", "0" * 32)
    kube.apply_skill(namespace, "s")
    ended = wait_for(lambda: (e := kube.execution(namespace, name).get("status", {})).get("errorCode") and e, "the run ends")
    assert ended["errorCode"] == "sandbox_start_failed" and "is not ours" in ended["error"]
    assert f"skx-{uid}-2" in ended["error"]
    assert not any(kubelet.execs(f"skx-{uid}-{attempt}") for attempt in range(3))


def test_one_that_takes_the_place_of_ours(controller, kube, kubelet, namespace):
    """With get and delete beside create: even the token is the right one. The controller knows the Pod that it made."""
    kube.apply_skill(namespace, "s")
    execution = create(kube, namespace, "executions", {"skillRef": {"name": "s"}})
    uid = execution["metadata"]["uid"]
    first = f"skx-{uid}-0"
    ours = wait_for(lambda: pods_of(kube, namespace, "skx-").get(first), "our Pod is made")
    kube.call("DELETE", f"/api/v1/namespaces/{namespace}/pods/{first}", {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0})
    make_pod(kube, kubelet, namespace, first, execution, "Execution", "skillbox.dev/execution-uid", token_of(ours))
    wait_for_ours(kube, kubelet, namespace, f"skx-{uid}-1")
    assert not kubelet.execs(first)


def test_one_that_says_it_is_of_a_pool(controller, kube, kubelet, namespace):
    """It is never claimed, nor counted, and goes."""
    kube.apply_skill(namespace, "s")
    pool = create(kube, namespace, "sandboxpools", {"replicas": 1, "image": "bash:5"})
    pool_uid, name = pool["metadata"]["uid"], pool["metadata"]["name"]
    ours, = wait_for(lambda: pods_of(kube, namespace, f"sbp-{pool_uid}-"), "the pool has its Pod").values()
    strange = f"sbp-{pool_uid}-ffffffff"
    made = make_pod(kube, kubelet, namespace, strange, pool, "SandboxPool", "skillbox.dev/pool-uid", "0" * 32,
                    ours["metadata"]["annotations"])

    def is_gone():
        pod = pods_of(kube, namespace, strange).get(strange)
        return not pod or pod["metadata"]["uid"] != made["metadata"]["uid"] or pod["metadata"].get("deletionTimestamp")

    wait_for(is_gone, "the pool sends it away")
    assert not kubelet.execs(strange)
    path = kube.path(namespace, "sandboxpools", name)
    wait_for(lambda: kube.call("GET", path).json().get("status", {}).get("replicas") == 1, "the pool counts its own alone")
    assert list(pods_of(kube, namespace, f"sbp-{pool_uid}-").values())[0]["metadata"]["uid"] == ours["metadata"]["uid"]


def test_a_new_controller_knows_its_pods(controller, kube, kubelet, namespace):
    """Nothing of this is remembered anywhere: another controller with the same key goes on with the Pods of this one."""
    kube.apply_skill(namespace, "s")
    execution = create(kube, namespace, "executions", {"skillRef": {"name": "s"}})
    first = f"skx-{execution['metadata']['uid']}-0"
    wait_for(lambda: pods_of(kube, namespace, "skx-").get(first), "our Pod is made")
    controller.stop()
    controller.start()
    wait_for_ours(kube, kubelet, namespace, first)
    assert kube.execution(namespace, execution["metadata"]["name"]).get("status", {}).get("attempt", 0) == 0
