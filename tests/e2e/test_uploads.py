"""Skills by REST: what is taken, what is refused and why; nothing refused is stored."""

import io
import os
import stat
import struct
import warnings
import zipfile

import pytest

from contract_checks import assert_error
from skillbox_client import manifest, skill_zip, zip_of
from waiting import unique

MIB = 1 << 20
SCRIPT = "echo 1 >$SANDBOX_OUTPUT"


@pytest.fixture
def name():
    return unique("upload")


@pytest.fixture
def refused(client):
    """refused(data, word…): upload and validate both refuse it in the same words, and nothing is stored."""

    def check(data, *words, name=None):
        before = client.skill_names()
        message = assert_error(client.upload(data), 400, "invalid_skill", *words)
        assert message.startswith("invalid skill: ")
        answer = client.upload(data, path="/v1/skills/validate")
        assert answer.status_code == 200, answer.text
        verdict = answer.json()
        assert verdict["valid"] is False
        assert all(any(word in problem for problem in verdict["problems"]) for word in words), verdict
        after = client.skill_names()
        assert after == before and name not in after
        return message

    return check


# ---- what is taken


def test_a_pushed_skill_is_described_in_full(client, name):
    schema = '{"type": "object"}'
    data = skill_zip(name, "print(1)", version="2.1.0", description="Prints one.", timeout="1m30s",
                     resources={"cpu": "250m", "memory": "128Mi"}, instructions="# Use\n\nJust run it.",
                     files={"references/input.schema.json": schema})
    pushed = client.push(data)
    assert pushed.pop("digest").startswith("sha256:")
    assert pushed == {"name": name, "version": "2.1.0", "description": "Prints one.", "lang": "python", "mode": "executable",
                      "status": "available"}
    for version in ("2.1.0", "latest"):
        skill = client.request("GET", f"/v1/skills/{name}/{version}").json()
        assert (skill["name"], skill["version"], skill["description"]) == (name, "2.1.0", "Prints one.")
        assert skill["instructions"] == "# Use\n\nJust run it."
        assert (skill["lang"], skill["image"], skill["timeout"]) == ("python", "python:3.12-slim", "1m30s")
        assert skill["resources"] == {"cpu": "250m", "memory": "128Mi"}
        assert skill["input_schema"] == {"type": "object"} and "output_schema" not in skill
        assert skill["size"] == len(data)
        assert skill["uploaded_at"].endswith("Z")
    assert client.request("DELETE", f"/v1/skills/{name}/2.1.0").status_code == 204
    assert_error(client.request("GET", f"/v1/skills/{name}/2.1.0"), 404, "not_found", f"skill not found: {name}@2.1.0")
    assert_error(client.request("DELETE", f"/v1/skills/{name}/2.1.0"), 404, "not_found")


def test_every_version_is_listed_by_name_then_version(client, name):
    for version in ("1.10.0", "1.2.0", "0.9.0-rc.1"):
        client.push(skill_zip(name, SCRIPT, lang="bash", version=version))
    answer = client.request("GET", "/v1/skills")
    listed = answer.json()
    names = [skill["name"] for skill in listed]
    assert names == sorted(names)
    mine = [skill for skill in listed if skill["name"] == name]
    assert {skill["version"] for skill in mine} == {"1.10.0", "1.2.0", "0.9.0-rc.1"}
    for skill in mine:
        assert set(skill) == {"name", "version", "description", "lang", "uploaded_at", "digest"}
        assert client.request("DELETE", f"/v1/skills/{name}/{skill['version']}").status_code == 204
    assert name not in client.skill_names()


def test_forms_of_upload(client, name):
    data = skill_zip(name, SCRIPT, lang="bash")
    assert client.upload(data, "application/octet-stream").status_code == 201
    assert client.upload(iter([data[:100], data[100:]]), "application/zip").status_code == 201  # chunked
    multipart = {"note": (None, "ignored"), "file": ("skill.zip", data, "application/zip")}
    assert client.request("POST", "/v1/skills", files=multipart).status_code == 201
    assert client.run(name)["output"] == 1
    assert client.request("DELETE", f"/v1/skills/{name}/1.0.0").status_code == 204


