"""skillbox-apiserver as a process, its REST API, and the controller's part played by the test."""

import contextlib
import datetime
import hashlib
import hmac
import io
import json
import os
import pathlib
import re
import secrets
import signal
import subprocess
import threading
import time
import zipfile

import requests

from waiting import unique, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
GROUP = "/apis/skillbox.dev/v1alpha1"
KEYS_NAMESPACE = "skillbox-system"


def program():
    """The sanitizers' build, or that of the build that SKILLBOX_BUILD names."""
    path = pathlib.Path(os.environ.get("SKILLBOX_BUILD", ROOT / "build" / "debug")) / "bin" / "skillbox-apiserver"
    if not path.exists():
        raise RuntimeError(f"{path} is missing: `make check` builds it")
    return str(path)


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Kube:
    """The Kubernetes API as the controller and people use it."""

    def __init__(self, plane):
        self.url = plane.url
        self.session = requests.Session()
        self.session.trust_env = False  # else a CA bundle of the environment counts
        self.session.verify = False  # the control plane signs for itself
        self.session.headers["Authorization"] = f"Bearer {plane.token}"

    def call(self, method, path, body=None, content_type="application/json", ok=True):
        answer = self.session.request(method, self.url + path, data=None if body is None else json.dumps(body),
                                      headers={"Content-Type": content_type}, timeout=30)
        assert not ok or answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def namespace(self, name, tenant=None):
        labels = {"skillbox.dev/tenant": tenant} if tenant else {}
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})

    def path(self, namespace, resource, name=""):
        return f"{GROUP}/namespaces/{namespace}/{resource}" + (f"/{name}" if name else "")

    def execution(self, namespace, name):
        return self.call("GET", self.path(namespace, "executions", name)).json()

    def executions(self, namespace):
        return self.call("GET", self.path(namespace, "executions")).json()["items"]

    def skills(self, namespace):
        return self.call("GET", self.path(namespace, "skills")).json()["items"]

    def apply_skill(self, namespace, name, **spec):
        spec = {"name": name, "version": "1.0.0", "description": "applied", "source": {"files": {"main.sh": "true"}}, **spec}
        return self.call("POST", self.path(namespace, "skills"),
                         {"apiVersion": "skillbox.dev/v1alpha1", "kind": "Skill",
                          "metadata": {"name": unique("skill")}, "spec": spec}).json()

    def patch_status(self, namespace, name, status):
        self.call("PATCH", self.path(namespace, "executions", name) + "/status", {"status": status},
                  "application/merge-patch+json")

    def run(self, namespace, name):
        self.patch_status(namespace, name, {"startTime": now(), "conditions": [condition("Unknown", "Running")]})

    def finish(self, namespace, name, reason="Succeeded", **status):
        """The controller's last word. status: fields of the resource."""
        truth = "True" if reason == "Succeeded" else "False"
        full = {"startTime": now(), "completionTime": now(), "durationMilliseconds": 12,
                "timings": {"queue": 0.25, "sandbox": 0, "start": 1.5, "run": 12.125, "collect": 3, "total": 16.8756},
                "warm": True, "conditions": [condition(truth, reason)]}
        if reason == "Succeeded":
            full |= {"exitCode": 0, "skillVersion": "1.0.0", "skillDigest": "sha256:" + "a" * 64, "image": "bash:5"}
        self.patch_status(namespace, name, full | status)


def condition(status, reason, message="as the test says"):
    return {"type": "Succeeded", "status": status, "reason": reason, "message": message, "lastTransitionTime": now()}


