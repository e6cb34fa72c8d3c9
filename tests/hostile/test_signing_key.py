"""Somebody takes the key that signs links, or a deployment changes it by accident: `helm template` made another one each time, and
programs that had read the old one at their start went on with it, so that links were refused until somebody restarted both. A key
is made once, by the first API server, whoever else starts in that moment (tests/integration/test_chart.py: nothing that is rendered
has one); and a key that is
changed on purpose is in force a moment later, in both programs."""

import base64
import os
import time

import pytest

from api_server import ApiServer, KEYS_NAMESPACE
from controller import Controller
from waiting import unique, wait_for


def stored(kube, name):
    answer = kube.call("GET", f"/api/v1/namespaces/{KEYS_NAMESPACE}/secrets/{name}", ok=False)
    return base64.b64decode(answer.json()["data"]["key"]).decode() if answer.status_code == 200 else None


def test_a_key_is_made_once(plane, kube, make_client, tmp_path):
    name = unique("signing")
    servers = [ApiServer(plane, tmp_path / f"server-{i}", SKILLBOX_SIGNING_KEY_SECRET=name, SKILLBOX_DATA_DIR=str(tmp_path),
                         SKILLBOX_SIGNING_KEY_FILE=str(tmp_path / "not-mounted-yet")) for i in range(3)]
    for server in servers:
        server.spawn()
    for server in servers:
        server.wait_until_serving()
    key = stored(kube, name)
    assert len(key) == 64 and int(key, 16)
    assert sum(len(server.logged("a signing key was made")) for server in servers) == 1
    for server in servers:
        assert key not in "".join(server.lines)
        server.signing_key = tmp_path / "key"
    (tmp_path / "key").write_text(key)
    client = make_client(servers[0])
    reference = client.put_blob("skills", b"signed by one")
    path = client.blob_path("skills", reference["digest"].removeprefix("sha256:"), "GET")
    for server in servers:
        client.server = server
        assert client.get(path, auth=False).content == b"signed by one", "the link is good at the others, too"
        server.stop()
    client.server = servers[0].start()
    assert stored(kube, name) == key and client.get(path, auth=False).status_code == 200
    servers[0].stop()


@pytest.mark.parametrize("key,words", [("short", "has 5 bytes"), (None, "key")])
def test_a_secret_without_a_key_is_told(plane, kube, tmp_path, key, words):
    name = unique("signing")
    kube.call("POST", f"/api/v1/namespaces/{KEYS_NAMESPACE}/secrets", {"metadata": {"name": name}, "stringData": {"key": key} if key else {}})
    server = ApiServer(plane, tmp_path, SKILLBOX_SIGNING_KEY_SECRET=name, SKILLBOX_SIGNING_KEY_FILE="")
    server.spawn()
    assert server.process.wait(20) == 1
    server.reader.join(10)
    (end,) = server.logged("skillbox-apiserver ends")
    assert name in end["reason"] and words in end["reason"]
    assert stored(kube, name) == key if key else True, "what is there is nobody's to replace"


def replace(path, text):
    fresh = path.with_suffix(".fresh")
    fresh.write_text(text)
    os.rename(fresh, path)


def test_a_changed_key_is_in_force_a_moment_later(plane, kube, tmp_path):
    server = ApiServer(plane, tmp_path / "apiserver").start()
    controller = Controller(plane, KEYS_NAMESPACE, server.signing_key, server.url).start()
    replace(server.signing_key, "too short to be one")
    for program in (server, controller):
        wait_for(lambda: program.logged("the new signing key can't be used: the one from before stays"), "the bad key is told of")
        assert program.process.poll() is None, "it goes on with the one from before"
    since = time.monotonic()
    replace(server.signing_key, "0123456789abcdef" * 4)
    for program in (server, controller):
        wait_for(lambda: program.process.poll() is not None, "it ends, to be started again by the kubelet")
        assert program.process.returncode == 0
        program.reader.join(10)
        assert program.logged("stopping")[0]["signal"] in ("the signing key has changed", "the signing key or the API server's CA has changed")
    assert time.monotonic() - since < 10
