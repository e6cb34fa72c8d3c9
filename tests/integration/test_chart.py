"""The Helm chart and the kustomize manifests against a real API server: they apply, grant no more than is needed, and their
admission policies refuse what is weaker than a sandbox."""

import copy
import json
import re
import subprocess
import time

import pytest
import yaml

from chart import CHART, helm, rendered, template
from control_plane import ROOT, program
from weaker_pods import NAMESPACE, POD, TENANT, WEAKER, set_, two_containers, with_pod

CONTROLLER = f"system:serviceaccount:{NAMESPACE}:skillbox-controller"
APISERVER = f"system:serviceaccount:{NAMESPACE}:skillbox-apiserver"


@pytest.fixture(scope="module")
def install(control_plane, tmp_path_factory):
    """install(…) installs or upgrades the release, and waits for its admission policies."""
    values = tmp_path_factory.mktemp("values") / "values.yaml"
    values.write_text(json.dumps({"tenants": [
        {"name": "default", "namespace": "chart-default"}, {"name": "plain", "namespace": TENANT, "createNamespace": False, "quota": {"enabled": False}}]}))
    # Without Pod Security, whose admission would refuse first; and the account that nobody makes here.
    control_plane.kubectl("create", "-f", "-", stdin=[
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TENANT, "labels": {"skillbox.dev/tenant": "plain"}}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": TENANT}}])

    def run(*arguments):
        helm("upgrade", "--install", "skillbox", CHART, "-n", NAMESPACE, "--create-namespace", "--skip-crds", "-f", values,
             "--kubeconfig", control_plane.kubeconfig, *arguments)

    run()
    deadline = time.monotonic() + 30
    while "a sandbox has one container" not in try_pod(control_plane, with_pod(two_containers)).stderr:
        assert time.monotonic() < deadline, "the admission policies don't take effect"
        time.sleep(0.1)
    return run


# ---- the chart itself


def test_lint_is_clean():
    done = helm("lint", "--strict", CHART)
    assert "[WARNING]" not in done.stdout and "[ERROR]" not in done.stdout


@pytest.mark.parametrize("values", [
    ["--set", "runner.delivery=init-container"],
    ["--set", "runner.delivery=in-image,sandbox.userNamespaces=true,sandbox.runtimeClassName=gvisor"],
    ["--set", "service.type=NodePort,service.nodePort=30080,storage.embedded.persistence.enabled=false"],
    ["--set", "metrics.annotations=true,config.rateLimit=0,config.wrongKeyLimit=0"],
    ["--set", "ingress.enabled=true,ingress.tlsSecret=tls,ingress.className=nginx,ingress.host=a.example"],
    ["--set", "signingKey.existingSecret=mine,storage.embedded.persistence.existingClaim=mine,imagePullSecrets={a,b}"],
    ["--set", "database.existingSecret=postgres,database.secretKey=url,database.caSecret=ca"],
    ["--set", "storage.s3.enabled=true,storage.s3.endpoint=https://s3,storage.s3.existingSecret=key,storage.s3.caSecret=ca"],
    ["--set", "storage.embedded.persistence.storageClassName=fast,sandbox.admissionPolicy=false,tenants=null"],
    ["--set-json", 'pools=[{"name": "any", "image": "bash:5", "replicas": 1}, {"name": "one", "skillRef": {"name": "report"}, "replicas": 1}]'],
    ["--set", f"apiserver.tls.existingSecret=tls,apiserver.image.digest=sha256:{'0' * 64},quota.hard.pods=5,networkPolicy.egress[0].ports[0].port=443"],
    ["--set", "apiserver.replicas=2,storage.s3.enabled=true,storage.s3.endpoint=https://s3,storage.s3.existingSecret=key"],
    ["--set", "apiserver.nodeSelector.a=b,apiserver.podAnnotations.a=b,controller.extraEnv[0].name=A,controller.extraEnv[0].value=b"],
], ids=lambda values: values[1])
def test_every_choice_of_values_applies(control_plane, fresh_namespace, values):
    rendered = template(*values).stdout
    assert rendered.count("kind: Deployment") == 2
    try_apply(control_plane, rendered, fresh_namespace)


def test_the_database_comes_from_a_secret():
    assert "DSN" not in template().stdout and "PGSSLROOTCERT" not in template().stdout
    rendered = template("--set", "database.existingSecret=postgres").stdout
    assert rendered.count("- name: SKILLBOX_DB_DSN\n          valueFrom:\n            secretKeyRef:\n              name: postgres\n              key: dsn\n") == 2
    assert "PGSSLROOTCERT" not in rendered
    rendered = template("--set", "database.existingSecret=postgres,database.caSecret=ca").stdout
    assert rendered.count("secretName: ca\n") == rendered.count("value: /etc/skillbox/database/ca.crt") == 2


def test_s3_may_have_a_ca_of_its_own():
    s3 = "storage.s3.enabled=true,storage.s3.endpoint=https://s3,storage.s3.existingSecret=key"
    assert "SKILLBOX_S3_CA_FILE" not in template("--set", s3).stdout
    rendered = template("--set", s3 + ",storage.s3.caSecret=ca").stdout
    assert rendered.count("- name: SKILLBOX_S3_CA_FILE\n          value: /etc/skillbox/s3/ca.crt\n") == 2
    assert rendered.count("mountPath: /etc/skillbox/s3\n") == rendered.count("secretName: ca\n") == 2
    assert "/etc/skillbox/s3" not in template("--set", "storage.s3.caSecret=ca").stdout  # embedded storage


@pytest.fixture(scope="module")
def fresh_namespace(control_plane):
    control_plane.kubectl("create", "namespace", "chart-fresh")
    return "chart-fresh"


def try_apply(control_plane, rendered, namespace):
    """A server's dry run makes no namespaces, so everything goes into one that is there and empty."""
    moved = re.sub(r"(namespace|name): skillbox(-default)?$", rf"\1: {namespace}", rendered, flags=re.MULTILINE)
    control_plane.kubectl("apply", "--server-side", "--dry-run=server", "--force-conflicts", "--validate=strict", "-f", "-", stdin=moved)


@pytest.mark.parametrize("values,words", [
    ("apiserver.replicas=2", "replicas"),
    ("runner.delivery=carrier-pigeon", "delivery"),
    ("service.type=External", "type"),
    ("config.publicURL=localhost", "publicURL"),
    ("config.defaultTimeout=soon", "defaultTimeout"),
    ("config.maxMemory=lots", "maxMemory"),
    ("config.loglevel=info", "loglevel"),
    ("colour=red", "colour"),
    ("tenants[0].name=x", "namespace"),
    ("pools[0].name=x,pools[0].replicas=1", "pools"),
    ("pools[0].name=x,pools[0].replicas=1,pools[0].image=bash:5,pools[0].skillRef.name=x", "pools"),
    ("tenants[0].name=_,tenants[0].namespace=x", "name"),
])
def test_bad_values_are_refused_by_name(values, words):
    done = template("--set", values, check=False)
    assert done.returncode != 0, f"{values} was taken"
    assert words in done.stderr


def test_metrics_can_be_found():
    """Off at first; then the annotations and the PodMonitors name a port that the Pod has."""
    assert not [d for d in rendered() if d["kind"] == "PodMonitor" or "prometheus" in json.dumps(d)]
    documents = rendered("--set", "metrics.annotations=true,metrics.podMonitor.enabled=true,metrics.podMonitor.interval=15s,"
                         "metrics.podMonitor.labels.release=monitoring")
    monitors = {d["metadata"]["labels"]["app.kubernetes.io/component"]: d for d in documents if d["kind"] == "PodMonitor"}
    assert set(monitors) == {"apiserver", "controller"}
    for part, monitor in monitors.items():
        pod = next(d["spec"]["template"] for d in documents if d["kind"] == "Deployment" and d["metadata"]["name"] == f"skillbox-{part}")
        ports = {port["name"]: port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]}
        annotations = pod["metadata"]["annotations"]
        assert annotations["prometheus.io/scrape"] == "true" and annotations["prometheus.io/path"] == "/metrics"
        assert monitor["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        assert monitor["metadata"]["labels"]["release"] == "monitoring"
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["path"] == "/metrics" and endpoint["interval"] == "15s"
        assert str(ports[endpoint["port"]]) == annotations["prometheus.io/port"]


def test_the_ingress_leads_to_every_route_but_metrics():
    [ingress] = [d for d in rendered("--set", "ingress.enabled=true") if d["kind"] == "Ingress"]
    paths = {path["path"] for path in ingress["spec"]["rules"][0]["http"]["paths"]}
    routes = re.findall(r'^    {"[A-Z]+", "(/[^/"]*)', (ROOT / "apiserver" / "rest" / "routes.c").read_text(), re.MULTILINE)
    assert "/metrics" in routes and "/v1" in routes
    assert paths == set(routes) - {"/metrics"}


def test_every_variable_is_one_that_the_programs_read():
    known = set()
    for table in ("apiserver/config.c", "controller/config.c", "lib/policy/policy.h", "lib/policy/limits.h"):
        known |= set(re.findall(r'^\s*\{"(SKILLBOX_[A-Z0-9_]+)"', (ROOT / table).read_text(), re.MULTILINE))
    known |= set(re.findall(r'"(SKILLBOX_[A-Z0-9_]+)"', (ROOT / "lib" / "api" / "pod.h").read_text()))  # the runner's
    given = set(re.findall(r"\bSKILLBOX_[A-Z0-9_]+\b", template().stdout))
    assert given - known - {"SKILLBOX_POD_NAME"} == set()


def test_the_chart_has_all_custom_resources():
    assert sorted(p.name for p in (CHART / "crds").iterdir()) == ["executions.yaml", "sandboxpools.yaml", "skills.yaml"]
    for path in (CHART / "crds").iterdir():
        assert path.read_text() == (ROOT / "crds" / path.name).read_text()


def test_nothing_rendered_changes_by_itself():
    """Each rendering brought another signing key, which GitOps then applied, and no program read."""
    first, second = rendered(), rendered()
    assert first == second
    assert not [d for d in first if d["kind"] == "Secret"]


def test_the_signing_key_is_the_api_servers_to_make(control_plane, install):
    """It does so while the file isn't there; the controller waits for the Secret. One that is named is nobody's to make."""
    for values, secret, is_made in (((), "skillbox-signing", True), (("--set", "signingKey.existingSecret=mine"), "mine", False)):
        pods = {d["metadata"]["name"]: d["spec"]["template"]["spec"] for d in rendered(*values) if d["kind"] == "Deployment"}
        for part, pod in pods.items():
            (volume,) = [v for v in pod["volumes"] if v["name"] == "signing"]
            env = {e["name"]: e.get("value") for e in pod["containers"][0]["env"]}
            is_api_server = part == "skillbox-apiserver"
            assert volume["secret"]["secretName"] == secret
            assert volume["secret"].get("optional", False) is (is_made and is_api_server)
            assert env.get("SKILLBOX_SIGNING_KEY_SECRET") == (secret if is_made and is_api_server else None)
            assert env["SKILLBOX_SIGNING_KEY_FILE"] == "/etc/skillbox/signing/key"
    assert may(control_plane, APISERVER, NAMESPACE, "get secrets") and may(control_plane, APISERVER, NAMESPACE, "create secrets")


def test_a_change_of_configuration_restarts_the_programs(control_plane, install):
    def checksums():
        return [d["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
                for d in control_plane.get("deployments", "-n", NAMESPACE)["items"]]

    before = checksums()
    install("--set", "config.maxTimeout=5m")
    assert len(before) == 2 and all(a != b for a, b in zip(before, checksums()))
    install()
    assert checksums() == before


def test_our_own_pods_are_restricted(control_plane, install):
    """What the namespace of the release could enforce: the Pods pass Pod Security restricted."""
    control_plane.kubectl("create", "namespace", "chart-restricted")
    control_plane.kubectl("create", "serviceaccount", "default", "-n", "chart-restricted")
    control_plane.kubectl("label", "namespace", "chart-restricted", "pod-security.kubernetes.io/enforce=restricted")
    deployments = control_plane.get("deployments", "-n", NAMESPACE)["items"]
    assert len(deployments) == 2
    for deployment in deployments:
        spec = deployment["spec"]["template"]["spec"]
        container = spec["containers"][0]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert spec["terminationGracePeriodSeconds"] == 40
        spec["serviceAccountName"] = spec["serviceAccount"] = "default"
        control_plane.kubectl("create", "-f", "-", stdin={
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": deployment["metadata"]["name"], "namespace": "chart-restricted"},
            "spec": spec})


# ---- rights


@pytest.mark.parametrize("who,namespace,rights", [
    (CONTROLLER, TENANT, "create pods, delete pods, watch pods, get pods/exec, create pods/exec, patch executions/status, "
                         "patch skills/status, delete executions, create events.events.k8s.io, list skills, watch sandboxpools"),
    (CONTROLLER, NAMESPACE, "patch leases.coordination.k8s.io"),
    (CONTROLLER, "elsewhere", "list pods, watch executions, watch namespaces"),
    (APISERVER, TENANT, "create executions, patch executions, get executions, delete skills, create skills, get pods/log, watch executions"),
    (APISERVER, NAMESPACE, "create secrets, list secrets, delete secrets, patch secrets, list leases.coordination.k8s.io"),
])
def test_the_programs_may_do_their_work(control_plane, install, who, namespace, rights):
    for right in rights.split(", "):
        assert may(control_plane, who, namespace, right), right


@pytest.mark.parametrize("who,namespace,rights", [
    (CONTROLLER, TENANT, "get secrets, list secrets, watch secrets, patch pods, create serviceaccounts, create executions, patch skills, delete skills, "
                         "create roles, create configmaps, create pods/ephemeralcontainers, create pods/portforward, get pods/log"),
    (CONTROLLER, NAMESPACE, "create pods, delete pods, create pods/exec, get secrets, patch deployments, create leases, "
                            "create events.events.k8s.io, create events"),
    (CONTROLLER, "elsewhere", "create pods, create pods/exec, delete pods, get secrets, list secrets, create events.events.k8s.io, "
                              "patch events.events.k8s.io"),
    (APISERVER, TENANT, "create pods, create pods/exec, delete pods, get secrets, patch executions/status, patch skills/status"),
    (APISERVER, NAMESPACE, "create pods, patch deployments, create roles, create rolebindings"),
    (APISERVER, "elsewhere", "get secrets, list secrets, get pods/log, list pods"),
])
def test_the_programs_may_do_no_more(control_plane, install, who, namespace, rights):
    for right in rights.split(", "):
        assert not may(control_plane, who, namespace, right), right


def may(control_plane, who, namespace, right):
    verb, resource = right.split()
    resource, _, subresource = resource.partition("/")
    done = control_plane.kubectl("auth", "can-i", verb, resource, *(["--subresource", subresource] if subresource else []),
                                 "-n", namespace, "--as", who, check=False)
    return done.stdout.strip() == "yes"


# ---- a tenant's namespace


def test_a_tenants_namespace_denies_all_traffic(control_plane, install):
    for namespace in ("chart-default", TENANT):
        (policy,) = control_plane.get("networkpolicies", "-n", namespace)["items"]
        assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_a_tenants_namespace_is_restricted_for_everybody(control_plane, install):
    """An administrator's Pod, which the policy for the controller's leaves alone."""
    control_plane.kubectl("create", "serviceaccount", "default", "-n", "chart-default", check=False)
    for case in ("host network", "a host path", "privileged", "one capability", "root of the Pod", "no seccomp for the container"):
        pod = with_pod(WEAKER[case][0])
        pod["metadata"]["namespace"] = "chart-default"
        done = control_plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=pod, check=False)
        assert done.returncode != 0 and "violates PodSecurity" in done.stderr, (case, done.stderr)


# ---- admission of sandboxes

def try_pod(control_plane, pod, who=CONTROLLER):
    return control_plane.kubectl("create", "--dry-run=server", "-f", "-", "--as", who, "--as-group", "system:serviceaccounts",
                                 stdin=pod, check=False)


def test_a_sandbox_is_admitted(control_plane, install):
    done = try_pod(control_plane, POD)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", WEAKER)
def test_a_weaker_pod_is_refused(control_plane, install, case):
    change, words = WEAKER[case]
    done = try_pod(control_plane, with_pod(change))
    assert done.returncode != 0, f"{case} was admitted"
    assert "skillbox-sandbox-pods" in done.stderr and words in done.stderr, done.stderr


def test_sandboxes_stand_with_tenants_only(control_plane, install):
    pod = copy.deepcopy(POD)
    pod["metadata"]["namespace"] = "chart-outside"
    control_plane.kubectl("create", "-f", "-", stdin=[
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "chart-outside"}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "chart-outside"}}])
    control_plane.kubectl("create", "rolebinding", "too-much", "-n", "chart-outside", "--clusterrole=cluster-admin",
                          f"--serviceaccount={NAMESPACE}:skillbox-controller")
    assert "only in namespaces with the label skillbox.dev/tenant" in try_pod(control_plane, pod).stderr


