"""SandboxPools that are bound to a skill: the controller on a Kubernetes API without nodes. What the pool says of its skill, and
which Pods it wants; what runs in them is for tests/e2e/test_pools.py."""

import datetime
import json

import pytest

from waiting import unique, wait_for

API = "skillbox.dev/v1alpha1"


@pytest.fixture
def api(control_plane, controller):
    """kubectl in a tenant's namespace."""
    namespace = control_plane.make_tenant("bound")
    return lambda *arguments, **options: control_plane.kubectl("-n", namespace, *arguments, **options)


def skill(api, version="1.0.0", text="print(1)", name="report", path="run.py", **spec):
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    thing = {"apiVersion": API, "kind": "Skill", "metadata": {"name": unique("skl"), "annotations": {"skillbox.dev/uploaded-at": now}},
             "spec": {"name": name, "version": version, "description": "Reports.", "lang": "python",
                      "source": {"files": {path: text, "lib/numbers.py": "one = 1"}}, **spec}}
    api("create", "-f", "-", stdin=thing)
    return thing["metadata"]["name"]


class Pool:
    def __init__(self, api, **spec):
        self.api, self.name = api, unique("pool")
        api("create", "-f", "-", stdin={"apiVersion": API, "kind": "SandboxPool", "metadata": {"name": self.name},
                                        "spec": {"skillRef": {"name": "report"}, "replicas": 2, **spec}})

    def get(self):
        return json.loads(self.api("get", "sandboxpool", self.name, "-o", "json").stdout)

    def status(self):
        return self.get().get("status", {})

    def condition(self):
        return next(iter(self.status().get("conditions", [])), {})

    def wait_reason(self, reason):
        return wait_for(lambda: (c := self.condition()).get("reason") == reason and c, f"{self.name} is {reason}")

    def pods(self):
        uid = self.get()["metadata"]["uid"]
        return json.loads(self.api("get", "pods", "-l", f"skillbox.dev/pool-uid={uid}", "-o", "json").stdout)["items"]

    def wait_pods(self, digest, count=2):
        """All that there are, and made for the files of that digest."""
        def fit():
            pods = self.pods()
            shapes = [pod["metadata"]["annotations"]["skillbox.dev/pool-shape"] for pod in pods]
            return len(pods) == count and all(f" {digest} " in shape for shape in shapes) and pods

        return wait_for(fit, f"{count} Pods for {digest}")

    def wait_skill(self, version):
        """The digest of what it has by then."""
        wait_for(lambda: self.status().get("skillVersion") == version, f"{self.name} has version {version}")
        return self.status()["skillDigest"]


def names(pods):
    return {pod["metadata"]["name"] for pod in pods}


def test_a_skill_that_comes_later(api):
    some = Pool(api, preload=["json"])
    condition = some.wait_reason("SkillNotFound")
    assert condition["status"] == "False" and condition["message"].startswith("skill not found: report@latest")
    assert some.pods() == [] and "skillVersion" not in some.status()
    skill(api, resources={"memory": "300Mi"})
    digest = some.wait_skill("1.0.0")
    for pod in some.wait_pods(digest):
        (container,) = pod["spec"]["containers"]
        variables = {entry["name"]: entry["value"] for entry in container["env"]}
        assert container["image"] == "python:3.12-slim"
        assert container["resources"]["limits"] == {"cpu": "500m", "memory": "300Mi"}
        assert (variables["SKILLBOX_PARK"], variables["SKILLBOX_PARK_SCRIPT"], variables["SKILLBOX_PRELOAD"]) == ("python", "run.py", "json")
        assert variables["SKILLBOX_PARK_AFTER"] == "files"  # the skill's packages can be preloaded, too
    assert some.wait_reason("Filling")


def test_it_follows_the_newest_and_a_named_version_stays(api):
    skill(api, text="print(1)")
    latest, pinned = Pool(api), Pool(api, skillRef={"name": "report", "version": "1.0.0"})
    old = latest.wait_skill("1.0.0")
    before, stays = latest.wait_pods(old), pinned.wait_pods(old)
    skill(api, version="2.0.0", text="print(2)")
    new = latest.wait_skill("2.0.0")
    assert new != old
    assert not names(latest.wait_pods(new)) & names(before)
    assert names(pinned.wait_pods(old)) == names(stays)
    assert pinned.status()["skillDigest"] == old


def test_a_skill_that_goes_takes_the_sandboxes_along(api):
    name = skill(api)
    some = Pool(api)
    some.wait_pods(some.wait_skill("1.0.0"))
    api("delete", "skill", name)
    some.wait_reason("SkillNotFound")
    wait_for(lambda: some.pods() == [], "no Pod is left")
    wait_for(lambda: "skillDigest" not in some.status(), "the status names no skill any more")
    skill(api)
    some.wait_pods(some.wait_skill("1.0.0"))


def test_what_is_wrong_with_the_skill_is_told(api):
    skill(api, name="no-script", path="other.py")
    skill(api, name="evil", image="evil:1")
    unready, unallowed = Pool(api, skillRef={"name": "no-script"}), Pool(api, skillRef={"name": "evil"})
    assert "no entrypoint for lang python" in unready.wait_reason("Invalid")["message"]
    assert "image 'evil:1' is not on the allowlist" in unallowed.wait_reason("Invalid")["message"]
    assert unready.pods() == [] and unallowed.pods() == []


def test_a_namespace_without_a_tenant(control_plane, controller):
    namespace = unique("free")
    control_plane.kubectl("create", "namespace", namespace)
    some = Pool(lambda *arguments, **options: control_plane.kubectl("-n", namespace, *arguments, **options))
    assert "belongs to no tenant" in some.wait_reason("Invalid")["message"]
    assert some.pods() == []


def test_another_controller_keeps_the_pods(api, controller):
    skill(api)
    some = Pool(api, replicas=3)
    digest = some.wait_skill("1.0.0")
    before = some.wait_pods(digest, 3)
    controller.stop()
    controller.start()
    skill(api, name="other")  # so that the new one has looked around
    other = Pool(api, skillRef={"name": "other"}, replicas=1)
    other.wait_pods(other.wait_skill("1.0.0"), 1)
    assert names(some.wait_pods(digest, 3)) == names(before)


def test_a_pool_is_bound_and_set_free(api):
    """The spec may change at any time: what was made for the other spec goes."""
    skill(api)
    some = Pool(api)
    digest = some.wait_skill("1.0.0")
    before = some.wait_pods(digest)
    api("patch", "sandboxpool", some.name, "--type=merge", "-p",
        json.dumps({"spec": {"skillRef": None, "image": "python:3.12-slim"}}))
    wait_for(lambda: (pods := some.pods()) and len(pods) == 2 and not names(pods) & names(before), "other Pods are there")
    wait_for(lambda: "skillDigest" not in some.status(), "the status names no skill any more")
    assert all(digest not in pod["metadata"]["annotations"]["skillbox.dev/pool-shape"] for pod in some.pods())
