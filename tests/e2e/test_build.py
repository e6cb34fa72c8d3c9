"""Packages that the server fetches (build.enabled of the chart), from a pypiserver in the cluster: what is built, what is refused and
why, and that neither a build nor its controller can be lost. Only in the configuration that has it (see conftest.py)."""

import base64
import concurrent.futures
import hashlib
import importlib.metadata
import io
import json
import zipfile

import pytest

from skillbox_client import component_pods, condition_of, manifest, zip_of
from waiting import unique, wait_for
from weaker_pods import WEAKER
from wheel_maker import wheel

SET_BY_THE_CLUSTER = ("nodeName", "priority", "preemptionPolicy", "schedulerName", "tolerations", "overhead")
CONTROLLER = "system:serviceaccount:skillbox:skillbox-controller"
NAMESPACE, INDEX = "skillbox-build", "skillbox-backing"
PREFIX = unique("pkg").replace("-", "_")


def installed(*projects):
    """Their files as one zip, from which Python imports."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for project in projects:
            for path in importlib.metadata.files(project):
                if path.suffix != ".pyc" and ".." not in path.parts:
                    archive.write(path.locate(), str(path))
    return out.getvalue()


def encoded(files):
    return {name: base64.b64encode(data).decode() for name, data in files.items()}


A, B = f"{PREFIX}_a", f"{PREFIX}_b"
SDIST = f"{PREFIX}_source"
FILES = dict([wheel(A, requires=[f"{B}>=1"]), wheel(B), wheel(B, "2.0"),
              (f"{SDIST}-1.0.tar.gz", b"not looked at")])


# Takes connections, and says nothing.
SILENT = "import signal, socket; s = socket.socket(); s.bind(('0.0.0.0', 8081)); s.listen(64); signal.pause()"


@pytest.fixture(scope="module")
def index(kubectl):
    """pypiserver with these files; yields what it has been asked for so far."""
    image = kubectl.json("get", "deployment", "-n", "skillbox", "skillbox-controller")["spec"]["template"]["spec"]["containers"][0]
    image = next(v["value"] for v in image["env"] if v["name"] == "SKILLBOX_BUILD_IMAGE")
    meta = {"name": "index", "namespace": INDEX, "labels": {"app": "index"}}
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta,
         "binaryData": encoded({"server.zip": installed("pypiserver", "packaging", "legacy-cgi"), **FILES})},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": {"app": "index"}, "ports": [{"port": 8080}]}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {
            "terminationGracePeriodSeconds": 0, "enableServiceLinks": False, "automountServiceAccountToken": False,
            "containers": [{
                "name": "index", "image": image, "env": [{"name": "PYTHONPATH", "value": "/files/server.zip"}],
                "command": ["sh", "-c", "mkdir /tmp/index && cp /files/pkg* /tmp/index/ && exec python3 -m pypiserver run -p 8080 "
                                        "-i 0.0.0.0 -P . -a . --disable-fallback -v /tmp/index"],
                "readinessProbe": {"httpGet": {"path": "/simple/", "port": 8080}, "periodSeconds": 1},
                "volumeMounts": [{"name": "files", "mountPath": "/files"}]},
                {"name": "silent", "image": image, "command": ["python3", "-c", SILENT]}],
            "volumes": [{"name": "files", "configMap": {"name": "index"}}]}}]
    for one in objects:
        kubectl.run("create", "-n", INDEX, "-f", "-", stdin=json.dumps(one))
    kubectl.run("wait", "-n", INDEX, "pod/index", "--for=condition=Ready", "--timeout=60s", timeout=90)
    yield lambda: kubectl.run("logs", "-n", INDEX, "pod/index", "-c", "index").stdout
    kubectl.run("delete", "-n", INDEX, "pod/index", "service/index", "configmap/index", "--wait=false")


@pytest.fixture
def push_folder(client):
    """push_folder(requirements, …): a skill that prints the versions of its packages; its name and the answer."""
    names = []

    def push(requirements, imports=(A,), version="1.0.0", name=None, **more):
        name = name or unique("build")
        names.append((name, version))
        script = "import json, os\n" + "".join(f"import {i}\n" for i in imports)
        script += f"json.dump([{', '.join(f'{i}.VERSION' for i in imports)}], open(os.environ['SANDBOX_OUTPUT'], 'w'))\n"
        files = {"SKILL.md": manifest(name, lang="python", version=version), "main.py": script, "requirements.txt": requirements, **more}
        return name, client.push(zip_of(files))

    yield push
    for name, version in names:
        client.request("DELETE", f"/v1/skills/{name}/{version}")


def get(client, name, version="latest"):
    answer = client.request("GET", f"/v1/skills/{name}/{version}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def settled(client, name, version="latest"):
    """The skill once its build is over, however it ended."""
    def look():
        skill = get(client, name, version)
        return skill if skill["status"] != "building" else None

    return wait_for(look, f"the build of {name} is over", timeout=60)


def build_pods(kubectl):
    return kubectl.items("pods", "-n", NAMESPACE)


def test_built_and_run(client, kubectl, index, push_folder):
    """From the push to the result: the run waits for the packages, those they need among them; and the same requirements are not
    built twice."""
    name, pushed = push_folder(f"-r deps/more.txt  # what it needs\n--index-url https://elsewhere.example/simple\n", (A, B),
                               **{"deps/more.txt": f"{A}\n-c ../pins.txt\n", "pins.txt": f"{B}<2\n"})
    assert pushed["status"] == "building"
    result = client.run(name)
    assert (result["status"], result["output"]) == ("success", ["1.0", "1.0"]), result
    skill = get(client, name)
    assert skill["status"] == "available" and skill["build"]["message"] == "ready to run"
    log = skill["build"]["log"]
    assert f"{A}==1.0 --hash=sha256:{hashlib.sha256(FILES[f'{A}-1.0-py3-none-any.whl']).hexdigest()}" in log
    assert "--index-url is left out" in log
    wait_for(lambda: not build_pods(kubectl), "the Pod of the build is gone")

    seen = index().count(f"GET /simple/{A.replace('_', '-')}/")
    assert seen >= 1
    _, pushed = push_folder(f"-r deps/more.txt  # what it needs\n--index-url https://elsewhere.example/simple\n", (B, A), "2.0.0", name,
                            **{"deps/more.txt": f"{A}\n-c ../pins.txt\n", "pins.txt": f"{B}<2\n"})
    result = client.run(name, version="2.0.0")
    assert (result["status"], result["output"]) == ("success", ["1.0", "1.0"]), result
    assert index().count(f"GET /simple/{A.replace('_', '-')}/") == seen, "the same requirements were built again"


def test_what_cannot_be_built_says_why(client, kubectl, index, push_folder):
    zeros = "0" * 64
    right = hashlib.sha256(FILES[f"{B}-1.0-py3-none-any.whl"]).hexdigest()
    cases = {
        "the index has no package": (f"{PREFIX}_nothing", {}),
        "has only source distributions": (SDIST, {}),
        "it has the versions 1.0, 2.0": (f"{B}==3", {}),
        "--no-binary is not taken here": (f"--no-binary :all:\n{A}", {}),
        "by its name and versions here": (f"{A} @ https://elsewhere.example/a.whl", {}),
        f"its sha256 is {right}, and should be {zeros}": (B, {"requirements.lock": f"{B}==1.0 --hash=sha256:{zeros}\n"}),
    }
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        def one(case):
            name, _ = push_folder(case[0], (B,), **case[1])
            return settled(client, name), client.run(name)

        for words, (skill, result) in zip(cases, pool.map(one, cases.values())):
            assert skill["status"] == "build_failed" and words in skill["build"]["message"], (words, skill)
            assert result["status"] == "failed" and result["error_code"] == "sandbox_start_failed" and words in result["error"], result
    # It is in the resource, too.
    reasons = [condition_of(s, "Ready").get("reason") for s in kubectl.items("skills") if s["spec"]["source"].get("build")]
    assert reasons.count("BuildFailed") >= len(cases)


def test_a_lock_is_kept_to(client, index, push_folder):
    hashes = {n: hashlib.sha256(FILES[f"{n}-1.0-py3-none-any.whl"]).hexdigest() for n in (A, B)}
    lock = "".join(f"{n}==1.0 \\\n    --hash=sha256:{h}\n" for n, h in hashes.items())
    name, _ = push_folder(A, (A, B), **{"requirements.lock": lock})
    result = client.run(name)
    assert (result["status"], result["output"]) == ("success", ["1.0", "1.0"]), result


# Of weaker_pods: what a build must not be either, and who says so besides the policy.
MUST_NOT = ("two containers", "an init container", "host network", "a host path", "a Secret as volume", "a token by default",
            "a DNS server", "root's group of files", "privileged", "a writable root", "one capability", "another program", "a hook",
            "a node of its choice", "any image", "a terabyte", "CPU held back", "restarts", "no deadline", "a variable")


@pytest.mark.alone
def test_the_controller_dies_in_the_middle(client, kubectl, index, push_folder):
    """The index is silent while the controller goes, and while weaker Pods than this one are tried in its name; the next controller
    begins with another Pod."""
    def lead_to(port):
        kubectl.run("patch", "service", "index", "-n", INDEX, "-p", json.dumps({"spec": {"ports": [{"port": 8080, "targetPort": port}]}}))

    lead_to(8081)
    name, _ = push_folder(f"{A}\n{B}==2.0\n", (A, B))
    execution = client.start(name)
    wait_for(lambda: any(p.get("status", {}).get("phase") == "Running" for p in build_pods(kubectl)), "a Pod fetches")
    first = build_pods(kubectl)[0]
    assert_hardened(kubectl, first)
    kubectl.run("delete", "pod", "-n", "skillbox", "--grace-period=0", "--force", component_pods(kubectl, "controller")[0]["metadata"]["name"])
    lead_to(8080)
    wait_for(lambda: {p["metadata"]["name"] for p in build_pods(kubectl)} - {first["metadata"]["name"]}, "another Pod begins", timeout=60)
    client.wait_until(execution, "success", timeout=60)
    assert client.record(execution)["output"] == ["1.0", "2.0"]
    wait_for(lambda: not build_pods(kubectl), "no Pod of a build is left", timeout=60)


def assert_hardened(kubectl, pod):
    """What the cluster lets the controller make there: this, and nothing weaker."""
    policies = {p["metadata"]["name"] for p in kubectl.items("networkpolicies", "-n", NAMESPACE)}
    assert policies == {"skillbox-deny-all", "skillbox-index"}
    labels = kubectl.json("get", "namespace", NAMESPACE)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"

    def try_to_make(case):
        spec = {k: v for k, v in json.loads(json.dumps(pod["spec"])).items() if k not in SET_BY_THE_CLUSTER}
        spec["containers"][0].setdefault("env", [])
        if case:
            WEAKER[case][0](spec, spec["containers"][0])
        if not spec["containers"][0]["env"]:
            del spec["containers"][0]["env"]
        if spec.get("hostNetwork"):
            spec.pop("hostUsers", None)
        meta = {k: pod["metadata"][k] for k in ("namespace", "labels", "annotations")}
        body = {"apiVersion": "v1", "kind": "Pod", "spec": spec, "metadata": {**meta, "name": pod["metadata"]["name"] + "0"}}
        return kubectl.run("create", "-n", NAMESPACE, "--dry-run=server", "-f", "-", "--as", CONTROLLER, stdin=json.dumps(body), check=False)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        tried = dict(zip((None, *MUST_NOT), pool.map(try_to_make, (None, *MUST_NOT))))
    assert tried.pop(None).returncode == 0, tried
    for case, done in tried.items():
        assert done.returncode != 0 and ("skillbox-build-pods" in done.stderr or "PodSecurity" in done.stderr), (case, done.stderr)
    # One way in.
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}/exec?container=build&stdout=true&command=python3&command=-c&command=1"
    done = kubectl.run("create", "--raw", path, "-f", "-", "--as", CONTROLLER, stdin="{}", check=False)
    assert done.returncode != 0 and "skillbox-build-streams" in done.stderr, done.stderr
