"""lib/kube's list, watch and informer against a real API server, which is also killed under them."""

import json
import signal
import subprocess
import urllib.request
import uuid

import pytest

from control_plane import ControlPlane, program
from waiting import free_port
from exercise import Watch, run_exec


class MortalControlPlane(ControlPlane):
    """One whose API server can be killed; its certificate is checked."""

    def __init__(self, folder):
        super().__init__(folder)
        config = json.loads(self.kubeconfig.read_text())
        self.checked = self.folder / "kubeconfig-checked"
        config["clusters"][0]["cluster"] = {"server": self.url,
                                            "certificate-authority": str(self.folder / "certs" / "apiserver.crt")}
        self.checked.write_text(json.dumps(config))

    def kill_api_server(self):
        self.processes[-1].send_signal(signal.SIGKILL)
        self.processes[-1].wait()

    def start_api_server(self):
        command = self.processes.pop().args
        assert command[0] == program("kube-apiserver")
        with open(self.folder / "kube-apiserver.log", "ab") as log:
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log))
        self._wait_until_ready()

    def restart_api_server(self):
        self.kill_api_server()
        self.start_api_server()

    def compact(self):
        """Forget all history of etcd up to now."""
        etcd = self.processes[0].args
        url = etcd[etcd.index("--listen-client-urls") + 1]

        def call(path, body):
            request = urllib.request.Request(url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)

        revision = call("/v3/kv/range", {"key": "AA=="})["header"]["revision"]
        call("/v3/kv/compaction", {"revision": revision, "physical": True})


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    plane = MortalControlPlane(tmp_path_factory.mktemp("kube"))
    try:
        yield plane
    finally:
        plane.processes[-1].kill()  # asked politely, it would wait for its watches
        plane.stop()


@pytest.fixture
def namespace(plane):
    name = f"kube-{uuid.uuid4().hex[:8]}"
    plane.kubectl("create", "namespace", name)
    return name


@pytest.fixture
def watch(plane):
    watches = []

    def start(path, page=500):
        watches.append(Watch(plane.checked, path, page))
        return watches[-1]

    yield start
    for each in watches:
        each.kill()


def configmap(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"test": "yes"}}, "data": data}


def path_of(namespace):
    # Every namespace gets a kube-root-ca.crt where a controller manager runs; none does here.
    return f"/api/v1/namespaces/{namespace}/configmaps"


def listed(plane, namespace):
    """key → resourceVersion as the API server lists it."""
    items = plane.get("configmaps", "-n", namespace)["items"]
    return {f"{namespace}/{i['metadata']['name']}": i["metadata"]["resourceVersion"] for i in items}


def settle(watch, plane, namespace):
    """Until the informer holds what the server lists: a marker that is created last is seen last."""
    name = f"marker-{uuid.uuid4().hex[:8]}"
    plane.kubectl("create", "-n", namespace, "-f", "-", stdin=configmap(name))
    watch.wait_line(f"ADDED {namespace}/{name} ")
    assert watch.dump() == listed(plane, namespace)


def test_a_list_in_small_pages(plane, namespace, watch):
    plane.kubectl("create", "-n", namespace, "-f", "-", stdin=[configmap(f"c{i}", x="y") for i in range(1200)])
    w = watch(path_of(namespace), page=7)
    w.wait_line("LISTED")
    assert w.of("LISTED") == ["LISTED 1200"]
    assert len(w.of("ADDED")) == 1200
    assert w.of("PROBLEM") == []
    assert w.dump() == listed(plane, namespace)
    w.close()


