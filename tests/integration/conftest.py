"""Fixtures of the integration tests: real parts against a real Kubernetes API, without nodes."""

import pytest

from control_plane import running_plane
from controller import Controller, signing_key_in


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory):
    """A Kubernetes API with our custom resources in it, for all tests of the session."""
    with running_plane(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture(scope="module")
def controller(control_plane, tmp_path_factory):
    """The controller, which has no API server to talk to."""
    key = signing_key_in(tmp_path_factory.mktemp("controller"))
    controller = Controller(control_plane, "default", key, "http://127.0.0.1:1").start()
    yield controller
    controller.stop()
