"""S3 over TLS, with the CA of one's own that SKILLBOX_S3_CA_FILE names."""

import hashlib
import subprocess

import pytest
import requests
from api_server import KEYS_NAMESPACE, ApiServer, Client, Kube
from control_plane import running_plane
from waiting import unique, wait_for


@pytest.fixture
def secure(tls_server, certificates):
    return {"endpoint": f"https://localhost:{tls_server.port}", "ca_file": certificates / "ca.crt"}


def test_blobs_and_links(tls_exercise, secure, tls_server, certificates, tmp_path):
    tls_exercise.good("check", **secure)  # makes the buckets
    data = hashlib.shake_128(b"tls").digest(20 << 20)  # in parts, too
    for size in (100, len(data)):
        (tmp_path / "in").write_bytes(data[:size])
        digest = tls_exercise.good("put", "tenant-a", tmp_path / "in", **secure).out
        tls_exercise.good("get", "tenant-a", digest, size, tmp_path / "out", **secure)
        assert (tmp_path / "out").read_bytes() == data[:size]
    link = tls_exercise.good("presign", "tenant-a", digest, 60, "files.tar.gz", **secure).out
    assert link.startswith(f"https://localhost:{tls_server.port}/executions/tenant-a/")
    got = subprocess.run(["curl", "-sS", "--fail", "--cacert", certificates / "ca.crt", link], capture_output=True, timeout=60)
    assert got.stdout == data, got.stderr


def test_without_a_scheme(tls_exercise, secure, tls_server):
    tls_exercise.good("check", **secure | {"endpoint": f"localhost:{tls_server.port}", "use_ssl": "true"})


@pytest.mark.parametrize("ca", ["other.crt", None])
def test_a_certificate_of_another_ca_is_refused(tls_exercise, secure, certificates, ca):
    error = tls_exercise.bad("check", **secure | {"ca_file": certificates / ca if ca else ""})
    assert "certificate" in error and "localhost" in error, error


def test_a_certificate_for_another_name_is_refused(tls_exercise, secure, tls_server):
    error = tls_exercise.bad("check", **secure | {"endpoint": f"https://127.0.0.1:{tls_server.port}"})
    assert "certificate" in error and "127.0.0.1" in error, error


def test_what_is_no_ca_is_named_at_the_start(tls_exercise, secure, tls_server, tmp_path):
    (tmp_path / "empty").write_text("")
    assert tls_exercise.bad("check", **secure | {"ca_file": tmp_path / "empty"}) == (
        f"bad_request: SKILLBOX_S3_CA_FILE: there is no PEM certificate in {tmp_path}/empty")
    assert tls_exercise.bad("check", **secure | {"ca_file": tmp_path / "missing"}).startswith(
        f"internal_error: SKILLBOX_S3_CA_FILE: can't read {tmp_path}/missing: ")
    assert "SKILLBOX_S3_CA_FILE is set, but SKILLBOX_S3_ENDPOINT is without TLS" in tls_exercise.bad(
        "check", **secure | {"endpoint": f"localhost:{tls_server.port}"})


def test_an_api_server_uses_it(secure, certificates, tls_server, tmp_path_factory):
    with running_plane(tmp_path_factory.mktemp("control-plane")) as plane:
        kube = Kube(plane)
        kube.namespace(KEYS_NAMESPACE)
        tenant = unique("tenant")
        kube.namespace(f"ns-{tenant}", tenant)
        environment = {"SKILLBOX_S3_ENDPOINT": secure["endpoint"], "SKILLBOX_S3_ACCESS_KEY": "test-access-key",
                       "SKILLBOX_S3_SECRET_KEY": "a/secret+key-of-the-tests", "SKILLBOX_SIGNING_KEY_FILE": ""}
        server = ApiServer(plane, tmp_path_factory.mktemp("apiserver"), SKILLBOX_S3_CA_FILE=str(secure["ca_file"]), **environment).start()
        other = ApiServer(plane, tmp_path_factory.mktemp("apiserver"), SKILLBOX_S3_CA_FILE=str(certificates / "other.crt"), **environment)
        try:
            key = server.key("create", "--name", "test", "--tenant", tenant, "--scopes", "run,push").stdout.strip()
            client = Client(server, key, tenant, f"ns-{tenant}", kube)
            wait_for(lambda: client.get("/v1/skills").status_code == 200, "the key is known")
            client.push(script="echo over TLS")
            assert list((tls_server.data / "skills" / tenant).rglob("*")), "nothing is in the bucket"
            other.start(ready=False)

            def refused():
                answer = requests.get(other.url + "/ready", timeout=5)
                return answer.status_code == 503 and [line for line in other.logged("the storage check failed") if "certificate" in line["reason"]]

            wait_for(refused, "the other one says why it is not ready")
        finally:
            server.stop()
            other.stop()
