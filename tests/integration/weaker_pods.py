"""A sandbox Pod as the controller makes it, and every way to make it weaker: a table for tests of admission."""

import copy

NAMESPACE, TENANT = "skillbox", "chart-tenant"

UID = "0c2d6a4e-1b2c-4d5e-8f90-123456789abc"
POD = {
    "apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": f"skx-{UID}-0", "namespace": TENANT,
        "labels": {"app.kubernetes.io/name": "skillbox", "app.kubernetes.io/managed-by": "skillbox",
                   "app.kubernetes.io/component": "sandbox", "skillbox.dev/execution-uid": UID},
        "annotations": {"skillbox.dev/run-shape": f"v1 30000 268435456 500 1.0.0 sha256:{'0' * 64} python:3.12-slim"},
        "ownerReferences": [{"apiVersion": "skillbox.dev/v1alpha1", "kind": "Execution", "name": "e", "uid": UID, "controller": True,
                             "blockOwnerDeletion": False}]},
    "spec": {
        "restartPolicy": "Never", "automountServiceAccountToken": False, "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0, "activeDeadlineSeconds": 1230, "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["127.0.0.1"]}, "shareProcessNamespace": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65534, "runAsGroup": 65534, "fsGroup": 65534,
                            "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "sandbox", "image": "python:3.12-slim", "imagePullPolicy": "IfNotPresent", "command": ["/skillbox/runner"],
            "workingDir": "/sandbox", "terminationMessagePolicy": "File",
            "env": [{"name": "SKILLBOX_TOKEN", "value": "0123456789abcdef" * 2}, {"name": "SKILLBOX_PARK", "value": "python"}],
            "resources": {"requests": {"cpu": "10m", "memory": "256Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}},
            "securityContext": {"runAsNonRoot": True, "runAsUser": 65534, "runAsGroup": 65534, "privileged": False,
                                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
                                "seccompProfile": {"type": "RuntimeDefault"}},
            "volumeMounts": [{"name": "sandbox", "mountPath": "/sandbox"}, {"name": "tmp", "mountPath": "/tmp"},
                             {"name": "runner", "mountPath": "/skillbox", "readOnly": True}]}],
        "volumes": [{"name": "sandbox", "emptyDir": {"medium": "Memory", "sizeLimit": "192Mi"}},
                    {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "128Mi"}},
                    {"name": "runner", "image": {"reference": "skillbox/runner:0.1.0", "pullPolicy": "IfNotPresent"}}],
    },
}


def with_pod(change):
    pod = copy.deepcopy(POD)
    change(pod["spec"], pod["spec"]["containers"][0])
    return pod


def two_containers(spec, container):
    spec["containers"].append({**container, "name": "second"})


def set_(where, **fields):
    where.update(fields)


def of_size(limit, cpu="500m"):
    """A change that asks for as many bytes, in all that depends on it."""
    def change(spec, container):
        container["resources"] = {"requests": {"cpu": "10m", "memory": str(limit)}, "limits": {"cpu": cpu, "memory": str(limit)}}
        for volume in spec["volumes"]:
            if volume["name"] in ("sandbox", "tmp"):
                volume["emptyDir"]["sizeLimit"] = str(limit // 4 * 3 if volume["name"] == "sandbox" else limit // 2)

    return change


def with_resource(name, amount):
    return lambda s, c: (c["resources"]["limits"].update({name: amount}), c["resources"]["requests"].update({name: amount}))


HOST_PATH = {"name": "host", "hostPath": {"path": "/"}}
SECRET = {"name": "secret", "secret": {"secretName": "x"}}
NODE, USER, CONTAINER = "chooses no node", "user that isn't root", "the container of a sandbox is not privileged"
RESOURCES, VOLUMES, NAMES, PROGRAM = "limits of memory and CPU", "volumes of a sandbox", "no DNS", "nothing but the runner"
ONLY = "no fields but those that the controller sets"
AFFINITY = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
    {"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}}
# What is changed: how, and a part of what the policy says of it.
WEAKER = {
    "two containers": (two_containers, "one container"),
    "an init container": (lambda s, c: set_(s, initContainers=[{**c, "name": "init"}]), "one container"),
    "host network": (lambda s, c: set_(s, hostNetwork=True), "no namespace of the host"),
    "host processes": (lambda s, c: set_(s, hostPID=True), "no namespace of the host"),
    "host IPC": (lambda s, c: set_(s, hostIPC=True), "no namespace of the host"),
    "shared processes": (lambda s, c: set_(s, shareProcessNamespace=True), "no namespace of the host"),
    "a port": (lambda s, c: set_(c, ports=[{"containerPort": 80, "hostPort": 80}]), "no ports"),
    "a host path": (lambda s, c: s["volumes"].append(HOST_PATH), VOLUMES),
    "a Secret as volume": (lambda s, c: s["volumes"].append(SECRET), VOLUMES),
    "a token as volume": (lambda s, c: s["volumes"].append({"name": "token", "projected": {"sources": [
        {"serviceAccountToken": {"path": "token"}}]}}), VOLUMES),
    "a disk without limit": (lambda s, c: s["volumes"].append({"name": "disk", "emptyDir": {}}), VOLUMES),
    "memory without limit": (lambda s, c: s["volumes"][0]["emptyDir"].pop("sizeLimit"), VOLUMES),
    "another runner": (lambda s, c: s["volumes"].append({"name": "runner2", "image": {"reference": "evil/runner:1"}}), VOLUMES),
    "volumes of the host": (lambda s, c: set_(c["volumeMounts"][0], mountPropagation="HostToContainer"), "mounted in their places"),
    "the runner is writable": (lambda s, c: c["volumeMounts"].append({"name": "tmp", "mountPath": "/skillbox2"}), "mounted in their places"),
    "a Secret as variable": (lambda s, c: set_(c, envFrom=[{"secretRef": {"name": "x"}}]), "nothing from Secrets"),
    "a reference as variable": (lambda s, c: c["env"].append(
        {"name": "SKILLBOX_PRELOAD", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}), "nothing from Secrets"),
    "a variable": (lambda s, c: c["env"].append({"name": "LD_PRELOAD", "value": "/sandbox/a.so"}), "no variables but"),
    "a service account token": (lambda s, c: set_(s, automountServiceAccountToken=True), "no service account token"),
    "a token by default": (lambda s, c: s.pop("automountServiceAccountToken"), "no service account token"),
    "service links": (lambda s, c: s.pop("enableServiceLinks"), "no service links"),
    "a Secret for pulling": (lambda s, c: set_(s, imagePullSecrets=[{"name": "x"}]), "no imagePullSecrets"),
    "the cluster's DNS": (lambda s, c: (s.pop("dnsPolicy"), s.pop("dnsConfig")), NAMES),
    "a DNS server": (lambda s, c: set_(s, dnsConfig={"nameservers": ["10.0.0.1"]}), NAMES),
    "host aliases": (lambda s, c: set_(s, hostAliases=[{"ip": "10.0.0.1", "hostnames": ["a"]}]), NAMES),
    "a name of its own": (lambda s, c: set_(s, hostname="a", subdomain="b", setHostnameAsFQDN=True), NAMES),
    "restarts": (lambda s, c: set_(s, restartPolicy="Always"), "never restarted"),
    "no deadline": (lambda s, c: s.pop("activeDeadlineSeconds"), "activeDeadlineSeconds"),
    "a late deadline": (lambda s, c: set_(s, activeDeadlineSeconds=2147483647), "activeDeadlineSeconds"),
    "a long end": (lambda s, c: set_(s, terminationGracePeriodSeconds=3600), "ends without grace"),
    "root of the Pod": (lambda s, c: set_(s["securityContext"], runAsUser=0), USER),
    "any user of the Pod": (lambda s, c: s.pop("securityContext"), USER),
    "root's group": (lambda s, c: set_(s["securityContext"], runAsGroup=0), USER),
    "root's group of files": (lambda s, c: set_(s["securityContext"], fsGroup=0), USER),
    "root's group beside": (lambda s, c: set_(s["securityContext"], supplementalGroups=[0]), USER),
    "root of the container": (lambda s, c: set_(c["securityContext"], runAsUser=0), "doesn't run as root"),
    "maybe root": (lambda s, c: set_(c["securityContext"], runAsNonRoot=False), "doesn't run as root"),
    "root's group of the container": (lambda s, c: set_(c["securityContext"], runAsGroup=0), CONTAINER),
    "no seccomp for the Pod": (lambda s, c: s["securityContext"].pop("seccompProfile"), "RuntimeDefault"),
    "no seccomp for the container": (lambda s, c: set_(c["securityContext"], seccompProfile={"type": "Unconfined"}), "RuntimeDefault"),
    "privileged": (lambda s, c: set_(c["securityContext"], privileged=True, allowPrivilegeEscalation=True), "not privileged"),
    "privilege escalation": (lambda s, c: c["securityContext"].pop("allowPrivilegeEscalation"), "can't gain privileges"),
    "a writable root": (lambda s, c: c["securityContext"].pop("readOnlyRootFilesystem"), "read-only root"),
    "no security context": (lambda s, c: c.pop("securityContext"), "read-only root"),
    "all capabilities": (lambda s, c: c["securityContext"].pop("capabilities"), "drops ALL"),
    "one capability": (lambda s, c: set_(c["securityContext"], capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}), "adds none"),
    "another SELinux label": (lambda s, c: set_(c["securityContext"], seLinuxOptions={"type": "spc_t"}), CONTAINER),
    "no AppArmor": (lambda s, c: set_(c["securityContext"], appArmorProfile={"type": "Unconfined"}), CONTAINER),
    "a kernel setting": (lambda s, c: set_(s["securityContext"], sysctls=[{"name": "kernel.msgmax", "value": "65536"}]), USER),
    "the host's users": (lambda s, c: set_(s, hostUsers=True), ONLY + ": it has hostUsers"),
    "another program": (lambda s, c: set_(c, command=["/bin/sh"]), PROGRAM),
    "the image's program": (lambda s, c: c.pop("command"), PROGRAM),
    "arguments": (lambda s, c: set_(c, args=["relay"]), PROGRAM),
    "a hook": (lambda s, c: set_(c, lifecycle={"preStop": {"httpGet": {"host": "10.0.0.1", "port": 80}}}), PROGRAM),
    "a probe": (lambda s, c: set_(c, livenessProbe={"httpGet": {"host": "10.0.0.1", "port": 80}}), PROGRAM),
    "a node of its choice": (lambda s, c: set_(s, nodeName="control-plane"), NODE),
    "nodes of its choice": (lambda s, c: set_(s, nodeSelector={"a": ""}), NODE),
    "an affinity": (lambda s, c: set_(s, affinity=AFFINITY), NODE),
    "a toleration of everything": (lambda s, c: set_(s, tolerations=[{"operator": "Exists"}]), NODE),
    "another scheduler": (lambda s, c: set_(s, schedulerName="mine"), NODE),
    "a system's priority": (lambda s, c: set_(s, priorityClassName="system-node-critical"), "no priority"),
    "any image": (lambda s, c: set_(c, image="evil:1"), "on the allowlist"),
    "an image of the same end": (lambda s, c: set_(c, image="evil.example/python:3.12-slim"), "on the allowlist"),
    "an image pulled at will": (lambda s, c: set_(c, imagePullPolicy="Always"), "is pulled IfNotPresent"),
    "no limits": (lambda s, c: c.pop("resources"), RESOURCES),
    "no limit of memory": (lambda s, c: c["resources"]["limits"].pop("memory"), RESOURCES),
    "no limit of CPU": (lambda s, c: c["resources"]["limits"].pop("cpu"), RESOURCES),
    "a terabyte": (of_size(1 << 40), RESOURCES),
    "a thousand CPUs": (of_size(256 << 20, "1k"), RESOURCES),
    "a little more memory": (of_size((1 << 30) + 1), RESOURCES),
    "a little more CPU": (of_size(256 << 20, "4001m"), RESOURCES),
    "memory promised twice": (lambda s, c: set_(c["resources"]["requests"], memory="1Mi"), RESOURCES),
    "CPU held back": (lambda s, c: set_(c["resources"]["requests"], cpu="500m"), RESOURCES),
    "a device": (with_resource("example.com/gpu", "1"), RESOURCES),
    "huge pages": (with_resource("hugepages-2Mi", "2Mi"), RESOURCES),
    "a claim of a device": (lambda s, c: (set_(s, resourceClaims=[{"name": "gpu", "resourceClaimName": "gpu"}]),
                                          set_(c["resources"], claims=[{"name": "gpu"}])), RESOURCES),
    "a gate": (lambda s, c: set_(s, schedulingGates=[{"name": "example.com/wait"}]), ONLY),
    "an input": (lambda s, c: set_(c, stdin=True), "the container of a sandbox has no fields"),
}
