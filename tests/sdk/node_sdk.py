"""What the tests of the TypeScript SDK share: Node.js, and vectors that run in one process of it."""

import concurrent.futures
import contextlib
import itertools
import json
import pathlib
import queue
import re
import shutil
import subprocess
import tempfile
import threading

import vector_runner
from vector_server import KEY, VectorServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
SDK = ROOT / "sdks" / "typescript"
HERE = pathlib.Path(__file__).resolve().parent / "typescript"
AT_ONCE = 8  # vectors wait for most of their time


def version_of(node):
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=30)
    found = re.match(r"v(\d+)\.(\d+)", done.stdout)
    return tuple(map(int, found.groups())) if found else (0, 0)


def node():
    """The Node.js of this machine: Debian's, unless another is first in PATH."""
    found = shutil.which("node")
    assert found and version_of(found) >= (18, 0), "Node.js 18 or later is needed; Debian's package is called nodejs"
    return found


def other_nodes():
    """{version: path} of those besides that the SDK is for."""
    home = pathlib.Path.home()
    found = [pathlib.Path("/usr/bin/node"), pathlib.Path("/usr/local/bin/node"), *home.glob(".nvm/versions/node/*/bin/node"),
             *home.glob(".local/share/fnm/node-versions/*/installation/bin/node"), *pathlib.Path("/opt").glob("node*/bin/node")]
    versions = {version_of(path): path for path in found if path.exists()}
    return {version: path for version, path in versions.items() if version >= (18, 0) and version != version_of(node())}


class Runner:
    """A process of Node that runs vectors, any number at once."""

    def __init__(self, path):
        self.process = subprocess.Popen([path, HERE / "vectors.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.ids, self.lock, self.answers, self.complaints = itertools.count(), threading.Lock(), {}, []
        self.threads = [threading.Thread(target=self.read), threading.Thread(target=self.listen)]
        for thread in self.threads:
            thread.start()

    def read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            self.answers[answer["id"]].put(answer["problems"])
        for waiting in self.answers.values():
            waiting.put(["the process of Node has ended"])

    def listen(self):
        self.complaints += self.process.stderr.read().splitlines()

    def run(self, task):
        answer = queue.Queue()
        with self.lock:
            task = {**task, "id": next(self.ids)}
            self.answers[task["id"]] = answer
            self.process.stdin.write(json.dumps(task) + "\n")
            self.process.stdin.flush()
        return answer.get(timeout=60)

    def close(self):
        """What it wrote to stderr, which should be nothing: warnings count, too."""
        self.process.stdin.close()
        self.process.wait(timeout=30)
        for thread in self.threads:
            thread.join(30)
        self.process.stdout.close()
        self.process.stderr.close()
        return self.complaints + ([f"exit code {self.process.returncode}"] if self.process.returncode else [])


def play(server, vector, runner):
    """A vector against the server that plays it; what went wrong."""
    server.play(vector)
    with tempfile.TemporaryDirectory() as scratch:
        problems = runner.run({"url": server.url, "key": KEY, "vector": vector, "scratch": scratch})
    return problems + vector_runner.seen_with_connections(server, vector)


def play_all(vectors, path):
    """({name: what went wrong}, what Node itself had to say)"""
    runner, servers = Runner(path), queue.Queue()
    with contextlib.ExitStack() as stack:
        for _ in range(AT_ONCE):
            servers.put(stack.enter_context(VectorServer()))

        def one(vector):
            if "connections" in vector:  # Node keeps connections for all clients
                with VectorServer() as server:
                    return play(server, vector, runner)
            server = servers.get()
            try:
                return play(server, vector, runner)
            finally:
                servers.put(server)

        try:
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                problems = dict(zip(vectors, pool.map(one, vectors.values())))
        finally:
            complaints = runner.close()
    return problems, complaints
