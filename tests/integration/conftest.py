"""Fixtures of the integration tests: real parts against a real Kubernetes API, without nodes."""

import pytest

from control_plane import ControlPlane
from controller import Controller


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory):
    """A Kubernetes API with our custom resources in it, for all tests of the session."""
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    try:
        plane.install_crds()
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="module")
def controller(control_plane, tmp_path_factory):
    """The controller, which has no API server to talk to."""
    key = tmp_path_factory.mktemp("controller") / "signing-key"
    key.write_text("0123456789abcdef" * 4)
    controller = Controller(control_plane, "default", key, "http://127.0.0.1:1").start()
    yield controller
    controller.stop()