def test_validate_stores_nothing(client, name):
    answer = client.upload(skill_zip(name, SCRIPT, lang="bash"), path="/v1/skills/validate")
    assert answer.status_code == 200
    assert answer.json() == {"valid": True, "name": name, "version": "1.0.0", "problems": []}
    assert name not in client.skill_names()


def test_a_zip_written_as_a_stream_is_taken(client, name):
    """Sizes are zero in the local headers: the central directory counts."""

    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = bytearray()

        def writable(self):
            return True

        def write(self, piece):
            self.data += piece
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("SKILL.md", manifest(name, lang="bash"))
        archive.writestr("main.sh", SCRIPT)
    assert struct.unpack_from("<H", pipe.data, 6)[0] & 8, "this archive has no data descriptors"
    client.push(bytes(pipe.data))
    assert client.run(name)["output"] == 1
    client.request("DELETE", f"/v1/skills/{name}/1.0.0")


# ---- what is no skill at all


def test_bodies_that_are_no_upload(client, name):
    assert assert_error(client.upload(b""), 400, "bad_request", "empty zip data")
    multipart = {"other": ("skill.zip", skill_zip(name, SCRIPT), "application/zip")}
    answer = client.request("POST", "/v1/skills", files=multipart)
    assert_error(answer, 400, "bad_request", "missing 'file' field in multipart form")
    for content_type in ("text/plain", "application/json", ""):
        assert_error(client.upload(skill_zip(name, SCRIPT), content_type), 415, "unsupported_media_type")
    assert name not in client.skill_names()


def test_too_large_is_413(client):
    data = os.urandom(51 * MIB)
    assert_error(client.upload(data), 413, "too_large")
    assert_error(client.upload(data[i:i + MIB] for i in range(0, len(data), MIB)), 413, "too_large")


