"""Small tools for tests that drive a real cluster: a REST client, kubectl, skills as zips in memory, waiting."""

import io
import json
import pathlib
import re
import subprocess
import zipfile

import requests

from waiting import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT_FILE = ROOT / ".dev" / "env"
NEEDED = ("SKILLBOX_SERVER_URL", "SKILLBOX_API_KEY", "KUBECONFIG")

SUFFIXES = {"python": "py", "node": "js", "bash": "sh"}


def load_environment(path=ENVIRONMENT_FILE):
    """The variables that `make up` wrote, on top of ours. A RuntimeError says what to do when they aren't there."""
    if not path.is_file():
        raise RuntimeError(f"{path} is missing: these tests need a cluster, made by `make up`")
    command = ["bash", "-c", 'set -a; . "$1"; env -0', "bash", str(path)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    environment = dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)
    missing = [name for name in NEEDED if not environment.get(name)]
    if missing:
        raise RuntimeError(f"{path} does not set {', '.join(missing)}: run `make up` again")
    return environment


# ---- JSON as text, since the product promises bytes


def minified(text):
    """JSON text without the white space between its tokens."""
    return re.sub(r'("(?:\\.|[^"\\])*")|[ \t\r\n]+', lambda match: match.group(1) or "", text)


def raw_members(text):
    """The members of a JSON object as (key, raw text of the value), in their order, duplicates included."""
    decoder = json.JSONDecoder()
    blank = re.compile(r"[ \t\r\n]*")
    members = []
    position = blank.match(text, text.index("{") + 1).end()
    while text[position] != "}":
        key, position = decoder.raw_decode(text, position)
        position = blank.match(text, position).end()
        assert text[position] == ":", f"':' expected at {position}: {text[position:position + 20]!r}"
        start = blank.match(text, position + 1).end()
        _, end = decoder.raw_decode(text, start)
        members.append((key, text[start:end]))
        position = blank.match(text, end).end()
        if text[position] == ",":
            position = blank.match(text, position + 1).end()
    return members


def raw_member(text, key):
    """The raw text of one member; None if it isn't there."""
    found = [value for name, value in raw_members(text) if name == key]
    assert len(found) <= 1, f"{key!r} is there {len(found)} times"
    return found[0] if found else None


# ---- skills


def manifest(name, **keys):
    """SKILL.md with the given front matter. None leaves a key out; resources: {"memory": …}."""
    lines = ["---", f"name: {name}"]
    keys.setdefault("description", "made by an end-to-end test")
    instructions = keys.pop("instructions", "Nothing to know.")
    for key, value in keys.items():
        if isinstance(value, dict):
            lines.append(f"{key}:")
            lines += [f"  {inner}: {text}" for inner, text in value.items()]
        elif value is not None:
            lines.append(f"{key}: {value}")
    return "\n".join(lines + ["---", "", instructions, ""])


