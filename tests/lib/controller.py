"""skillbox-controller as a process, for the namespaces of one control plane."""

import json
import os
import pathlib
import signal
import subprocess
import threading

from api_server import GROUP
from control_plane import ROOT
from waiting import free_port, wait_for


def program():
    """The sanitizers' build, or that of the build that SKILLBOX_BUILD names."""
    path = pathlib.Path(os.environ.get("SKILLBOX_BUILD", ROOT / "build" / "debug")) / "bin" / "skillbox-controller"
    if not path.exists():
        raise RuntimeError(f"{path} is missing: `make check` builds it")
    return str(path)


def clear(kube, *namespaces):
    """Delete what controllers work on, and what they made, in these namespaces or in all: those of later tests would go on with it."""
    pods = "/api/v1{}/pods"
    if not namespaces:
        paths = (f"{GROUP}/executions", f"{GROUP}/sandboxpools", pods.format(""))
        # a new kube-apiserver answers 429 for a moment
        lists = [wait_for(lambda path=path: (answer := kube.call("GET", path, ok=False)).ok and answer.json(), path) for path in paths]
        namespaces = {item["metadata"]["namespace"] for found in lists for item in found["items"]}
    for namespace in namespaces:
        for resource in ("executions", "sandboxpools", "skills"):
            kube.call("DELETE", kube.path(namespace, resource))
    for namespace in namespaces:
        kube.call("DELETE", pods.format(f"/namespaces/{namespace}") + "?gracePeriodSeconds=0")


def signing_key_in(folder):
    """A file with one."""
    path = folder / "signing-key"
    path.write_text("0123456789abcdef" * 4)
    return path


class Controller:
    def __init__(self, plane, namespace, signing_key, blob_url, **environment):
        """namespace: the controller's own; signing_key: a file."""
        self.environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig), "SKILLBOX_NAMESPACE": namespace,
                            "SKILLBOX_SIGNING_KEY_FILE": str(signing_key), "SKILLBOX_BLOB_URL": blob_url,
                            # without nodes no sandbox ever gets ready, and those of one test would hold up the next
                            "SKILLBOX_MAX_STARTING_SANDBOXES": "10000",
                            # what waits for an answer at the end is forgotten, and its memory with it
                            "ASAN_OPTIONS": "detect_leaks=0", **environment}
        self.process, self.lines = None, []

    def start(self):
        self.port = free_port()
        self.process = subprocess.Popen([program()], stderr=subprocess.PIPE, text=True,
                                        env={**self.environment, "SKILLBOX_HEALTH_PORT": str(self.port)})
        self.lines = []
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr, self.lines), daemon=True)
        self.reader.start()
        wait_for(lambda: self.logged("started"), lambda: f"the controller starts {self.lines}")
        return self

    def _read(self, stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def logged(self, message):
        return [json.loads(line) for line in list(self.lines) if f'"msg":"{message}"' in line]

    def stop(self):
        """SIGTERM; the exit status and what the sanitizers said are checked."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.reader.join(10)
        strange = [line for line in self.lines if not line.startswith("{")]
        assert status == 0 and not strange, "\n".join([f"exit status {status}", *strange, *self.lines[-20:]])