def test_events_follow_what_is_done(plane, namespace, watch):
    w = watch(path_of(namespace))
    w.wait_line("SYNCED")
    plane.kubectl("create", "-n", namespace, "-f", "-", stdin=[configmap("a"), configmap("b")])
    plane.kubectl("patch", "configmap", "a", "-n", namespace, "-p", '{"data":{"k":"v"}}')
    plane.kubectl("delete", "configmap", "b", "-n", namespace)
    w.wait_line(f"DELETED {namespace}/b")
    assert [line.rsplit(" ", 1)[0] if not line.startswith("DELETED") else line for line in w.lines if namespace in line] == [
        f"ADDED {namespace}/a", f"ADDED {namespace}/b", f"MODIFIED {namespace}/a", f"DELETED {namespace}/b"]
    assert w.of("PROBLEM") == []
    settle(w, plane, namespace)
    w.close()


def test_a_selector_lets_objects_come_and_go(plane, namespace, watch):
    w = watch(path_of(namespace) + "?labelSelector=test%3Dyes")
    w.wait_line("SYNCED")
    plane.kubectl("create", "-n", namespace, "-f", "-", stdin=configmap("a"))
    plane.kubectl("label", "configmap", "a", "-n", namespace, "test=no", "--overwrite")
    w.wait_line(f"DELETED {namespace}/a")
    assert w.dump() == {}
    w.close()


def test_large_objects(plane, namespace, watch):
    """Three pages' worth of megabytes, in the list and as events."""
    for i in range(3):
        plane.kubectl("create", "-n", namespace, "-f", "-", stdin=configmap(f"large-{i}", x=chr(97 + i) * 900_000))
    w = watch(path_of(namespace))
    w.wait_line("SYNCED")
    plane.kubectl("create", "-n", namespace, "-f", "-", stdin=configmap("large-3", x="ü" * 400_000))
    w.wait_line(f"ADDED {namespace}/large-3")
    assert w.of("PROBLEM") == []
    settle(w, plane, namespace)
    w.close()


def test_the_server_ends_the_stream_again_and_again(plane, namespace, watch):
    """Its time limit, here of seconds: the watch goes on from where it was, by the bookmark that precedes the end,
    without a new list. Meanwhile other objects move the server's version on."""
    other = f"{namespace}-other"
    plane.kubectl("create", "namespace", other)
    w = watch(path_of(namespace) + "?timeoutSeconds=4")
    w.wait_line("SYNCED")
    for i in range(3):
        plane.kubectl("create", "-n", other, "-f", "-", stdin=[configmap(f"c{i}-{n}") for n in range(120)])
        w.wait_line("PROBLEM", count=i + 1, timeout=30)
        plane.kubectl("create", "-n", namespace, "-f", "-", stdin=configmap(f"c{i}"))
        w.wait_line(f"ADDED {namespace}/c{i}")
    assert len(w.of("LIST")) == len(["LIST", "LISTED 0"])
    assert w.of("AGAIN") == []
    settle(w, plane, namespace)
    w.close()


def test_the_api_server_is_killed_under_the_watch(plane, namespace, watch):
    plane.kubectl("create", "-n", namespace, "-f", "-", stdin=[configmap(f"c{i}") for i in range(50)])
    w = watch(path_of(namespace), page=20)
    w.wait_line("SYNCED")
    for i in range(2):
        plane.restart_api_server()
        plane.kubectl("delete", "configmap", f"c{i}", "-n", namespace)
        plane.kubectl("patch", "configmap", f"c{i + 10}", "-n", namespace, "-p", '{"data":{"k":"v"}}')
        plane.kubectl("create", "-n", namespace, "-f", "-", stdin=configmap(f"new-{i}"))
        settle(w, plane, namespace)
    assert w.of("PROBLEM")  # it was lost indeed
    for start in ([f"DELETED {namespace}/c{i}" for i in range(2)] + [f"ADDED {namespace}/new-{i} " for i in range(2)]
                  + [f"MODIFIED {namespace}/c{i + 10} " for i in range(2)] + [f"ADDED {namespace}/c5 "]):
        assert len(w.of(start)) == 1, start  # neither missed nor doubled
    assert w.of("AGAIN") == []
    w.close()


