"""A sandbox Pod as the controller makes it, and every way to make it weaker: a table for tests of admission."""

import copy

NAMESPACE, TENANT = "skillbox", "chart-tenant"

POD = {
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "skx-1", "namespace": TENANT},
    "spec": {
        "restartPolicy": "Never", "automountServiceAccountToken": False, "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0, "activeDeadlineSeconds": 1000, "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["127.0.0.1"]},
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65534, "runAsGroup": 65534, "fsGroup": 65534,
                            "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "sandbox", "image": "python:3.12-slim", "command": ["/skillbox/runner"],
            "env": [{"name": "SKILLBOX_TOKEN", "value": "x"}],
            "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}},
            "securityContext": {"runAsNonRoot": True, "runAsUser": 65534, "privileged": False, "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
                                "seccompProfile": {"type": "RuntimeDefault"}},
            "volumeMounts": [{"name": "sandbox", "mountPath": "/sandbox"}, {"name": "runner", "mountPath": "/skillbox"}]}],
        "volumes": [{"name": "sandbox", "emptyDir": {"medium": "Memory"}},
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


HOST_PATH = {"name": "host", "hostPath": {"path": "/"}}
SECRET = {"name": "secret", "secret": {"secretName": "x"}}
WEAKER = {
    "two containers": (two_containers, "one container"),
    "an init container": (lambda s, c: set_(s, initContainers=[{**c, "name": "init"}]), "one container"),
    "host network": (lambda s, c: set_(s, hostNetwork=True), "no namespace of the host"),
    "host processes": (lambda s, c: set_(s, hostPID=True), "no namespace of the host"),
    "host IPC": (lambda s, c: set_(s, hostIPC=True), "no namespace of the host"),
    "shared processes": (lambda s, c: set_(s, shareProcessNamespace=True), "no namespace of the host"),
    "a port": (lambda s, c: set_(c, ports=[{"containerPort": 80, "hostPort": 80}]), "no ports"),
    "a host path": (lambda s, c: s["volumes"].append(HOST_PATH), "emptyDir or image"),
    "a Secret as volume": (lambda s, c: s["volumes"].append(SECRET), "emptyDir or image"),
    "a token as volume": (lambda s, c: s["volumes"].append({"name": "token", "projected": {"sources": [
        {"serviceAccountToken": {"path": "token"}}]}}), "emptyDir or image"),
    "a Secret as variable": (lambda s, c: set_(c, envFrom=[{"secretRef": {"name": "x"}}]), "nothing from Secrets"),
    "a reference as variable": (lambda s, c: c["env"].append(
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}), "nothing from Secrets"),
    "a service account token": (lambda s, c: set_(s, automountServiceAccountToken=True), "no service account token"),
    "a token by default": (lambda s, c: s.pop("automountServiceAccountToken"), "no service account token"),
    "service links": (lambda s, c: s.pop("enableServiceLinks"), "no service links"),
    "the cluster's DNS": (lambda s, c: (s.pop("dnsPolicy"), s.pop("dnsConfig")), "no DNS"),
    "restarts": (lambda s, c: set_(s, restartPolicy="Always"), "never restarted"),
    "no deadline": (lambda s, c: s.pop("activeDeadlineSeconds"), "activeDeadlineSeconds"),
    "root of the Pod": (lambda s, c: set_(s["securityContext"], runAsUser=0), "user that isn't root"),
    "any user of the Pod": (lambda s, c: s.pop("securityContext"), "user that isn't root"),
    "root of the container": (lambda s, c: set_(c["securityContext"], runAsUser=0), "don't run as root"),
    "maybe root": (lambda s, c: set_(c["securityContext"], runAsNonRoot=False), "don't run as root"),
    "no seccomp for the Pod": (lambda s, c: s["securityContext"].pop("seccompProfile"), "RuntimeDefault"),
    "no seccomp for the container": (lambda s, c: set_(c["securityContext"], seccompProfile={"type": "Unconfined"}), "RuntimeDefault"),
    "privileged": (lambda s, c: set_(c["securityContext"], privileged=True, allowPrivilegeEscalation=True), "not privileged"),
    "privilege escalation": (lambda s, c: c["securityContext"].pop("allowPrivilegeEscalation"), "can't gain privileges"),
    "a writable root": (lambda s, c: c["securityContext"].pop("readOnlyRootFilesystem"), "read-only root"),
    "no security context": (lambda s, c: c.pop("securityContext"), "read-only root"),
    "all capabilities": (lambda s, c: c["securityContext"].pop("capabilities"), "drop ALL"),
    "one capability": (lambda s, c: set_(c["securityContext"], capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}), "add none"),
    "another program": (lambda s, c: set_(c, command=["/bin/sh"]), "nothing but the runner"),
    "the image's program": (lambda s, c: c.pop("command"), "nothing but the runner"),
    "arguments": (lambda s, c: set_(c, args=["relay"]), "nothing but the runner"),
    "a hook": (lambda s, c: set_(c, lifecycle={"preStop": {"httpGet": {"host": "10.0.0.1", "port": 80}}}), "nothing but the runner"),
    "a probe": (lambda s, c: set_(c, livenessProbe={"httpGet": {"host": "10.0.0.1", "port": 80}}), "nothing but the runner"),
    "a node of its choice": (lambda s, c: set_(s, nodeName="control-plane"), "chooses no node"),
    "a system's priority": (lambda s, c: set_(s, priorityClassName="system-node-critical"), "chooses no node"),
    "a kernel setting": (lambda s, c: set_(s["securityContext"], sysctls=[{"name": "kernel.msgmax", "value": "65536"}]),
                         "user that isn't root"),
    "no AppArmor": (lambda s, c: set_(c["securityContext"], appArmorProfile={"type": "Unconfined"}), "AppArmor"),
    "no limits": (lambda s, c: c.pop("resources"), "limits of memory and CPU"),
    "no limit of memory": (lambda s, c: c["resources"]["limits"].pop("memory"), "limits of memory and CPU"),
    "no limit of CPU": (lambda s, c: c["resources"]["limits"].pop("cpu"), "limits of memory and CPU"),
}
