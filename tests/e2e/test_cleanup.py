"""What goes away by itself, and what is never touched."""

import uuid

from skillbox_client import condition_of, skill_and_execution
from waiting import unique, wait_for

LABELS = {"app.kubernetes.io/managed-by": "skillbox", "app.kubernetes.io/component": "sandbox"}


def idle_pod(name, labels, image, owner=None):
    """A Pod that does nothing for long and satisfies Pod Security `restricted`."""
    metadata = {"name": name, "labels": labels}
    if owner:
        metadata["ownerReferences"] = [owner]
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {
            "restartPolicy": "Never", "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "sandbox", "image": image, "command": ["sleep", "600"], "imagePullPolicy": "IfNotPresent",
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
                                    "readOnlyRootFilesystem": True},
                "resources": {"requests": {"memory": "16Mi", "cpu": "1m"}, "limits": {"memory": "16Mi", "cpu": "100m"}},
            }],
        },
    }


def test_a_finished_execution_goes_when_its_time_to_live_is_over(client, kubectl, configuration):
    name = unique("ttl")
    skill_and_execution(kubectl, name, ttlSecondsAfterFinished=1)
    uid = kubectl.get("execution", name)["metadata"]["uid"]
    wait_for(lambda: kubectl.get("execution", name) is None, "the Execution is gone", timeout=60)
    assert not kubectl.items("pods", "-l", f"skillbox.dev/execution-uid={uid}")
    assert client.request("GET", f"/v1/executions/{uid}").status_code == (200 if configuration.has_history else 404)
    assert kubectl.get("skill", name) is not None
    kubectl.run("delete", "skill", name)


def test_a_deleted_execution_takes_its_pod_along(client, push, kubectl, execution_object, assert_pods_gone):
    execution_id = client.start(push("sleep 60", lang="bash"))
    client.wait_until(execution_id, "running")
    execution = execution_object(execution_id)
    kubectl.run("delete", "execution", execution["metadata"]["name"], "--wait=false")
    assert_pods_gone(execution["metadata"]["uid"])


def test_orphans_of_ours_are_swept_and_others_are_left_alone(client, push, kubectl):
    name = unique("sweep")
    skill_and_execution(kubectl, name, ttlSecondsAfterFinished=600)
    execution = wait_for(lambda: (e := kubectl.get("execution", name)) and condition_of(e, "Succeeded").get("status") == "True" and e,
                         "the Execution is finished")
    uid = execution["metadata"]["uid"]
    image = execution["status"]["image"]
    owner = {"apiVersion": "skillbox.dev/v1alpha1", "kind": "Execution", "name": name, "uid": uid, "controller": True,
             "blockOwnerDeletion": True}

    strangers = {
        f"{name}-labels-only": {**LABELS, "skillbox.dev/execution-uid": uid},
        f"{name}-other-uid": {**LABELS, "skillbox.dev/execution-uid": str(uuid.uuid4())},
    }
    try:
        for stranger, labels in strangers.items():
            kubectl.create(idle_pod(stranger, labels, image))
        kubectl.create(idle_pod(f"{name}-orphan", {**LABELS, "skillbox.dev/execution-uid": uid}, image, owner))
        wait_for(lambda: kubectl.get("pod", f"{name}-orphan") is None, "the orphan is swept", timeout=120)

        # One more whole execution: the controller has seen the strangers and has been at work since.
        assert client.run(push("true", lang="bash"))["status"] == "success"
        for stranger in strangers:
            pod = kubectl.get("pod", stranger)
            assert pod is not None, f"{stranger} was deleted, though no Execution owns it"
            assert "deletionTimestamp" not in pod["metadata"], stranger
    finally:
        for pod in (*strangers, f"{name}-orphan"):
            kubectl.run("delete", "pod", pod, "--ignore-not-found", "--wait=false")
        kubectl.run("delete", "execution,skill", name, "--ignore-not-found")


def test_a_sandbox_goes_as_soon_as_its_result_is_recorded(client, push, sandbox_pods, execution_object):
    """Not when the sweep finds it: until then it would hold its memory."""
    answer = client.run(push("true", lang="bash"))
    uid = execution_object(answer["execution_id"])["metadata"]["uid"]
    wait_for(lambda: all("deletionTimestamp" in pod["metadata"] for pod in sandbox_pods(uid)), "the Pod is going", timeout=3)
