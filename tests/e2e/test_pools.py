"""Sandboxes that wait: filled, claimed once, refilled, and what happens to them when things break."""

import hashlib
import random
import re
import zipfile

import pytest

from skillbox_client import component_pods, condition_of, kill_component, manifest, skill_object, skill_zip, zip_of
from waiting import unique, wait_for

IMAGE = "python:3.12-slim"
# What somebody before it left behind, and something for whoever comes after it.
WHO = """
import json, os
left = [name for name in os.listdir("/tmp") if not name.startswith(".sandbox")]
open("/tmp/mine", "w").close()
json.dump(left, open(os.environ["SANDBOX_OUTPUT"], "w"))
"""
# A size that no other pool and no other test has: only what is meant for a pool of these tests finds it.
MEMORY = "93Mi"


@pytest.fixture
def pool(kubectl):
    """pool(replicas, **spec) makes a SandboxPool; it is an object with the questions that tests ask."""
    names = []

    class Pool:
        def __init__(self, replicas, **spec):
            self.name = unique("pool")
            names.append(self.name)
            shape = {} if "skillRef" in spec else {"image": IMAGE, "resources": {"memory": MEMORY}}
            kubectl.create({"apiVersion": "skillbox.dev/v1alpha1", "kind": "SandboxPool", "metadata": {"name": self.name},
                            "spec": {"replicas": replicas, **shape, **spec}})

        def get(self):
            return kubectl.get("sandboxpool", self.name)

        def pods(self):
            uid = self.get()["metadata"]["uid"]
            return [pod for pod in kubectl.items("pods", "-l", f"skillbox.dev/pool-uid={uid}")
                    if "deletionTimestamp" not in pod["metadata"]]

        def names(self):
            return {pod["metadata"]["name"] for pod in self.pods()}

        def status(self):
            return self.get().get("status", {})

        def wait_full(self, replicas, timeout=90):
            def full():
                status, pods = self.status(), self.pods()
                return (status.get("ready") == replicas and len(pods) == replicas
                        and condition_of(self.get(), "Ready").get("status") == "True" and status)

            return wait_for(full, f"{replicas} sandboxes of {self.name} wait", timeout)

        def patch(self, spec):
            kubectl.run("patch", "sandboxpool", self.name, "--type=merge", "-p", f'{{"spec":{spec}}}')

    yield Pool
    for name in names:
        kubectl.run("delete", "sandboxpool", name, "--ignore-not-found", "--wait=true")


def push_for_pool(push, script=WHO, memory=MEMORY, **keys):
    return push(script, lang="python", resources={"memory": memory}, **keys)


def test_a_waiting_sandbox_is_claimed_once_and_replaced(client, push, pool, execution_object):
    skill = push_for_pool(push)
    some = pool(2)
    status = some.wait_full(2)
    assert status["replicas"] == 2 and status["claimed"] == 0
    assert status["reserved"] == {"cpu": "20m", "memory": "186Mi"}
    first, used = some.names(), []
    for _ in range(4):
        some.wait_full(2)
        answer = client.run(skill)
        assert (answer["status"], answer["warm"], answer["output"]) == ("success", True, []), answer
        used.append(execution_object(answer["execution_id"])["status"]["podName"])
    assert len(set(used)) == 4, "a sandbox was used twice"
    assert set(used[:1]) <= first
    some.wait_full(2)
    assert not some.names() & set(used)


def test_nothing_of_another_size_or_image_is_run_in_it(client, push, pool):
    some = pool(1)
    some.wait_full(1)
    before = some.names()
    assert client.run(push_for_pool(push, memory="94Mi"))["warm"] is False
    assert client.run(push("true", lang="bash", resources={"memory": MEMORY}))["warm"] is False
    assert some.names() == before


