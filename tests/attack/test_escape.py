"""What programs that look for a way out of a container try, and what came of each attempt (the table: cases.py)."""

import pathlib
import re

import pytest

import cases
from attack_tools import judge

PROBED = cases.cases_of(*cases.PROBES)


@pytest.mark.parametrize("case", PROBED, ids=lambda case: f"{case.group}-{case.name}")
def test_escape(probes, runtime, case):
    verdict, detail = probes.of(case)
    judge(case, runtime, verdict, detail)


def test_the_probes_can_succeed(control):
    """In an ordinary Pod of the same cluster and user these attacks work: so the verdicts above are the sandbox's doing."""
    wanted = [case.name for case in PROBED if case.control]
    seen = control.probe(wanted)
    stopped = {name: what for name, what in seen.items() if what[0] != "open"}
    assert set(seen) == set(wanted) and not stopped, stopped


def test_the_sandbox_runs_in(client, kubectl, push, execution_object, runtime):
    """What all of this is about: the runtime that the configuration names, in the Pod and in what a script sees of its kernel."""
    node_kernel = kubectl.json("get", "nodes")["items"][0]["status"]["nodeInfo"]["kernelVersion"]
    skill = push("uname -r | sed 's/.*/\"&\"/' >$SANDBOX_OUTPUT; sleep 2", lang="bash")
    execution = client.start(skill)
    client.wait_until(execution, "running")
    pod = kubectl.get("pod", execution_object(execution)["status"]["podName"])
    result = client.wait_until_ended(execution)
    assert (pod["spec"].get("runtimeClassName") == "gvisor") == (runtime == "gvisor")
    assert (result["output"] == node_kernel) == (runtime == "runc"), result


def test_every_case_of_the_table_has_its_test():
    """A probe, or a test of the case's name; and no probe is without a case."""
    here = pathlib.Path(__file__).parent
    probes = set(re.findall(r"@probe\ndef (\w+)\(", "".join((here / f"probes/{group}.py").read_text() for group in cases.PROBES)))
    kernel = (here / "probes/kernel.py").read_text()
    probes |= set(re.findall(r'^    "(\w+)": \(\d', kernel, re.M)) | {f"unshare_{name}" for name in re.findall(r'"(\w+)": 0x', kernel)}
    assert {case.name for case in PROBED} == probes
    others = {(case.group, case.name) for case in cases.CASES if case.group not in cases.PROBES}
    tests = {(group, name) for group in {group for group, _ in others}
             for name in re.findall(r"^def test_(\w+)\(.*\b(?:verdict|no_output)\b.*\):", (here / f"test_{group}.py").read_text(), re.M)}
    assert others == tests
    assert len(cases.CASES) == len({(case.group, case.name) for case in cases.CASES}) > 80
    assert all(case.reason for case in cases.CASES if case.runc != case.gvisor or case.runc in ("contained",))
