"""Fixtures of the tests of this folder."""

import pytest

from api_server import ApiServer


@pytest.fixture(scope="module")
def narrow(plane, kube, tmp_path_factory):
    """An API server with room for few bytes of bodies and answers: a tenant has 80 MiB in files."""
    server = ApiServer(plane, tmp_path_factory.mktemp("narrow"), SKILLBOX_LOG_LEVEL="info", SKILLBOX_TRANSFER_SIZE="320Mi",
                       SKILLBOX_MAX_FILES_SIZE="32Mi").start()
    yield server
    server.stop()
