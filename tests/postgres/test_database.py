"""lib/db and the controller's archive against a PostgreSQL that is restarted, killed, hung, encrypted and misconfigured."""

import os
import subprocess
import time

import pytest

from postgres import Postgres
from waiting import unique, wait_for


@pytest.fixture
def own(tmp_path):
    """A server that the test may ill-treat; started by the test."""
    own = Postgres(tmp_path / "postgres")
    yield own
    own.stop()


@pytest.mark.parametrize("name", ["test_db", "test_execution_row"])
def test_unit_programs(build, dsn, name):
    done = subprocess.run([build / "tests" / f"unit-lib-db-{name}"], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "SKILLBOX_TEST_DSN": dsn})
    assert done.returncode == 0 and "SKIPPED" not in done.stdout, done.stdout + done.stderr


# ---- the schema


def test_four_processes_make_the_schema_at_once(postgres, dsn, exercise):
    processes = [exercise(dsn, "check") for _ in range(4)]
    for process in processes:
        process.wait_line("usable")
        assert process.end() == ["usable"]
    name = dsn.rsplit("/", 1)[1]
    assert postgres.rows("SELECT version FROM sandbox.schema_migrations ORDER BY version", name) == ["1", "2"]
    assert postgres.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'sandbox' ORDER BY 1", name) == [
        "api_keys", "audit", "executions", "idempotency", "schema_migrations"]


def test_a_newer_schema_is_fine(postgres, dsn, exercise):
    exercise(dsn, "archive", 1).end()
    name = dsn.rsplit("/", 1)[1]
    postgres.query("INSERT INTO sandbox.schema_migrations VALUES (1000); ALTER TABLE sandbox.executions ADD later text", name)
    assert exercise(dsn, "archive", 1).end()[-1] == "archived 1"
    assert postgres.rows("SELECT count(*) FROM sandbox.executions", name) == ["2"]


def test_a_role_that_may_only_use_its_schema(postgres, dsn, exercise):
    name, role = dsn.rsplit("/", 1)[1], unique("role")
    postgres.query(f"CREATE ROLE \"{role}\" LOGIN PASSWORD 'secret'; REVOKE ALL ON SCHEMA public FROM PUBLIC")
    limited = f"postgresql://{role}:secret@127.0.0.1:{postgres.port}/{name}"
    process = exercise(limited, "check")
    assert "42501" in process.wait_line("problem"), "it may not make schemas"
    postgres.query(f'CREATE SCHEMA sandbox AUTHORIZATION "{role}"', name)
    process.wait_line("usable")
    process.end()


def test_tables_that_vanish_are_made_again(postgres, dsn, exercise):
    name = dsn.rsplit("/", 1)[1]
    process = exercise(dsn, "check")
    process.wait_line("usable")
    process.end()
    process = exercise(dsn, "archive", 3000)
    process.wait_line("progress")
    postgres.query("DROP SCHEMA sandbox CASCADE", name)
    assert process.end(120)[-1] == "archived 3000"
    assert int(postgres.rows("SELECT count(*) FROM sandbox.executions", name)[0]) > 0


def test_another_encoding_is_refused(postgres, exercise):
    dsn = postgres.database(unique("latin"), "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    process = exercise(dsn, "check")
    assert "UTF8" in process.wait_line("problem")
    process.end()


# ---- the database away


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_nothing_is_lost_when_it_restarts_under_load(own, exercise, end):
    own.start()
    process = exercise(own.database("load"), "archive", 500)
    process.wait_line("progress 1")  # 100 or more
    getattr(own, end)()
    process.wait_line("problem")
    own.start()
    assert process.end(120)[-1] == "archived 500"
    assert own.rows("SELECT count(DISTINCT id), min(length(input)), min(length(output)) FROM sandbox.executions", "load") == ["500|20000|20000"]


def test_it_comes_after_we_are_there(own, exercise):
    process = exercise(own.dsn(), "archive", 50)
    assert "can't connect" in process.wait_line("problem")
    own.start()
    assert process.end()[-1] == "archived 50"
    assert own.rows("SELECT count(*) FROM sandbox.executions") == ["50"]


def test_one_that_hangs_holds_up_nothing_else(own, exercise):
    own.start()
    process = exercise(own.dsn(), "beat")
    process.wait_line("usable")
    own.pause()
    try:
        process.wait_line("problem")  # the statements' deadline
    finally:
        own.resume()
    # Each of its connections hangs, and may be found out after another one is well again.
    wait_for(lambda: process.lines[-1] == "usable", "it is found usable again", 30)
    lines = process.end()
    gap, wait = (int(line.split()[1]) for line in lines[-2:])
    assert gap < 1000, f"the loop stood still for {gap} ms"
    assert wait < 1000, f"other work waited {wait} ms for a thread"


def test_a_hanging_database_does_not_hold_up_the_end(own, exercise):
    own.start()
    process = exercise(own.dsn(), "check")
    process.wait_line("usable")
    own.pause()
    try:
        began = time.monotonic()
        process.end()
        assert time.monotonic() - began < 15
    finally:
        own.resume()


# ---- TLS


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory):
    """A server for localhost that takes nothing unencrypted; its CA, and another one."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=folder)

    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.crt", "-days", "2",
                "-subj", f"/CN={name}")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "server.crt")
    server = Postgres(tmp_path_factory.mktemp("encrypted"), {"ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key"})
    owner = (server.folder / "data").stat()
    for name in ("server.crt", "server.key"):
        target = server.folder / "data" / name
        target.write_bytes((folder / name).read_bytes())
        target.chmod(0o600)
        os.chown(target, owner.st_uid, owner.st_gid)
    (server.folder / "data" / "pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")
    server.start()
    yield server, folder
    server.stop()


def test_tls_as_the_dsn_asks(encrypted, exercise):
    server, folder = encrypted
    process = exercise(server.dsn(host="localhost", sslmode="verify-full", sslrootcert=folder / "ca.crt"), "archive", 3)
    assert process.end()[-1] == "archived 3"


@pytest.mark.parametrize("host, options, word", [
    ("localhost", {"sslmode": "verify-full", "sslrootcert": "other.crt"}, "certificate verify failed"),
    ("127.0.0.1", {"sslmode": "verify-full", "sslrootcert": "ca.crt"}, "does not match host name"),
    ("localhost", {"sslmode": "disable"}, "no encryption"),
])
def test_tls_that_is_not_as_it_should_be(encrypted, exercise, host, options, word):
    server, folder = encrypted
    options = {key: folder / value if key == "sslrootcert" else value for key, value in options.items()}
    process = exercise(server.dsn(host=host, **options), "check")
    problem = process.wait_line("problem")
    assert word in problem and "p@ss" not in problem and "p%40ss" not in problem
    assert "usable" not in process.end()