def test_scaling(kubectl, pool):
    some = pool(1)
    some.wait_full(1)
    kubectl.run("scale", "sandboxpool", some.name, "--replicas=3")
    some.wait_full(3)
    three = some.names()
    kubectl.run("scale", "sandboxpool", some.name, "--replicas=1")
    some.wait_full(1)
    assert some.names() < three
    kubectl.run("scale", "sandboxpool", some.name, "--replicas=0")
    some.wait_full(0)


def test_another_template_drains_the_pool(pool):
    some = pool(2)
    some.wait_full(2)
    before = some.names()
    some.patch('{"resources":{"memory":"95Mi"}}')
    wait_for(lambda: not some.names() & before, "the sandboxes of the old template are gone", timeout=60)
    some.wait_full(2)
    for pod in some.pods():
        assert pod["spec"]["containers"][0]["resources"]["limits"]["memory"] == "95Mi"


def test_a_pod_killed_while_it_waits_is_replaced(kubectl, pool, client, push):
    some = pool(2)
    some.wait_full(2)
    before = some.names()
    victim = sorted(before)[0]
    kubectl.run("delete", "pod", victim, "--grace-period=0", "--force")
    wait_for(lambda: victim not in some.names(), "the Pod is gone")
    some.wait_full(2)
    assert len(some.names() & before) == 1
    assert client.run(push_for_pool(push))["warm"] is True


def test_a_runner_killed_while_it_waits_is_replaced(kubectl, node, pool, client, push):
    """As the kernel would under memory pressure."""
    some = pool(1)
    some.wait_full(1)
    (victim,) = some.pods()
    assert node.kill_processes(victim["metadata"]["uid"], "/skillbox/runner") > 0
    wait_for(lambda: victim["metadata"]["name"] not in some.names(), "the ended sandbox is gone")
    some.wait_full(1)
    assert client.run(push_for_pool(push))["warm"] is True


@pytest.mark.alone
def test_a_node_that_is_drained_is_told_and_the_pool_comes_back(kubectl, pool, client, push):
    """As under pressure: what waits is evicted, and no node takes another."""
    some = pool(2)
    some.wait_full(2)
    before = some.names()
    name = kubectl.items("nodes")[0]["metadata"]["name"]
    selector = f"skillbox.dev/pool-uid={some.get()['metadata']['uid']}"
    try:
        kubectl.run("drain", name, f"--pod-selector={selector}", "--force", "--delete-emptydir-data",
                    "--timeout=60s", timeout=90)
        condition = wait_for(lambda: (c := condition_of(some.get(), "Ready")).get("reason") == "Unschedulable" and c,
                             "the pool says that no node takes its sandboxes", timeout=60)
        assert condition["status"] == "False" and "no node takes a sandbox: 0/1 nodes" in condition["message"], condition
        assert not some.names() & before and len(some.names()) == 2, "one Pod waits for each place, and no more"
        assert some.status()["ready"] == 0
    finally:
        kubectl.run("uncordon", name)
    some.wait_full(2)
    assert client.run(push_for_pool(push))["warm"] is True


def test_a_stream_cut_while_parked_is_opened_again(node, pool, client, push):
    some = pool(1)
    some.wait_full(1)
    (pod,) = some.pods()
    assert node.kill_processes(pod["metadata"]["uid"], "/skillbox/runner relay") == 1
    skill = push_for_pool(push)

    def runs_warm():
        return client.run(skill)["warm"]

    assert wait_for(runs_warm, "an execution runs in a waiting sandbox", timeout=30)


def test_an_image_that_is_missing_is_told_and_not_tried_for_ever(kubectl, pool):
    some = pool(3, image=f"{IMAGE}@sha256:{'0' * 64}")
    condition = wait_for(lambda: (c := condition_of(some.get(), "Ready")).get("reason") in ("ImageUnavailable", "SandboxesFail") and c,
                         "the pool says that its image is missing", timeout=60)
    assert condition["status"] == "False"
    assert len(some.pods()) <= 3
    wait_for(lambda: condition_of(some.get(), "Ready").get("reason") == "SandboxesFail", "the sandboxes are given up", timeout=60)
    # Each is given up when its own time is over; those that were made together go within a moment.
    wait_for(lambda: len(some.pods()) <= 1, "one sandbox finds out whether the image is there again, and no more", timeout=20)


