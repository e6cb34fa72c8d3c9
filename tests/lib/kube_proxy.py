"""Between a program and its Kubernetes API: everything passes, but for the answers that a test loses or holds back."""

import http.client
import http.server
import json
import socket
import ssl
import threading
import urllib.parse

LOSE, CUT = "lose", "cut"


class KubeProxy:
    """kubeconfig: a path; otherwise as a ControlPlane where a program is started.

    rule(method, path) says what becomes of a request: None: nothing; LOSE: it is carried out, and its answer never comes; CUT:
    it does not arrive; a Held: its answer waits there. hang_up_watches() ends the streams that are open. answers: (method, path, status, body) of all but watches. While `watching`
    is not set no news comes."""

    def __init__(self, plane, folder):
        self.upstream = urllib.parse.urlsplit(plane.url).netloc
        self.rule = lambda method, path: None
        self.answers, self.streams = [], []
        self.watching = threading.Event()
        self.watching.set()
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"proxy": self}))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        config = json.loads(plane.kubeconfig.read_text())
        config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self.server.server_port}"}
        self.kubeconfig = folder / "kubeconfig-of-the-proxy"
        self.kubeconfig.write_text(json.dumps(config))

    def hang_up_watches(self):
        for stream in self.streams:
            try:
                stream.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended
        self.streams.clear()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Held:
    """A place where an answer waits."""

    def __init__(self):
        self.arrived, self.released = threading.Event(), threading.Event()


def copy(source, to, flowing=None):
    try:
        while data := source.recv(65536):
            if flowing:
                flowing.wait(120)
            to.sendall(data)
    except OSError:
        pass  # one of both has hung up
    for one in (source, to):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        what = self.proxy.rule(self.command, self.path)
        if what == CUT:
            self.hang_up()
            return
        if "Upgrade" in self.headers:
            self.tunnel()
            return
        upstream = http.client.HTTPSConnection(self.proxy.upstream, context=self.proxy.context, timeout=600)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection", "expect")}
        try:
            upstream.request(self.command, self.path, body=body or None, headers=headers)
            answer = upstream.getresponse()
            self.pass_on(answer, what)
        except OSError:  # one of both has hung up
            self.close_connection = True
        finally:
            upstream.close()

    def pass_on(self, answer, what):
        data = answer.read()
        self.proxy.answers.append((self.command, self.path, answer.status, data.decode()))
        if isinstance(what, Held):
            what.arrived.set()
            what.released.wait(120)
        if what == LOSE:
            self.hang_up()
            return
        self.send_response(answer.status)
        for name in ("Content-Type", "Retry-After"):
            if answer.headers[name]:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def tunnel(self):
        """A watch is a WebSocket."""
        self.close_connection = True
        host, port = self.proxy.upstream.rsplit(":", 1)
        with self.proxy.context.wrap_socket(socket.create_connection((host, int(port)))) as upstream:
            self.proxy.streams.append(self.connection)
            lines = [f"{self.command} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers.items()), "", ""]
            upstream.sendall("\r\n".join(lines).encode())
            threading.Thread(target=copy, args=(self.connection, upstream), daemon=True).start()
            copy(upstream, self.connection, self.proxy.watching)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward
