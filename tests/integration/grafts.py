"""Every change that the Pod API lets one make to a Pod, from the API server's own OpenAPI: each field that the Pod doesn't have
is put into it, each that it has is changed and taken away."""

import copy

CONTAINER = {"name": "second", "image": "python:3.12-slim"}
PROBE = {"tcpSocket": {"port": 80}}
HOOK = {"exec": {"command": ["true"]}}
TERM = {"labelSelector": {"matchLabels": {"a": "b"}}, "topologyKey": "kubernetes.io/hostname"}
SELINUX = {"level": "s0:c1,c2"}
PATHS = {"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}
# Values that the API server takes, by the name of a field; some need company. A field that isn't here gets one that its type
# suggests, so that fields of a later Kubernetes are tried, too.
SAMPLES = {
    "affinity": [{"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}]}},
        {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]}},
        {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]}}],
    "ephemeralContainers": [[{"name": "debug", "image": "bash:5"}]],
    "hostAliases": [[{"ip": "127.0.0.1", "hostnames": ["a"]}]],
    "hostUsers": [False, True],
    "initContainers": [[CONTAINER], [{**CONTAINER, "restartPolicy": "Always"}]],
    "imagePullSecrets": [[{"name": "a"}]],
    "nodeSelector": [{"a": "b"}, {"a": ""}],
    "os": [{"name": "linux"}, {"name": "windows"}],
    "overhead": [{"memory": "1Mi"}],
    "preemptionPolicy": ["Never"],
    "priorityClassName": ["admission-high"],
    "readinessGates": [[{"conditionType": "example.com/a"}]],
    "resourceClaims": [[{"name": "a", "resourceClaimName": "a"}], [{"name": "a", "resourceClaimTemplateName": "a"}]],
    "runtimeClassName": ["admission"],
    "schedulingGates": [[{"name": "example.com/a"}]],
    "topologySpreadConstraints": [[{"maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "ScheduleAnyway"}]],
    "schedulingGroup": [{"podGroupName": "a"}],
    "workloadRef": [{"name": "a", "podGroup": "b"}],
    "envFrom": [[{"secretRef": {"name": "a"}}], [{"configMapRef": {"name": "a"}}]],
    "lifecycle": [{"preStop": HOOK}, {"postStart": HOOK}, {"preStop": {"httpGet": {"port": 80}}}, {"preStop": {"sleep": {"seconds": 1}}}],
    "livenessProbe": [PROBE, {"httpGet": {"port": 80, "host": "10.0.0.1"}}, HOOK, {"grpc": {"port": 80}}],
    "readinessProbe": [PROBE], "startupProbe": [PROBE],
    "ports": [[{"containerPort": 80}], [{"containerPort": 80, "hostPort": 80}]],
    "resizePolicy": [[{"resourceName": "cpu", "restartPolicy": "NotRequired"}]],
    "restartPolicyRules": [[{"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}]],
    "appArmorProfile": [{"type": "Unconfined"}, {"type": "RuntimeDefault"}, {"type": "Localhost", "localhostProfile": "a"}],
    "procMount": ["Default", "Unmasked"],
    "seLinuxOptions": [SELINUX, {"type": "spc_t"}],
    "seLinuxChangePolicy": ["Recursive", "MountOption"],
    "windowsOptions": [{"runAsUserName": "a"}, {"hostProcess": True}],
    "fsGroupChangePolicy": ["Always", "OnRootMismatch"],
    "supplementalGroups": [[0], [1000]],
    "supplementalGroupsPolicy": ["Merge", "Strict"],
    "sysctls": [[{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}], [{"name": "kernel.msgmax", "value": "65536"}]],
    "mountPropagation": ["None", "HostToContainer"],
    "recursiveReadOnly": ["IfPossible", "Disabled"],
    "options": [[{"name": "ndots", "value": "5"}]],
    "searches": [["example.com"]],
    "finalizers": [["example.com/a"]],
    "add": [["NET_ADMIN"], ["NET_BIND_SERVICE"]],
    "creationTimestamp": ["2020-01-01T00:00:00Z"], "deletionTimestamp": ["2020-01-01T00:00:00Z"],
    "managedFields": [[]],
    "claims": [[{"name": "a"}]],
    "volumeDevices": [[{"name": "sandbox", "devicePath": "/dev/a"}]],
    "spec.resources": [{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}}],
    "containers.0.restartPolicy": ["Always", "OnFailure", "Never"],
}
# What lists may hold one more of.
ITEMS = {
    "containers": [CONTAINER],
    "command": ["relay"],
    "drop": ["NET_RAW"],
    "env": [{"name": "A", "value": "b"}, {"name": "SKILLBOX_LISTEN", "value": "b"},
            *({"name": "A", "valueFrom": source} for source in (
                {"fieldRef": {"fieldPath": "metadata.name"}}, {"resourceFieldRef": {"resource": "limits.cpu"}},
                {"secretKeyRef": {"name": "a", "key": "b"}}, {"configMapKeyRef": {"name": "a", "key": "b"}}))],
    "nameservers": ["10.0.0.1"],
    "ownerReferences": [{"apiVersion": "v1", "kind": "Secret", "name": "a", "uid": "0c2d6a4e-1b2c-4d5e-8f90-0123456789ab"}],
    "tolerations": [{"operator": "Exists"}, {"key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule"}],
    "volumeMounts": [{"name": "sandbox", "mountPath": "/more"}],
}
VOLUMES = {
    "awsElasticBlockStore": {"volumeID": "a"}, "azureDisk": {"diskName": "a", "diskURI": "https://a.blob.core.windows.net/b.vhd", "kind": "Dedicated"},
    "azureFile": {"secretName": "a", "shareName": "b"}, "cephfs": {"monitors": ["a"]}, "cinder": {"volumeID": "a"},
    "configMap": {"name": "a"}, "csi": {"driver": "a.example.com"}, "downwardAPI": {"items": [PATHS]}, "emptyDir": {},
    "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}},
    "fc": {"targetWWNs": ["a"], "lun": 1}, "flexVolume": {"driver": "a/b"}, "flocker": {"datasetName": "a"},
    "gcePersistentDisk": {"pdName": "a"}, "gitRepo": {"repository": "https://example.com/a.git"},
    "glusterfs": {"endpoints": "a", "path": "b"}, "hostPath": {"path": "/"}, "image": {"reference": "evil:1"},
    "iscsi": {"targetPortal": "10.0.0.1:3260", "iqn": "iqn.2001-04.com.example:storage", "lun": 0}, "nfs": {"server": "a", "path": "/"},
    "persistentVolumeClaim": {"claimName": "a"}, "photonPersistentDisk": {"pdID": "a"}, "portworxVolume": {"volumeID": "a"},
    "projected": {"sources": [{"serviceAccountToken": {"path": "a"}}]}, "quobyte": {"registry": "a:1", "volume": "b"},
    "rbd": {"monitors": ["a"], "image": "b"}, "scaleIO": {"gateway": "a", "system": "b", "secretRef": {"name": "c"}, "volumeName": "d"},
    "secret": {"secretName": "a"}, "storageos": {"volumeName": "a", "volumeNamespace": "b"}, "vsphereVolume": {"volumePath": "a"},
}
# Keys that a map may have one more of.
KEYS = {"limits": {"example.com/device": "1", "hugepages-2Mi": "2Mi"},  # a LimitRange may give ephemeral-storage
        "requests": {"example.com/device": "1"},
        "annotations": {"dev.gvisor.internal.rootfs": "a", "container.apparmor.security.beta.kubernetes.io/sandbox": "unconfined",
                        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
        "labels": {"example.com/a": "b"}}
# Other texts than those which are there; for most, any will do.
TEXTS = {
    "dnsPolicy": ["Default", "ClusterFirst", "ClusterFirstWithHostNet"], "restartPolicy": ["Always", "OnFailure"],
    "imagePullPolicy": ["Always", "Never"], "pullPolicy": ["Always", "Never"], "terminationMessagePolicy": ["FallbackToLogsOnError"],
    "terminationMessagePath": ["/tmp/a"], "preemptionPolicy": ["Never"], "schedulerName": ["mine"], "effect": ["NoSchedule", "NoExecute"],
    "operator": ["Equal"], "medium": ["", "HugePages"], "sizeLimit": ["1Ti", "0", "1Mi"], "cpu": ["0", "1m", "499m", "5", "1k"],
    "memory": ["0", "1Mi", "257Mi", "1Ti"], "mountPath": ["/", "/other", "/skillbox/a"], "workingDir": ["/", "/tmp"],
    "image": ["evil:1", "python:3.12-slim@sha256:abc", "evil.example/python:3.12-slim", "python:3.12-slim-bookworm", "python"],
    "reference": ["evil:1", "skillbox/runner:0.1.0@sha256:" + "0" * 64], "nameservers.0": ["10.0.0.1"],
    "uid": ["0c2d6a4e-1b2c-4d5e-8f90-0123456789ab"], "apiVersion": ["v1"], "kind": ["SandboxPool", "Secret"], "drop.0": ["NET_RAW"],
    "type": ["Unconfined"], "serviceAccountName": ["other"], "serviceAccount": ["other"],
}
# What the API server refuses by itself, whoever asks, so that no policy is asked.
NEVER_ASKED = {
    # A Pod can't be without
    "spec.containers", "spec.containers.0", "spec.dnsConfig", "spec.dnsConfig.nameservers", "spec.volumes",
    *(f"spec.volumes.{i}.name" for i in range(3)), *(f"spec.containers.0.volumeMounts.{i}.name" for i in range(3)),
    # It can't be beside what our Pod has
    "spec.containers.0.env.0.valueFrom", "spec.containers.0.env.1.valueFrom",  # a value; tried as one more variable
    "spec.securityContext.seccompProfile.localhostProfile", "spec.containers.0.securityContext.seccompProfile.localhostProfile",
    *(f"spec.tolerations.{i}.{name}" for i in range(2) for name in ("effect", "value")),
    # It needs another change, which is refused
    "spec.containers.0.resources.claims",  # spec.resourceClaims
    "spec.containers.0.resources.requests.example.com/device",  # a limit
    "spec.containers.0.restartPolicyRules",  # restartPolicy
    "spec.containers.0.volumeDevices",  # a volume of a claim
    # Nobody may
    "spec.ephemeralContainers",  # when a Pod is made
    "spec.overhead",  # other than the RuntimeClass's
}


def grafts(schemas, pod):
    """(path, Pod) for each change."""
    whole = schemas["io.k8s.api.core.v1.Pod"]["properties"]
    for part in ("metadata", "spec"):
        for path, value in changes(schemas, pod[part], whole[part], (part,)):
            yield ".".join(path), put(copy.deepcopy(pod), path, value)


GONE = object()


def put(pod, path, value):
    where = pod
    for step in path[:-1]:
        where = where[int(step)] if isinstance(where, list) else where[step]
    last = int(path[-1]) if isinstance(where, list) else path[-1]
    if value is GONE:
        del where[last]
    elif isinstance(where, list) and last == len(where):
        where.append(value)
    else:
        where[last] = copy.deepcopy(value)
    return pod


def resolve(schemas, schema):
    while "$ref" in schema or "allOf" in schema:
        schema = schemas[(schema if "$ref" in schema else schema["allOf"][0])["$ref"].rpartition("/")[2]]
    return schema


def named(table, path, default=None):
    """What the table has for the longest end of the path."""
    return next((table[".".join(path[i:])] for i in range(len(path)) if ".".join(path[i:]) in table), default)


def changes(schemas, value, schema, path):
    schema = resolve(schemas, schema)
    if isinstance(value, dict) and "properties" in schema:
        yield from of_object(schemas, value, schema, path)
    elif isinstance(value, dict):
        for key, more in named(KEYS, path, {"example.com/a": "b"}).items():
            yield path + (key,), more
        for key in value:
            yield path + (key,), GONE
            yield from of_scalar(value[key], path + (key,))
    elif isinstance(value, list):
        for more in more_items(schemas, schema, path):
            yield path + (str(len(value)),), more
        for i, item in enumerate(value):
            yield path + (str(i),), GONE
            yield from changes(schemas, item, schema["items"], path + (str(i),))
    else:
        yield from of_scalar(value, path)


def of_object(schemas, value, schema, path):
    for name, part in schema["properties"].items():
        if name in value:
            yield path + (name,), GONE
            yield from changes(schemas, value[name], part, path + (name,))
        elif path[-2:-1] == ("volumes",):
            yield path, {"name": value["name"], name: VOLUMES.get(name) or sample(schemas, part)}
        else:
            for more in named(SAMPLES, path + (name,)) or [sample(schemas, part)]:
                yield path + (name,), more


def more_items(schemas, schema, path):
    if path[-1] == "volumes":
        names = resolve(schemas, schema["items"])["properties"]
        return [{"name": "more", name: VOLUMES.get(name) or sample(schemas, names[name])} for name in names if name != "name"]
    return named(ITEMS, path) or [sample(schemas, schema["items"])]


def of_scalar(value, path):
    if isinstance(value, bool):
        yield path, not value
    elif isinstance(value, int):
        for other in (0, 1, value + 1, value * 2, 2147483647):
            if other != value:
                yield path, other
    else:
        for other in named(TEXTS, path) or [value + "x", "other"]:
            if other != value:
                yield path, other


def sample(schemas, schema, depth=0):
    """Some value of that type."""
    schema = resolve(schemas, schema)
    kind = schema.get("type")
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        return 1
    if kind == "array":
        return [sample(schemas, schema["items"], depth + 1)]
    if "properties" in schema and depth < 4:
        names = schema.get("required") or list(schema["properties"])[:1]
        return {name: sample(schemas, schema["properties"][name], depth + 1) for name in names}
    if kind == "object":
        return {"a": "1"}
    return "a"