def test_an_image_that_is_not_allowed_makes_no_pod(kubectl, pool):
    some = pool(2, image="evil:1")
    condition = wait_for(lambda: (c := condition_of(some.get(), "Ready")).get("status") == "False" and c, "the pool says why")
    assert condition["reason"] == "Invalid" and "image 'evil:1' is not on the allowlist" in condition["message"]
    assert some.pods() == []


@pytest.mark.alone
def test_a_new_controller_takes_the_pool_over(kubectl, node, pool, client, push):
    some = pool(3)
    some.wait_full(3)
    before = some.names()
    kill_component(kubectl, node, "controller")()
    some.wait_full(3)
    assert some.names() == before, "the pool was built anew"
    assert client.run(push_for_pool(push))["warm"] is True


@pytest.mark.alone
def test_a_claimed_sandbox_is_found_by_the_next_controller(kubectl, node, pool, client, push, execution_object):
    skill = push_for_pool(push, """
import json, os, time, uuid
run = str(uuid.uuid4())
print(run, flush=True)
time.sleep(12)
json.dump(run, open(os.environ["SANDBOX_OUTPUT"], "w"))
""")
    some = pool(1)
    some.wait_full(1)
    (waiting,) = some.names()
    execution_id = client.start(skill)
    client.wait_until(execution_id, "running")
    assert execution_object(execution_id)["status"]["podName"] == waiting
    # With its successor the pool has one sandbox more than it is to have, until the next controller knows which one runs.
    wait_for(lambda: (status := some.status())["ready"] == status["claimed"] == 1, "the claimed sandbox is replaced", timeout=30)
    kill_component(kubectl, node, "controller")()
    record = client.wait_until_ended(execution_id)
    assert record["status"] == "success" and record["warm"] is True
    assert record["logs"].split() == [record["output"]], "it was run twice"
    assert execution_object(execution_id)["status"]["podName"] == waiting
    some.wait_full(1)
    assert waiting not in some.names()


def test_a_deleted_execution_takes_its_claimed_sandbox_along(kubectl, pool, client, push):
    some = pool(1)
    some.wait_full(1)
    (waiting,) = some.names()
    execution_id = client.start(push_for_pool(push, "import time; time.sleep(60)"))
    client.wait_until(execution_id, "running")
    kubectl.run("delete", "execution", execution_id)
    wait_for(lambda: kubectl.get("pod", waiting) is None, "its Pod is gone")
    some.wait_full(1)


def test_a_deleted_pool_takes_its_sandboxes_along(kubectl, pool):
    some = pool(2)
    some.wait_full(2)
    names = some.names()
    kubectl.run("delete", "sandboxpool", some.name)
    wait_for(lambda: not [n for n in names if kubectl.get("pod", n)], "its Pods are gone")


# ---- pools bound to a skill

# What is there of the skill, file by file, and what was there before it.
LOOK = """
import hashlib, json, os, lib.deep.inner
files, root = {}, "/sandbox/scripts"
for folder, _, names in os.walk(root):
    for name in names:
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        if "__pycache__" not in path:
            files[os.path.relpath(path, root)] = [digest, bool(os.stat(path).st_mode & 0o111), os.access(path, os.W_OK)]
left = [name for name in os.listdir("/tmp") if not name.startswith(".sandbox")]
json.dump({"files": files, "inner": lib.deep.inner.value, "left": left, "version": VERSION}, open(os.environ["SANDBOX_OUTPUT"], "w"))
"""


