"""What a tenant of ill will does to the programs outside the sandbox, one function an attack, each again and again until it is
stopped. What comes back doesn't matter to the attacker: only that others suffer."""

import concurrent.futures
import contextlib
import json
import pathlib
import subprocess
import time

import requests

from connections import close_all, head, opened
from skillbox_client import manifest, skill_zip, zip_of
from waiting import unique

GROUP = "/apis/skillbox.dev/v1alpha1"
BIG = json.dumps({"text": "x" * (15 << 20)})
REFUSED = (OSError, requests.exceptions.RequestException)


class Target:
    """The API server's address and one tenant's key; the Kubernetes API with all rights in that tenant's namespace."""

    def __init__(self, client, kube_url):
        self.client, self.key, self.namespace, self.kube_url = client, client.api_key, client.tenant, kube_url
        self.kube = requests.Session()
        self.kube.trust_env = False

    def send(self, *parts):
        """A connection on which this was sent, and from which nothing was read."""
        [connection] = opened(self.client.base_url, 1)
        connection.settimeout(5)
        with contextlib.suppress(OSError):
            for part in parts:
                connection.sendall(part)
        return connection

    def create(self, resource, body, group=GROUP):
        return self.kube.post(f"{self.kube_url}{group}/namespaces/{self.namespace}/{resource}", json=body, timeout=30)

    def object(self, kind, **spec):
        return {"apiVersion": "skillbox.dev/v1alpha1", "kind": kind, "metadata": {"name": unique("bad")}, "spec": spec}

    def skill(self, script="true", **options):
        """A skill of this tenant; None if it may have no more."""
        name = unique("bad")
        return name if self.client.upload(skill_zip(name, script, "bash", **options)).status_code == 201 else None

    def start(self, skill, **fields):
        """The id of a run, None if it was refused."""
        answer = self.client.post_execution({"skill": skill, "async": True, **fields}, timeout=30)
        return answer.json()["execution_id"] if answer.status_code == 202 else None


def objects_nested_deep(target, stop):
    deep = '{"a":' * 200 + "1" + "}" * 200
    while not stop.wait(1):
        for body in (target.object("Execution", skillRef={"name": "x"}, input=json.loads(deep)),
                     target.object("Skill", name=unique("deep"), version="1.0.0", description="d", inputSchema=json.loads(deep),
                                   source={"files": {"main.sh": "true"}})):
            target.create(f"{body['kind'].lower()}s", body)


def many_skills(target, stop):
    """Small zips, large texts."""
    while not stop.wait(0.2):
        name = unique("many")
        target.client.upload(zip_of({"SKILL.md": manifest(name, lang="bash", instructions="many words " * 20000), "main.sh": "true"}))


def half_sent_bodies(target, stop):
    while not stop.is_set():
        half = BIG[: len(BIG) // 2].encode()
        connections = []
        for _ in range(40):
            connections.append(target.send(head(target, "POST", "/v1/executions", len(BIG)), half))
            if stop.is_set():
                break
        stop.wait(5)
        close_all(connections)


def unread_answers(target, stop):
    skill = target.skill()
    ids = [i for i in (target.start(skill, input=json.loads(BIG)) for _ in range(3)) if i]
    while ids and not stop.is_set():
        connections = [target.send(head(target, "GET", f"/v1/executions/{i}")) for i in ids * 10]
        stop.wait(5)
        close_all(connections)
    stop.wait()


def hung_up_callers(target, stop):
    """Each waits for one run that lasts, and hangs up."""
    skill = target.skill("sleep 60")
    body = json.dumps({"skill": skill, "input": {"text": "x" * (1 << 20)}}).encode()
    while not stop.is_set():
        key = unique("key")
        for _ in range(200):
            target.send(head(target, "POST", "/v1/executions", len(body), Idempotency_Key=key), body).close()
            if stop.wait(0.02):
                return


def hung_up_followers(target, stop):
    skill = target.skill("sleep 60")
    while not stop.is_set():
        run = target.start(skill)
        for _ in range(20):
            if run:
                target.send(head(target, "GET", f"/v1/executions/{run}/logs?follow=true")).close()
        stop.wait(5)


def slow_headers(target, stop):
    connections = []
    while not stop.is_set():
        with contextlib.suppress(OSError):
            while len(connections) < 1100 and not stop.is_set():
                connections.append(target.send(b"GET / HTTP/1.1\r\n"))
        alive = []
        for connection in connections:
            try:
                connection.settimeout(0.01)
                connection.sendall(b"X")
                alive.append(connection)
            except OSError:
                connection.close()
        connections = alive
        stop.wait(5)
    close_all(connections)


def wrong_keys(target, stop):
    session = requests.Session()
    while not stop.wait(0.01):
        session.get(target.client.base_url + "/v1/skills", headers={"Authorization": f"Bearer {unique('sk')}"}, timeout=10)


def quota_churn(target, stop):
    """A quota of the tenant's that changes under the creates."""
    core = f"{target.kube_url}/api/v1/namespaces/{target.namespace}/resourcequotas"
    while not stop.wait(0.5):
        target.create("resourcequotas", {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "churn"},
                                         "spec": {"hard": {"count/executions.skillbox.dev": "200", "pods": "60"}}}, "/api/v1")
        stop.wait(0.5)
        target.kube.delete(f"{core}/churn", timeout=30)


