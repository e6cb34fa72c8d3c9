"""Nobody waits in the dark: what keeps a run from beginning is told by the Execution, an Event and REST, and is gone when the
obstacle is. The controller is real, and has the rights that the chart gives it; there is no scheduler and no node."""

import json

import pytest

from controller import Controller
from waiting import unique, wait_for

SOON = 10  # seconds that a busy machine may need for what takes less than one
HOME = "waiting-home"
EVERYWHERE = [
    {"apiGroups": ["skillbox.dev"], "resources": ["skills", "executions", "sandboxpools"], "verbs": ["list", "watch"]},
    {"apiGroups": ["skillbox.dev"], "resources": ["skills/status", "executions/status", "sandboxpools/status"], "verbs": ["patch"]},
    {"apiGroups": ["skillbox.dev"], "resources": ["executions"], "verbs": ["delete"]},
    {"apiGroups": [""], "resources": ["namespaces", "pods"], "verbs": ["list", "watch"]},
    {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]}]
IN_TENANTS = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "delete"]},
              {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]}]
AT_HOME = [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["patch"]}]
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def grant(kube, namespace, rules):
    scope, kind = (f"/namespaces/{namespace}", "Role") if namespace else ("", "ClusterRole")
    kube.call("POST", f"{RBAC}{scope}/{kind.lower()}s", {"metadata": {"name": "controller"}, "rules": rules})
    kube.call("POST", f"{RBAC}{scope}/{kind.lower()}bindings", {
        "metadata": {"name": "controller"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "controller"},
        "subjects": [{"kind": "ServiceAccount", "name": "controller", "namespace": HOME}]})


