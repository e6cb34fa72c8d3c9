"""Skills that bring wheels: what is stored, what is shared, and what is refused with which words."""

import hashlib
import io
import random
import struct
import zipfile

import pytest

from api_server import ApiServer, zip_of
from contract_checks import assert_error
from waiting import unique, wait_for
from wheel_maker import sums, wheel

FITS = "cp312-cp312-manylinux_2_28_x86_64"


def skill(*wheels, name=None, version="1.0.0", files=None, **keys):
    front = {"name": name or unique("skill"), "version": version, "lang": "python", "description": "made by a test", **keys}
    text = "---\n" + "".join(f"{key}: {value}\n" for key, value in front.items()) + "---\nUse it.\n"
    return zip_of({"SKILL.md": text, "main.py": "import one\n", **{f"wheels/{name}": data for name, data in wheels}, **(files or {})})


def source_of(client, digest):
    (found,) = [o["spec"]["source"] for o in client.kube.skills(client.namespace) if o["spec"]["source"]["bundle"]["digest"] == digest]
    return found


def blob(client, digest):
    answer = client.get(client.blob_path("skills", digest[7:], "GET"), auth=False)
    assert answer.status_code == 200
    return answer.content


def test_wheels_become_a_blob_that_versions_share(client):
    wheels = [wheel("one", tag=FITS, files={"one/__init__.py": b"x = 1\n", "one/core.so": bytes(range(256)) * 400}), wheel("two")]
    name = unique("skill")
    first = client.upload(skill(*wheels, name=name))
    assert first.status_code == 201, first.text
    source = source_of(client, first.json()["digest"])
    lock = "sha256:" + hashlib.sha256(sums(*wheels)).hexdigest()
    packages = source["packages"]
    assert (packages["lock"], packages["files"]) == (lock, 2 + 3 + 1 + 3)
    assert packages["bytes"] > 256 * 400
    # What it unpacks to: a header, and the frames that a sandbox takes.
    content = blob(client, packages["digest"])
    assert content[:20] == b"SKILLBOX PACKAGES 1\n" and len(content) == packages["size"] < packages["bytes"]
    assert struct.unpack(">IQ", content[20:32]) == (packages["files"], packages["bytes"])
    # The archive is stored with the list in place of the wheels.
    stored = blob(client, source["bundle"]["digest"])
    assert "sha256:" + hashlib.sha256(stored).hexdigest() == first.json()["digest"]
    with zipfile.ZipFile(io.BytesIO(stored)) as archive:
        assert sorted(archive.namelist()) == ["SKILL.md", "main.py", "wheels/sha256sums"]
        assert archive.read("wheels/sha256sums") == sums(*wheels)
    # The next version brings the list alone.
    listed = skill(name=name, version="2.0.0", files={"wheels/sha256sums": sums(*wheels)})
    second = client.upload(listed)
    assert second.status_code == 201, second.text
    assert source_of(client, second.json()["digest"])["packages"] == packages
    # And whether they come along or not, it is the same skill.
    again = client.upload(skill(*wheels, name=name))
    assert again.json()["digest"] == first.json()["digest"]


def test_a_list_of_what_nobody_pushed(client):
    answer = client.upload(skill(files={"wheels/sha256sums": sums(wheel("absent"))}))
    assert_error(answer, 409, "packages_missing", "push the archive with the wheels themselves")
    assert client.kube.skills(client.namespace) == []


def test_another_tenants_are_not_ours(server, client, make_client):
    other = make_client(server)
    wheels = [wheel(unique("own").replace("-", "_"))]
    assert client.upload(skill(*wheels)).status_code == 201
    assert_error(other.upload(skill(files={"wheels/sha256sums": sums(*wheels)})), 409, "packages_missing")


def cut(content):
    del content[next(path for path in content if path.endswith(".py"))]


def change(content):
    content["one.py"] = b"other bytes\n"


