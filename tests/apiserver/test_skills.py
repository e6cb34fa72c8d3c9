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


def test_a_long_description_is_cut_in_lists(client):
    long = "é" * 1500
    name = client.push(description=long)
    short = client.push(description="e" * 2048)
    listed = {skill["name"]: skill["description"] for skill in client.get("/v1/skills").json()}
    assert listed == {name: "é" * 1024 + "…", short: "e" * 2048}
    assert client.get(f"/v1/skills/{name}/latest").json()["description"] == long


def test_schemas_are_compiled(client):
    name = unique("skill")
    bad = skill_zip(name, files={"references/input.schema.json": '{"items": {"minLength": -1}}', "references/output.schema.json": '{"$ref": "#/x"}'})
    answer = client.upload(bad)
    assert answer.status_code == 400 and answer.json()["error"] == "invalid_skill"
    assert answer.json()["message"] == (
        'invalid skill: input_schema "references/input.schema.json": at /items/minLength: must be a whole number, at least 0; '
        'output_schema "references/output.schema.json": at /$ref: "#/x" leads to nothing in this schema')
    assert client.get(f"/v1/skills/{name}/latest").status_code == 404


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
        answer = client.upload(data)
        assert answer.status_code == 201, answer.text
        assert client.get(f"/v1/skills/{name}/1.0.0").json()["digest"] == answer.json()["digest"]


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


# ---- a skill as it comes


def manifest(name, *lines, body="Read me."):
    return "\n".join(["---", f"name: {name}", "description: made by a test", *lines, "---", body])


def only_spec(client):
    (thing,) = client.kube.skills(client.namespace)
    return thing["spec"]


@pytest.mark.parametrize("lines", [["entrypoint: jobs/nightly.sh"], ["entrypoint: ./jobs/nightly.sh", "lang: bash"],
                                   ["metadata:", '  skillbox.entrypoint: "jobs/nightly.sh"']])
def test_an_entrypoint_by_name(client, lines):
    name = unique("skill")
    for files in ({"jobs/nightly.sh": "true"}, {"jobs/nightly.sh": "true", "main.py": "1"}):
        answer = client.upload(zip_of({"SKILL.md": manifest(name, *lines), **files}))
        assert (answer.status_code, answer.json()["lang"], answer.json()["mode"]) == (201, "bash", "executable"), answer.text
        newest = max(client.kube.skills(client.namespace), key=lambda s: s["metadata"]["annotations"]["skillbox.dev/uploaded-at"])
        assert (newest["spec"]["entrypoint"], newest["spec"]["lang"]) == ("jobs/nightly.sh", "bash")
    missing = zip_of({"SKILL.md": manifest(name, *lines), "main.sh": "true"})
    assert_error(client.upload(missing), 400, "invalid_skill", 'entrypoint "jobs/nightly.sh" is not among the files')


def test_instructions_without_a_script(client):
    name = unique("skill")
    answer = client.upload(zip_of({"SKILL.md": manifest(name, "image: evil/image:1", body="# Do\n\nit."), "helper.py": "1"}))
    assert answer.status_code == 201, answer.text
    assert (answer.json()["mode"], answer.json()["lang"], answer.json()["status"]) == ("instructions", "", "available")
    assert not {"lang", "entrypoint", "image"} & only_spec(client).keys()
    (listed,) = client.get("/v1/skills").json()
    assert (listed["name"], listed["lang"], listed["mode"]) == (name, "", "instructions")
    read = client.get(f"/v1/skills/{name}/latest").json()
    assert (read["instructions"], read["mode"], read["image"]) == ("# Do\n\nit.", "instructions", "")
    assert_error(client.post({"skill": name}), 400, "no_entrypoint", f"skill {name}@1.0.0", "no script to run")
    assert client.kube.executions(client.namespace) == []
    for line, words in (("lang: python", "no entrypoint for lang python"), ("entrypoint: a.sh", 'entrypoint "a.sh" is not among')):
        assert_error(client.upload(zip_of({"SKILL.md": manifest(name, line)})), 400, "invalid_skill", words)


def test_an_applied_skill_is_shown_as_it_would_run(client):
    name = unique("applied")
    client.kube.apply_skill(client.namespace, name, version="1.0")
    skill = wait_for(lambda: (r := client.get(f"/v1/skills/{name}/1.0.0")).status_code == 200 and r.json(), "the skill is known")
    assert (skill["lang"], skill["image"], skill["version"]) == ("bash", "bash:5", "1.0")
    assert [s["lang"] for s in client.get("/v1/skills").json()] == ["bash"]
    for spec, code, words in (({"entrypoint": "jobs/a.sh"}, "no_entrypoint", 'entrypoint "jobs/a.sh" is not among the files'),
                              ({"lang": "node"}, "no_entrypoint", "no entrypoint for lang node"),
                              ({"source": {"files": {"README.md": "x"}}}, "no_entrypoint", "no script to run"),
                              ({"resources": {"memory": "1Mi"}}, "invalid_skill", "too little"),
                              ({"image": "evil:1"}, "image_not_allowed", "evil:1")):
        name = unique("applied")
        client.kube.apply_skill(client.namespace, name, **spec)
        wait_for(lambda: client.get(f"/v1/skills/{name}/latest").status_code == 200, "the skill is known")
        assert_error(client.post({"skill": name}), 400, code, f"skill {name}@1.0.0", words)


