"""lib/blob's S3 store against real servers."""

import hashlib
import os
import re
import shutil
import signal
import subprocess

import pytest

from waiting import wait_for

MIB = 1 << 20


def file_of(path, size: int, seed: bytes = b"") -> str:
    """A file of that size, each different from the others; its digest."""
    path.write_bytes(hashlib.shake_128(seed + str(path).encode()).digest(size))
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def curl(url, target):
    """As anybody would: status and headers."""
    run = subprocess.run(["curl", "-sS", "-D", "-", "-o", str(target), url], capture_output=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return int(run.stdout.split()[1]), run.stdout.decode().lower()


@pytest.mark.parametrize("size", [0, 1, 70_000, 16 * MIB, 16 * MIB + 1])
def test_what_is_put_can_be_got_and_deleted(exercise, tmp_path, size):
    digest = file_of(tmp_path / "in", size)
    assert exercise.good("put", "tenant-a", tmp_path / "in").out == digest
    assert exercise.good("get", "tenant-a", digest, size, tmp_path / "out").out == str(size)
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()
    exercise.good("delete", "tenant-a", digest)
    exercise.good("delete", "tenant-a", digest)
    assert exercise.bad("get", "tenant-a", digest, size, tmp_path / "out").startswith(f"not_found: blob {digest}: S3 at ")


def test_100_mib_go_in_parts_and_never_into_memory(exercise, tmp_path):
    digest = file_of(tmp_path / "in", 100 * MIB)
    put = exercise.good("put", "tenant-a", tmp_path / "in")
    got = exercise.good("get", "tenant-a", digest, 100 * MIB, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()
    assert put.memory_kib < 80 * 1024 and got.memory_kib < 80 * 1024
    assert "too_large: blob" in exercise.bad("get", "tenant-a", digest, 100 * MIB - 1, tmp_path / "out")
    exercise.good("delete", "tenant-a", digest)


def test_keys_are_as_in_the_directory_store(exercise, server, tmp_path):
    digest = file_of(tmp_path / "in", 100)
    exercise.good("put", "tenant-a", tmp_path / "in")
    hexadecimal = digest.removeprefix("sha256:")
    assert (server.data / "executions" / "tenant-a" / hexadecimal[:2] / hexadecimal[2:]).exists()


def test_what_is_there_is_not_sent_again(exercise, server, tmp_path):
    file_of(tmp_path / "in", 20 * MIB)
    exercise.good("put", "tenant-a", tmp_path / "in")
    before = server.stored()
    exercise.good("put", "tenant-a", tmp_path / "in")
    assert server.stored() == before


def test_a_wrong_digest_is_not_stored(exercise, tmp_path):
    digest = file_of(tmp_path / "in", 100_000)
    other = "sha256:" + hashlib.sha256(b"other").hexdigest()
    assert exercise.bad("put", "tenant-a", tmp_path / "in", other) == (
        f"bad_request: the content has the digest {digest}, not {other}"
    )
    assert exercise.bad("get", "tenant-a", other, 1000, tmp_path / "out").startswith("not_found: ")


def test_what_was_changed_in_the_store_is_not_handed_out(exercise, server, tmp_path):
    if server.kind == "minio":
        pytest.skip("its files are not the objects' bytes")
    digest = file_of(tmp_path / "in", 100)
    exercise.good("put", "tenant-a", tmp_path / "in")
    hexadecimal = digest.removeprefix("sha256:")
    with (server.data / "executions" / "tenant-a" / hexadecimal[:2] / hexadecimal[2:]).open("r+b") as f:
        f.write(b"changed")
    assert f", not {digest}" in exercise.bad("get", "tenant-a", digest, 1000, tmp_path / "out")


def test_a_tenant_does_not_get_what_another_stored(exercise, tmp_path):
    digest = file_of(tmp_path / "in", 100)
    exercise.good("put", "tenant-a", tmp_path / "in")
    assert exercise.bad("get", "tenant-b", digest, 100, tmp_path / "out").startswith("not_found: ")
    exercise.good("delete", "tenant-b", digest)
    exercise.good("get", "tenant-a", digest, 100, tmp_path / "out")


@pytest.mark.parametrize("name, header", [
    ("files.tar.gz", 'attachment; filename="files.tar.gz"'),
    ("Bericht für €.pdf", "attachment; filename*=utf-8''bericht%20f%c3%bcr%20%e2%82%ac.pdf"),
    ("", None),
])
def test_presigned_urls_work_for_anybody(exercise, tmp_path, name, header):
    digest = file_of(tmp_path / "in", 100_000)
    exercise.good("put", "tenant-a", tmp_path / "in")
    url = exercise.good("presign", "tenant-a", digest, 60, *([name] if name else [])).out
    status, headers = curl(url, tmp_path / "out")
    assert status == 200, (tmp_path / "out").read_text()
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()
    if header:
        assert f"content-disposition: {header}\r\n" in headers


def test_presigned_urls_are_for_one_blob_and_some_time(exercise, tmp_path):
    one, other = file_of(tmp_path / "in", 1000), file_of(tmp_path / "other", 1000)
    exercise.good("put", "tenant-a", tmp_path / "in")
    exercise.good("put", "tenant-a", tmp_path / "other")
    old = exercise.good("presign", "tenant-a", one, 60, clock_offset=-120).out
    assert curl(old, tmp_path / "out")[0] == 403
    url = exercise.good("presign", "tenant-a", one, 60).out
    moved = url.replace(f"{one[7:9]}/{one[9:]}", f"{other[7:9]}/{other[9:]}")
    assert moved != url and curl(moved, tmp_path / "out")[0] == 403
    assert curl(url.split("?")[0], tmp_path / "out")[0] == 403


def test_presigned_urls_have_the_public_endpoint(exercise, server, tmp_path):
    digest = file_of(tmp_path / "in", 1000)
    exercise.good("put", "tenant-a", tmp_path / "in")
    public = f"http://localhost:{server.port}"
    url = exercise.good("presign", "tenant-a", digest, 60, "x", public_endpoint=public).out
    assert url.startswith(public + "/executions/tenant-a/")
    assert curl(url, tmp_path / "out")[0] == 200
    url = exercise.good("presign", "tenant-a", digest, 60, "x", public_endpoint="https://s3.example.com:443/").out
    assert url.startswith("https://s3.example.com/executions/tenant-a/")


def test_bucket_names_in_the_host(exercise, server, tmp_path):
    if server.kind != "minio":
        pytest.skip("not set up here")
    digest = file_of(tmp_path / "in", 20 * MIB)
    options = {"virtual_host": "true", "endpoint": f"localhost:{server.port}"}
    exercise.good("check", **options)
    exercise.good("put", "tenant-a", tmp_path / "in", **options)
    exercise.good("get", "tenant-a", digest, 20 * MIB, tmp_path / "out", **options)
    url = exercise.good("presign", "tenant-a", digest, 60, "x", **options).out
    assert url.startswith(f"http://executions.localhost:{server.port}/tenant-a/")
    assert curl(url, tmp_path / "out")[0] == 200


@pytest.mark.parametrize("size", [1000, 20 * MIB])
def test_a_wrong_secret(exercise, tmp_path, size):
    secret = "not-the-secret-of-this-server"
    digest = file_of(tmp_path / "in", size)
    for arguments in [("check",), ("put", "tenant-a", tmp_path / "in"), ("get", "tenant-a", digest, size, tmp_path / "out"),
                      ("delete", "tenant-a", digest)]:
        error = exercise.bad(*arguments, secret_key=secret)
        assert "the signature is wrong: check SKILLBOX_S3_SECRET_KEY" in error
        assert secret not in error
    error = exercise.bad("check", access_key="nobody")
    assert "the access key is unknown there: check SKILLBOX_S3_ACCESS_KEY" in error


@pytest.mark.parametrize("size", [1000, 20 * MIB])
def test_a_clock_that_is_wrong(exercise, tmp_path, size):
    file_of(tmp_path / "in", size)
    for arguments in [("check",), ("put", "tenant-a", tmp_path / "in")]:
        error = exercise.bad(*arguments, clock_offset=7200)
        assert re.search(r"the clocks differ by too much \(RequestTimeTooSkewed\): it is 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ "
                         r"here and .*20\d\d.*:\d\d:\d\d.* there; set the wrong one right$", error), error


def test_missing_buckets_are_made(exercise, server, tmp_path):
    names = {"bucket_skills": "made-1", "bucket_executions": "made-2"}
    assert exercise.good("check", **names).err.startswith("memory")
    assert (server.data / "made-1").is_dir() and (server.data / "made-2").is_dir()
    exercise.good("check", **names)
    file_of(tmp_path / "in", 1000)
    exercise.good("put", "tenant-a", tmp_path / "in", **names)


def test_missing_buckets_that_may_not_be_made(exercise, server):
    if server.kind == "minio":
        pytest.skip("its users are made with a program of its own")
    subprocess.run(
        [server.command()[0], "admin", "--access", "test-access-key", "--secret", "a/secret+key-of-the-tests",
         "--endpoint-url", f"http://{server.endpoint}", "create-user", "--access", "limited", "--secret", "limited-secret",
         "--role", "user"], check=True, capture_output=True, timeout=60)
    error = exercise.bad("check", access_key="limited", secret_key="limited-secret", bucket_skills="not-there")
    assert error.startswith("unavailable: the bucket is missing, and making it failed: S3 at "), error
    assert ", bucket not-there: the access key lacks the right" in error
    error = exercise.bad("check", access_key="limited", secret_key="limited-secret")
    assert ", bucket skills: the access key lacks the right" in error


def test_a_server_that_is_killed_in_an_upload_and_comes_back(exercise, server, tmp_path):
    digest = file_of(tmp_path / "in", 100 * MIB, os.urandom(8))
    before = server.bytes_on_disk()
    put = exercise.start("put", "tenant-a", tmp_path / "in")
    try:
        wait_for(lambda: server.bytes_on_disk() > before + 20 * MIB, "a part and some more is there")
        assert put.poll() is None
        server.stop(signal.SIGKILL)
    finally:
        server.start()
        server.wait()
    result = exercise.end(put)
    assert result.code == 0, result.err
    exercise.good("get", "tenant-a", digest, 100 * MIB, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()
    shutil.rmtree(tmp_path)


def test_a_server_that_is_not_there(exercise):
    error = exercise.bad("check", endpoint="127.0.0.1:1")
    assert error.startswith("unavailable: S3: HEAD http://127.0.0.1:1/skills: "), error
