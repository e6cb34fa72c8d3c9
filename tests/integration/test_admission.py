"""The admission policies for sandboxes against a real API server: what the controller makes is admitted, in each configuration;
whatever else the Pod API has is refused; and there is one way into a sandbox."""

import contextlib
import copy
import datetime
import itertools
import json

import pytest
import requests

from chart import rendered
from controller import Controller, signing_key_in
from grafts import NEVER_ASKED, grafts
from waiting import wait_for
from weaker_pods import NAMESPACE, POD

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")  # a certificate made for the test

API = "skillbox.dev/v1alpha1"
CLASS = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "admission"}, "handler": "runsc",
         "overhead": {"podFixed": {"memory": "20Mi"}},
         "scheduling": {"nodeSelector": {"example.com/sandboxes": "yes"},
                        "tolerations": [{"key": "example.com/sandboxes", "operator": "Exists", "effect": "NoSchedule"}]}}
PROFILE = "sandbox.seccompProfile=skillbox/sandbox.json"
ADDS = "sandbox.clusterAdds"
# All that pod_spec.c does in one way or another, and what clusters add.
VARIANTS = {
    "image-volume": (),
    "init-container": ("--set", f"runner.delivery=init-container,runner.image.repository=registry.example.com:5000/runner,{PROFILE}"),
    "in-image": ("--set", "runner.delivery=in-image,sandbox.userNamespaces=true"),
    "all": ("--set", f"runner.delivery=init-container,sandbox.userNamespaces=true,sandbox.runtimeClassName=admission,{PROFILE}"),
    "limits": ("--set", "config.maxMemory=1.1Gi,config.maxCPU=0.3333,config.defaultCPU=0.005,config.defaultTimeout=20s,config.maxTimeout=1m30s",
               "--set", "controller.extraEnv[0].name=SKILLBOX_START_TIMEOUT,controller.extraEnv[0].value=90s",
               "--set", "config.imageAllowlist={docker.io/library/python:3.12-slim}"),
}


class Api:
    """The API server over HTTP, as the controller of a variant."""

    def __init__(self, plane, user):
        self.session = requests.Session()
        self.session.trust_env, self.session.verify = False, False
        self.session.headers.update({"Authorization": f"Bearer {plane.token}"})
        if user:
            self.session.headers.update({"Impersonate-User": user, "Impersonate-Group": "system:serviceaccounts"})
        self.url = plane.url

    def call(self, method, path, **options):
        return self.session.request(method, self.url + path, timeout=30, **options)

    def try_pod(self, namespace, pod):
        """A server's dry run: (the Pod, "") or (None, why not)."""
        answer = self.call("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldValidation=Strict", json=pod)
        return (answer.json(), "") if answer.status_code == 201 else (None, answer.json()["message"])


