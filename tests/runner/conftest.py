import functools
import os
import subprocess

import pytest

from . import sandbox as sandboxes


@functools.cache
def may_make_namespaces():
    return subprocess.run(["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "true"],
                          capture_output=True).returncode == 0


@pytest.fixture
def runtime(request):
    """Of the sandboxes; a test or a file may name several."""
    return getattr(request, "param", "runc")


@pytest.fixture
def make_sandbox(tmp_path, runtime):
    """Starts sandboxes, and ends them."""
    if os.geteuid() != 0 or not may_make_namespaces():
        pytest.skip("namespaces with uid 65534 in them need root")
    if not sandboxes.runner_path():
        pytest.skip("no skillbox-runner: neither SKILLBOX_RUNNER nor build/ has one")
    made = []

    def make(**options):
        directory = tmp_path / f"root{len(made)}"
        directory.mkdir()
        made.append(sandboxes.Sandbox(directory, runtime=runtime, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def sandbox(make_sandbox):
    return make_sandbox()
