"""The process: configuration, start, restart, shutdown."""

import os
import shutil
import signal
import subprocess
import threading

import pytest
import requests

from api_server import ApiServer, program
from contract_checks import assert_error
from waiting import wait_for


@pytest.fixture
def own(plane, kube, tmp_path):
    """A server of the test's own; what the sanitizers say is checked at its end."""
    server = ApiServer(plane, tmp_path).start()
    yield server
    server.stop()


def run(*arguments, **environment):
    return subprocess.run([program(), *arguments], env={**os.environ, **environment}, capture_output=True, text=True, timeout=30)


def test_help_and_version():
    done = run("--help")
    assert done.returncode == 0 and "key create --name NAME --tenant TENANT" in done.stdout
    for name in ("SKILLBOX_API_PORT", "SKILLBOX_PUBLIC_URL", "SKILLBOX_SIGNING_KEY_FILE", "SKILLBOX_MAX_SKILL_SIZE"):
        assert name in done.stdout
    assert run("version").stdout.startswith("skillbox-apiserver ")
    done = run("nonsense")
    assert done.returncode == 64 and "nonsense" in done.stderr


@pytest.mark.parametrize("environment, words", [
    ({"SKILLBOX_DEFAULT_TIMEOUT": "2h", "SKILLBOX_DEFAULT_MEMORY": "2Gi"}, ["SKILLBOX_MAX_TIMEOUT", "SKILLBOX_MAX_MEMORY"]),
    ({"SKILLBOX_API_PORT": "x", "SKILLBOX_MAX_TIMEOUT": "soon"}, ["SKILLBOX_API_PORT", "SKILLBOX_MAX_TIMEOUT", "soon"]),
    ({"SKILLBOX_SIGNING_KEY_FILE": ""}, ["SKILLBOX_SIGNING_KEY_FILE is not set"]),
    ({"SKILLBOX_SIGNING_KEY_FILE": "/dev/null"}, ["signing key"]),
    ({"SKILLBOX_DATA_DIR": "/proc/nowhere"}, ["SKILLBOX_DATA_DIR"]),
    ({"SKILLBOX_DB_DSN": "postgres://u:hushhush@h/d?sslmod=require"}, ["SKILLBOX_DB_DSN"]),
    ({"SKILLBOX_S3_ENDPOINT": "http://minio:9000"}, ["SKILLBOX_S3_ACCESS_KEY"]),
    ({"SKILLBOX_TLS_CERT": "/x"}, ["SKILLBOX_TLS_KEY"]),
    ({"SKILLBOX_TLS_CERT": "/dev/null", "SKILLBOX_TLS_KEY": "/dev/null"}, ["are certificate and key a pair?"]),
    ({"SKILLBOX_IDLE_TIMEOUT": "500ms"}, ["SKILLBOX_IDLE_TIMEOUT must be from 1s to 1h"]),
    ({"SKILLBOX_IDLE_TIMEOUT": "75"}, ["SKILLBOX_IDLE_TIMEOUT", "a duration"]),
    ({"KUBECONFIG": "/nowhere"}, ["/nowhere"]),
])
def test_a_bad_configuration_ends_the_start(plane, tmp_path, environment, words):
    done = run(**{**ApiServer(plane, tmp_path).environment, **environment})
    assert done.returncode == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert "hushhush" not in done.stderr


def test_https(plane, tmp_path):
    key, cert = tmp_path / "tls.key", tmp_path / "tls.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    server = ApiServer(plane, tmp_path, SKILLBOX_TLS_CERT=str(cert), SKILLBOX_TLS_KEY=str(key))
    server.start(ready=False)
    url = server.url.replace("http://127.0.0.1", "https://localhost")
    assert requests.get(url + "/health", verify=str(cert), timeout=5).text == '{"status":"ok"}'
    assert "https://" in assert_error(requests.get(server.url + "/health", timeout=5), 400, "bad_request")
    server.stop()


def test_sigterm_lets_those_who_wait_have_their_answer(own, make_client):
    client = make_client(own)
    skill = client.push()
    with client.waiting({"skill": skill}) as (name, answers):
        own.process.send_signal(signal.SIGTERM)
        wait_for(lambda: requests.get(own.url + "/ready", timeout=5).status_code == 503, "not ready any more")
        assert_error(requests.get(own.url + "/ready", timeout=5), 503, "not_ready", "shutting down")
        assert_error(client.post({"skill": skill}), 503, "unavailable", "shutting down")
        assert client.get(f"/v1/executions/{name}").status_code == 200, "reading goes on"
        assert own.process.poll() is None and not answers
        client.kube.finish(client.namespace, name, output="5")
    assert answers[0].json()["output"] == 5
    own.stop(timeout=10)


def test_a_restart_forgets_nothing(plane, make_client, tmp_path):
    server = ApiServer(plane, tmp_path).start()
    client = make_client(server)
    ended = client.run({"skill": client.push()}, output="[1]").json()
    failures = []

    def call():
        try:
            client.post({"skill": client.push()})
        except requests.exceptions.ConnectionError as problem:
            failures.append(problem)

    caller = threading.Thread(target=call)
    caller.start()
    pending = wait_for(lambda: [e for e in client.kube.executions(client.namespace) if "status" not in e], "it is created")
    server.process.kill()
    server.process.wait()
    caller.join(10)
    assert failures, "the caller learns that the connection is gone"
    server.start()
    name = pending[0]["metadata"]["name"]
    assert client.get(f"/v1/executions/{name}").json()["status"] == "pending"
    client.kube.finish(client.namespace, name, output="2")
    wait_for(lambda: client.get(f"/v1/executions/{name}").json().get("output") == 2, "the end is seen")
    again = client.get(f"/v1/executions/{ended['execution_id']}").json()
    assert again["output"] == [1]
    server.stop()


def test_not_ready_names_what_fails(own):
    shutil.rmtree(own.data)
    answer = requests.get(own.url + "/ready", timeout=5)
    assert_error(answer, 503, "not_ready", "storage: ")
    assert str(own.folder) not in answer.text