BAD = {
    "another platform": ([wheel("one", tag="cp312-cp312-win_amd64")], {}, "wheels/one-1.0-cp312-cp312-win_amd64.whl is for CPython 3.12 on win_amd64"),
    "another Python": ([wheel("one", tag="cp311-cp311-manylinux_2_28_x86_64")], {}, "CPython 3.12"),
    "a newer libc": ([wheel("one", tag="cp312-cp312-manylinux_2_99_x86_64")], {}, "manylinux_2_36_x86_64"),
    "a hash that differs": ([wheel("one", change=change)], {}, "one.py"),
    "a file that is missing": ([wheel("one", change=cut)], {}, "one.py"),
    "a lock that says another": ([wheel("one")], {"requirements.lock": "one==1.0 --hash=sha256:" + "0" * 64 + "\n"}, "requirements.lock"),
    "a name that isn't there": ([wheel("one")], {"requirements.txt": "one\npandas>=2\n"}, "'pandas'"),
    "a source distribution": ([("one-1.0.tar.gz", b"x")], {}, "is a source distribution"),
    "no wheel": ([("one.whl", b"x")], {}, "wheels/one.whl"),
    "a .pth file": ([wheel("one", files={"one.py": b"", "evil.pth": b"import os\n"})], {}, "evil.pth"),
    "a scheme of another": ([wheel("one", files={"one.py": b"", "two-1.0.data/purelib/x.py": b""})], {}, "two-1.0.data"),
    "an unknown scheme": ([wheel("one", files={"one.py": b"", "one-1.0.data/boot/x": b""})], {}, "one-1.0.data/boot"),
    "two of one name": ([wheel("one"), wheel("one", version="2.0")], {}, "are of one package"),
    "a zip bomb": ([wheel("one", files={"one.py": bytes(60 << 20)})], {}, "one-1.0-py3-none-any.whl"),
    "a way out": ([wheel("one", files={"one.py": b"", "../../main.py": b""})], {}, "../../main.py"),
    "no wheels for requirements": ([], {"requirements.txt": "# these\nnumpy\n"}, "build.enabled of the chart"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_refused(client, what):
    wheels, files, words = BAD[what]
    data = skill(*wheels, files=files)
    answer = client.upload(data)
    assert_error(answer, 400, "invalid_skill")
    assert words in answer.json()["message"], answer.text
    assert client.kube.skills(client.namespace) == []
    checked = client.request("POST", "/v1/skills/validate", data=data, headers={"Content-Type": "application/zip"}).json()
    assert checked["valid"] is False and any(words in problem for problem in checked["problems"]), checked


def test_an_image_whose_python_is_not_known(client):
    """What runs anywhere is taken."""
    answer = client.upload(skill(wheel("one", tag=FITS), image="bash:5"))
    assert_error(answer, 400, "invalid_skill")
    assert "SKILLBOX_PYTHON_IMAGES" in answer.json()["message"]
    assert client.upload(skill(wheel("one"), image="bash:5")).status_code == 201


def test_only_comments_ask_for_nothing(client):
    assert client.upload(skill(files={"requirements.txt": "# nothing yet\n\n"})).status_code == 201


def test_more_than_there_is_memory_for(client):
    noise = random.Random(1).randbytes(1 << 20)
    data = {f"one/{n}.bin": noise for n in range(20)}
    large = wheel("one", files=data)
    answer = client.upload(skill(large, resources="\n  memory: 24Mi"))
    assert_error(answer, 400, "invalid_skill")
    assert "has room for 18 MiB, three quarters: ask for resources.memory: 27Mi" in answer.json()["message"], answer.text
    assert client.upload(skill(large, resources="\n  memory: 27Mi")).status_code == 201


def test_the_images_that_there_are(client):
    images = {image["image"]: image for image in client.get("/v1/images").json()["images"]}
    python = images["python:3.12-slim"]
    assert python["lang"] == "python"
    platforms = python["python"].pop("platforms")
    assert python["python"] == {"target": "cp312-manylinux_2_36_x86_64", "version": "3.12", "abi": "cp312"}
    assert platforms[0] == "manylinux_2_36_x86_64" and "manylinux2014_x86_64" in platforms and "manylinux_2_37_x86_64" not in platforms
    assert images["bash:5"] == {"image": "bash:5", "lang": "bash"}
    assert images["python:3.11-slim"]["python"]["abi"] == "cp311" and "lang" not in images["python:3.11-slim"]


# ---- packages that the server fetches


@pytest.fixture(scope="module")
def builder(plane, kube, make_client, tmp_path_factory):
    """A client of a server that takes requirements without wheels."""
    server = ApiServer(plane, tmp_path_factory.mktemp("builder"), SKILLBOX_BUILD_ENABLED="true").start()
    yield make_client(server)
    server.stop()


def told(builder, name, **status):
    """What REST says of the skill after the controller wrote this."""
    (stored,) = [o for o in builder.kube.skills(builder.namespace) if o["spec"]["name"] == name]
    path = builder.kube.path(builder.namespace, "skills", stored["metadata"]["name"]) + "/status"
    build = {"attempt": 1, "tries": 1, "log": "one==1.0\n", "uploadTime": stored["metadata"]["annotations"]["skillbox.dev/uploaded-at"],
             "startTime": "2026-01-01T00:00:00Z", **status.pop("build", {})}
    builder.kube.call("PATCH", path, {"status": {"build": build, **status}}, "application/merge-patch+json")
    return builder.get(f"/v1/skills/{name}/latest").json()


def ready(reason, message):
    return [{"type": "Ready", "status": "False", "reason": reason, "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"}]


def test_requirements_are_taken_where_packages_are_fetched(builder):
    name = unique("skill")
    data = skill(name=name, files={"requirements.txt": "one\n"})
    pushed = builder.upload(data)
    assert (pushed.status_code, pushed.json()["status"]) == (201, "building"), pushed.text
    (stored,) = [o["spec"]["source"] for o in builder.kube.skills(builder.namespace) if o["spec"]["name"] == name]
    assert stored["build"] is True and "packages" not in stored
    assert builder.get(f"/v1/skills/{name}/latest").json()["status"] == "building"

    failed = told(builder, name, conditions=ready("BuildFailed", "no such package"), build={"completionTime": "2026-01-01T00:00:01Z"})
    assert failed["status"] == "build_failed" and failed["build"]["message"] == "no such package"
    assert failed["build"]["log"] == "one==1.0\n" and failed["build"]["completed_at"] == "2026-01-01T00:00:01.000Z"
    assert builder.upload(data).json()["status"] == "building"  # another upload is tried anew
    assert builder.get(f"/v1/skills/{name}/latest").json()["status"] == "building"

    digest = "sha256:" + "a" * 64
    packages = {"digest": digest, "size": 100, "lock": digest, "files": 1, "bytes": 1}
    assert told(builder, name, packages=packages)["status"] == "available"
    wait_for(lambda: builder.upload(data).json()["status"] == "available", "the server knows that it is built")


def test_wheels_are_still_the_users_choice(builder):
    pushed = builder.upload(skill(wheel("one"), files={"requirements.txt": "one\n"}))
    assert pushed.json()["status"] == "available"


def test_no_packages_for_a_python_that_nobody_knows(builder):
    answer = builder.upload(skill(image="bash:5", files={"requirements.txt": "one\n"}))
    assert_error(answer, 400, "invalid_skill")
    assert "SKILLBOX_PYTHON_IMAGES" in answer.json()["message"]
