"""A node that lacks a layer of isolation which the operator requires gets no job."""

import pytest

from skillbox_client import component_pods, is_ready
from waiting import wait_for

pytestmark = pytest.mark.alone

NAME = "SKILLBOX_REQUIRED_LAYERS"


@pytest.fixture
def require(kubectl):
    """require(layers) restarts the controller with that list; in the end with the one it had."""
    pod = component_pods(kubectl, "controller")[0]
    home = pod["metadata"]["namespace"]
    before = {v["name"]: v.get("value") for v in pod["spec"]["containers"][0]["env"]}.get(NAME)

    def restart(value):
        kubectl.run("set", "env", "-n", home, "deployment/skillbox-controller", f"{NAME}={value}" if value is not None else f"{NAME}-")
        kubectl.run("rollout", "status", "-n", home, "deployment/skillbox-controller", "--timeout=120s", timeout=130)
        wait_for(lambda: all(is_ready(p) and not p["metadata"].get("deletionTimestamp") for p in component_pods(kubectl, "controller")),
                 "the controller is back")

    yield restart
    restart(before)


def test_a_missing_layer_fails_the_run(client, push, require, execution_object):
    skill = push("echo the script ran", lang="bash")
    seen = execution_object(client.run(skill)["execution_id"])["status"]["isolation"]
    layers = {layer["name"]: layer["active"] for layer in seen}
    (missing, *_) = [name for name, active in layers.items() if not active]
    require(",".join([missing, *(name for name, active in layers.items() if active)]))
    result = client.run(skill)
    assert (result["status"], result["error_code"]) == ("failed", "sandbox_start_failed"), result
    assert f"lacks required layers of isolation: {missing} (" in result["error"], result
    assert "the script ran" not in result.get("logs", "")
    require(",".join(name for name, active in layers.items() if active))
    assert client.run(skill)["status"] == "success"
