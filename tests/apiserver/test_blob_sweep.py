"""Blobs that nothing refers to any more leave the embedded store; all others stay."""

import hashlib
import json
import os
import time

import pytest
import requests

from api_server import ApiServer, KEYS_NAMESPACE, Kube, skill_zip
from control_plane import running_plane
from metrics_text import read_metrics
from waiting import free_port, unique, wait_for

DAY = 24 * 3600


@pytest.fixture(scope="module")
def sweeper(plane, kube, tmp_path_factory):
    server = ApiServer(plane, tmp_path_factory.mktemp("sweeper"), SKILLBOX_BLOB_SWEEP_INTERVAL="200ms").start()
    yield server
    server.stop()


@pytest.fixture
def client(sweeper, make_client):
    return make_client(sweeper)


def path_of(client, bucket, digest):
    digest = digest.removeprefix("sha256:")
    return client.server.data / bucket / client.tenant / digest[:2] / digest[2:]


def age(path, seconds=DAY + 60):
    os.utime(path, (time.time() - seconds,) * 2)


def orphan(client, bucket="executions"):
    """A blob that no record refers to; its path."""
    return path_of(client, bucket, client.put_blob(bucket, unique("orphan").encode())["digest"])


def old_orphan(client, bucket="executions"):
    path = orphan(client, bucket)
    age(path)
    return path


def sweep_twice(client):
    """One that is over before this has begun doesn't count."""
    for _ in range(2):
        path = old_orphan(client)
        wait_for(lambda: not path.exists(), "an old orphan goes")


def bundle(client, skill):
    return path_of(client, "skills", client.get(f"/v1/skills/{skill}/latest").json()["digest"])


def test_an_orphan_goes_a_named_one_and_a_young_one_stay(client):
    named = {"bundle": bundle(client, client.push())}
    skill = client.push()
    with client.waiting({"skill": skill, "input": "x" * 300_000}) as (name, _):
        refs = {ref: client.put_blob("executions", unique(ref).encode()) for ref in ("outputRef", "logsRef", "filesRef")}
        client.kube.finish(client.namespace, name, files=["a"], **refs)
    record = client.kube.execution(client.namespace, name)
    named |= {ref: path_of(client, "executions", blob["digest"]) for ref, blob in refs.items()}
    named["inputRef"] = path_of(client, "executions", record["spec"]["inputRef"]["digest"])
    young = orphan(client)
    old = [old_orphan(client, "executions"), old_orphan(client, "skills")]
    half = client.server.data / "tmp" / "half-written"
    half.write_bytes(b"x")
    age(half, 3700)
    for path in named.values():
        age(path)
    wait_for(lambda: not any(path.exists() for path in [*old, half]), "orphans go")
    sweep_twice(client)
    assert young.exists()
    assert all(path.exists() for path in named.values()), {ref: path.exists() for ref, path in named.items()}
    metrics = read_metrics(client.server.health_url)
    assert metrics.value("skillbox_blob_sweeps_total", result="done") >= 2
    assert metrics.value("skillbox_blobs_removed_total") >= 4 and metrics.value("skillbox_blob_bytes_removed_total") > 0
    assert any(line["level"] == "info" and int(line["count"]) > 0 for line in client.server.logged("blobs removed that nothing referred to"))

    client.kube.call("DELETE", client.kube.path(client.namespace, "executions", name))
    kept = named.pop("bundle")
    wait_for(lambda: not any(path.exists() for path in named.values()), "what only the Execution referred to goes with it")
    assert kept.exists()


def test_a_bundle_goes_with_the_last_skill_that_has_it(client):
    skill = client.push()
    path = bundle(client, skill)
    age(path)
    sweep_twice(client)
    assert path.exists()
    assert client.request("DELETE", f"/v1/skills/{skill}/1.0.0").status_code == 204
    wait_for(lambda: not path.exists(), "the bundle goes")


def test_what_another_tenant_refers_to_stays(client, make_client):
    """By digest alone: cautious, where a namespace changes its tenant."""
    other, data = make_client(client.server), unique("same").encode()
    ref = client.put_blob("executions", data)
    with client.waiting({"skill": client.push()}) as (name, _):
        client.kube.finish(client.namespace, name, files=["a"], filesRef=ref)
    other.put_blob("executions", data)
    path = path_of(other, "executions", ref["digest"])
    age(path)
    sweep_twice(client)
    assert path.exists()


def test_a_skill_pushed_again_beside_the_sweeps(client):
    """Its bundle lies there, old and without a Skill; a sweep may be about to remove it."""
    name = unique("again")
    archive = skill_zip(name)
    path = path_of(client, "skills", "sha256:" + hashlib.sha256(archive).hexdigest())
    for _ in range(30):
        assert client.upload(archive).status_code == 201
        assert path.exists()
        age(path)
        assert client.request("DELETE", f"/v1/skills/{name}/1.0.0").status_code == 204
    assert client.upload(archive).status_code == 201
    assert time.time() - path.stat().st_mtime < 60
    sweep_twice(client)
    assert path.exists()


def waits(server, reason):
    """It has come by twice, and did nothing."""
    wait_for(lambda: len([line for line in server.logged("the sweep of blobs waits") if reason in line["reason"]]) >= 2,
             f"the sweep waits: {reason}")


def lonely_blob(server):
    digest = hashlib.sha256(b"lonely").hexdigest()
    path = server.data / "skills" / "tenant" / digest[:2] / digest[2:]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"lonely")
    age(path)
    return path


def test_nothing_goes_while_kubernetes_does_not_answer(plane, tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(plane.kubeconfig.read_text().replace(plane.url, f"https://127.0.0.1:{free_port()}"))
    server = ApiServer(plane, tmp_path, SKILLBOX_BLOB_SWEEP_INTERVAL="50ms", KUBECONFIG=str(kubeconfig))
    path = lonely_blob(server)
    server.start(ready=False)
    try:
        waits(server, "first list of executions is not complete")
        assert path.exists()
    finally:
        server.stop()


def test_nothing_goes_before_a_cluster_has_its_resources_back(tmp_path):
    """The volume was restored first: all of it looks like orphans."""
    (tmp_path / "plane").mkdir()
    with running_plane(tmp_path / "plane") as plane:
        kube = Kube(plane)
        kube.namespace(KEYS_NAMESPACE)
        kube.namespace("ns-tenant", "tenant")
        server = ApiServer(plane, tmp_path / "server", SKILLBOX_BLOB_SWEEP_INTERVAL="50ms")
        path = lonely_blob(server)
        server.start()
        try:
            waits(server, "there is no Skill and no Execution")
            assert path.exists()
            kube.apply_skill("ns-tenant", "back")
            wait_for(lambda: not path.exists(), "now it is known to be one")
        finally:
            server.stop()


def test_it_can_be_switched_off(plane, kube, tmp_path):
    server = ApiServer(plane, tmp_path, SKILLBOX_BLOB_SWEEP="false", SKILLBOX_BLOB_SWEEP_INTERVAL="1ms")
    path = lonely_blob(server)
    server.start()
    try:
        for _ in range(20):  # turns of the loop
            requests.get(server.url + "/health", timeout=5)
        assert path.exists()
    finally:
        server.stop()
    assert not [line for line in server.lines if "blobs" in json.loads(line)["msg"]]


def test_too_short_a_grace_time_is_refused(plane, tmp_path):
    server = ApiServer(plane, tmp_path, SKILLBOX_BLOB_GRACE="59m")
    with pytest.raises(AssertionError, match="SKILLBOX_BLOB_GRACE is shorter than 1h"):
        server.start()
