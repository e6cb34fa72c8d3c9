"""Two API servers, as replicas, against a real Kubernetes API and a real S3 server; the test is the controller, whose own
start is tested too."""

import os
import pathlib
import signal
import subprocess

import pytest
import requests
from api_server import KEYS_NAMESPACE, ApiServer, Client, Kube
from control_plane import ROOT, running_plane
from controller import signing_key_in
from waiting import unique, wait_for

SECRET = "a/secret+key-of-the-tests"


@pytest.fixture(scope="module")
def kube(tmp_path_factory):
    with running_plane(tmp_path_factory.mktemp("control-plane")) as plane:
        kube = Kube(plane)
        kube.plane = plane
        kube.namespace(KEYS_NAMESPACE)
        yield kube


@pytest.fixture(scope="module")
def make_server(kube, server, tmp_path_factory):
    started = []

    def make(**options):
        environment = {"SKILLBOX_S3_ENDPOINT": server.endpoint, "SKILLBOX_S3_ACCESS_KEY": "test-access-key",
                       "SKILLBOX_S3_SECRET_KEY": SECRET, "SKILLBOX_SIGNING_KEY_FILE": "", **options}
        ready = options.pop("ready", True)
        environment.pop("ready", None)
        started.append(ApiServer(kube.plane, tmp_path_factory.mktemp("apiserver"), **environment).start(ready))
        return started[-1]

    yield make
    for one in started:
        one.stop()


@pytest.fixture(scope="module")
def clients(kube, make_server):
    """The same tenant by two replicas."""
    replicas = [make_server(), make_server()]
    tenant = unique("tenant")
    kube.namespace(f"ns-{tenant}", tenant)
    key = replicas[0].key("create", "--name", "test", "--tenant", tenant, "--scopes", "run,push").stdout.strip()
    clients = [Client(replica, key, tenant, f"ns-{tenant}", kube) for replica in replicas]
    for client in clients:
        wait_for(lambda client=client: client.get("/v1/skills").status_code == 200, "the key is known")
    return clients


def test_a_skill_pushed_to_one_is_there_for_the_other(server, clients):
    name = clients[0].push(script="echo in S3")
    assert list((server.data / "skills" / clients[0].tenant).rglob("*")), "nothing is in the bucket"
    answer = clients[1].get(f"/v1/skills/{name}/1.0.0")
    assert answer.status_code == 200, answer.text
    assert not list(clients[0].server.data.iterdir()), "something is in the data directory"


def test_results_come_from_s3(exercise, clients, tmp_path):
    references = {}
    for field, data in {"filesRef": b"files " * 50_000, "logsRef": b"a log\n" * 50_000}.items():
        (tmp_path / field).write_bytes(data)
        references[field] = {"digest": exercise.good("put", clients[0].tenant, tmp_path / field).out, "size": len(data)}
    body = clients[0].run({"skill": clients[0].push()}, files=["a"], logs="the tail", **references).json()
    for url in [body["files_url"], clients[1].get(f"/v1/executions/{body['execution_id']}").json()["files_url"]]:
        got = subprocess.run(["curl", "-sS", "--fail-with-body", "-D", tmp_path / "headers", url], capture_output=True, timeout=60)
        assert got.stdout == b"files " * 50_000, got
        assert b'filename="files.tar.gz"' in (tmp_path / "headers").read_bytes()
    logs = clients[1].get(f"/v1/executions/{body['execution_id']}/logs")
    assert logs.status_code == 200 and logs.content.count(b"a log\n") == 50_000, logs.text[:200]


def test_there_is_no_embedded_storage(clients):
    answer = clients[0].get("/blobs/skills/x/" + "0" * 64 + "?expires=1&method=GET&signature=0", auth=False)
    assert answer.status_code == 404 and "files are in S3" in answer.text


def test_ready_tells_of_the_storage(server, clients):
    def status():
        return requests.get(clients[0].server.url + "/ready", timeout=20).status_code

    assert status() == 200
    server.stop(signal.SIGKILL)
    try:
        wait_for(lambda: status() == 503, "it isn't ready without its storage", 60)
        assert "storage" in requests.get(clients[0].server.url + "/ready", timeout=20).text
    finally:
        server.start()
        server.wait()
    wait_for(lambda: status() == 200, "it is ready again", 60)
    clients[0].push()


def test_a_wrong_secret_is_told_without_it(make_server):
    server = make_server(SKILLBOX_S3_SECRET_KEY="not-the-secret-of-it", ready=False)

    def told():
        requests.get(server.url + "/ready", timeout=20)
        return [line for line in server.lines if "check SKILLBOX_S3_SECRET_KEY" in line]

    wait_for(told, "the log tells why it isn't ready")
    assert requests.get(server.url + "/ready", timeout=20).status_code == 503
    assert not [line for line in server.lines if "not-the-secret-of-it" in line]


@pytest.mark.parametrize("change, word", [
    ({"SKILLBOX_S3_ENDPOINT": ""}, "SKILLBOX_S3_ACCESS_KEY is set, but SKILLBOX_S3_ENDPOINT is not"),
    ({"SKILLBOX_S3_SECRET_KEY": ""}, "SKILLBOX_S3_SECRET_KEY is empty"),
    ({"SKILLBOX_S3_BUCKET_SKILLS": "executions"}, "must be two buckets"),
])
def test_wrong_options_end_it(make_server, change, word):
    with pytest.raises(AssertionError, match=word):
        make_server(**change)


def start_controller(kube, server, **options):
    program = pathlib.Path(os.environ.get("SKILLBOX_BUILD", ROOT / "build" / "debug")) / "bin" / "skillbox-controller"
    environment = {**os.environ, "KUBECONFIG": str(kube.plane.kubeconfig), "SKILLBOX_NAMESPACE": KEYS_NAMESPACE,
                   "SKILLBOX_HEALTH_PORT": "0", "SKILLBOX_S3_ENDPOINT": server.endpoint,
                   "SKILLBOX_S3_ACCESS_KEY": "test-access-key", "SKILLBOX_S3_SECRET_KEY": SECRET,
                   # what waits for an answer at the end is forgotten, and its memory with it
                   "ASAN_OPTIONS": "detect_leaks=0", **options}
    return subprocess.Popen([program], env=environment, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def signing_key(tmp_path):
    """By which a controller knows its Pods, wherever the blobs are."""
    return str(signing_key_in(tmp_path))


def test_the_controller_uses_s3(kube, server, signing_key):
    controller = start_controller(kube, server, SKILLBOX_SIGNING_KEY_FILE=signing_key, SKILLBOX_S3_BUCKET_SKILLS="of-controller-1",
                                  SKILLBOX_S3_BUCKET_EXECUTIONS="of-controller-2")
    try:
        wait_for(lambda: (server.data / "of-controller-1").is_dir() and (server.data / "of-controller-2").is_dir(),
                 "it makes the buckets")
    finally:
        controller.send_signal(signal.SIGTERM)
        log = controller.communicate(timeout=60)[1]
    assert controller.returncode == 0 and "Sanitizer" not in log and SECRET not in log, log


def test_the_controller_refuses_wrong_options(kube, server, signing_key):
    controller = start_controller(kube, server, SKILLBOX_SIGNING_KEY_FILE=signing_key, SKILLBOX_S3_SECRET_KEY="")
    log = controller.communicate(timeout=60)[1]
    assert controller.returncode == 1 and "SKILLBOX_S3_SECRET_KEY is empty" in log, log