class BoundSkill:
    """A skill of several files, whose script is not main.py; pushed as often as a test likes."""

    def __init__(self, client):
        self.client, self.name = client, unique("bound")

    def push(self, version="1.0.0", **more):
        tool = zipfile.ZipInfo("bin/tool")
        tool.external_attr = 0o755 << 16
        files = {"SKILL.md": manifest(self.name, version=version, lang="python", resources={"memory": MEMORY}),
                 "run.py": f"VERSION = {version!r}\n{LOOK}", "lib/deep/inner.py": f"value = 'inner of {version}'\n",
                 "bin/tool": "#!/bin/sh\necho tool\n", "data/all.bin": bytes(range(256)) * 700, "data/empty": "", **more}
        self.digest = self.client.push(zip_of({tool if name == "bin/tool" else name: data for name, data in files.items()}))["digest"]
        contents = {name: data.encode() if isinstance(data, str) else data for name, data in files.items()}
        self.files = {name: [hashlib.sha256(data).hexdigest(), name == "bin/tool", False] for name, data in contents.items()}

    def check(self, answer, version="1.0.0", warm=True):
        assert (answer["status"], answer["warm"]) == ("success", warm), answer
        assert answer["output"] == {"files": self.files, "inner": f"inner of {version}", "left": [], "version": version}


@pytest.fixture
def bound_skill(client):
    skill = BoundSkill(client)
    yield skill
    for one in client.request("GET", "/v1/skills").json():
        if one["name"] == skill.name:
            client.request("DELETE", f"/v1/skills/{one['name']}/{one['version']}")


def test_a_bound_pool_has_its_skill_ready(client, pool, bound_skill, execution_object):
    bound_skill.push()
    some = pool(2, skillRef={"name": bound_skill.name})
    status = some.wait_full(2)
    assert (status["skillVersion"], status["skillDigest"]) == ("1.0.0", bound_skill.digest)
    for pod in some.pods():
        variables = {entry["name"]: entry["value"] for entry in pod["spec"]["containers"][0]["env"]}
        assert variables["SKILLBOX_PARK_SCRIPT"] == "run.py"
    used = []
    for _ in range(3):
        some.wait_full(2)
        before, answer = some.names(), client.run(bound_skill.name)
        bound_skill.check(answer)
        used.append(execution_object(answer["execution_id"])["status"]["podName"])
        assert used[-1] in before
    assert len(set(used)) == 3, "a sandbox was used twice"


def test_a_bound_pool_comes_first_and_serves_nobody_else(client, push, pool, bound_skill, execution_object):
    bound_skill.push()
    older, bound = pool(1), pool(1, skillRef={"name": bound_skill.name})
    older.wait_full(1)
    bound.wait_full(1)
    free, own = older.names(), bound.names()
    other = client.run(push_for_pool(push))
    assert other["warm"] is True and execution_object(other["execution_id"])["status"]["podName"] in free
    answer = client.run(bound_skill.name)
    bound_skill.check(answer)
    assert execution_object(answer["execution_id"])["status"]["podName"] in own


def test_a_new_upload_drains_a_bound_pool(client, pool, bound_skill):
    bound_skill.push()
    some = pool(2, skillRef={"name": bound_skill.name, "version": "latest"})
    some.wait_full(2)
    old, before = bound_skill.files, some.names()
    bound_skill.push("1.1.0", **{"data/more.txt": "more"})
    wait_for(lambda: some.status().get("skillVersion") == "1.1.0", "the pool has noticed")
    assert some.wait_full(2)["skillDigest"] == bound_skill.digest
    assert not some.names() & before
    bound_skill.check(client.run(bound_skill.name), "1.1.0")
    some.wait_full(2)
    waiting = some.names()
    new, bound_skill.files = bound_skill.files, old
    bound_skill.check(client.run(bound_skill.name, version="1.0.0"), warm=False)
    assert some.names() == waiting, "a run of an older version was given a sandbox with the new files"
    bound_skill.files = new
    bound_skill.push("1.1.0", **{"data/more.txt": "the same version, overwritten"})
    wait_for(lambda: some.status().get("skillDigest") == bound_skill.digest, "the pool has noticed")
    some.wait_full(2)
    bound_skill.check(client.run(bound_skill.name), "1.1.0")