def foreign_pods(target, stop):
    """Pods with the names that the controller is going to use."""
    skill = target.skill()
    while not stop.wait(1):
        made = target.create("executions", target.object("Execution", skillRef={"name": skill}))
        if made.status_code != 201:
            continue
        target.create("pods", {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"skx-{made.json()['metadata']['uid']}-0"},
            "spec": {"automountServiceAccountToken": False, "containers": [{
                "name": "sandbox", "image": "bash:5", "command": ["/skillbox/runner"], "securityContext": {
                    "allowPrivilegeEscalation": False, "runAsNonRoot": True, "runAsUser": 65534,
                    "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}}]}}, "/api/v1")


def floods_of_output(target, stop):
    """A script that writes all it can, one whose child still writes behind its end, and one that fills its disk."""
    skills = [target.skill(text) for text in ("head -c 60000000 /dev/zero | tr '\\0' x",
                                              "exec > >(while read -r l; do sleep 0.1; echo $l; done); seq 100",
                                              "mkdir -p out; head -c 60000000 /dev/zero >out/file || true")]
    while not stop.wait(1):
        for skill in skills:
            target.start(skill)


def sandboxes_that_never_start(target, stop):
    """An image that is allowed, and that no registry gives."""
    skill = target.skill(image="node:22-slim", resources={"cpu": "4", "memory": "1Gi"})
    target.create("sandboxpools", target.object("SandboxPool", image="python:3.11-slim", replicas=8,
                                                resources={"cpu": "4", "memory": "1Gi"}))
    while not stop.wait(2):
        for _ in range(10):
            target.start(skill)


def bursts_of_runs(target, stop):
    skill = target.skill()
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        while not stop.wait(10):
            list(pool.map(lambda _: target.start(skill), range(400)))


def started_and_cancelled(target, stop):
    skill = target.skill("sleep 60")
    while not stop.wait(0.05):
        run = target.start(skill, input={"text": "x" * 200000})
        if run:
            target.client.request("POST", f"/v1/executions/{run}/cancel")


def filled_store(target, stop):
    while not stop.wait(1):
        target.client.upload(skill_zip(unique("fat"), "true", "bash", files={"data": pathlib.Path("/dev/urandom").open("rb").read(5 << 20)}))


def busy_validators(target, stop):
    archive = zip_of({"SKILL.md": manifest("busy", lang="bash"), "main.sh": "true", **{f"f{i}": "a" * 400000 for i in range(100)}})
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        while not stop.wait(0.2):
            list(pool.map(lambda _: target.client.upload(archive, path="/v1/skills/validate"), range(20)))


def links_without_a_key(target, stop):
    """HEAD of a large file, by its signed link."""
    skill = target.skill("mkdir -p out; head -c 150000000 /dev/zero >out/file", resources={"memory": "512Mi"})
    run = skill and target.start(skill)
    if run:
        with contextlib.suppress(AssertionError):
            target.client.wait_until_ended(run, timeout=120)
    link = run and target.client.record(run).get("files_url")
    if link:
        link = target.client.base_url + link[link.index("/", len("https://")):]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        while link and not stop.wait(0.2):
            list(pool.map(lambda _: requests.head(link, timeout=60), range(60)))
    stop.wait()


def long_lists(target, stop):
    session = requests.Session()
    while not stop.wait(0.02):
        session.get(target.client.base_url + "/v1/executions?limit=1",
                    headers={"Authorization": f"Bearer {target.client.api_key}"}, timeout=30)


ATTACKS = (objects_nested_deep, many_skills, half_sent_bodies, unread_answers, hung_up_callers, hung_up_followers, slow_headers,
           wrong_keys, quota_churn, foreign_pods, floods_of_output, sandboxes_that_never_start, bursts_of_runs,
           started_and_cancelled, filled_store, busy_validators, links_without_a_key, long_lists)


def attack_until(attack, target, stop):
    """Again after whatever went wrong for the attacker; how often it did."""
    losses = 0
    while not stop.is_set():
        try:
            attack(target, stop)
        except (*REFUSED, AssertionError, KeyError, ValueError, TypeError, subprocess.SubprocessError):
            losses += 1
            time.sleep(0.5)
    return losses
