"""What the two programs may do at the real API server: each verb is needed, and everything else is refused."""

import itertools
import json
import os

import pytest

from kube_api import KubeApi
from skillbox_client import component_pods
from waiting import wait_for
from weaker_pods import WEAKER

# (program, where, group, resource): verbs, and what they are for. `everywhere` is a ClusterRole, `home` the release's
# namespace, `tenant` a tenant's. A verb that isn't here must not be granted; one that is here must be, or the table is old.
GRANTS = {
    ("apiserver", "everywhere", "skillbox.dev", "skills"): {
        "list": "its cache", "watch": "its cache", "create": "POST /v1/skills", "patch": "the same skill is pushed again",
        "get": "instructions, schemas and inline files, which its cache doesn't keep",
        "delete": "DELETE /v1/skills, and what a push replaces"},
    ("apiserver", "everywhere", "skillbox.dev", "executions"): {
        "list": "its cache", "watch": "its cache", "create": "POST /v1/executions", "patch": "spec.cancel",
        "get": "an Idempotency-Key whose execution the cache doesn't have yet, a create that nobody answered"},
    ("apiserver", "everywhere", "", "namespaces"): {"list": "which are tenants", "watch": "which are tenants"},
    ("apiserver", "home", "", "secrets"): {
        "list": "API keys, into its cache", "watch": "API keys, into its cache", "create": "POST /v1/keys, the signing key",
        "get": "key create of a key that is there, the signing key", "patch": "last_used_at", "delete": "DELETE /v1/keys"},
    ("apiserver", "home", "coordination.k8s.io", "leases"): {"list": "does a controller work?", "watch": "does a controller work?"},
    ("apiserver", "tenant", "", "pods/log"): {"get": "the log of a running execution"},
    ("controller", "everywhere", "skillbox.dev", "skills"): {
        "list": "its cache", "watch": "its cache", "get": "inline files, and instructions that its cache has no room for"},
    ("controller", "everywhere", "skillbox.dev", "executions"): {
        "list": "its cache", "watch": "its cache", "delete": "their time to live is over",
        "get": "inputs and records that its cache has no room for"},
    ("controller", "everywhere", "skillbox.dev", "sandboxpools"): {"list": "its cache", "watch": "its cache"},
    ("controller", "everywhere", "skillbox.dev", "skills/status"): {"patch": "the condition Ready"},
    ("controller", "everywhere", "skillbox.dev", "executions/status"): {"patch": "the result"},
    ("controller", "everywhere", "skillbox.dev", "sandboxpools/status"): {"patch": "counts"},
    ("controller", "everywhere", "", "namespaces"): {"list": "which are tenants", "watch": "which are tenants"},
    ("controller", "everywhere", "", "pods"): {"list": "its sandboxes", "watch": "its sandboxes"},
    ("controller", "tenant", "events.k8s.io", "events"): {"create": "what happened", "patch": "that it happened again"},
    ("controller", "home", "coordination.k8s.io", "leases"): {"patch": "that it works"},
    ("controller", "tenant", "", "pods"): {"create": "a sandbox", "delete": "a sandbox that is done"},
    ("controller", "build", "", "pods"): {"create": "what fetches packages", "delete": "the same, when it is done"},
    ("controller", "build", "", "pods/exec"): {"get": "the stream into that", "create": "the same"},
    # A WebSocket exec needs both since Kubernetes 1.35.
    ("controller", "tenant", "", "pods/exec"): {"get": "the stream into a sandbox", "create": "the same"},
}
PROGRAMS = ("apiserver", "controller")
# Where packages are fetched: in the configuration that does.
BUILDS = ["build"] if os.environ.get("SKILLBOX_TEST_CONFIG") == "s3-postgres" else []

# Verbs beside those that discovery tells: they have no request of their own.
SPECIAL = [("", "serviceaccounts", "impersonate"), ("", "users", "impersonate"), ("", "groups", "impersonate"),
           ("rbac.authorization.k8s.io", "clusterroles", "bind"), ("rbac.authorization.k8s.io", "clusterroles", "escalate"),
           ("rbac.authorization.k8s.io", "roles", "bind"), ("rbac.authorization.k8s.io", "roles", "escalate"),
           ("certificates.k8s.io", "signers", "approve"), ("certificates.k8s.io", "signers", "sign"),
           ("", "nodes", "proxy"), ("", "secrets", "*"), ("*", "*", "*")]
# Paths that are no resources: what everybody who is somebody may read is left out.
PATHS = ["/metrics", "/logs", "/debug/pprof/", "/configz", "/flagz", "/statusz"]


