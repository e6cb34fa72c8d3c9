"""Skills that are applied with kubectl: what their condition Ready says, and that an Execution of them says the same. The controller
on a Kubernetes API without nodes."""

import json

import pytest

from waiting import unique, wait_for

API = "skillbox.dev/v1alpha1"


@pytest.fixture(scope="module")
def api(control_plane, controller):
    """kubectl in a tenant's namespace."""
    namespace = control_plane.make_tenant("skills")
    kubectl = lambda *arguments, **options: control_plane.kubectl("-n", namespace, *arguments, **options)  # noqa: E731
    yield kubectl
    kubectl("delete", "executions", "--all")  # their Pods would count as sandboxes that start
    wait_for(lambda: json.loads(kubectl("get", "pods", "-o", "json").stdout)["items"] == [], "the Pods are gone")


def create(api, kind, name, spec):
    api("create", "-f", "-", stdin={"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec})


def condition(api, kind, name, type_):
    thing = json.loads(api("get", kind, name, "-o", "json").stdout)
    return next((c for c in thing.get("status", {}).get("conditions", []) if c["type"] == type_), None)


def files(**texts):
    return {"files": {path.replace("__", "/").replace("_", "."): text for path, text in texts.items()}}


BUNDLE = {"bundle": {"digest": "sha256:" + "a" * 64, "size": 100}}

# A Skill's spec → what a run of it is: (image, script's language), or why there is none: (reason, errorCode, words).
CASES = {
    "no lang": ({"source": files(main_sh="true")}, ("bash:5",)),
    "of several files the first in the order": ({"source": files(main_sh="true", run_py="1")}, ("python:3.12-slim",)),
    "an entrypoint by name": ({"entrypoint": "jobs/nightly.sh", "source": files(jobs__nightly_sh="true")}, ("bash:5",)),
    "an entrypoint beside main": ({"lang": "bash", "entrypoint": "jobs/nightly.sh",
                                   "source": files(main_sh="false", jobs__nightly_sh="true")}, ("bash:5",)),
    "an entrypoint that is not there": ({"entrypoint": "jobs/nightly.sh", "source": files(main_sh="true")},
                                        ("Invalid", "no_entrypoint", 'entrypoint "jobs/nightly.sh" is not among the files')),
    "no script of that lang": ({"lang": "node", "source": files(main_sh="true")},
                               ("Invalid", "no_entrypoint", "no entrypoint for lang node")),
    "only instructions": ({"source": files(README_md="Read me.")}, ("InstructionsOnly", "no_entrypoint", "no script to run")),
    "an image off the allowlist": ({"image": "evil:1", "source": files(main_sh="true")},
                                   ("Invalid", "image_not_allowed", "image 'evil:1' is not on the allowlist")),
    "too little memory": ({"resources": {"memory": "1Mi"}, "source": files(main_sh="true")},
                          ("Invalid", "sandbox_start_failed", 'resources.memory "1Mi" is too little')),
    "a file below a file": ({"source": files(main_sh="true", a="", a__b="")},
                            ("Invalid", "sandbox_start_failed", 'file "a/b": a part of its path is a file')),
    "Windows line ends": ({"source": files(main_sh="true\r\n")}, ("Invalid", "sandbox_start_failed", "dos2unix main.sh")),
    "a bundle whose lang is its entrypoint's": ({"entrypoint": "run.js", "source": BUNDLE}, ("node:20-slim",)),
    "a bundle of instructions": ({"source": BUNDLE}, ("InstructionsOnly", "no_entrypoint", "no script to run")),
    "a bundle with an image off the allowlist": ({"lang": "bash", "image": "evil:1", "source": BUNDLE},
                                                 ("Invalid", "image_not_allowed", "image 'evil:1'")),
}


@pytest.mark.parametrize("case", CASES)
def test_what_makes_it_ready_makes_it_run(api, case):
    spec, expected = CASES[case]
    name = unique("skill")
    create(api, "Skill", name, {"name": name, "version": "1.0", "description": "d", **spec})
    create(api, "Execution", name, {"skillRef": {"name": name, "version": "v1.0.0"}})
    ready = wait_for(lambda: condition(api, "skill", name, "Ready"), "the skill is judged")
    if len(expected) == 1:
        assert (ready["status"], ready["reason"], ready["message"]) == ("True", "Ready", "ready to run")
        pod = wait_for(lambda: next(iter(pods_of(api, name)), None), "a Pod is made")
        assert pod["spec"]["containers"][0]["image"] == expected[0]
        return
    reason, code, words = expected
    assert (ready["status"], ready["reason"]) == ("False", reason)
    assert words in ready["message"]
    ended = wait_for(lambda: (c := condition(api, "execution", name, "Succeeded")) and c["status"] == "False" and c, "the run ends")
    status = json.loads(api("get", "execution", name, "-o", "json").stdout)["status"]
    assert (ended["reason"], status["errorCode"]) == ("Failed", code)
    assert words in status["error"] and pods_of(api, name) == []


def pods_of(api, name):
    uid = json.loads(api("get", "execution", name, "-o", "json").stdout)["metadata"]["uid"]
    pods = json.loads(api("get", "pods", "-o", "json").stdout)["items"]
    return [pod for pod in pods if any(owner["uid"] == uid for owner in pod["metadata"].get("ownerReferences", []))]


def test_what_is_tried_out_is_not_the_latest(api):
    name = unique("skill")
    create(api, "Skill", name + "-dev", {"name": name, "version": "1.0.0-dev.3f2c1a", "description": "d", "source": files(main_sh="true")})
    create(api, "Execution", name, {"skillRef": {"name": name}})
    pending = wait_for(lambda: condition(api, "execution", name, "Succeeded"), "the execution waits")
    assert (pending["status"], pending["message"]) == ("Unknown", f"skill not found: {name}@latest")
    create(api, "Execution", name + "-dev", {"skillRef": {"name": name, "version": "1.0.0-dev.3f2c1a"}})
    wait_for(lambda: pods_of(api, name + "-dev"), "the version that is asked for runs")