@pytest.fixture(scope="module")
def controller(plane, kube, server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("controller")
    kube.namespace(HOME)
    kube.call("POST", f"/api/v1/namespaces/{HOME}/serviceaccounts", {"metadata": {"name": "controller"}})
    grant(kube, None, EVERYWHERE)
    grant(kube, "skillbox-system", AT_HOME)
    token = kube.call("POST", f"/api/v1/namespaces/{HOME}/serviceaccounts/controller/token",
                      {"spec": {"expirationSeconds": 7200}}).json()["status"]["token"]
    config = json.loads(plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    (folder / "kubeconfig").write_text(json.dumps(config))
    make_lease(kube)
    controller = Controller(plane, "skillbox-system", server.signing_key, server.url, KUBECONFIG=str(folder / "kubeconfig"),
                            SKILLBOX_MAX_CONCURRENT_EXECS="1", SKILLBOX_POD_NAME="controller-pod").start()
    yield controller
    controller.stop()


def make_lease(kube):
    """As the chart does; the controller may not."""
    kube.call("POST", LEASES, {"metadata": {"name": "skillbox-controller"}})


LEASES = "/apis/coordination.k8s.io/v1/namespaces/skillbox-system/leases"


class Tenant:
    """One with a skill, whose sandboxes would be admitted; what a test takes from it is in the way."""

    def __init__(self, kube, client):
        self.kube, self.client, self.namespace = kube, client, client.namespace
        self.skill = client.push()

    def create(self, path, body):
        return self.kube.call("POST", f"{path.format(self.namespace)}", body).json()

    def delete(self, path):
        return self.kube.call("DELETE", path.format(self.namespace))

    def allow(self, role=True, account=True):
        if role:
            grant(self.kube, self.namespace, IN_TENANTS)
        if account:
            self.create("/api/v1/namespaces/{}/serviceaccounts", {"metadata": {"name": "default"}})
        return self

    def start(self):
        """The name of an execution."""
        return self.client.start(self.skill)

    def condition(self, name):
        return next(iter(self.kube.execution(self.namespace, name).get("status", {}).get("conditions", [])), {})

    def pods(self):
        return self.kube.call("GET", f"/api/v1/namespaces/{self.namespace}/pods").json()["items"]

    def events(self, name):
        items = self.kube.call("GET", f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events").json()["items"]
        return [(e["type"], e["reason"], e["note"]) for e in items if e["regarding"]["name"] == name]

    def waits_for(self, name, reason, *words, kind="Warning"):
        """Condition, Event and REST say so; the message."""
        condition = wait_for(lambda: (c := self.condition(name)).get("reason") == reason and c,
                             lambda: f"{reason}: {self.condition(name)}", timeout=SOON)
        assert condition["status"] == "Unknown"
        for word in words:
            assert word in condition["message"]
        record = wait_for(lambda: (r := self.client.get(f"/v1/executions/{name}").json()).get("reason") == reason and r,
                          "REST says so", timeout=SOON)
        assert record["status"] == "pending" and record["message"] == condition["message"] and record["error"] is None
        if kind:
            wait_for(lambda: [e for e in self.events(name) if e[:2] == (kind, reason) and words[-1] in e[2]],
                     lambda: f"an Event {reason}: {self.events(name)}", timeout=SOON)
        return condition["message"]

    def begins(self, name):
        """The obstacle is gone: the sandbox is made, and the reason is another."""
        pod, = wait_for(self.pods, "the sandbox is made", timeout=30)
        self.waits_for(name, "SandboxStarting", "no scheduler has placed it", kind=None)
        return pod


@pytest.fixture
def tenant(kube, controller, client):
    return Tenant(kube, client)


def quota(tenant):
    """There is no controller of quotas here: its part is to write the status."""
    path = "/api/v1/namespaces/{}/resourcequotas"
    tenant.create(path, {"metadata": {"name": "none-left"}, "spec": {"hard": {"pods": "0"}}})
    tenant.kube.call("PATCH", f"{path.format(tenant.namespace)}/none-left/status", {"status": {"hard": {"pods": "0"}, "used": {"pods": "0"}}},
                     "application/merge-patch+json")
    wait_for(lambda: "exceeded quota" in tenant.kube.call(
        "POST", f"/api/v1/namespaces/{tenant.namespace}/pods?dryRun=All",
        {"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}, ok=False).text, "the quota counts")
    return f"{path}/none-left"


def test_a_quota(tenant):
    path = quota(tenant.allow())
    name = tenant.start()
    message = tenant.waits_for(name, "QuotaExceeded", "ResourceQuota", "raise it", "exceeded quota: none-left, requested: pods=1")
    assert "SKILLBOX_TOKEN" not in message
    tenant.delete(path)
    tenant.begins(name)


def test_a_limit_range(tenant):
    path = "/api/v1/namespaces/{}/limitranges"
    tenant.allow().create(path, {"metadata": {"name": "small"}, "spec": {"limits": [{"type": "Container", "max": {"memory": "1Mi"}}]}})
    name = tenant.start()
    tenant.waits_for(name, "LimitRangeViolated", "a LimitRange of the namespace", "maximum memory usage per Container is 1Mi")
    tenant.delete(path + "/small")
    tenant.begins(name)


def test_no_role(tenant):
    name = tenant.allow(role=False).start()
    tenant.waits_for(name, "ControllerForbidden", "RoleBinding", "cannot create resource \"pods\"")
    tenant.allow(account=False)
    tenant.begins(name)


def test_no_service_account(tenant):
    name = tenant.allow(account=False).start()
    tenant.waits_for(name, "ServiceAccountMissing", "serviceaccount \"default\" not found")
    tenant.allow(role=False)
    tenant.begins(name)


def test_an_admission_policy(tenant):
    group, policy = "/apis/admissionregistration.k8s.io/v1", unique("no-sandboxes")
    tenant.allow().create(f"{group}/validatingadmissionpolicies", {"metadata": {"name": policy}, "spec": {
        "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                             "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenant.namespace}}},
        "validations": [{"expression": "false", "message": "no sandboxes on Sundays"}]}})
    tenant.create(f"{group}/validatingadmissionpolicybindings", {"metadata": {"name": policy}, "spec": {
        "policyName": policy, "validationActions": ["Deny"]}})
    wait_for(lambda: "Sundays" in tenant.kube.call(
        "POST", f"/api/v1/namespaces/{tenant.namespace}/pods?dryRun=All",
        {"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}, ok=False).text, "the policy counts")
    name = tenant.start()
    tenant.waits_for(name, "AdmissionDenied", "an admission policy of the cluster", "no sandboxes on Sundays")
    tenant.delete(f"{group}/validatingadmissionpolicybindings/{policy}")
    tenant.delete(f"{group}/validatingadmissionpolicies/{policy}")
    tenant.begins(name)


def test_a_full_tenant(tenant):
    tenant.allow()
    first = tenant.start()
    tenant.begins(first)
    second = tenant.start()
    tenant.waits_for(second, "TenantFull", "it has 1, as many as it may have at once", kind="Normal")
    assert tenant.client.request("DELETE", f"/v1/executions/{first}").status_code == 202
    wait_for(lambda: tenant.condition(second)["reason"] == "SandboxStarting", "the second has the place", timeout=30)


def test_what_the_pod_tells(tenant):
    """No node has room, then the image can't be had; then it could, and it starts."""
    name = tenant.allow().start()
    pod = tenant.begins(name)

    def say(**status):
        tenant.kube.call("PATCH", f"/api/v1/namespaces/{tenant.namespace}/pods/{pod['metadata']['name']}/status", {"status": status},
                         "application/merge-patch+json")

    def waiting(reason, message):
        return [{"name": "sandbox", "image": "a", "imageID": "", "ready": False, "restartCount": 0,
                 "state": {"waiting": {"reason": reason, "message": message}}}]

    say(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: 1 Insufficient memory"}])
    tenant.waits_for(name, "Unschedulable", "lower the resources", "no node takes a sandbox: 0/1 nodes: 1 Insufficient memory")
    say(conditions=[{"type": "PodScheduled", "status": "True"}], containerStatuses=waiting("ImagePullBackOff", "manifest unknown"))
    tenant.waits_for(name, "ImageUnavailable", "registry", "(ImagePullBackOff): manifest unknown")
    say(containerStatuses=waiting("CreateContainerError", "no such device"))
    tenant.waits_for(name, "ContainerNotMade", "Events", "(CreateContainerError): no such device")
    say(containerStatuses=waiting("ContainerCreating", ""))
    tenant.waits_for(name, "SandboxStarting", f"describe pod {pod['metadata']['name']}", kind=None)


# ---- pools


def test_a_pool_that_can_not_fill(tenant):
    path, name = quota(tenant.allow()), unique("pool")
    pools = f"/apis/skillbox.dev/v1alpha1/namespaces/{tenant.namespace}/sandboxpools"
    tenant.kube.call("POST", pools, {"apiVersion": "skillbox.dev/v1alpha1", "kind": "SandboxPool", "metadata": {"name": name},
                                     "spec": {"replicas": 3, "image": "bash:5"}})

    def condition():
        return next(iter(tenant.kube.call("GET", f"{pools}/{name}").json().get("status", {}).get("conditions", [])), {})

    seen = wait_for(lambda: (c := condition()).get("reason") == "QuotaExceeded" and c, condition, timeout=SOON)
    assert seen["status"] == "False" and "exceeded quota: none-left, requested: pods=1" in seen["message"]
    wait_for(lambda: [e for e in tenant.events(name) if e[:2] == ("Warning", "QuotaExceeded")], "an Event", timeout=SOON)
    run = tenant.start()  # it does not wait for the pool: it is told the same
    tenant.waits_for(run, "QuotaExceeded", "exceeded quota: none-left")
    assert tenant.client.request("DELETE", f"/v1/executions/{run}").status_code == 202
    # a spec that changes meanwhile is seen
    tenant.kube.call("PATCH", f"{pools}/{name}", {"spec": {"replicas": 2}}, "application/merge-patch+json")
    wait_for(lambda: condition()["observedGeneration"] == 2, "the spec is seen", timeout=SOON)
    tenant.delete(path)
    wait_for(lambda: len([p for p in tenant.pods() if p["metadata"]["name"].startswith("sbp-")]) == 2, "it is filled", timeout=60)
    wait_for(lambda: condition()["reason"] == "Filling", "the reason is gone", timeout=SOON)
    # deleted, and somebody else's finalizer holds it: its sandboxes go all the same
    tenant.kube.call("PATCH", f"{pools}/{name}", {"metadata": {"finalizers": ["example.com/held"]}}, "application/merge-patch+json")
    tenant.kube.call("DELETE", f"{pools}/{name}")
    wait_for(lambda: not [p for p in tenant.pods() if p["metadata"]["name"].startswith("sbp-")], "its sandboxes are gone", timeout=30)
    wait_for(lambda: condition()["reason"] == "Deleted", "it says so", timeout=SOON)
    tenant.kube.call("PATCH", f"{pools}/{name}", {"metadata": {"finalizers": None}}, "application/merge-patch+json")


def test_a_run_that_waits_for_a_pool(tenant):
    """It is told what the pool's sandboxes suffer from."""
    name = unique("pool")
    pools = f"/apis/skillbox.dev/v1alpha1/namespaces/{tenant.allow().namespace}/sandboxpools"
    tenant.kube.call("POST", pools, {"apiVersion": "skillbox.dev/v1alpha1", "kind": "SandboxPool", "metadata": {"name": name},
                                     "spec": {"replicas": 1, "image": "bash:5"}})
    pod, = wait_for(tenant.pods, "its sandbox is made", timeout=30)
    run = tenant.start()
    tenant.waits_for(run, "PoolFilling", "the pool's condition Ready", kind=None)
    tenant.kube.call("PATCH", f"/api/v1/namespaces/{tenant.namespace}/pods/{pod['metadata']['name']}/status", {"status": {"conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: 1 Insufficient cpu"}]}},
        "application/merge-patch+json")
    tenant.waits_for(run, "Unschedulable", "no node takes a sandbox: 0/1 nodes: 1 Insufficient cpu")
    assert tenant.client.request("DELETE", f"/v1/executions/{run}").status_code == 202


# ---- the ends


def test_cancel_after_the_end(tenant):
    """A tool that applies late: whoever waits for the condition goes on at once."""
    name = tenant.allow().start()
    tenant.begins(name)
    assert tenant.client.request("DELETE", f"/v1/executions/{name}").status_code == 202
    ended = wait_for(lambda: (c := tenant.condition(name)).get("status") == "False" and c, "it is cancelled", timeout=SOON)
    assert ended["observedGeneration"] == 2
    other = tenant.start()
    wait_for(lambda: tenant.condition(other), "it is seen", timeout=SOON)
    tenant.kube.finish(tenant.namespace, other)
    before = tenant.kube.execution(tenant.namespace, other)
    tenant.kube.call("PATCH", tenant.kube.path(tenant.namespace, "executions", other), {"spec": {"cancel": True}},
                     "application/merge-patch+json")
    seen = wait_for(lambda: (c := tenant.condition(other)).get("observedGeneration") == 2 and c, "the spec is seen", timeout=SOON)
    assert (seen["status"], seen["reason"]) == ("True", "Succeeded")
    after = tenant.kube.execution(tenant.namespace, other)
    for thing in (before, after):
        thing["status"].pop("conditions")
    assert after["status"] == before["status"]


def test_a_foreign_finalizer(tenant):
    """Whoever waits for a run that is deleted is answered, and its sandbox goes, though the object stays for now."""
    path = quota(tenant.allow())  # so that it waits
    with tenant.client.waiting({"skill": tenant.skill}) as (name, answers):
        tenant.waits_for(name, "QuotaExceeded", "exceeded quota")
        tenant.delete(path)
        tenant.begins(name)
        at = tenant.kube.path(tenant.namespace, "executions", name)
        tenant.kube.call("PATCH", at, {"metadata": {"finalizers": ["example.com/held"]}}, "application/merge-patch+json")
        tenant.kube.call("DELETE", at)
        wait_for(lambda: answers, "the caller is answered", timeout=SOON)
    assert answers[0].status_code == 200
    assert (answers[0].json()["status"], answers[0].json()["error"]) == ("cancelled", "the execution was deleted before it ended")
    wait_for(lambda: not tenant.pods(), "the sandbox is gone", timeout=SOON)
    held = tenant.kube.execution(tenant.namespace, name)
    assert held["status"]["conditions"][0]["observedGeneration"] == held["metadata"]["generation"]
    tenant.kube.call("PATCH", at, {"metadata": {"finalizers": None}}, "application/merge-patch+json")


def test_no_controller(tenant, kube):
    """Nobody can say so in the Execution: REST does."""
    name = tenant.allow().start()
    tenant.begins(name)
    kube.call("DELETE", f"{LEASES}/skillbox-controller")

    def record():
        return tenant.client.get(f"/v1/executions/{name}").json()

    told = wait_for(lambda: (r := record()).get("reason") == "NoController" and r, record, timeout=SOON)
    assert told["status"] == "pending"
    assert told["message"].startswith("no controller works on executions: none has ever run here (Lease skillbox-controller in")
    (listed,) = tenant.client.get("/v1/executions").json()["executions"]
    assert listed["reason"] == "NoController"
    make_lease(kube)
    wait_for(lambda: record()["reason"] == "SandboxStarting", record, timeout=30)