def test_a_pool_whose_skill_is_missing_says_so_and_recovers(client, pool, bound_skill):
    some = pool(1, skillRef={"name": bound_skill.name, "version": "1.0.0"})
    condition = wait_for(lambda: (c := condition_of(some.get(), "Ready")).get("status") == "False" and c, "the pool says why")
    assert condition["reason"] == "SkillNotFound" and f"{bound_skill.name}@1.0.0" in condition["message"]
    assert some.pods() == []
    bound_skill.push()
    some.wait_full(1)
    bound_skill.check(client.run(bound_skill.name))
    client.request("DELETE", f"/v1/skills/{bound_skill.name}/1.0.0")
    wait_for(lambda: condition_of(some.get(), "Ready").get("reason") == "SkillNotFound", "the pool says why")
    wait_for(lambda: some.pods() == [], "its sandboxes are gone")


def test_files_are_sent_again_when_a_stream_is_cut(node, pool, client, bound_skill):
    bound_skill.push()
    some = pool(1, skillRef={"name": bound_skill.name})
    some.wait_full(1)
    (pod,) = some.pods()
    assert node.kill_processes(pod["metadata"]["uid"], "/skillbox/runner relay") == 1
    some.wait_full(1)
    bound_skill.check(client.run(bound_skill.name))


@pytest.mark.alone
def test_a_new_controller_takes_a_bound_pool_over(kubectl, node, pool, client, bound_skill, execution_object):
    bound_skill.push()
    some = pool(2, skillRef={"name": bound_skill.name})
    some.wait_full(2)
    before = some.names()
    kill_component(kubectl, node, "controller")()
    some.wait_full(2)
    assert some.names() == before, "the pool was built anew"
    answer = client.run(bound_skill.name)
    bound_skill.check(answer)
    assert execution_object(answer["execution_id"])["status"]["podName"] in before


def test_files_that_are_nowhere_are_told(kubectl, pool):
    """A Skill by kubectl, whose bundle nobody uploaded."""
    name = unique("nowhere")
    kubectl.create({"apiVersion": "skillbox.dev/v1alpha1", "kind": "Skill", "metadata": {"name": name}, "spec": {
        "name": name, "version": "1.0.0", "description": "made by an end-to-end test", "lang": "python", "resources": {"memory": MEMORY},
        "source": {"bundle": {"digest": f"sha256:{'0' * 64}", "size": 100}}}})
    some = pool(1, skillRef={"name": name})
    condition = wait_for(lambda: "could not be fetched" in (c := condition_of(some.get(), "Ready")).get("message", "") and c,
                         "the pool says why")
    assert condition["status"] == "False" and some.status()["ready"] == 0 and len(some.pods()) <= 1
    wait_for(lambda: condition_of(some.get(), "Ready").get("reason") == "SandboxesFail", "the sandbox is given up", timeout=60)
    kubectl.run("delete", "skill", name)
    wait_for(lambda: condition_of(some.get(), "Ready").get("reason") == "SkillNotFound", "the pool says why")


