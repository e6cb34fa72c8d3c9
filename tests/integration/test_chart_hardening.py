"""What the chart brings for security, as it is rendered: what kube-score and checkov would find (docs/security.md says how they are
run, and which of their findings stay), and what else an operator relies on. No cluster, but where a test says so."""

import copy
import json

import pytest

import yaml

from chart import rendered, template
from control_plane import ROOT
from weaker_pods import NAMESPACE, POD

VALUES = yaml.safe_load((ROOT / "charts/skillbox/values.yaml").read_text())
S3 = "storage.s3.enabled=true,storage.s3.endpoint=https://s3.example.com,storage.s3.existingSecret=s3"
SHAPES = {
    "as it comes": [],
    "s3, PostgreSQL, Ingress, TLS": ["--set", S3 + ",apiserver.replicas=2,storage.s3.caSecret=ca,database.existingSecret=db,"
                                     "ingress.enabled=true,ingress.tlsSecret=tls,apiserver.tls.existingSecret=api-tls"],
    "gVisor": ["--set", "sandbox.runtimeClassName=gvisor,service.type=LoadBalancer"],
}
DIGEST = "sha256:" + "0123456789abcdef" * 4


def of_kind(documents, kind):
    return {d["metadata"]["name"]: d for d in documents if d["kind"] == kind}


def pods(documents):
    """{apiserver: Pod template, controller: …}"""
    return {name.rpartition("-")[2]: d["spec"]["template"] for name, d in of_kind(documents, "Deployment").items()}


@pytest.mark.parametrize("shape", SHAPES)
def test_our_own_pods(shape):
    documents = rendered(*SHAPES[shape])
    assert set(pods(documents)) == {"apiserver", "controller"}
    for part, pod in pods(documents).items():
        spec, (container,) = pod["spec"], pod["spec"]["containers"]
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & spec.keys() and spec["enableServiceLinks"] is False
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True and security["runAsUser"] >= 10000 and security["runAsGroup"] >= 10000
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                "capabilities": {"drop": ["ALL"]}}
        resources = container["resources"]
        assert {"cpu", "memory", "ephemeral-storage"} <= resources["requests"].keys()
        assert {"memory", "ephemeral-storage"} <= resources["limits"].keys()
        assert container["livenessProbe"] != container["readinessProbe"]
        assert ":latest" not in container["image"] and container["image"].count(":") == 1
        # An account's token is in the Pods that have a use for it, not in whatever names the account.
        account = of_kind(documents, "ServiceAccount")[spec["serviceAccountName"]]
        assert account["automountServiceAccountToken"] is False and spec["automountServiceAccountToken"] is True
        assert all(volume.keys() & {"secret", "emptyDir", "persistentVolumeClaim"} for volume in spec["volumes"])
        assert all("sizeLimit" in volume["emptyDir"] for volume in spec["volumes"] if "emptyDir" in volume)
        assert all(mount["readOnly"] for mount in container["volumeMounts"] if mount["mountPath"].startswith("/etc/"))
    assert all(d["metadata"].get("namespace") for d in documents if d["kind"] not in
               ("Namespace", "ClusterRole", "ClusterRoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"))


def test_no_right_is_wide():
    for role in [d for d in rendered() if d["kind"] in ("Role", "ClusterRole")]:
        for rule in role["rules"]:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
            assert role["kind"] == "Role" or "secrets" not in rule["resources"]


# ---- network


def matches(selector, labels):
    return selector["matchLabels"].items() <= labels.items()


def test_only_the_programs_ports_can_be_reached():
    documents = rendered()
    policies = of_kind(documents, "NetworkPolicy")
    for part, ports in (("apiserver", [8080, 8081]), ("controller", [8081])):
        policy = policies[f"skillbox-{part}"]
        selected = [p for p, pod in pods(documents).items() if matches(policy["spec"]["podSelector"], pod["metadata"]["labels"])]
        assert selected == [part] and policy["metadata"]["namespace"] == NAMESPACE
        assert policy["spec"]["policyTypes"] == ["Ingress"] and "egress" not in policy["spec"]
        assert [rule["ports"] for rule in policy["spec"]["ingress"]] == [[{"port": port, "protocol": "TCP"}] for port in ports]
        assert not any("from" in rule for rule in policy["spec"]["ingress"]), "who comes through a load balancer can't be told"
        own = {p["containerPort"] for p in pods(documents)[part]["spec"]["containers"][0]["ports"]}
        assert own <= set(ports)
    assert "skillbox-apiserver" not in of_kind(rendered("--set", "networkPolicy.enabled=false"), "NetworkPolicy")


