"""Fixtures of the integration tests: real parts against a real Kubernetes API, without nodes."""

import pytest

from control_plane import ControlPlane


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory):
    """A Kubernetes API with our custom resources in it, for all tests of the session."""
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    try:
        plane.install_crds()
        yield plane
    finally:
        plane.stop()