def zip_of(files):
    """A zip archive in memory from {name or ZipInfo: text or bytes}."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def skill_zip(name, script, lang="python", files=None, **keys):
    return zip_of({"SKILL.md": manifest(name, lang=lang, **keys), f"main.{SUFFIXES[lang]}": script, **(files or {})})


# ---- the product


class Client:
    """The REST API with one key. Methods that end in what they promise assert the status code first."""

    def __init__(self, base_url, api_key):
        self.base_url = base_url.rstrip("/")
        self.api_key = api_key

    def request(self, method, path, *, headers=None, auth=True, timeout=120, **options):
        headers = dict(headers or {})
        if auth:
            headers.setdefault("Authorization", f"Bearer {self.api_key}")
        return requests.request(method, self.base_url + path, headers=headers, timeout=timeout, **options)

    def upload(self, data, content_type="application/zip", path="/v1/skills", **options):
        return self.request("POST", path, data=data, headers={"Content-Type": content_type}, **options)

    def push(self, data):
        answer = self.upload(data)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def post_execution(self, body, headers=None, **options):
        """POST with a body of JSON text, or of what json.dumps makes of it."""
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        headers = {"Content-Type": "application/json", **(headers or {})}
        return self.request("POST", "/v1/executions", data=body, headers=headers, **options)

    def run(self, skill, **fields):
        """Run to the end; the answer's JSON."""
        answer = self.post_execution({"skill": skill, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def start(self, skill, **fields):
        """Run asynchronously; the execution's id."""
        answer = self.post_execution({"skill": skill, "async": True, **fields})
        assert answer.status_code == 202, answer.text
        return answer.json()["execution_id"]

    def record(self, execution_id):
        answer = self.request("GET", f"/v1/executions/{execution_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait_until(self, execution_id, *statuses, timeout=90):
        def reached():
            record = self.record(execution_id)
            return record if record["status"] in statuses else None

        return wait_for(reached, f"execution {execution_id} is {' or '.join(statuses)}", timeout)

    def wait_until_ended(self, execution_id, timeout=90):
        return self.wait_until(execution_id, "success", "failed", "timeout", "cancelled", timeout=timeout)

    def logs(self, execution_id):
        answer = self.request("GET", f"/v1/executions/{execution_id}/logs")
        assert answer.status_code == 200, answer.text
        return answer

    def skill_names(self):
        answer = self.request("GET", "/v1/skills")
        assert answer.status_code == 200, answer.text
        return {skill["name"] for skill in answer.json()}


class Kubectl:
    """kubectl with the cluster's configuration. namespace: the tenant's, used for all but cluster-wide look-ups."""

    def __init__(self, environment, namespace=None):
        self.environment = environment
        self.namespace = namespace

    def run(self, *arguments, stdin=None, check=True, timeout=60):
        command = ["kubectl", *arguments]
        if self.namespace and not {"-A", "-n"} & set(arguments):
            command[1:1] = ["-n", self.namespace]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout,
                              env=self.environment, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done

    def text(self, *arguments, **options):
        return self.run(*arguments, **options).stdout

    def json(self, *arguments):
        return json.loads(self.text(*arguments, "-o", "json"))

    def items(self, *arguments):
        return self.json("get", *arguments)["items"]

    def get(self, kind, name):
        """The object, or None if there is none."""
        done = self.run("get", kind, name, "--ignore-not-found", "-o", "json")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def apply(self, manifest_object, check=True):
        return self.run("apply", "-f", "-", stdin=json.dumps(manifest_object), check=check)

    def create(self, manifest_object, check=True):
        return self.run("create", "-f", "-", stdin=json.dumps(manifest_object), check=check)


API = "skillbox.dev/v1alpha1"


def skill_object(name, **spec):
    return {
        "apiVersion": API, "kind": "Skill", "metadata": {"name": name},
        "spec": {"name": name, "version": "1.0.0", "description": "made by an end-to-end test", "lang": "bash",
                 "source": {"files": {"main.sh": 'cat "$SANDBOX_INPUT_FILE" >"$SANDBOX_OUTPUT"; echo "hello, $WHO"'}}, **spec},
    }


def execution_object(name, skill, **spec):
    return {"apiVersion": API, "kind": "Execution", "metadata": {"name": name},
            "spec": {"skillRef": {"name": skill}, **spec}}


def skill_and_execution(kubectl, name, **spec):
    """As somebody with kubectl alone makes them."""
    kubectl.apply({
        "apiVersion": "skillbox.dev/v1alpha1", "kind": "Skill", "metadata": {"name": name},
        "spec": {"name": name, "version": "1.0.0", "description": "d", "lang": "bash",
                 "source": {"files": {"main.sh": "true"}}},
    })
    kubectl.apply({"apiVersion": "skillbox.dev/v1alpha1", "kind": "Execution", "metadata": {"name": name},
                   "spec": {"skillRef": {"name": name}, **spec}})


def condition_of(resource, kind):
    """The condition of that type of a custom resource, or an empty dictionary."""
    for condition in resource.get("status", {}).get("conditions", []):
        if condition["type"] == kind:
            return condition
    return {}


class Node:
    """The kind node: its processes, seen through the Docker engine that runs it."""

    def __init__(self, environment, kubectl):
        self.environment = environment
        self.kubectl = kubectl

    def execute(self, *command):
        name = self.kubectl.json("get", "nodes")["items"][0]["metadata"]["name"]
        done = subprocess.run(["docker", "exec", name, *command], capture_output=True, text=True, timeout=60,
                              env=self.environment, check=False)
        assert done.returncode == 0, f"docker exec {name} {command[0]}: {done.stderr.strip()}"
        return done.stdout

    def kill_processes(self, pod_uid, program):
        """SIGKILL every process of that Pod whose command line begins with that program; how many there were."""
        script = r"""
            for directory in /proc/[0-9]*; do
                grep -q -e "$1" -e "$2" "$directory/cgroup" 2>/dev/null || continue
                case "$(tr '\0' ' ' <"$directory/cmdline" 2>/dev/null)" in "$3"*|*/"$3"*) ;; *) continue ;; esac
                kill -9 "${directory#/proc/}" && echo killed
            done"""
        output = self.execute("bash", "-c", script, "bash", pod_uid, pod_uid.replace("-", "_"), program)
        return len(output.split())


def component_pods(kubectl, component, check=True):
    """The Pods of the API server or the controller, wherever they are; check: there must be one."""
    selector = f"app.kubernetes.io/component={component},app.kubernetes.io/name=skillbox"
    pods = kubectl.items("pods", "-A", "-l", selector)
    assert pods or not check, f"no Pod has the labels {selector}"
    return pods


def restart_count(pod):
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


def kill_component(kubectl, node, component):
    """SIGKILL the component's program in each of its Pods. Returns a function that waits until all are back."""
    before = {pod["metadata"]["uid"]: pod["metadata"] for pod in component_pods(kubectl, component)}
    for uid, pod in before.items():
        assert node.kill_processes(uid, f"skillbox-{component}") == 1, f"the {component}'s process was not found"
        # Its container would start again after a pause that doubles each time: another Pod starts at once.
        kubectl.run("delete", "pod", "-n", pod["namespace"], pod["name"], "--grace-period=0", "--force")

    def is_back():
        pods = component_pods(kubectl, component, check=False)
        return pods and all(is_ready(pod) and pod["metadata"]["uid"] not in before for pod in pods)

    return lambda: wait_for(is_back, f"the {component} is ready again after SIGKILL", timeout=120)


def component_logs(kubectl, component):
    """All that the component's containers wrote, before their last restart too."""
    texts = []
    for pod in component_pods(kubectl, component):
        place = ("-n", pod["metadata"]["namespace"], pod["metadata"]["name"])
        texts.append(kubectl.text("logs", *place))
        if restart_count(pod):
            texts.append(kubectl.run("logs", "--previous", *place, check=False).stdout)
    return "\n".join(texts)


def is_uuid(text):
    return bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text))
