"""Fixtures of the tests with a real PostgreSQL: alone, and with API server and controller on a real Kubernetes API without nodes,
where the test plays the sandboxes' part."""

import os
import pathlib
import subprocess
import threading

import pytest

from api_server import ApiServer, Client, KEYS_NAMESPACE, Kube, ROOT
from control_plane import running_plane
from controller import Controller
from postgres import Postgres
from waiting import unique, wait_for

BUILD = pathlib.Path(os.environ.get("SKILLBOX_BUILD", ROOT / "build" / "debug"))


def pytest_configure(config):
    config.addinivalue_line("filterwarnings", "ignore::urllib3.exceptions.InsecureRequestWarning")


@pytest.fixture(scope="session")
def build():
    return BUILD


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    postgres = Postgres(tmp_path_factory.mktemp("postgres")).start()
    yield postgres
    postgres.stop()


@pytest.fixture
def dsn(postgres):
    """Of an empty database."""
    return postgres.database(unique("db"))


class Exercise:
    """db-exercise as a process: its lines, how it ends."""

    def __init__(self, dsn, *arguments):
        path = BUILD / "tests" / "db-exercise"
        assert path.exists(), f"{path} is missing: `make check` builds it"
        self.process = subprocess.Popen([path, *map(str, arguments)], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE,
                                        env={**os.environ, "SKILLBOX_TEST_DSN": dsn, "ASAN_OPTIONS": "detect_leaks=1"})
        self.lines, self.errors = [], []
        self.threads = [threading.Thread(target=self._read, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))]
        for thread in self.threads:
            thread.start()

    def _read(self, stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def wait_line(self, start, timeout=30):
        return wait_for(lambda: [line for line in self.lines if line.startswith(start)],
                        lambda: f"{start} ({self.lines} {self.errors})", timeout)[-1]

    def end(self, timeout=60):
        """End of input; its exit status and what the sanitizers said are checked."""
        if self.process.stdin:
            self.process.stdin.close()
        status = self.process.wait(timeout)
        for thread in self.threads:
            thread.join(10)
        strange = [line for line in self.errors if not line.startswith("{")]
        assert status == 0 and not strange, "\n".join([f"exit status {status}", *self.lines, *self.errors])
        return self.lines


@pytest.fixture
def exercise():
    """exercise(dsn, command, …); what still runs at the end is ended."""
    started = []

    def start(dsn, *arguments):
        started.append(Exercise(dsn, *arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


# ---- the whole


@pytest.fixture(scope="session")
def plane(tmp_path_factory):
    with running_plane(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture(scope="session")
def kube(plane):
    kube = Kube(plane)
    kube.namespace(KEYS_NAMESPACE)
    return kube


@pytest.fixture(scope="session")
def database(postgres):
    """Name of the database of API server and controller."""
    name = unique("skillbox")
    postgres.database(name)
    return name


@pytest.fixture(scope="session")
def server(plane, kube, postgres, database, tmp_path_factory):
    server = ApiServer(plane, tmp_path_factory.mktemp("apiserver"), SKILLBOX_DB_DSN=postgres.dsn(database)).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def controller(plane, postgres, database, server):
    controller = Controller(plane, KEYS_NAMESPACE, server.signing_key, server.url, SKILLBOX_DB_DSN=postgres.dsn(database)).start()
    yield controller
    controller.stop()


@pytest.fixture(scope="session")
def make_client(kube):
    """make_client(server): a client of a new tenant, with a key in the database."""

    def make(server, scopes="run,push", key=None):
        tenant = unique("tenant")
        kube.namespace(f"ns-{tenant}", tenant)
        text = server.key("create", "--name", "test", "--tenant", tenant, "--scopes", scopes).stdout.strip()
        client = Client(server, text, tenant, f"ns-{tenant}", kube)
        wait_for(lambda: "has no namespace" not in client.get("/v1/skills").text, "the server knows the tenant")
        return client

    return make


@pytest.fixture
def client(server, make_client):
    return make_client(server)