@pytest.fixture(scope="module")
def api(environment):
    api = KubeApi(environment)
    yield api
    api.close()


@pytest.fixture(scope="module")
def home(kubectl):
    return component_pods(kubectl, "controller")[0]["metadata"]["namespace"]


@pytest.fixture(scope="module")
def places(home, tenant_namespace):
    return {"home": home, "tenant": tenant_namespace, "elsewhere": "kube-system", **{place: "skillbox-build" for place in BUILDS}}


@pytest.fixture(scope="module")
def accounts(kubectl, home):
    """The users that the programs' Pods are."""
    names = {p: component_pods(kubectl, p)[0]["spec"]["serviceAccountName"] for p in PROGRAMS}
    return {program: f"system:serviceaccount:{home}:{name}" for program, name in names.items()}


def table(program, place):
    """{(group, resource): verbs} that hold in that place."""
    found = {}
    for (who, where, group, resource), verbs in GRANTS.items():
        if who == program and where in ("everywhere", place):
            found.setdefault((group, resource), set()).update(verbs)
    return found


def rules(kubectl, user, namespace):
    """{(group, resource): verbs} as the API server itself tells that user, and the paths."""
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    done = kubectl.run("create", "-n", namespace, "-f", "-", "-o", "json", "--as", user, "--validate=false", stdin=json.dumps(review))
    status = json.loads(done.stdout)["status"]
    assert not status.get("incomplete"), status
    found = {}
    for rule in status["resourceRules"]:
        assert not rule.get("resourceNames"), rule
        for group, resource in itertools.product(rule.get("apiGroups", []), rule.get("resources", [])):
            found.setdefault((group, resource), set()).update(rule["verbs"])
    paths = {(verb, path) for rule in status.get("nonResourceRules", []) for verb in rule["verbs"] for path in rule["nonResourceURLs"]}
    return found, paths


@pytest.fixture(scope="module")
def everybody(kubectl):
    """What any account of the cluster has."""
    return rules(kubectl, "system:serviceaccount:default:nobody-has-this-name", "default")


# ---- what they hold


@pytest.mark.parametrize("place", ["home", "tenant", "elsewhere", *BUILDS])
@pytest.mark.parametrize("program", PROGRAMS)
def test_each_right_is_needed_and_none_is_missing(kubectl, accounts, places, everybody, program, place):
    found, paths = rules(kubectl, accounts[program], places[place])
    own = {key: verbs - everybody[0].get(key, set()) for key, verbs in found.items()}
    assert {key: verbs for key, verbs in own.items() if verbs} == table(program, place)
    assert paths == everybody[1]


# ---- what they lack


def questions(api, places):
    """Every resource with every verb that any resource has, in each place; cluster-wide ones once."""
    resources = api.resources()
    verbs = sorted({verb for *_, known in resources for verb in known})
    assert len(resources) > 80 and {"get", "create", "deletecollection", "update"} <= set(verbs), (len(resources), verbs)
    for (group, _, resource, namespaced, _), verb in itertools.product(resources, verbs):
        for place in (places if namespaced else (None,)):
            yield group, resource, verb, place
    for group, resource, verb in SPECIAL:
        yield group, resource, verb, None


@pytest.mark.parametrize("program", PROGRAMS)
def test_everything_else_is_refused(api, accounts, places, everybody, program):
    user = accounts[program]
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{places['home']}", "system:authenticated"]
    asked = list(questions(api, places))
    answers = api.are_allowed((user, groups, {"resourceAttributes": {
        "group": group, "resource": resource.partition("/")[0], "subresource": resource.partition("/")[2], "verb": verb,
        **({"namespace": places[place]} if place else {})}}) for group, resource, verb, place in asked)
    assert len(answers) > 1000
    wrong = []
    for (group, resource, verb, place), allowed in zip(asked, answers):
        in_table = verb in table(program, place or "everywhere").get((group, resource), set())
        if allowed != (in_table or verb in everybody[0].get((group, resource), set())):
            wrong.append(f"{verb} {resource}.{group} in {place or 'the cluster'}: {'allowed' if allowed else 'refused'}")
    assert wrong == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_paths_of_the_api_server(api, accounts, program):
    asked = [(accounts[program], ["system:authenticated"], {"nonResourceAttributes": {"path": path, "verb": "get"}}) for path in PATHS]
    assert api.are_allowed(asked) == [False] * len(PATHS)


# ---- who sandboxes are


def test_a_tenants_default_account_may_nothing(kubectl, tenant_namespace, everybody):
    """The account that a sandbox would be, if it had a token."""
    assert rules(kubectl, f"system:serviceaccount:{tenant_namespace}:default", tenant_namespace) == everybody


