"""After all attacks (conftest.py puts this file last): everybody else is as they were."""

import pytest

from attack_tools import node_is_well
from skillbox_client import component_pods, is_ready, restart_count
from waiting import wait_for

pytestmark = pytest.mark.alone

SANDBOXES = "app.kubernetes.io/component=sandbox,app.kubernetes.io/managed-by=skillbox"


def test_the_node_is_well(kubectl, runtime):
    node_is_well(kubectl)


def test_the_programs_have_not_restarted(kubectl, before, runtime):
    pods = [pod for component in ("controller", "apiserver") for pod in component_pods(kubectl, component)]
    assert {pod["metadata"]["name"]: restart_count(pod) for pod in pods} == before
    assert all(is_ready(pod) for pod in pods)


def test_no_sandbox_that_ran_is_left(kubectl, runtime):
    """Neither as a Pod nor as a process on the node. (Sandboxes that wait for a run have no Execution.)"""
    def left():
        return [pod["metadata"]["name"] for pod in kubectl.items("pods", "-A", "-l", f"{SANDBOXES},skillbox.dev/execution-uid")]

    wait_for(lambda: not left(), "no Pod of an Execution is left", timeout=60)


def test_no_process_of_a_sandbox_is_left_on_the_node(kubectl, node, runtime):
    """Nothing runs in the group of a Pod that isn't there any more."""
    script = r"""
        for directory in /proc/[0-9]*; do
            pod=$(sed -n 's#.*pod\([0-9a-f]\{8\}[0-9a-f_-]\{28\}\).*#\1#p' "$directory/cgroup" 2>/dev/null | head -n 1)
            [ -z "$pod" ] || printf '%s %s\n' "$pod" "$(cat "$directory/comm" 2>/dev/null)"
        done"""

    def left():
        alive = {pod["metadata"]["uid"] for pod in kubectl.items("pods", "-A")}
        lines = [line.split(" ", 1) for line in node.execute("bash", "-c", script).splitlines()]
        assert lines, "not even the programs of the product were found"
        # Pods of the node itself have no UID with dashes there.
        return [line for line in lines if "-" in line[0].replace("_", "-") and line[0].replace("_", "-") not in alive]

    wait_for(lambda: not left(), "no process is left", timeout=30)
