"""Fixtures of the tests against real S3 servers: MinIO and versitygw, built from Go modules, on free ports."""

import dataclasses
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from waiting import free_port, wait_for

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "skillbox-dev"
ACCESS_KEY, SECRET_KEY = "test-access-key", "a/secret+key-of-the-tests"
WAIT_S = 60


class S3Server:
    """One server with its data, which can be killed and started again on the same port."""

    def __init__(self, kind: str, directory: pathlib.Path, tls=None):
        """tls: a folder with public.crt and private.key."""
        self.kind, self.directory, self.port, self.tls = kind, directory, free_port(), tls
        self.data = directory / "data"
        self.data.mkdir()
        self.process = None
        self.log = directory / "log"

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def command(self):
        program = str(CACHE / "bin" / self.kind)
        if self.kind == "minio":
            certs = ["--certs-dir", str(self.tls)] if self.tls else []
            return [program, "server", "--quiet", *certs, "--address", self.endpoint, str(self.data)]
        accounts = self.directory / "iam"
        accounts.mkdir(exist_ok=True)
        certs = ["--cert", str(self.tls / "public.crt"), "--key", str(self.tls / "private.key")] if self.tls else []
        return [program, "--port", self.endpoint, "--quiet", *certs, "--iam-dir", str(accounts), "posix", str(self.data)]

    def start(self):
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "MINIO_ROOT_USER": ACCESS_KEY,
            "MINIO_ROOT_PASSWORD": SECRET_KEY,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "MINIO_DOMAIN": "localhost",
            "ROOT_ACCESS_KEY": ACCESS_KEY,
            "ROOT_SECRET_KEY": SECRET_KEY,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(), env=env, stdout=log, stderr=log, cwd=self.directory)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            scheme, context = ("https", ssl._create_unverified_context()) if self.tls else ("http", None)
            urllib.request.urlopen(f"{scheme}://{self.endpoint}/minio/health/ready", timeout=5, context=context)
            return True
        except urllib.error.HTTPError as error:
            return self.kind != "minio" and error.code < 500
        except OSError:
            return False

    def wait(self):
        wait_for(self.answers, f"{self.kind} answers", WAIT_S)

    def stop(self, how=signal.SIGTERM):
        if self.process:
            self.process.send_signal(how)
            self.process.wait(WAIT_S)
            self.process = None

    def stored(self):
        """What lies in the executions bucket: path → time of change."""
        return {p: p.stat().st_mtime_ns for p in (self.data / "executions").rglob("*") if p.is_file()}

    def bytes_on_disk(self) -> int:
        total = 0
        for folder, _, files in os.walk(self.data):
            for name in files:
                try:
                    total += os.stat(os.path.join(folder, name)).st_blocks * 512
                except FileNotFoundError:
                    pass
        return total


@dataclasses.dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def memory_kib(self) -> int:
        return int(self.err.rsplit("memory: ", 1)[1].split()[0])

    @property
    def error(self) -> str:
        return "".join(line for line in self.err.splitlines() if not line.startswith("memory: "))


class Exercise:
    """s3-exercise of the sanitizers' build, or of the build that SKILLBOX_BUILD names."""

    def __init__(self, server: S3Server):
        self.server = server
        self.program = pathlib.Path(os.environ.get("SKILLBOX_BUILD", ROOT / "build" / "debug")) / "tests" / "s3-exercise"

    def start(self, *arguments, **options) -> subprocess.Popen:
        """options: of the environment, without SKILLBOX_S3_; clock_offset in seconds."""
        env = {"PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=1"}
        settings = {"endpoint": self.server.endpoint, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, **options}
        env["EXERCISE_CLOCK_OFFSET"] = str(settings.pop("clock_offset", 0))
        env.update({f"SKILLBOX_S3_{name.upper()}": str(value) for name, value in settings.items()})
        return subprocess.Popen(
            [self.program, *map(str, arguments)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    @staticmethod
    def end(process: subprocess.Popen) -> Result:
        out, err = process.communicate(timeout=180)
        assert "Sanitizer" not in err, err
        return Result(process.returncode, out.strip(), err)

    def __call__(self, *arguments, **options) -> Result:
        return self.end(self.start(*arguments, **options))

    def good(self, *arguments, **options) -> Result:
        result = self(*arguments, **options)
        assert result.code == 0, result.err
        return result

    def bad(self, *arguments, **options) -> str:
        """The error."""
        result = self(*arguments, **options)
        assert result.code == 1, result.err
        return result.error


def serve(kind, directory, tls=None):
    """A server with its data, for as long as the fixture lives."""
    subprocess.run(["nice", str(HERE / "servers.sh"), str(CACHE), kind], check=True)
    server = S3Server(kind, directory, tls)
    server.start()
    try:
        server.wait()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.data, ignore_errors=True)


@pytest.fixture(scope="session", params=["minio", "versitygw"])
def server(request, tmp_path_factory):
    yield from serve(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A CA (ca.crt) with a server's certificate for localhost (server/), and another CA (other.crt)."""
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "server").mkdir()

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.crt", "-days", "2",
                "-subj", f"/CN={name} of the tests", "-addext", "basicConstraints=critical,CA:TRUE")
    (folder / "names").write_text("subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server/private.key", "-out", "server.csr", "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "server/public.crt")
    return folder


@pytest.fixture(scope="session", params=["minio", "versitygw"])
def tls_server(request, tmp_path_factory, certificates):
    yield from serve(request.param, tmp_path_factory.mktemp(f"{request.param}-tls"), certificates / "server")


@pytest.fixture
def tls_exercise(tls_server):
    """s3-exercise; the test says with what certificates."""
    return Exercise(tls_server)


@pytest.fixture
def exercise(server):
    """s3-exercise against a server that has the buckets."""
    exercise = Exercise(server)
    exercise.good("check")
    return exercise
