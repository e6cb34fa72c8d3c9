"""kube-exercise (tests/integration/kube/) as a process: its lines, what it holds, how it ends."""

import os
import pathlib
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def program():
    """kube-exercise of the sanitizers' build, or of the build that SKILLBOX_BUILD names."""
    path = pathlib.Path(os.environ.get("SKILLBOX_BUILD", ROOT / "build" / "debug")) / "tests" / "kube-exercise"
    if not path.exists():
        raise RuntimeError(f"{path} is missing: `make check` builds it")
    return str(path)


def environment(kubeconfig):
    return {**os.environ, "KUBECONFIG": str(kubeconfig), "ASAN_OPTIONS": "detect_leaks=1"}


class Watch:
    """A watch of `path` and the informer that it feeds."""

    def __init__(self, kubeconfig, path, page=500):
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen([program(), "watch", path, str(page)], env=environment(kubeconfig), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()

    def wait(self, condition, timeout=60):
        """Until condition(lines) is true; returns what it returned."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while not (result := condition(self.lines)):
                assert self.process.poll() is None, f"it ended: {self.process.stderr.read()}"
                assert self.changed.wait(max(0, deadline - time.monotonic())), f"not in time; it said {self.lines[-20:]}"
        return result

    def wait_line(self, start, count=1, timeout=60):
        """Until `count` lines begin so."""
        return self.wait(lambda lines: len(self.of(start)) >= count, timeout)

    def of(self, start):
        return [line for line in self.lines if line.startswith(start)]

    def dump(self):
        """key → resourceVersion of what the informer holds."""
        ends = len(self.of("END"))
        self.process.stdin.write("dump\n")
        self.process.stdin.flush()
        self.wait(lambda lines: lines.count("END") > ends)
        last = len(self.lines) - self.lines[::-1].index("END")
        objects = {}
        for line in reversed(self.lines[:last - 1]):
            if not line.startswith("HAVE "):
                break
            _, key, version = line.split(" ")
            assert key not in objects
            objects[key] = version
        return objects

    def close(self):
        """The end of its input ends it, cleanly: no leak, nothing left on its loop."""
        if self.process.poll() is None:
            self.process.stdin.close()
        assert self.process.wait(30) == 0, self.process.stderr.read()
        assert self.process.stderr.read() == ""

    def kill(self):
        self.process.kill()
        self.process.wait()


def run_exec(kubeconfig, namespace, pod, container, *command, stdin=b"", timeout=60):
    """CompletedProcess of a command in a container, bytes."""
    return subprocess.run([program(), "exec", namespace, pod, container, *command], env=environment(kubeconfig), input=stdin,
                          capture_output=True, timeout=timeout)
