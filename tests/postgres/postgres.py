"""A PostgreSQL of our own for tests: Debian's programs on a free port, its data in a temporary folder, gone with the session."""

import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import time

from waiting import free_port

PASSWORD = "p%40ss%3Aw%2Frd"  # as a URL has it; the password itself is p@ss:w/rd


def program(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    if not found:
        raise RuntimeError(f"{name} is missing: apt-get install postgresql")
    return found[-1]


class Postgres:
    """dsn(database), query(sql); stop(), start(), kill(), pause(), resume()."""

    def __init__(self, folder, settings=()):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.folder),
                         "max_connections": 60, "shared_buffers": "16MB", **dict(settings)}
        self.process = None
        self.folder.mkdir(parents=True, exist_ok=True)
        # PostgreSQL refuses to be root, and pytest's folders are closed to others.
        owner = pwd.getpwnam("postgres")
        self.as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        if os.geteuid() == 0:
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            for parent in self.folder.parents:
                if parent.owner() == "root" and str(parent).startswith("/tmp/"):
                    parent.chmod(parent.stat().st_mode | 0o011)
        secret = self.folder / "password"
        secret.write_text("p@ss:w/rd\n")
        self._run("initdb", "-D", self.folder / "data", "-U", "skillbox", "--pwfile", secret, "-A", "scram-sha-256", "-E", "UTF8",
                  "--locale", "C.UTF-8", "--no-sync")

    def _run(self, name, *arguments):
        done = subprocess.run([program(name), *map(str, arguments)], capture_output=True, text=True, timeout=120, cwd="/",
                              **self.as_owner)
        assert done.returncode == 0, done.stderr

    def start(self):
        assert self.process is None
        options = [text for key, value in self.settings.items() for text in ("-c", f"{key}={value}")]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([program("postgres"), "-D", str(self.folder / "data"), *options], stdout=log,
                                            stderr=log, cwd="/", **self.as_owner)
        deadline = time.monotonic() + 60
        while self.query("SELECT 1", check=False).returncode != 0:
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "log").read_text()[-3000:]
            time.sleep(0.05)
        return self

    def _end(self, how):
        self.process.send_signal(how)
        self.process.wait(60)
        self.process = None

    def stop(self):
        if self.process:
            self._end(signal.SIGINT)  # connections are cut, data is written

    def kill(self):
        """As when the machine goes: no goodbye to clients, recovery at the next start."""
        children = self._children()
        self._end(signal.SIGKILL)
        deadline = time.monotonic() + 60
        while any(os.path.exists(f"/proc/{pid}") for pid in children):
            assert time.monotonic() < deadline, "its processes live on"
            time.sleep(0.02)

    def _children(self):
        return [int(pid) for pid in pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()]

    def pause(self):
        """It hangs: connections stay, and nothing is answered."""
        self.paused = [self.process.pid, *self._children()]
        for pid in self.paused:
            os.kill(pid, signal.SIGSTOP)

    def resume(self):
        for pid in self.paused:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass

    def dsn(self, database="postgres", host="127.0.0.1", **options):
        query = "&".join(f"{key}={value}" for key, value in options.items())
        return f"postgresql://skillbox:{PASSWORD}@{host}:{self.port}/{database}" + (f"?{query}" if query else "")

    def query(self, sql, database="postgres", check=True):
        """CompletedProcess of psql; rows are lines of stdout, columns separated by |."""
        done = subprocess.run([shutil.which("psql") or program("psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1",
                               "-d", self.dsn(database), "-c", sql], capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, done.stderr
        return done

    def rows(self, sql, database="postgres"):
        return self.query(sql, database).stdout.splitlines()

    def database(self, name, *options):
        """A new, empty one; its DSN."""
        self.query(f'CREATE DATABASE "{name}" {" ".join(options)}')
        return self.dsn(name)