def test_versions_as_written(client):
    name = unique("skill")
    for version in ("1.0", "v2", "1.2.3+build.7", "1.0-rc.1"):
        assert client.upload(skill_zip(name, version=version)).json()["version"] == version
    assert [s["version"] for s in client.get("/v1/skills").json()] == ["1.0-rc.1", "1.0", "1.2.3+build.7", "v2"]
    for asked, version in (("1.0.0", "1.0"), ("v1", "1.0"), ("2.0.0", "v2"), ("1.2.3+build.7", "1.2.3+build.7"),
                           ("1.2.3%2Bbuild.7", "1.2.3+build.7"), ("latest", "1.0-rc.1")):
        assert client.get(f"/v1/skills/{name}/{asked}").json()["version"] == version
    assert_error(client.get(f"/v1/skills/{name}/1.2.3"), 404, "not_found", f"{name}@1.2.3")
    execution = client.kube.execution(client.namespace, client.start(name, version="2.0"))
    assert execution["spec"]["skillRef"]["version"] == "v2"
    again = client.upload(skill_zip(name, version="1.0.0", script="echo other")).json()
    assert client.get(f"/v1/skills/{name}/1.0").json()["digest"] == again["digest"]
    assert [s["version"] for s in client.get("/v1/skills").json()] == ["1.0-rc.1", "1.0.0", "1.2.3+build.7", "v2"]
    wait_for(lambda: len(client.kube.skills(client.namespace)) == 4, "the overwritten one is deleted")
    assert client.request("DELETE", f"/v1/skills/{name}/v1").status_code == 204
    assert_error(client.get(f"/v1/skills/{name}/1.0.0"), 404, "not_found")


def test_what_is_tried_out(client):
    name = unique("skill")
    client.push(name)
    for _ in range(2):
        client.push(name, version="1.1.0-dev.3f2c1a")
    assert [s["version"] for s in client.get("/v1/skills").json()] == ["1.0.0"]
    assert client.get(f"/v1/skills/{name}/latest").json()["version"] == "1.0.0"
    assert client.get(f"/v1/skills/{name}/1.1-dev.3f2c1a").json()["version"] == "1.1.0-dev.3f2c1a"
    execution = client.kube.execution(client.namespace, client.start(name, version="1.1.0-dev.3f2c1a"))
    assert execution["spec"]["skillRef"]["version"] == "1.1.0-dev.3f2c1a"
    other = unique("skill")
    client.push(other, version="1-dev.a")
    assert_error(client.post({"skill": other}), 404, "not_found", f"{other}@latest")


def test_an_archive_of_a_mac(client):
    name = unique("skill")
    litter = b"\0\5\x16\7" + bytes(100)
    data = zip_of({"._my-skill": litter, "my-skill/SKILL.md": manifest(name), "my-skill/._SKILL.md": litter, "my-skill/main.sh": "true",
                   "my-skill/._main.sh": litter, "__MACOSX/my-skill/._main.sh": litter, ".DS_Store": litter, "README.md": "beside"})
    for content_type in ("application/x-zip-compressed", "application/zip"):
        answer = client.upload(data, content_type)
        assert answer.status_code == 201, answer.text
    assert client.upload(b"#!/bin/sh\nexec unzip $0\n" + data).status_code == 201, "a self-extracting one"


def test_each_problem_is_an_entry(client):
    data = zip_of({"SKILL.md": "\ufeff\n---\nname: 'a; b'\ndescription:\nlang: x; y\nentrypoint: ../z\n---\n"})
    problems = client.upload(data, path="/v1/skills/validate").json()["problems"]
    assert len(problems) == 4, problems
    for problem, words in zip(problems, ("line 4: description has no value", 'name "a; b"', 'lang "x; y"', 'entrypoint "../z"')):
        assert words in problem
    data = zip_of({"SKILL.md": manifest("x", "extra: Use when: asked"), "main.sh": "true"})
    (problem,) = client.upload(data, path="/v1/skills/validate").json()["problems"]
    assert problem.startswith("SKILL.md line 4, column 16: ") and 'quote the value of "extra"' in problem
    data = zip_of({"SKILL.md": manifest("x"), "main.sh": "echo\r\ntrue\r\n"})
    assert_error(client.upload(data), 400, "invalid_skill", "Windows line ends", "dos2unix main.sh", "sed -i 's/\\r$//' main.sh")


def test_keys_of_other_tools(client):
    name = unique("skill")
    data = zip_of({"SKILL.md": manifest(name, "metadata:", "  lang: en", "  timeout: 300", "  image: https://example.com/a.png",
                                        '  version: "1.0"', "  author: me"), "main.sh": "true"})
    verdict = client.upload(data, path="/v1/skills/validate").json()
    assert (verdict["valid"], verdict["version"], verdict["problems"]) == (True, "1.0", [])
    assert [w.rpartition(" ")[2] for w in verdict["warnings"]] == ['"metadata.lang"', '"metadata.timeout"', '"metadata.image"']
    assert client.upload(data).status_code == 201
    read = client.get(f"/v1/skills/{name}/latest").json()
    assert (read["lang"], read["timeout"], read["image"]) == ("bash", "2m", "bash:5")


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


@pytest.mark.parametrize("path", ["/v1/skills/x/1.0.0", "/v1/skills/x%2Fy/1.0.0", "/v1/skills/x/%01"])
def test_unknown_skills(client, path):
    assert_error(client.get(path), 404, "not_found", "skill not found: x")