def test_who_may_come_and_where_the_programs_may_go_is_a_value():
    ingress, monitoring = {"namespaceSelector": {"matchLabels": {"name": "ingress"}}}, {"namespaceSelector": {"matchLabels": {"name": "mon"}}}
    kubernetes = {"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "ports": [{"port": 6443, "protocol": "TCP"}]}
    documents = rendered("--set-json", f"networkPolicy.apiFrom=[{json.dumps(ingress)}]", "--set-json",
                         f"networkPolicy.metricsFrom=[{json.dumps(monitoring)}]", "--set-json", f"networkPolicy.egress=[{json.dumps(kubernetes)}]")
    policies = of_kind(documents, "NetworkPolicy")
    api, health = policies["skillbox-apiserver"]["spec"]["ingress"]
    controller = pods(documents)["controller"]["metadata"]["labels"]
    assert matches(api["from"][0]["podSelector"], controller) and api["from"][1:] == [ingress], "the controller needs the blobs"
    assert health["from"] == [monitoring] == policies["skillbox-controller"]["spec"]["ingress"][0]["from"]
    for part in ("apiserver", "controller"):
        spec = policies[f"skillbox-{part}"]["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        assert spec["egress"][0] == {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
        assert spec["egress"][-1] == kubernetes
    blobs = policies["skillbox-controller"]["spec"]["egress"][1]
    assert blobs["ports"] == [{"port": 8080, "protocol": "TCP"}]
    assert matches(blobs["to"][0]["podSelector"], pods(documents)["apiserver"]["metadata"]["labels"])


# ---- TLS


def test_tls_by_a_secret():
    documents = rendered("--set", "apiserver.tls.existingSecret=api-tls")
    api, controller = pods(documents)["apiserver"]["spec"], pods(documents)["controller"]["spec"]
    env = {e["name"]: e.get("value") for e in api["containers"][0]["env"]}
    assert (env["SKILLBOX_TLS_CERT"], env["SKILLBOX_TLS_KEY"]) == ("/etc/skillbox/tls/tls.crt", "/etc/skillbox/tls/tls.key")
    (mount,) = [m for m in api["containers"][0]["volumeMounts"] if m["name"] == "tls"]
    assert mount["mountPath"] == "/etc/skillbox/tls" and "subPath" not in mount, "what is mounted by subPath never changes"
    (volume,) = [v for v in api["volumes"] if v["name"] == "tls"]
    assert volume["secret"]["secretName"] == "api-tls"
    env = {e["name"]: e.get("value") for e in controller["containers"][0]["env"]}
    assert env["SKILLBOX_BLOB_URL"] == f"https://skillbox-blobs.{NAMESPACE}.svc:8080"
    assert env["SKILLBOX_BLOB_CA_FILE"] == "/etc/skillbox/blobs/ca.crt"
    (volume,) = [v for v in controller["volumes"] if v["name"] == "blobs"]
    assert volume["secret"] == {"secretName": "api-tls", "items": [{"key": "ca.crt", "path": "ca.crt"}]}, "and not the key"
    assert {p["appProtocol"] for p in of_kind(documents, "Service")["skillbox-apiserver"]["spec"]["ports"]} == {"https"}
    text = template("--set", "apiserver.tls.existingSecret=api-tls,apiserver.tls.caKey=").stdout
    assert "https://skillbox-blobs" in text and "BLOB_CA" not in text, "public CAs"
    text = template("--set", "apiserver.tls.existingSecret=api-tls," + S3).stdout
    assert "SKILLBOX_TLS_CERT" in text and "BLOB_CA" not in text, "with S3 the controller asks nothing of it"
    assert "TLS" not in template().stdout.replace("SKILLBOX_S3_USE_SSL", "")


# ---- images


def test_what_lies_on_a_nodes_disk_has_room():
    """A limit that is lower than what a program may have under way would end it while it works."""
    for size, directory, limit in (("1Gi", "2Gi", "3Gi"), ("1.5Gi", "3Gi", "5Gi"), ("512Mi", "1024Mi", "1536Mi")):
        api = pods(rendered("--set", f"config.transferSize={size}"))["apiserver"]["spec"]
        (tmp,) = [v for v in api["volumes"] if v["name"] == "tmp"]
        assert tmp["emptyDir"]["sizeLimit"] == directory
        assert api["containers"][0]["resources"]["limits"] == {"memory": "512Mi", "ephemeral-storage": limit}
    api = pods(rendered("--set", "apiserver.resources.limits.ephemeral-storage=9Gi"))["apiserver"]["spec"]
    assert api["containers"][0]["resources"]["limits"]["ephemeral-storage"] == "9Gi"
    without = pods(rendered("--set", "storage.embedded.persistence.enabled=false"))["apiserver"]["spec"]["containers"][0]
    assert without["resources"] == VALUES["apiserver"]["resources"], "blobs are there, too, and none of them may end the Pod"


def test_every_image_can_be_named_by_its_digest():
    values = ",".join(f"{part}.image.digest={DIGEST},{part}.image.tag=1.2" for part in ("apiserver", "controller", "runner"))
    documents = rendered("--set", values)
    for part, pod in pods(documents).items():
        assert pod["spec"]["containers"][0]["image"] == f"skillbox/{part}:1.2@{DIGEST}"
    env = {e["name"]: e.get("value") for e in pods(documents)["controller"]["spec"]["containers"][0]["env"]}
    assert env["SKILLBOX_RUNNER_IMAGE"] == f"skillbox/runner:1.2@{DIGEST}"
    policy = of_kind(documents, "ValidatingAdmissionPolicy")["skillbox-sandbox-pods"]
    assert policy["spec"]["variables"][0] == {"name": "runnerImage", "expression": f'"skillbox/runner:1.2@{DIGEST}"'}
    image = pods(rendered("--set", f"apiserver.image.digest={DIGEST}"))["apiserver"]["spec"]["containers"][0]["image"]
    assert image == f"skillbox/apiserver@{DIGEST}", "no tag that says something else"
    for bad in ("latest", "sha256:abc", DIGEST.upper()):
        assert "digest" in template("--set", f"runner.image.digest={bad}", check=False).stderr


# ---- disruptions


def test_drains():
    """A budget for one replica would stop a drain for good."""
    assert not of_kind(rendered(), "PodDisruptionBudget")
    documents = rendered("--set", "apiserver.replicas=3," + S3)
    (budget,) = of_kind(documents, "PodDisruptionBudget").values()
    api = pods(documents)["apiserver"]
    assert budget["spec"]["maxUnavailable"] == 1 and "minAvailable" not in budget["spec"]
    assert matches(budget["spec"]["selector"], api["metadata"]["labels"])
    assert not matches(budget["spec"]["selector"], pods(documents)["controller"]["metadata"]["labels"])
    (term,) = api["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert term["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
    assert matches(term["podAffinityTerm"]["labelSelector"], api["metadata"]["labels"])
    assert "affinity" not in pods(rendered())["apiserver"]["spec"]
    own = ["--set", "apiserver.replicas=2," + S3, "--set-json", 'apiserver.affinity={"nodeAffinity": {}}']
    assert pods(rendered(*own))["apiserver"]["spec"]["affinity"] == {"nodeAffinity": {}}


# ---- what a tenant's namespace may hold


def quotas(*values):
    """{namespace: {entry: value}}, of all its quotas."""
    found = {}
    for document in rendered(*values):
        if document["kind"] == "ResourceQuota":
            entries = found.setdefault(document["metadata"]["namespace"], {})
            assert not entries.keys() & document["spec"]["hard"].keys(), "counted once"
            entries.update(document["spec"]["hard"])
    return found


@pytest.mark.parametrize("values", [
    [], ["--set", "config.maxConcurrentExecutions=1,config.maxSkills=1,config.maxStoredExecutions=1"],
    ["--set", "config.maxConcurrentExecutions=1000,config.maxSkills=100000,config.maxStoredExecutions=100000,config.maxMemory=1.5Gi"],
    ["--set-json", 'pools=[{"name": "many", "image": "bash:5", "replicas": 90}]']], ids=["default", "least", "most", "pools"])
def test_quotas_are_above_the_programs_own_limits(values):
    """Else a caller is told of a quota in place of the limit, and cleaning up would find no room for what replaces the old."""
    documents = rendered(*values)
    config = of_kind(documents, "ConfigMap")["skillbox-config"]["data"]
    pooled = sum(d["spec"]["replicas"] for d in documents if d["kind"] == "SandboxPool")
    (hard,) = quotas(*values).values()
    # A new cluster refuses for half a minute what a quota counts of kinds that it has just been given.
    assert not [entry for entry in hard if entry.endswith("skillbox.dev")]
    # A sandbox that goes and the one in its place are both there for a while.
    wanted = 2 * (int(config["SKILLBOX_MAX_CONCURRENT_EXECS"]) + pooled)
    assert int(hard["pods"]) > wanted
    number, unit = hard["limits.memory"][:-2], hard["limits.memory"][-2:]
    assert unit == config["SKILLBOX_MAX_MEMORY"][-2:] == "Gi" and int(number) > wanted * float(config["SKILLBOX_MAX_MEMORY"][:-2])
    assert hard["services"] == hard["persistentvolumeclaims"] == "0"


def test_quotas_by_values():
    (hard,) = quotas("--set-json", 'quota.hard={"pods": 7, "secrets": "", "count/jobs.batch": "3"}').values()
    assert hard["pods"] == "7" and hard["count/jobs.batch"] == "3" and "secrets" not in hard
    counted = of_kind(rendered("--set-json", 'quota.hard={"count/executions.skillbox.dev": 25000}'), "ResourceQuota")
    assert counted["skillbox-executions"]["spec"]["hard"] == {"count/executions.skillbox.dev": "25000"}
    assert "skillbox-executions" not in of_kind(rendered(), "ResourceQuota")
    tenants = [{"name": "a", "namespace": "ns-a", "quota": {"hard": {"secrets": 1}}}, {"name": "b", "namespace": "ns-b"},
               {"name": "c", "namespace": "ns-c", "quota": {"enabled": False}}]
    values = ["--set-json", f"tenants={json.dumps(tenants)}", "--set-json", 'quota.hard={"secrets": 5}']
    found = quotas(*values)
    assert {name: hard["secrets"] for name, hard in found.items()} == {"ns-a": "1", "ns-b": "5"}
    assert {d["metadata"]["namespace"] for d in rendered(*values) if d["kind"] == "LimitRange"} == {"ns-a", "ns-b"}
    assert not quotas("--set", "quota.enabled=false")
    assert not of_kind(rendered("--set", "limitRange.enabled=false"), "LimitRange")
    for bad in ('quota.hard={"pods": 1.5}', 'quota.soft={}', 'limitRange.max={}'):
        assert template("--set-json", bad, check=False).returncode != 0, bad


def test_a_limit_range_leaves_sandboxes_as_they_are():
    """It may say nothing of what a sandbox leaves out: the API server would write it in, and the admission policy refuse the Pod."""
    sandbox = POD["spec"]["containers"][0]["resources"]
    (limits,) = of_kind(rendered(), "LimitRange")["skillbox"]["spec"]["limits"]
    assert limits["type"] == "Container" and set(limits) == {"type", "max", "default", "defaultRequest"}
    for which in ("max", "default"):
        assert limits[which].keys() == sandbox["limits"].keys()
    assert limits["defaultRequest"].keys() == sandbox["requests"].keys()
    small = ["--set", "config.maxCPU=0.25,config.defaultCPU=100m"]
    assert of_kind(rendered(*small), "LimitRange")["skillbox"]["spec"]["limits"][0]["max"]["cpu"] == "0.25"
    small[1] += ",runner.delivery=init-container"
    assert of_kind(rendered(*small), "LimitRange")["skillbox"]["spec"]["limits"][0]["max"]["cpu"] == "500m", "which copies the runner"


def test_a_sandbox_fits_in(control_plane):
    """A real API server, which no controller manager helps: the quotas' counts are written here."""
    namespace = "chart-quota"
    control_plane.kubectl("create", "-f", "-", stdin=[
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {"skillbox.dev/tenant": "quota"}}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}}])
    bounds = [d for d in rendered("--set", f"tenants[0].name=quota,tenants[0].namespace={namespace},quota.hard.pods=2")
              if d["kind"] in ("ResourceQuota", "LimitRange")]
    control_plane.kubectl("create", "-f", "-", stdin=copy.deepcopy(bounds))
    for quota in [d for d in bounds if d["kind"] == "ResourceQuota"]:
        status = {"status": {"hard": quota["spec"]["hard"], "used": {name: "0" for name in quota["spec"]["hard"]}}}
        control_plane.kubectl("patch", "resourcequota", quota["metadata"]["name"], "-n", namespace, "--subresource=status",
                              "--type=merge", "-p", json.dumps(status))

    def create(name, **changes):
        pod = copy.deepcopy(POD) | {"metadata": {"name": name, "namespace": namespace}}
        pod["spec"]["containers"][0].update(changes)
        return control_plane.kubectl("create", "-o", "json", "-f", "-", stdin=pod, check=False)

    made = create("sandbox")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["spec"]["containers"][0]["resources"] == POD["spec"]["containers"][0]["resources"]
    assert "kubernetes.io/limit-ranger" not in json.loads(made.stdout)["metadata"].get("annotations", {})
    bare = create("bare", resources={})
    assert bare.returncode == 0, bare.stderr
    assert json.loads(bare.stdout)["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "500m", "memory": "256Mi"}
    refused = create("one-more")
    assert refused.returncode != 0 and "exceeded quota: skillbox-pods" in refused.stderr
    refused = create("large", resources={"limits": {"cpu": "1", "memory": "2Gi"}})
    assert refused.returncode != 0 and "maximum memory usage per Container is 1Gi" in refused.stderr
    refused = control_plane.kubectl("create", "service", "clusterip", "x", "--tcp=80", "-n", namespace, check=False)
    assert refused.returncode != 0 and "exceeded quota: skillbox-objects" in refused.stderr
