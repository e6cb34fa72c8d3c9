"""lib/kube's exec streams in a Pod of the cluster that `make up` makes."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import subprocess
import uuid

import pytest

from control_plane import program
from exercise import run_exec

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "skillbox-dev"
POD = "exercise"
MIB = 1 << 20


@pytest.fixture(scope="module")
def kubeconfig():
    path = os.environ.get("KUBECONFIG", str(CACHE / "kubeconfig"))
    asked = subprocess.run([program("kubectl"), "--kubeconfig", path, "--request-timeout=10s", "get", "--raw", "/readyz"],
                           capture_output=True, text=True)
    if asked.returncode != 0:
        pytest.skip(f"needs a cluster with nodes (make up): {asked.stderr.strip()}")
    return path


@pytest.fixture(scope="module")
def namespace(kubeconfig):
    name = f"kube-exec-{uuid.uuid4().hex[:8]}"

    def kubectl(*arguments, stdin=None):
        subprocess.run([program("kubectl"), "--kubeconfig", kubeconfig, *arguments], input=stdin, text=True, check=True,
                       stdout=subprocess.DEVNULL)

    kubectl("create", "namespace", name)
    try:
        kubectl("create", "-n", name, "-f", "-", stdin=json.dumps({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD},
            "spec": {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False, "enableServiceLinks": False,
                     "containers": [{"name": "main", "image": "bash:5", "command": ["sleep", "infinity"],
                                     "imagePullPolicy": "IfNotPresent"}]}}))
        kubectl("wait", "-n", name, "--for=condition=Ready", f"pod/{POD}", "--timeout=120s")
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def run(kubeconfig, namespace):
    def in_pod(*command, stdin=b"", pod=POD, container="main"):
        return run_exec(kubeconfig, namespace, pod, container, *command, stdin=stdin)

    return in_pod


def shell(run, script, **options):
    return run("sh", "-c", script, **options)


def test_twenty_megabytes_come_back_as_they_went(run):
    sent = random.Random(1).randbytes(20 * MIB)
    done = run("cat", stdin=sent)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) == len(sent)
    assert done.stdout == sent


def test_much_input_little_output(run):
    sent = random.Random(2).randbytes(5 * MIB)
    done = run("sha256sum", stdin=sent)
    assert done.stdout.split()[0].decode() == hashlib.sha256(sent).hexdigest()


def test_a_slow_reader_loses_nothing(run):
    """The stream is paused while our pipe is full; subprocess reads the 8 MiB as they come."""
    done = shell(run, "i=0; while [ $i -lt 131072 ]; do printf '%063d\\n' $i; i=$((i+1)); done")
    assert done.stdout == b"".join(b"%063d\n" % i for i in range(131072))


def test_both_outputs_stay_apart(run):
    done = shell(run, "echo out; echo err >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"out\n", b"err\n")


@pytest.mark.parametrize("code", [0, 1, 3, 125, 255])
def test_exit_codes(run, code):
    assert shell(run, f"exit {code}").returncode == code


def test_death_by_signal(run):
    assert shell(run, "kill -KILL $$").returncode == 137


def test_the_end_of_input_is_seen(run):
    assert run("wc", "-c", stdin=b"12345").stdout.strip() == b"5"
    assert run("wc", "-c", stdin=b"").stdout.strip() == b"0"


def test_arguments_arrive_as_they_are(run):
    arguments = ["a b", "c&d=e", "%20", "ü", "*", "", "line\nbreak"]
    done = run("printf", "<%s>", *arguments)
    assert done.stdout.decode() == "".join(f"<{a}>" for a in arguments)


def test_a_pod_that_does_not_exist(run):
    done = run("true", pod="nobody")
    assert done.returncode == 125
    assert done.stderr.startswith(b"not_found: ") and b'pods "nobody" not found' in done.stderr


def test_a_container_that_does_not_exist(run):
    done = run("true", container="nothing")
    assert done.returncode == 125
    assert done.stderr.startswith(b"bad_request: ") and b"container nothing is not valid for pod" in done.stderr


def test_a_command_that_does_not_exist(run):
    done = run("/no/such/command")
    assert done.returncode == 125
    assert b"no such file or directory" in done.stderr


def test_many_streams_at_once(run):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for i, done in enumerate(pool.map(lambda i: run("cat", stdin=b"%d" % i * 1000), range(24))):
            assert (done.returncode, done.stdout) == (0, b"%d" % i * 1000)