def test_no_container_joins_a_sandbox(control_plane, install):
    """pods/ephemeralcontainers is held to the same shape, even if the controller had the right to it."""
    pod = copy.deepcopy(POD)
    name = pod["metadata"]["name"] = pod["metadata"]["name"][:-1] + "7"
    control_plane.kubectl("create", "-f", "-", stdin=pod)
    control_plane.kubectl("create", "clusterrole", "joiner", "--verb=get,patch,update", "--resource=pods,pods/ephemeralcontainers")
    control_plane.kubectl("create", "rolebinding", "joiner", "-n", TENANT, "--clusterrole=joiner",
                          f"--serviceaccount={NAMESPACE}:skillbox-controller")
    patch = {"spec": {"ephemeralContainers": [{**pod["spec"]["containers"][0], "name": "debug", "volumeMounts": []}]}}
    for container in patch["spec"]["ephemeralContainers"]:
        container.pop("resources")

    def join(who):
        return control_plane.kubectl("patch", "pod", name, "-n", TENANT, "--subresource=ephemeralcontainers",
                                     "--dry-run=server", "--type=strategic", "-p", json.dumps(patch), *who, check=False)

    assert join([]).returncode == 0, join([]).stderr  # an administrator may
    done = join(["--as", CONTROLLER, "--as-group", "system:serviceaccounts"])
    assert done.returncode != 0 and "a sandbox has one container" in done.stderr, done.stderr