def test_broken_archives(refused, name):
    good = skill_zip(name, SCRIPT, lang="bash")
    refused(b"this is no zip", name=name)
    refused(b"PK\x03\x04" + b"\0" * 100, name=name)
    refused(good[:len(good) // 2], name=name)
    middle = good.index(b"main.sh") + 10
    refused(good[:middle] + b"\xff" * 8 + good[middle + 8:], name=name)


# ---- manifests


@pytest.mark.parametrize("keys, words", [
    ({"lang": "cobol"}, ["cobol"]),
    ({"version": "one"}, ["version", "one"]),
    ({"description": None}, ["description"]),
    ({"timeout": "soon"}, ["timeout", "soon"]),
    ({"resources": {"memory": "much"}}, ["memory", "much"]),
    ({"resources": {"cpu": "fast"}}, ["cpu", "fast"]),
    ({"input_schema": "nowhere.json"}, ["nowhere.json"]),
    ({"description": "&anchor text"}, ["anchor"]),
    ({"instructions": " ".join(f"{i:06d}" for i in range(45000))}, ["262144"]),
    ({"version": "one", "timeout": "soon", "description": None}, ["one", "soon", "description", "; "]),
])
def test_bad_manifests_name_every_problem(client, refused, name, keys, words):
    data = zip_of({"SKILL.md": manifest(name, **{"lang": "bash", **keys}), "main.sh": SCRIPT})
    separator = "; " in words
    message = refused(data, *[word for word in words if word != "; "], name=name)
    assert not separator or message.count("; ") >= 2, message


@pytest.mark.parametrize("text, word", [
    ("no front matter at all", "---"),
    ("---\nname: [unclosed\n---\n", "SKILL.md"),
    ("---\nname: NAME\nname: NAME\ndescription: d\n---\n", "name"),
    ("---\nname: NAME\ndescription: Use when: asked\n---\n", 'line 3, column 22'),
    ("---\nname: '../evil'\ndescription: d\n---\n", "../evil"),
    ("---\ndescription: d\n---\n", "name"),
    ("---\nname: NAME\ndescription: d\nx: " + "[" * 5000 + "\n---\n", ""),
])
def test_bad_front_matter(refused, name, text, word):
    refused(zip_of({"SKILL.md": text.replace("NAME", name), "main.sh": SCRIPT}), word, name=name)


def test_missing_parts(refused, name):
    refused(zip_of({"main.sh": SCRIPT}), "SKILL.md", name=name)
    refused(zip_of({"a/SKILL.md": manifest(name), "b/main.sh": SCRIPT}), "SKILL.md", name=name)
    refused(zip_of({"SKILL.md": manifest(name, lang="bash"), "readme.txt": ""}), "entrypoint", name=name)
    refused(zip_of({"SKILL.md": manifest(name, lang="python"), "main.sh": SCRIPT}), "python", name=name)


def test_an_image_off_the_allowlist_is_refused(client, name):
    answer = client.upload(skill_zip(name, SCRIPT, lang="bash", image="evil.example/x:1"))
    assert_error(answer, 400, "image_not_allowed", "evil.example/x:1")
    assert name not in client.skill_names()


# ---- hostile archives


def entry(name, mode=stat.S_IFREG | 0o644):
    info = zipfile.ZipInfo(name)
    info.create_system = 3  # Unix: the mode counts
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


HOSTILE = {
    "parent folder": (lambda: {entry("../outside.txt"): "x"}, ["../outside.txt"]),
    "parent folder inside": (lambda: {entry("a/../../outside.txt"): "x"}, ["a/../../outside.txt"]),
    "absolute": (lambda: {entry("/etc/cron.d/x"): "x"}, ["/etc/cron.d/x"]),
    "backslash": (lambda: {entry("a\\..\\b.txt"): "x"}, ["a\\..\\b.txt"]),
    "symlink": (lambda: {entry("link", stat.S_IFLNK | 0o777): "/etc/passwd"}, ["link"]),
    "fifo": (lambda: {entry("pipe", stat.S_IFIFO | 0o644): ""}, ["pipe"]),
    "device": (lambda: {entry("null", stat.S_IFCHR | 0o666): ""}, ["null"]),
    "duplicate": (lambda: {entry("twice.txt"): "a", entry("twice.txt"): "b"}, ["twice.txt"]),
    "bomb": (lambda: {entry("zeros.bin"): bytes(60 * MIB)}, ["200"]),
    "too many entries": (lambda: {entry(f"f{i}"): "" for i in range(2001)}, ["2000"]),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_are_refused_by_name(refused, name, case):
    make, words = HOSTILE[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's zipfile warns of the duplicate
        data = zip_of({"SKILL.md": manifest(name, lang="bash"), "main.sh": SCRIPT, **make()})
    message = refused(data, *([] if case == "too many entries" else words), name=name)
    assert case != "too many entries" or "2000" in message.replace(",", ""), message


def test_an_encrypted_entry_is_refused(refused, name):
    data = bytearray(zip_of({"SKILL.md": manifest(name, lang="bash"), "main.sh": SCRIPT, "secret.txt": "x"}))
    local, central = data.index(b"secret.txt") - 30, data.rindex(b"secret.txt") - 46
    assert data[local:local + 4] == b"PK\x03\x04" and data[central:central + 4] == b"PK\x01\x02"
    data[local + 6] |= 1
    data[central + 8] |= 1
    refused(bytes(data), "secret.txt", name=name)


def test_names_that_differ_between_local_and_central_header_do_no_harm(client, refused, name):
    data = bytearray(zip_of({"SKILL.md": manifest(name, lang="bash"), "main.sh": SCRIPT, "aa/outside": "x"}))
    central = data.rindex(b"aa/outside")
    data[central:central + 10] = b"../outside"
    refused(bytes(data), "../outside", name=name)
