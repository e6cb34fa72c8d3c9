"""A node whose kubelet is the test: its containers log what the test says."""

import http.server
import queue
import ssl
import subprocess
import threading


class FakeKubelet:
    """say(pod, bytes), end(pod); asked: the paths of the requests."""

    def __init__(self, kube, folder, name="fake-node"):
        self.kube, self.name, self.asked, self.queues = kube, name, [], {}
        key, cert = folder / "kubelet.key", folder / "kubelet.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                        "-subj", "/CN=kubelet"], check=True, capture_output=True)
        kubelet = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                kubelet.asked.append(self.path)
                pod = self.path.split("/")[3]
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                follow = "follow=true" in self.path
                try:
                    for piece in kubelet.pieces(pod, follow):
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                        self.wfile.flush()
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    kubelet.asked.append("gone")

            def do_POST(self):  # exec, as kube-apiserver asks for it
                kubelet.asked.append(self.path)
                self.send_error(503)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        kube.call("POST", "/api/v1/nodes", {"metadata": {"name": name}})
        kube.call("PATCH", f"/api/v1/nodes/{name}/status", {"status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.server.server_address[1]}}}}, "application/merge-patch+json")

    def pieces(self, pod, follow):
        said = self.queues[pod]
        while follow or not said.empty():
            piece = said.get()
            if piece is None:
                return
            yield piece

    def execs(self, pod):
        """Who tried to get into that Pod."""
        return [path for path in self.asked if path.startswith("/exec/") and path.split("/")[3] == pod]

    def pod(self, namespace, name):
        """A Pod that runs here."""
        self.queues[name] = queue.Queue()
        self.kube.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "default"}}, ok=False)
        self.kube.call("POST", f"/api/v1/namespaces/{namespace}/pods", {
            "metadata": {"name": name}, "spec": {"nodeName": self.name, "automountServiceAccountToken": False,
                                                 "containers": [{"name": "sandbox", "image": "x"}]}})

    def say(self, pod, data):
        self.queues[pod].put(data)

    def end(self, pod):
        self.queues[pod].put(None)

    def close(self):
        for said in self.queues.values():
            said.put(None)
        self.server.shutdown()
        self.kube.call("DELETE", f"/api/v1/nodes/{self.name}")