def test_others_are_not_held_to_it(control_plane, install):
    done = try_pod(control_plane, with_pod(two_containers), who="somebody")
    assert "skillbox-sandbox-pods" not in done.stderr
    control_plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=with_pod(two_containers))


def test_choices_of_values_change_what_is_admitted(control_plane, install):
    def until(pod, words):
        deadline = time.monotonic() + 30
        while words not in try_pod(control_plane, pod).stderr:
            assert time.monotonic() < deadline, words
            time.sleep(0.1)

    def init_container(spec, container):
        spec["volumes"][2] = {"name": "runner", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}
        spec["initContainers"] = [{
            "name": "runner", "image": "skillbox/runner:0.1.0", "imagePullPolicy": "IfNotPresent",
            "command": ["/runner", "copy", "/skillbox/runner"], "volumeMounts": [{"name": "runner", "mountPath": "/skillbox"}],
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "32Mi"}},
            "securityContext": copy.deepcopy(container["securityContext"])}]

    init = with_pod(init_container)
    install("--set", "runner.delivery=init-container,sandbox.userNamespaces=true,sandbox.runtimeClassName=gvisor")
    until(init, "user namespace of its own")
    control_plane.kubectl("create", "-f", "-", stdin={"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass",
                                                      "metadata": {"name": "gvisor"}, "handler": "runsc"})
    init["spec"].update(hostUsers=False)
    until(init, "the runtime class gvisor")
    init["spec"].update(runtimeClassName="gvisor")
    done = try_pod(control_plane, init)
    assert done.returncode == 0, done.stderr
    init["spec"]["initContainers"][0].pop("securityContext")
    assert "exactly the init container" in try_pod(control_plane, init).stderr
    install()
    until(with_pod(lambda s, c: set_(s, initContainers=[{**c, "name": "init"}])), "none before or beside it")


