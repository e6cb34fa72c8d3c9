"""Fixtures of the attack suite: attacks from inside real sandboxes, on the runtime of this configuration."""

import os
import pathlib

import pytest

import cases
from attack_tools import Control, Neighbour, Probes, judge
from cluster_fixtures import *  # noqa: F403
from skillbox_client import component_pods, restart_count

# Every sandbox has the runtime class of the configuration, so a run of this suite is about one runtime.
RUNTIME = "gvisor" if os.environ.get("SKILLBOX_TEST_CONFIG") == "gvisor" else "runc"
LAST = "test_afterwards.py"


def pytest_generate_tests(metafunc):
    if "runtime" in metafunc.fixturenames:
        metafunc.parametrize("runtime", [RUNTIME], scope="session")


def pytest_collection_modifyitems(items):
    """Behind the attacks, but before whatever other tests do to the cluster (some restart its programs)."""
    here = pathlib.Path(__file__).parent
    attacks = [item for item in items if here in item.path.parents]
    others = [item for item in items if here not in item.path.parents]
    if attacks:
        at = sum(item in others for item in items[:items.index(attacks[0])])
        items[:] = others[:at] + sorted(attacks, key=lambda item: item.path.name == LAST) + others[at:]


@pytest.fixture(scope="session", autouse=True)
def before(kubectl):
    """How the programs of the product were before the first attack: {Pod: restarts}."""
    return {pod["metadata"]["name"]: restart_count(pod)
            for component in ("controller", "apiserver") for pod in component_pods(kubectl, component)}


@pytest.fixture(scope="session")
def control(kubectl):
    """An ordinary Pod in another namespace: it listens, and it shows what the probes find where nothing is locked down."""
    with Control(kubectl) as pod:
        yield pod


@pytest.fixture(scope="session")
def neighbour(client):
    """A skill that has nothing to do with the attack."""
    with Neighbour(client) as skill:
        yield skill


@pytest.fixture
def verdict(request, runtime):
    """verdict(what, detail) at the end of the test of a case: is it what the table says?"""
    case = cases.case_of(request.path.stem.removeprefix("test_"), request.function.__name__.removeprefix("test_"))
    return lambda what, detail="": judge(case, runtime, what, detail)


@pytest.fixture(scope="session")
def probes(client, kubectl, control, runtime):
    """What each probe saw in a sandbox; the probes of one group share a sandbox."""
    with Probes(client, kubectl, control, runtime) as seen:
        yield seen