def test_files_that_find_no_room_are_told(client, kubectl, pool, bound_skill):
    """72 MiB where there are 69: an execution would fail, and so the pool never counts such a sandbox as ready. REST would not take
    such a skill; this one is made of an archive that is stored already."""
    block = random.Random(7).randbytes(4096)
    stored = unique("stored")
    files = {f"data/{n}.bin": block * 2304 for n in range(8)}
    digest = client.push(skill_zip(stored, "pass", files=files, resources={"memory": "256Mi"}))["digest"]
    size = client.request("GET", f"/v1/skills/{stored}/1.0.0").json()["size"]
    kubectl.create(skill_object(bound_skill.name, lang="python", resources={"memory": MEMORY},
                                source={"bundle": {"digest": digest, "size": size}}))
    some = pool(1, skillRef={"name": bound_skill.name})
    condition = wait_for(lambda: "no space left" in (c := condition_of(some.get(), "Ready")).get("message", "") and c, "the pool says why")
    assert condition["status"] == "False" and "ask for more resources.memory" in condition["message"]
    assert some.status()["ready"] == 0
    client.request("DELETE", f"/v1/skills/{stored}/1.0.0")


def writes_by_resource(kubectl):
    """Writes that kube-apiserver counted, to the group of the custom resources."""
    counts = {}
    for line in kubectl.text("get", "--raw", "/metrics").splitlines():
        if not line.startswith("apiserver_request_total{"):
            continue
        labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
        if labels["group"] in ("skillbox.dev", "events.k8s.io") and labels["verb"] in ("POST", "PUT", "PATCH", "DELETE"):
            key = (labels["resource"], labels.get("subresource", ""), labels["verb"])
            counts[key] = counts.get(key, 0) + float(line.rsplit(" ", 1)[1])
    return counts


def reconciles(kubectl):
    (pod,) = component_pods(kubectl, "controller")
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}:8081/proxy/metrics"
    text = kubectl.text("get", "--raw", path)
    (count,) = re.findall(r'^skillbox_reconciles_total\{[^}]*="executions"[^}]*\} (\S+)$', text, re.M)
    return float(count)


@pytest.mark.alone
def test_a_warm_execution_costs_two_writes(kubectl, pool, client, push):
    """Beside the Pod's own life: the Execution's creation and its last status. Nothing else is written for it."""
    skill = push_for_pool(push)
    some = pool(3)
    some.wait_full(3)
    client.run(skill)
    before, count = writes_by_resource(kubectl), 8
    for _ in range(count):
        some.wait_full(3)
        assert client.run(skill)["warm"] is True
    after = writes_by_resource(kubectl)
    spent = {key: (value - before.get(key, 0)) / count for key, value in after.items()
             if value != before.get(key, 0) and key[0] != "sandboxpools"}
    expected = {("executions", "", "POST"): 1, ("executions", "status", "PATCH"): 1}
    assert spent == expected


@pytest.mark.alone
def test_a_burst_costs_few_looks_an_execution(kubectl, pool, push):
    """40 at once, of which nearly all wait for a sandbox of the pool."""
    skill = push_for_pool(push)
    some = pool(6)
    some.wait_full(6)
    before, names = reconciles(kubectl), [unique("burst") for _ in range(40)]
    kubectl.create({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "skillbox.dev/v1alpha1", "kind": "Execution", "metadata": {"name": name, "labels": {"burst": skill}},
         "spec": {"skillRef": {"name": skill}}} for name in names]})

    # One watch after the other: polling them all would cost more than they do.
    kubectl.run("wait", *[f"execution/{name}" for name in names], "--for=condition=Succeeded", "--timeout=280s", timeout=300)
    spent = (reconciles(kubectl) - before) / len(names)
    statuses = [one["status"] for one in kubectl.items("executions") if one["metadata"]["name"] in names]
    assert len(statuses) == len(names) and all(status["warm"] for status in statuses)
    # Two; two more for those that wait for over two seconds, and two for runs that take over a second on a busy node, which is
    # told once and seen on the watch; one more for the first that find no sandbox, who can join nobody.
    assert spent <= 7, f"{spent} reconciles an execution"
    # One request: kubectl deletes what it selects one by one, at its own pace.
    namespace = some.get()["metadata"]["namespace"]
    kubectl.run("delete", f"--raw=/apis/skillbox.dev/v1alpha1/namespaces/{namespace}/executions?labelSelector=burst%3D{skill}")