# ---- admission of custom resources


def test_untyped_fields_do_not_change(control_plane, install):
    execution = {"apiVersion": "skillbox.dev/v1alpha1", "kind": "Execution", "metadata": {"name": "untyped", "namespace": TENANT},
                 "spec": {"skillRef": {"name": "a"}, "input": {"a": [1, {"b": 2}]}}}
    skill = {"apiVersion": "skillbox.dev/v1alpha1", "kind": "Skill", "metadata": {"name": "untyped", "namespace": TENANT},
             "spec": {"name": "a", "version": "1.0.0", "description": "d", "inputSchema": {"type": "object"},
                      "source": {"files": {"main.sh": ""}}}}
    control_plane.kubectl("create", "-f", "-", stdin=[execution, skill])

    def patch(kind, change):
        return control_plane.kubectl("patch", kind, "untyped", "-n", TENANT, "--type=merge", "-p", json.dumps(change), check=False)

    for change in ({"input": {"a": 1}}, {"input": None}, {"input": 7}, {"input": None, "cancel": True}):
        assert "spec.input is immutable" in patch("execution", {"spec": change}).stderr
    for change in ({"inputSchema": None}, {"inputSchema": True}, {"outputSchema": {}}):
        assert "the spec of a Skill is immutable" in patch("skill", {"spec": change}).stderr
    for change in ({"spec": {"cancel": True}}, {"metadata": {"labels": {"a": "b"}}}):
        assert patch("execution", change).returncode == 0
    for more in ({"inputText": "{}"}, {"inputRef": {"digest": "sha256:" + "0" * 64, "size": 1}}):
        both = {**execution, "metadata": {"name": "both", "namespace": TENANT}, "spec": {**execution["spec"], **more}}
        done = control_plane.kubectl("create", "-f", "-", stdin=both, check=False)
        assert "only one of spec.input, spec.inputText and spec.inputRef may be given" in done.stderr