def test_a_version_that_was_compacted_away(plane, namespace, watch):
    plane.kubectl("create", "-n", namespace, "-f", "-", stdin=[configmap("kept"), configmap("deleted")])
    w = watch(path_of(namespace))
    w.wait_line("SYNCED")
    w.process.send_signal(signal.SIGSTOP)  # it sleeps through all of this
    plane.kubectl("delete", "configmap", "deleted", "-n", namespace)
    plane.kubectl("create", "-n", namespace, "-f", "-", stdin=[configmap(f"c{i}") for i in range(20)])
    plane.compact()
    plane.restart_api_server()
    plane.kubectl("create", "-n", namespace, "-f", "-", stdin=configmap("last"))
    plane.compact()
    plane.restart_api_server()
    w.process.send_signal(signal.SIGCONT)
    w.wait_line(f"ADDED {namespace}/last ")
    settle(w, plane, namespace)
    assert f"DELETED {namespace}/deleted" in w.lines
    assert [line for line in w.of("PROBLEM") if "too old resource version" in line]
    assert len(w.of("LISTED")) == 2
    w.close()


def self_signed(folder, address):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-addext",
                    f"subjectAltName=IP:{address}", "-keyout", folder / "key.pem", "-out", folder / "ca.crt"],
                   check=True, capture_output=True)
    return folder / "ca.crt"


def kubeconfig_with(plane, folder, **cluster):
    config = json.loads(plane.checked.read_text())
    config["clusters"][0]["cluster"] = {"server": plane.url, **cluster}
    (folder / "kubeconfig").write_text(json.dumps(config))
    return folder / "kubeconfig"


def test_an_unknown_certificate_is_refused(plane, tmp_path):
    kubeconfig = kubeconfig_with(plane, tmp_path, **{"certificate-authority": str(self_signed(tmp_path, "127.0.0.1"))})
    done = run_exec(kubeconfig, "default", "nobody", "main", "true")
    assert done.returncode == 125
    assert b"its certificate: " in done.stderr


def test_a_certificate_for_another_host_is_refused(plane, tmp_path):
    certificate, port = self_signed(tmp_path, "127.0.0.9"), free_port()
    kubeconfig = kubeconfig_with(plane, tmp_path, server=f"https://127.0.0.1:{port}",
                                 **{"certificate-authority": str(certificate)})
    server = subprocess.Popen([
        "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificate, "-key", tmp_path / "key.pem"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        while b"ACCEPT" not in server.stdout.readline():
            assert server.poll() is None
        done = run_exec(kubeconfig, "default", "nobody", "main", "true")
    finally:
        server.kill()
        server.wait()
    assert done.returncode == 125
    assert b"its certificate: IP address mismatch" in done.stderr


def test_a_certificate_may_go_unchecked(plane, tmp_path):
    kubeconfig = kubeconfig_with(plane, tmp_path, **{"insecure-skip-tls-verify": True})
    done = run_exec(kubeconfig, "default", "nobody", "main", "true")
    assert b'pods "nobody" not found' in done.stderr


def test_a_watch_that_is_forbidden_says_why(plane, namespace, tmp_path):
    """The list is allowed, the watch is not: the handshake's refusal has no body, the words come from a plain request."""
    plane.kubectl("create", "serviceaccount", "reader", "-n", namespace)
    plane.kubectl("create", "role", "reader", "-n", namespace, "--verb=list", "--resource=configmaps")
    plane.kubectl("create", "rolebinding", "reader", "-n", namespace, "--role=reader", f"--serviceaccount={namespace}:reader")
    config = json.loads(plane.checked.read_text())
    config["users"][0]["user"]["token"] = plane.kubectl("create", "token", "reader", "-n", namespace).stdout.strip()
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    w = Watch(tmp_path / "kubeconfig", path_of(namespace))
    try:
        w.wait_line("SYNCED")
        w.wait_line("PROBLEM forbidden ", count=2)
        assert "cannot watch resource" in w.of("PROBLEM")[0]
        w.close()
    finally:
        w.kill()