class Variant:
    """The policies of one choice of values beside those of others, and the account that they bind."""

    def __init__(self, plane, name, arguments):
        self.plane, self.name = plane, f"a-{name}"
        needs_cluster = ("--dry-run=server", "--kubeconfig", plane.kubeconfig) if "runtimeClassName" in str(arguments) else ()
        self.documents = rendered("--set", f"fullnameOverride={self.name}", *arguments, *needs_cluster)
        policies = [d for d in self.documents if d["kind"].startswith("ValidatingAdmissionPolicy") and "sandbox" in d["metadata"]["name"]]
        assert len(policies) == 4
        self.user = f"system:serviceaccount:{NAMESPACE}:{self.name}-controller"
        plane.kubectl("create", "-f", "-", stdin=policies)
        plane.kubectl("create", "serviceaccount", f"{self.name}-controller", "-n", NAMESPACE)
        # So that nothing but the policies says no.
        plane.kubectl("create", "clusterrolebinding", self.name, "--clusterrole=cluster-admin",
                      f"--serviceaccount={NAMESPACE}:{self.name}-controller")
        self.api = Api(plane, self.user)
        wait_for(self.is_bound, "the policies take effect")

    def is_bound(self):
        pods = self.api.call("POST", "/api/v1/namespaces/default/pods?dryRun=All", json={
            "metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "a"}], "automountServiceAccountToken": False}})
        stream = self.api.call("GET", "/api/v1/namespaces/default/pods/a/exec?command=id")
        return all("only in namespaces" in a.text or "nothing but sandboxes" in a.text for a in (pods, stream))

    def environment(self):
        """The controller's, as the chart gives it."""
        data = next(d["data"] for d in self.documents if d["kind"] == "ConfigMap")
        deployment = next(d for d in self.documents if d["kind"] == "Deployment" and d["metadata"]["name"].endswith("-controller"))
        variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
        return {**data, **{v["name"]: v["value"] for v in variables if "value" in v}}

    @contextlib.contextmanager
    def controller(self, folder):
        """Of this variant, as its own account."""
        token = self.plane.kubectl("create", "token", f"{self.name}-controller", "-n", NAMESPACE).stdout.strip()
        config = json.loads(self.plane.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token}

        class Plane:
            kubeconfig = folder / "kubeconfig"

        Plane.kubeconfig.write_text(json.dumps(config))
        environment = {k: v for k, v in self.environment().items() if k not in ("SKILLBOX_SIGNING_KEY_FILE", "SKILLBOX_HEALTH_PORT")}
        environment.pop("SKILLBOX_BLOB_URL", None)
        controller = Controller(Plane, NAMESPACE, signing_key_in(folder), "http://127.0.0.1:1", **environment).start()
        try:
            yield controller
        finally:
            controller.stop()
            # Not of a release, which Helm would trip over when it installs one here.
            self.plane.kubectl("delete", "lease", "skillbox-controller", "-n", NAMESPACE, "--ignore-not-found")


@pytest.fixture(scope="module")
def variants(control_plane):
    """variants(name): made when it is wanted."""
    made = {}
    control_plane.kubectl("create", "namespace", NAMESPACE, check=False)
    control_plane.kubectl("create", "serviceaccount", "default", "-n", "default", check=False)
    control_plane.kubectl("create", "-f", "-", stdin=CLASS)

    def get(name):
        if name not in made:
            made[name] = Variant(control_plane, name, VARIANTS[name])
        return made[name]

    return get


@pytest.fixture(scope="module")
def namespace(control_plane):
    return control_plane.make_tenant("admission")


OWNERS = {"any", "bound", "run-small", "run-large", "run-pinned", "run-docker"}


def objects(variant):
    """What wants a sandbox: of every kind, and as large and as long as it may be."""
    memory, cpu = ("1.1Gi", "0.3333") if variant.name == "a-limits" else ("1Gi", "4")
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def thing(kind, name, spec, **metadata):
        return {"apiVersion": API, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}

    def skill(name, lang, file, **spec):
        return thing("Skill", name, {"name": name, "version": "1.0.0", "description": "d", "lang": lang, "source": {"files": {file: ""}}, **spec},
                     annotations={"skillbox.dev/uploaded-at": now})

    long = {"name": "python:3.12-slim", "digest": "@sha256:" + "0123456789abcdef" * 4}
    return [
        skill("small", "python", "main.py", resources={"memory": "100Mi"}), skill("pooled", "python", "main.py"), skill("large", "python", "run.py", resources={"memory": memory, "cpu": cpu}, timeoutSeconds=86400),
        skill("pinned", "python", "main.py", image=long["name"] + long["digest"]),
        skill("docker", "python", "main.py", image="docker.io/library/python:3.12-slim", resources={"cpu": "3m", "memory": "64Mi"}),
        thing("SandboxPool", "any", {"image": "python:3.12-slim", "replicas": 1, "preload": ["json", "csv"],
                                     "resources": {"memory": memory, "cpu": "0.05"}}),
        thing("SandboxPool", "bound", {"skillRef": {"name": "pooled"}, "replicas": 1}),
        *(thing("Execution", f"run-{name}", {"skillRef": {"name": name}, **spec}) for name, spec in (
            ("small", {"timeoutSeconds": 1}), ("large", {}), ("pinned", {}), ("docker", {})))]


@pytest.mark.parametrize("name", VARIANTS)
def test_what_the_controller_makes_is_admitted(control_plane, variants, tmp_path, name):
    variant = variants(name)
    namespace = control_plane.make_tenant("made")

    def pods():
        return control_plane.get("pods", "-n", namespace)["items"]

    def owners():
        return {pod["metadata"]["ownerReferences"][0]["name"] for pod in pods()}

    with variant.controller(tmp_path) as controller:
        try:
            control_plane.kubectl("create", "-n", namespace, "-f", "-", stdin=objects(variant))
            wait_for(lambda: owners() == OWNERS, lambda: f"{OWNERS} have Pods, not {owners()}: {controller.lines[-10:]}")
            assert not controller.logged("Pod not created") and not controller.logged("Pod of a pool not created"), controller.lines
            if name == "all":
                for pod in pods():
                    assert pod["spec"]["nodeSelector"] and pod["spec"]["overhead"] and pod["spec"]["hostUsers"] is False
        finally:  # the next controller has no part in these
            control_plane.kubectl("delete", "executions,sandboxpools,skills", "--all", "-n", namespace)
            control_plane.kubectl("delete", "pods", "--all", "-n", namespace, "--force", "--grace-period=0")


# ---- what it can't make


def bare(pod):
    """What somebody chose, without what each create makes anew."""
    pod = {key: value for key, value in copy.deepcopy(pod).items() if key != "status"}
    for key in ("uid", "creationTimestamp", "managedFields", "generation", "resourceVersion"):
        pod["metadata"].pop(key, None)
    pod["spec"]["tolerations"].sort(key=json.dumps)
    return pod


# Changes that make another Pod of the controller's: another owner, a second of timeout, no interpreter ahead, less CPU.
OURS_TOO = {"metadata.ownerReferences.0.name": ("ex", "other"), "spec.activeDeadlineSeconds": (1231,), "spec.containers.0.env.1": (None,),
            "spec.containers.0.resources.limits.cpu": ("499m",)}


def at(pod, path):
    """What stands there, in the Pod as it was sent."""
    for step in path.split("."):
        pod = pod[int(step)] if isinstance(pod, list) and int(step) < len(pod) else pod.get(step) if isinstance(pod, dict) else None
    return pod


def test_every_field_of_a_pod_is_held(control_plane, variants, namespace):
    """Each field that the API server knows is put into our Pod, each that our Pod has is changed and taken away: the policy
    refuses it, or it comes to the same Pod, or to another that the controller makes."""
    api = variants("image-volume").api
    control_plane.kubectl("create", "priorityclass", "admission-high", "--value=1000000000")
    schemas = api.call("GET", "/openapi/v3/api/v1").json()["components"]["schemas"]
    sent = copy.deepcopy(POD)
    sent["metadata"]["namespace"] = namespace
    full, problem = api.try_pod(namespace, sent)
    assert full, problem
    ours = bare(full)  # with all that the API server fills in
    assert bare(api.try_pod(namespace, ours)[0]) == ours
    admitted, unasked, seen, asked = [], {}, set(), set()
    for path, pod in itertools.chain(grafts(schemas, ours), grafts(schemas, sent)):
        seen.add(path)
        full, problem = api.try_pod(namespace, pod)
        if full and bare(full) != ours:
            if at(pod, path) not in OURS_TOO.get(path, ()):
                admitted.append((path, pod))
            asked.add(path)
        elif full or "ValidatingAdmissionPolicy 'a-image-volume-sandbox-pods'" in problem:
            asked.add(path)
        else:
            unasked.setdefault(path, problem)
    assert not admitted, "\n".join(f"{path}: {json.dumps(at(pod, path))}" for path, pod in admitted)
    for where, kind in (("metadata", "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"), ("spec", "io.k8s.api.core.v1.PodSpec"),
                        ("spec.securityContext", "io.k8s.api.core.v1.PodSecurityContext"),
                        ("spec.containers.0", "io.k8s.api.core.v1.Container"),
                        ("spec.containers.0.securityContext", "io.k8s.api.core.v1.SecurityContext")):
        assert {f"{where}.{name}" for name in schemas[kind]["properties"]} <= seen
    strange = {path: problem for path, problem in unasked.items() if path not in asked and path not in NEVER_ASKED}
    assert strange == {}, json.dumps(strange, indent=1)


# ---- the way into a sandbox

RELAY = "command=/skillbox/runner&command=relay"


@pytest.mark.parametrize("path,admitted", [
    (f"exec?container=sandbox&stdin=true&stdout=true&stderr=true&{RELAY}", True),
    (f"exec?container=sandbox&stdin=true&stdout=true&stderr=true&tty=true&{RELAY}", False),
    (f"exec?container=runner&stdin=true&stdout=true&{RELAY}", False),
    (f"exec?stdin=true&stdout=true&{RELAY}", False),
    ("exec?container=sandbox&stdin=true&stdout=true&command=sh&command=-c&command=id", False),
    ("exec?container=sandbox&stdout=true&command=/skillbox/runner", False),
    ("exec?container=sandbox&stdout=true&command=/skillbox/runner relay", False),
    (f"exec?container=sandbox&stdout=true&{RELAY}&command=x", False),
    (f"exec?container=sandbox&stdout=true&command=&{RELAY}", False),
    ("exec?container=sandbox&stdout=true", False),
    ("attach?container=sandbox&stdin=true&stdout=true", False),
    ("portforward?ports=80", False),
    ("proxy/", False),
])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_relay_is_the_one_way_in(control_plane, variants, namespace, method, path, admitted):
    variant = variants("image-volume")
    mark = "a-image-volume-sandbox-streams"

    def refused(api, where):
        answer = api.call(method, f"/api/v1/namespaces/{where}/pods/skx-nobody/{path}")
        assert answer.status_code >= 400  # there is no such Pod, which is asked later
        return mark in answer.text

    assert refused(variant.api, namespace) != admitted
    assert refused(variant.api, "default")
    assert not refused(Api(control_plane, None), namespace)  # an administrator