# ---- kustomize


def test_the_base_is_what_the_chart_renders():
    environment_path = f"{program('helm').rsplit('/', 1)[0]}:/usr/bin:/bin"
    rendered = subprocess.run([ROOT / "manifests" / "render", "--print"], check=True, capture_output=True, text=True,
                              env={"PATH": environment_path, "HOME": "/nonexistent"}).stdout
    assert rendered == (ROOT / "manifests" / "base" / "skillbox.yaml").read_text(), "run manifests/render"


@pytest.mark.parametrize("overlay", ["dev", "prod"])
def test_overlays_apply(control_plane, fresh_namespace, overlay):
    rendered = control_plane.kubectl("kustomize", ROOT / "manifests" / "overlays" / overlay).stdout
    assert rendered.count("kind: CustomResourceDefinition") == 3
    assert ("kind: PersistentVolumeClaim" in rendered) == (overlay == "prod")
    # What the controller puts into Pods is what the policy expects.
    image = re.search(r"name: SKILLBOX_RUNNER_IMAGE\n *value: (.*)", rendered)[1]
    policy = next(d for d in yaml.safe_load_all(rendered) if d["metadata"]["name"] == "skillbox-sandbox-pods" and "variables" in d["spec"])
    assert {"name": "runnerImage", "expression": json.dumps(image)} in policy["spec"]["variables"]
    try_apply(control_plane, rendered, fresh_namespace)


# ---- examples


@pytest.mark.parametrize("name", ["hello.yaml", "pools.yaml"])
def test_the_kubectl_examples_apply(control_plane, fresh_namespace, name):
    try_apply(control_plane, (ROOT / "examples" / "kubectl" / name).read_text(), fresh_namespace)
