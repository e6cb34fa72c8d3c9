"""What all test folders share: the order of tests, and which of them run side by side.

With pytest-xdist (`-n`) each worker has a tenant of its own on the cluster, and a Kubernetes API, PostgreSQL and S3 servers of its
own beside it. A test that must have the cluster for itself is marked `alone` and runs in a pass of its own (dev/test)."""

import importlib.util
import pathlib
import zlib

import pytest

if importlib.util.find_spec("requests"):  # the runner's tests, which need none of these, run without it as well
    from plane_fixtures import client, kube, make_client, plane, server  # noqa: F401

HERE = pathlib.Path(__file__).parent
ON_THE_CLUSTER = {HERE / name for name in ("attack", "e2e", "openapi")}
# Tests that share something costly stay with one worker: by folder, or by file.
BY_FOLDER = ("integration", "openapi", "postgres")
BY_FILE = {"attack/test_escape.py": "probes", "attack/test_promises.py": "probes", "attack/test_residue.py": "residue",
           "e2e/test_build.py": "build"}


def pytest_addoption(parser):
    parser.addoption("--core", metavar="PATH", action="append", default=[], help="with --turn: a file whose tests run each time")
    parser.addoption("--turn", metavar="N/M", help="of the tests in no --core file, only every M-th, from the N-th on: runs with "
                     "N from 0 to M-1 have run all of them")


def turn_of(text):
    """(N, M) of "N/M"."""
    n, slash, m = text.partition("/")
    if not (slash and n.isdigit() and m.isdigit() and int(n) < int(m)):
        raise pytest.UsageError(f"--turn is N/M with N < M, as in 0/4, not {text!r}")
    return int(n), int(m)


def pytest_configure(config):
    config.addinivalue_line("filterwarnings", "ignore::urllib3.exceptions.InsecureRequestWarning")
    text = config.getoption("--turn")
    config.turn = turn_of(text) if text else None
    for path in config.getoption("--core"):
        if not (config.rootpath / path).exists():
            raise pytest.UsageError(f"--core {path}: there is no such file")


def is_its_turn(nodeid, turn, core):
    """By the function's name: the cases of one test stay together."""
    n, m = turn
    path, name = nodeid.partition("::")[0], nodeid.partition("[")[0]
    return path in core or zlib.crc32(name.encode()) % m == n


def group_of(name):
    """Which tests go to the same worker, by a test's name ("tests/e2e/test_rest.py::test_x[case]")."""
    path, _, test = name.removeprefix("tests/").partition("::")
    folder = path.partition("/")[0]
    if path in BY_FILE:
        return BY_FILE[path]
    if folder == "s3":
        return next((f"s3-{kind}" for kind in ("minio", "versitygw") if kind in test), "s3")
    if folder in ("apiserver", "cli", "hostile", "langchain", "sdk"):
        return path
    return folder if folder in BY_FOLDER else name


@pytest.hookimpl(optionalhook=True)  # where xdist is not installed, nobody asks
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return group_of(nodeid)

    return Scheduler(config, log)


def pytest_collection_modifyitems(config, items):
    turn, core = config.turn, config.getoption("--core")
    if turn:
        left = [item for item in items if not is_its_turn(item.nodeid, turn, core)]
        items[:] = [item for item in items if is_its_turn(item.nodeid, turn, core)]
        config.hook.pytest_deselected(items=left)
    # The fast ones first, the cluster's last.
    items.sort(key=lambda item: not ON_THE_CLUSTER.isdisjoint(item.path.parents))