class ApiServer:
    """One process. url: of its API; health_url: of its probes and metrics."""

    def __init__(self, plane, folder, **environment):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = self.folder / "data"
        self.data.mkdir(exist_ok=True)
        self.signing_key = self.folder / "signing-key"
        if not self.signing_key.exists():
            self.signing_key.write_text(secrets.token_hex(32) + "\n")
        self.environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig), "SKILLBOX_NAMESPACE": KEYS_NAMESPACE,
                            "SKILLBOX_SIGNING_KEY_FILE": str(self.signing_key), "SKILLBOX_DATA_DIR": str(self.data),
                            "SKILLBOX_API_PORT": "0", "SKILLBOX_HEALTH_PORT": "0",
                            "SKILLBOX_PUBLIC_URL": "http://public.example:8080",
                            "SKILLBOX_LOG_LEVEL": "debug", "ASAN_OPTIONS": "detect_leaks=1", **environment}
        self.process = None
        self.lines = []

    def start(self, ready=True):
        self.spawn()
        return self.wait_until_serving(ready)

    def spawn(self):
        self.process = subprocess.Popen([program()], env=self.environment, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def wait_until_serving(self, ready=True):
        serving = wait_for(lambda: self.logged("serving") or self.process.poll() is not None, "the server serves")
        if serving is True:
            self.reader.join(10)  # what it said last may still be on its way
        assert serving is not True, f"it ended: {self.lines}"
        self.url = f"http://127.0.0.1:{serving[0]['port']}"
        self.health_url = f"http://127.0.0.1:{serving[0]['health_port']}"
        if ready:
            wait_for(lambda: requests.get(self.url + "/ready", timeout=5).status_code == 200, "the server is ready")
        return self

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def logged(self, message):
        return [json.loads(line) for line in list(self.lines) if f'"msg":"{message}"' in line]

    def stop(self, timeout=40):
        """SIGTERM; the exit status and what the sanitizers said are checked."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout)
        self.reader.join(10)
        strange = [line for line in self.lines if not line.startswith("{")]
        assert status == 0 and not strange, "\n".join([f"exit status {status}", *strange, *self.lines[-20:]])

    def key(self, *arguments, stdin="", check=True):
        done = subprocess.run([program(), "key", *arguments], input=stdin, env=self.environment, capture_output=True, text=True,
                              timeout=60)
        assert not check or done.returncode == 0, done.stderr
        return done


class Client:
    """The REST API with one key."""

    def __init__(self, server, key, tenant, namespace, kube):
        self.server, self.key, self.tenant, self.namespace, self.kube = server, key, tenant, namespace, kube

    def request(self, method, path, headers=None, auth=True, timeout=60, **options):
        headers = dict(headers or {})
        if auth:
            headers.setdefault("Authorization", f"Bearer {self.key}")
        return requests.request(method, self.server.url + path, headers=headers, timeout=timeout, **options)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def upload(self, data, content_type="application/zip", path="/v1/skills", **options):
        return self.request("POST", path, data=data, headers={"Content-Type": content_type}, **options)

    def push(self, name=None, **options):
        """A new skill; its name."""
        name = name or unique("skill")
        answer = self.upload(skill_zip(name, **options))
        assert answer.status_code == 201, answer.text
        return name

    def post(self, body, headers=None, **options):
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        return self.request("POST", "/v1/executions", headers={"Content-Type": "application/json", **(headers or {})},
                            data=body.encode() if isinstance(body, str) else body, **options)

    def start(self, skill, **fields):
        answer = self.post({"skill": skill, "async": True, **fields})
        assert answer.status_code == 202, answer.text
        assert re.fullmatch(r'\{"execution_id":"[0-9a-f-]{36}","status":"pending","error":null\}', answer.text)
        return answer.json()["execution_id"]

    @contextlib.contextmanager
    def waiting(self, body, headers=None):
        """A synchronous call in a thread: gives (execution name, answers); the answer is there at the end."""
        known = {e["metadata"]["name"] for e in self.kube.executions(self.namespace)}
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.post(body, headers)))
        thread.start()

        def created():
            fresh = [e for e in self.kube.executions(self.namespace) if e["metadata"]["name"] not in known]
            return fresh[0]["metadata"]["name"] if fresh or answers else None

        yield wait_for(created, f"the execution is created ({answers})"), answers
        thread.join(30)
        assert answers, "the caller still waits"

    def run(self, body, reason="Succeeded", **status):
        """A synchronous call that ends as the arguments say; the answer."""
        with self.waiting(body) as (name, answers):
            assert not answers
            self.kube.finish(self.namespace, name, reason, **status)
        assert answers[0].status_code == 200, answers[0].text
        return answers[0]

    def put_blob(self, bucket, data):
        """As the controller does it: the blob's reference."""
        digest = hashlib.sha256(data).hexdigest()
        url = self.blob_path(bucket, digest, "PUT")
        answer = requests.put(self.server.url + url, data=data, timeout=30)
        assert answer.status_code in (200, 201, 204), answer.text
        return {"digest": f"sha256:{digest}", "size": len(data)}

    def blob_path(self, bucket, digest, method, filename="", expires=None, tenant=None):
        expires = expires or int(time.time()) + 60
        tenant = tenant or self.tenant
        text = f"skillbox-blob-1\n{method}\n{bucket}\n{tenant}\nsha256:{digest}\n{filename}\n{expires}"
        secret = self.server.signing_key.read_text().strip().encode()
        signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
        return (f"/blobs/{bucket}/{tenant}/{digest}" + (f"/{filename}" if filename else "")
                + f"?expires={expires}&method={method}&signature={signature}")


def skill_zip(name, version="1.0.0", script="true", files=None, lang="bash", **keys):
    lines = ["---", f"name: {name}", f"version: {version}", f"lang: {lang}"]
    keys.setdefault("description", "made by a test")
    instructions = keys.pop("instructions", "Nothing to know.")
    lines += [f"{key}: {value}" for key, value in keys.items()]
    return zip_of({"SKILL.md": "\n".join([*lines, "---", "", instructions, ""]), "main.sh": script, **(files or {})})


def zip_of(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    return out.getvalue()