def test_a_tenants_namespace_gives_rights_to_our_programs_only(kubectl, accounts):
    subjects = {f"system:serviceaccount:{s.get('namespace')}:{s['name']}" if s["kind"] == "ServiceAccount" else s["name"]
                for binding in kubectl.items("rolebindings") for s in binding.get("subjects", [])}
    assert subjects == set(accounts.values())


@pytest.fixture
def sandbox(client, push, execution_object, sandbox_pods):
    """The Pod of an execution that runs."""
    execution_id = client.start(push("sleep 60", lang="bash"))
    uid = execution_object(execution_id)["metadata"]["uid"]
    yield wait_for(lambda: sandbox_pods(uid), "the sandbox Pod is there")[0]
    client.request("DELETE", f"/v1/executions/{execution_id}")
    client.wait_until_ended(execution_id)


def test_a_sandbox_has_no_identity(sandbox):
    spec = sandbox["spec"]
    assert spec["automountServiceAccountToken"] is False and spec.get("serviceAccountName", "default") == "default"
    assert "imagePullSecrets" not in spec
    for volume in spec.get("volumes", []):
        assert set(volume) - {"name"} <= {"emptyDir", "image"}, volume
    for container in spec["containers"] + spec.get("initContainers", []):
        assert "envFrom" not in container and all("valueFrom" not in v for v in container.get("env", []))
        assert all("serviceaccount" not in m["mountPath"] for m in container.get("volumeMounts", []))


SET_BY_THE_CLUSTER = ("nodeName", "priority", "preemptionPolicy", "schedulerName", "tolerations", "overhead")


@pytest.fixture
def remade(sandbox, kubectl, accounts):
    """try_to_make(change): the controller, by its account, makes the Pod again with that change; a server's dry run."""
    def try_to_make(change):
        name = sandbox["metadata"]["name"]
        spec = {key: value for key, value in json.loads(json.dumps(sandbox["spec"])).items() if key not in SET_BY_THE_CLUSTER}
        change(spec, spec["containers"][0])
        pod = {"apiVersion": "v1", "kind": "Pod", "spec": spec, "metadata": {
            **{key: sandbox["metadata"][key] for key in ("namespace", "ownerReferences", "labels", "annotations")},
            "name": name[:-1] + ("1" if name[-1] == "0" else "0")}}  # of the same owner, and there is none yet
        return kubectl.run("create", "--dry-run=server", "-o", "json", "-f", "-", "--as", accounts["controller"],
                           stdin=json.dumps(pod), check=False)

    return try_to_make


# Who refuses: the policy, Pod Security, the namespace's LimitRange, its quota.
REFUSALS = ("skillbox-sandbox-pods", "violates PodSecurity", "usage per Container is", "exceeded quota")


def test_weaker_sandboxes_are_refused(remade):
    """Whatever becomes of the controller: the cluster takes the Pods that it makes, and none that is weaker."""
    done = remade(lambda spec, container: None)
    assert done.returncode == 0, done.stderr
    admitted = []
    for case, (change, _) in WEAKER.items():
        def with_volumes(spec, container, weaken=change):
            spec.setdefault("volumes", [])
            container.setdefault("env", [])
            weaken(spec, container)
            if spec.get("hostNetwork") or spec.get("hostPID") or spec.get("hostIPC"):
                spec.pop("hostUsers", None)  # with it the Pod would be no valid one, and the policy never asked

        done = remade(with_volumes)
        if done.returncode == 0 and case.startswith("no limit"):  # the namespace's LimitRange gave it some
            assert {"cpu", "memory"} <= json.loads(done.stdout)["spec"]["containers"][0]["resources"]["limits"].keys()
        elif done.returncode == 0 or not any(reason in done.stderr for reason in REFUSALS):
            admitted.append((case, done.stderr[-300:]))
    assert admitted == []


def test_a_sandbox_stays_as_it_was_made(sandbox, kubectl, accounts):
    """The controller can't change a Pod that runs, nor put a container into it."""
    name = sandbox["metadata"]["name"]
    label = '{"metadata":{"labels":{"a":"b"}}}'
    debug = '{"spec":{"ephemeralContainers":[{"name":"debug","image":"bash:5"}]}}'
    for subresource, patch in (([], label), (["--subresource=ephemeralcontainers"], debug), (["--subresource=resize"], "{}")):
        done = kubectl.run("patch", "pod", name, "--dry-run=server", "--type=strategic", "-p", patch, *subresource,
                           "--as", accounts["controller"], check=False)
        assert done.returncode != 0 and "orbidden" in done.stderr, (subresource, done.stderr)
