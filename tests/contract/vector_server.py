#!/usr/bin/env python3
"""An HTTP server that plays the exchanges of one vector at a time (README.md beside it). Standard library only, Python 3.9.

In a program: `with VectorServer() as server: server.play(vector); ...; server.verdict()`. For other languages, as a process:
it prints its URL; POST /-/play with a vector's JSON, make the call, GET /-/verdict, which is "" if all was as the vector says."""

import base64
import gzip
import io
import json
import pathlib
import socket
import socketserver
import sys
import tarfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
KEY = "sk-" + "0123456789abcdef" * 3
KINDS = {"file": tarfile.REGTYPE, "hardlink": tarfile.LNKTYPE, "symlink": tarfile.SYMTYPE, "chardev": tarfile.CHRTYPE,
         "blockdev": tarfile.BLKTYPE, "directory": tarfile.DIRTYPE, "fifo": tarfile.FIFOTYPE}


def load_vectors():
    """{name: vector} of all files."""
    found = {}
    for path in sorted(HERE.glob("*.json")):
        for vector in json.loads(path.read_text(encoding="utf-8"))["vectors"]:
            assert vector["name"] not in found, f"{path.name}: {vector['name']} is there twice"
            found[vector["name"]] = {**vector, "file": path.name}
    return found


def files_archive(entries):
    """A gzip tar, also of what no server should send."""
    out = io.BytesIO()
    with gzip.GzipFile("", "wb", 6, out, 0) as packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry["name"])
            info.type, info.linkname = KINDS[entry.get("kind", "file")], entry.get("link", "")
            info.mode, info.mtime = entry.get("mode", 0o644), 1_780_000_000
            data = entry.get("text", "").encode()
            info.size = len(data) if info.type == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def body_of(answer, base):
    """The bytes of an answer's body."""
    if "files" in answer:
        data = files_archive(answer["files"])
        return data[:-answer["without_last"]] if "without_last" in answer else data
    if "base64" in answer:
        return base64.b64decode(answer["base64"])
    text = answer["text"] if "text" in answer else json.dumps(answer["json"], ensure_ascii=False, separators=(",", ":")) \
        if "json" in answer else ""
    return text.replace("$BASE", base).encode()


