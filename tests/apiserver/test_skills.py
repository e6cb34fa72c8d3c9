"""Skills: pushing, validating, reading, deleting."""

import hashlib
import io
import re

import pytest
import requests

from api_server import ApiServer, skill_zip, zip_of
from contract_checks import assert_error
from waiting import unique, wait_for


def test_a_push_in_full(client):
    name = unique("skill")
    data = skill_zip(name, version="2.1.0", description="Says \u00e9.", timeout="1m30s", instructions="# Use\n\nRun it.",
                     files={"references/input.schema.json": '{"type": "object", "n": 1.0}'})
    answer = client.upload(data)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    assert answer.status_code == 201
    assert answer.text == (f'{{"name":"{name}","version":"2.1.0","description":"Says \u00e9.","lang":"bash","digest":"{digest}",'
                           '"mode":"executable","status":"available"}')
    objects = client.kube.skills(client.namespace)
    assert [o["spec"]["source"] for o in objects] == [{"bundle": {"digest": digest, "size": len(data)}}]
    assert client.get(client.blob_path("skills", digest[7:], "GET"), auth=False).content == data
    for version in ("2.1.0", "latest"):
        answer = client.get(f"/v1/skills/{name}/{version}")
        body = answer.json()
        uploaded = body["uploaded_at"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", uploaded)
        assert body == {"name": name, "version": "2.1.0", "description": "Says \u00e9.", "lang": "bash", "image": "bash:5",
                        "instructions": "# Use\n\nRun it.", "timeout": "1m30s", "resources": {"cpu": "500m", "memory": "256Mi"},
                        "input_schema": {"type": "object", "n": 1.0}, "digest": digest, "size": len(data), "uploaded_at": uploaded}
    assert client.get("/v1/skills").text == (
        f'[{{"name":"{name}","version":"2.1.0","description":"Says \u00e9.","lang":"bash","uploaded_at":"{uploaded}","digest":"{digest}"}}]')


def test_no_skills_are_an_empty_list(client):
    assert client.get("/v1/skills").text == "[]"


def test_a_multipart_push(client):
    name = unique("skill")
    data = skill_zip(name, files={"big.bin": bytes(range(256)) * 4000})
    answer = client.request("POST", "/v1/skills", files={"note": (None, "ignored"), "file": ("x.zip", data, "application/zip"),
                                                         "other": ("y", b"--" * 1000)})
    assert answer.status_code == 201, answer.text
    assert answer.json()["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()


def test_chunked_and_octet_stream_pushes(client):
    for content_type in ("application/octet-stream", "Application/ZIP; x=y"):
        data = skill_zip(unique("skill"))
        answer = client.upload((data[i:i + 7] for i in range(0, len(data), 7)), content_type)
        assert answer.status_code == 201, answer.text


def test_many_versions_and_latest(client):
    name = unique("skill")
    for version in ("1.10.0", "1.2.0", "1.2.0-rc.1", "0.9.0"):
        client.push(name, version=version)
        assert client.get(f"/v1/skills/{name}/latest").json()["version"] == version, "the newest upload is the latest"
    client.push("a" + name)
    listed = [(skill["name"], skill["version"]) for skill in client.get("/v1/skills").json()]
    assert listed == [("a" + name, "1.0.0"), *((name, v) for v in ("0.9.0", "1.2.0-rc.1", "1.2.0", "1.10.0"))]
    execution = client.kube.execution(client.namespace, client.start(name))
    assert execution["spec"]["skillRef"] == {"name": name, "version": "0.9.0"}


def test_the_same_version_again_overwrites_and_becomes_latest(client):
    name = unique("skill")
    first = client.upload(skill_zip(name, script="echo 1")).json()
    client.push(name, version="2.0.0")
    second = client.upload(skill_zip(name, script="echo 2")).json()
    assert first["digest"] != second["digest"]
    latest = client.get(f"/v1/skills/{name}/latest").json()
    assert (latest["version"], latest["digest"]) == ("1.0.0", second["digest"])
    listed = client.get("/v1/skills").json()
    assert [(skill["version"], skill["digest"]) for skill in listed if skill["version"] == "1.0.0"] == [("1.0.0", second["digest"])]
    wait_for(lambda: len(client.kube.skills(client.namespace)) == 2, "the overwritten object is deleted")


def test_the_same_bytes_again_become_latest(client):
    name = unique("skill")
    data = skill_zip(name)
    first = client.upload(data)
    client.push(name, version="2.0.0")
    again = client.upload(data)
    assert (again.status_code, again.text) == (201, first.text)
    assert client.get(f"/v1/skills/{name}/latest").json()["version"] == "1.0.0"
    assert len(client.kube.skills(client.namespace)) == 2


def test_back_to_older_bytes(client):
    name = unique("skill")
    one, two = skill_zip(name, script="echo 1"), skill_zip(name, script="echo 2")
    for data in (one, two, one, two, one):
        digest = client.upload(data).json()["digest"]
        assert client.get(f"/v1/skills/{name}/1.0.0").json()["digest"] == digest


def test_tenants_do_not_see_each_other(server, make_client, client):
    theirs = make_client(server)
    name = theirs.push()
    assert client.get("/v1/skills").json() == []
    assert_error(client.get(f"/v1/skills/{name}/1.0.0"), 404, "not_found")
    assert_error(client.request("DELETE", f"/v1/skills/{name}/1.0.0"), 404, "not_found")
    assert_error(client.post({"skill": name}), 404, "not_found")
    assert theirs.get(f"/v1/skills/{name}/1.0.0").status_code == 200


def test_delete(client):
    name = unique("skill")
    for version in ("1.0.0", "2.0.0"):
        client.push(name, version=version)
    assert_error(client.request("DELETE", f"/v1/skills/{name}/latest"), 404, "not_found", f"skill not found: {name}@latest")
    answer = client.request("DELETE", f"/v1/skills/{name}/2.0.0")
    assert (answer.status_code, answer.content) == (204, b"")
    assert assert_error(client.get(f"/v1/skills/{name}/2.0.0"), 404, "not_found") == f"skill not found: {name}@2.0.0"
    assert_error(client.request("DELETE", f"/v1/skills/{name}/2.0.0"), 404, "not_found", f"{name}@2.0.0")
    assert client.get(f"/v1/skills/{name}/latest").json()["version"] == "1.0.0"


def test_a_skill_applied_with_kubectl(client):
    name = unique("applied")
    client.kube.apply_skill(client.namespace, name, lang="bash", resources={"cpu": "8", "memory": "128Mi"}, timeoutSeconds=86400)
    skill = wait_for(lambda: (r := client.get(f"/v1/skills/{name}/latest")).status_code == 200 and r.json(), "the skill is known")
    assert skill["resources"] == {"cpu": "4", "memory": "128Mi"} and skill["timeout"] == "10m", "what a run would get"
    assert skill["size"] == len("true") and skill["image"] == "bash:5"


# ---- refusals


def test_what_is_not_a_zip_upload(client):
    assert assert_error(client.upload(b""), 400, "bad_request") == "empty zip data"
    assert_error(client.upload(b"x", "text/plain"), 415, "unsupported_media_type", "text/plain")
    answer = requests.post(client.server.url + "/v1/skills", data=b"x", headers={"Authorization": f"Bearer {client.key}"}, timeout=10)
    assert_error(answer, 415, "unsupported_media_type", "Content-Type is missing")
    message = assert_error(client.request("POST", "/v1/skills", files={"zip": b"x"}), 400, "bad_request")
    assert message == "missing 'file' field in multipart form"
    assert assert_error(client.request("POST", "/v1/skills", files={"file": b""}), 400, "bad_request") == "empty zip data"
    assert_error(client.upload(b"x", "multipart/form-data"), 400, "bad_request", "boundary")
    assert_error(client.upload(b"--b\r\nContent-Disposition: form-data; name=file\r\n\r\nPK", "multipart/form-data; boundary=b"),
                 400, "bad_request", "closing boundary")
    assert_error(client.upload(b"", "multipart/form-data; boundary=b"), 400, "bad_request", "missing 'file' field")


def test_bad_archives_and_manifests(client):
    assert_error(client.upload(b"no zip at all"), 400, "invalid_skill", "invalid skill: ")
    data = zip_of({"SKILL.md": "---\nname: a b\nversion: one\n---\n", "main.sh": "true"})
    message = assert_error(client.upload(data), 400, "invalid_skill", "invalid skill: ", "name", "version", "description")
    answer = client.upload(data, path="/v1/skills/validate")
    assert answer.status_code == 200
    verdict = answer.json()
    assert (verdict["valid"], verdict["name"], verdict["version"]) == (False, None, None)
    assert "invalid skill: " + "; ".join(verdict["problems"]) == message and len(verdict["problems"]) >= 3
    assert client.kube.skills(client.namespace) == []


def test_images_off_the_allowlist(client):
    data = skill_zip(unique("skill"), image="evil/image:1")
    assert_error(client.upload(data), 400, "image_not_allowed", "evil/image:1", "bash:5")
    verdict = client.upload(data, path="/v1/skills/validate").json()
    assert verdict["valid"] is False and len(verdict["problems"]) == 1 and "evil/image:1" in verdict["problems"][0]


def test_validate_stores_nothing(client):
    name = unique("skill")
    data = skill_zip(name, version="3.0.0")
    for answer in (client.upload(data, path="/v1/skills/validate"),
                   client.request("POST", "/v1/skills/validate", files={"file": data})):
        assert (answer.status_code, answer.text) == (200, f'{{"valid":true,"name":"{name}","version":"3.0.0","problems":[]}}')
    assert client.get("/v1/skills").json() == [] and client.kube.skills(client.namespace) == []


def test_the_size_limit(plane, make_client, tmp_path):
    server = ApiServer(plane, tmp_path, SKILLBOX_MAX_SKILL_SIZE="100Ki").start()
    client = make_client(server)
    name = unique("skill")
    fits = skill_zip(name)
    large = fits + bytes(102401 - len(fits))
    for path in ("/v1/skills", "/v1/skills/validate"):
        for data in (large, io.BytesIO(large), (large[i:i + 4096] for i in range(0, len(large), 4096))):
            assert_error(client.upload(data, path=path), 413, "too_large", "102400")
        answer = client.request("POST", path, files={"file": ("x.zip", large)})
        assert_error(answer, 413, "too_large", "102400")
        answer = client.request("POST", path, files={"file": ("x.zip", bytes(2 << 20))})
        assert_error(answer, 413, "too_large", "102400")
    assert client.upload(fits).status_code == 201
    server.stop()


@pytest.mark.parametrize("path", ["/v1/skills/x/1.0.0", "/v1/skills/x%2Fy/1.0.0", "/v1/skills/x/%00"])
def test_unknown_skills(client, path):
    assert_error(client.get(path), 404, "not_found", "skill not found: x")