class VectorServer:
    def __init__(self):
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    outer.serve(self.request)
                except OSError:
                    pass  # the client hung up, as some are to

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.lock = threading.Lock()
        self.exchanges, self.problems, self.connections, self.bodies, self.moments = [], [], 0, [], []
        self.over = threading.Event()
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()

    def play(self, vector):
        with self.lock:
            self.exchanges = list(vector["exchanges"])
            self.problems, self.bodies, self.moments, self.connections = [], [], [], 0

    def verdict(self):
        with self.lock:
            left = [f"never asked: {e['request']['method']} {e['request']['path']}" for e in self.exchanges]
            return "\n".join(self.problems + left)

    # One connection.

    def serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.connections += 1
        source = connection.makefile("rb")
        while True:
            request = self.read_request(source)
            if request is None:
                return
            if request["path"].startswith("/-/"):
                self.control(connection, request)
                continue
            with self.lock:
                exchange = self.exchanges.pop(0) if self.exchanges else None
                self.bodies.append(request["body"])
                self.moments.append(time.monotonic())
                problem = self.compare(request, exchange)
                if problem:
                    self.problems.append(problem)
            if problem:
                answer = {"status": 400, "json": {"error": "vector", "message": problem, "request_id": "vector"}}
            else:
                answer = exchange["answer"]
            if not self.answer(connection, answer):
                return

    @staticmethod
    def read_request(source):
        line = source.readline(65536).decode("latin-1").rstrip("\r\n")
        if not line:
            return None
        method, path, _ = line.split(" ")
        headers = {}
        while True:
            header = source.readline(65536).decode("latin-1").rstrip("\r\n")
            if not header:
                break
            name, _, value = header.partition(":")
            if name.lower() in headers:
                headers["twice"] = name
            headers[name.lower()] = value.strip()
        body = b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while True:
                size = int(source.readline().partition(b";")[0], 16)
                body += source.read(size)
                source.readline()
                if size == 0:
                    break
        else:
            body = source.read(int(headers.get("content-length", "0")))
        return {"method": method, "path": path, "headers": headers, "body": body}

    def control(self, connection, request):
        text = ""
        if request["path"] == "/-/play":
            self.play(json.loads(request["body"]))
        elif request["path"] == "/-/verdict":
            text = self.verdict()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text.encode()), text.encode()))

    @staticmethod
    def compare(request, exchange):
        """What is not as the vector says; empty if nothing."""
        asked = f"{request['method']} {request['path']}"
        if exchange is None:
            return f"not in the vector: {asked}"
        wanted = exchange["request"]
        if asked != f"{wanted['method']} {wanted['path']}":
            return f"asked for {asked} instead of {wanted['method']} {wanted['path']}"
        if "twice" in request["headers"]:
            return f"{asked}: the header {request['headers']['twice']} is there twice"
        bare = wanted.get("bare", False)
        headers = {"Authorization": None if bare else f"Bearer {KEY}", **({"X-Tenant-ID": None} if bare else {}),
                   **wanted.get("headers", {})}
        for name, value in headers.items():
            found = request["headers"].get(name.lower())
            if value == "*" and found or value == found:
                continue
            return f"{asked}: the header {name} is {found!r}, not {value!r}"
        if "json" in wanted:
            try:
                body = json.loads(request["body"])
            except ValueError:
                return f"{asked}: the body is not JSON: {request['body'][:200]!r}"
            if body != wanted["json"]:
                return f"{asked}: the body is {body}, not {wanted['json']}"
        if "has" in wanted and wanted["has"].encode() not in request["body"]:
            return f"{asked}: the body lacks {wanted['has']!r}: {request['body'][:200]!r}"
        if wanted.get("zip") and not request["body"].startswith(b"PK\x03\x04"):
            return f"{asked}: the body is no zip: {request['body'][:20]!r}"
        return ""

    def answer(self, connection, answer):
        """Whether the connection goes on."""
        fault = answer.get("fault", {})
        if "delay" in fault:
            self.over.wait(fault["delay"])
        if fault.get("cut_at") == 0:
            return self.cut(connection)
        body = body_of(answer, self.url)
        status = answer["status"]
        headers = {"X-Request-ID": "5f0c1d2e-0000-4000-8000-00000000000a"}
        if body or "json" in answer or "text" in answer:
            headers["Content-Type"] = "application/json; charset=utf-8" if "json" in answer else "text/plain; charset=utf-8"
        headers.update(answer.get("headers", {}))
        head = f"HTTP/1.1 {status} Status\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if fault.get("until_close"):
            data = f"{head}Connection: close\r\n\r\n".encode() + body
        elif "chunks" in fault:
            size = fault["chunks"]
            pieces = [body[i:i + size] for i in range(0, len(body), size)]
            data = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()
            data += b"".join(b"%x;note=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nX-Trailer: 1\r\n\r\n"
        elif status == 204:
            data = f"{head}\r\n".encode()
        else:
            data = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        if fault.get("continue"):
            data = b"HTTP/1.1 100 Continue\r\n\r\n" + data
        if "cut_at" in fault:  # of the body, from its end if negative
            start = data.index(b"\r\n\r\n") + 4
            connection.sendall(data[:start + fault["cut_at"]] if fault["cut_at"] > 0 else data[:fault["cut_at"]])
            return self.cut(connection)
        if "trickle" in fault:
            for i in range(0, len(data), fault["trickle"]):
                connection.sendall(data[i:i + fault["trickle"]])
        else:
            connection.sendall(data)
        return not (fault.get("until_close") or fault.get("close"))

    @staticmethod
    def cut(connection):
        """As when a proxy dies, or a server's host."""
        connection.shutdown(socket.SHUT_RDWR)
        return False


if __name__ == "__main__":
    with VectorServer() as running:
        print(running.url, flush=True)
        sys.stdin.read()
