"""The certificate is changed under a running server, as cert-manager does every some weeks: from the next connection on it is the
new one, those that are open go on, and nobody has to restart anything."""

import http.client
import os
import socket
import ssl
import subprocess

import pytest

from api_server import ApiServer, KEYS_NAMESPACE
from controller import Controller
from waiting import wait_for


def make_pair(folder, name):
    key, cert = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                    "-out", cert, "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost"],
                   check=True, capture_output=True)
    return cert.read_text(), key.read_text()


def put(folder, cert, key):
    """As the kubelet does: a folder beside, and a link to it that is put in the old one's place."""
    data = folder / f"data-{len(list(folder.iterdir()))}"
    data.mkdir()
    (data / "tls.crt").write_text(cert)
    (data / "tls.key").write_text(key)
    link = folder / "..new"
    link.symlink_to(data.name)
    os.rename(link, folder / "..data")


class Tls:
    """A running server with TLS, and what its clients see."""

    def __init__(self, plane, folder):
        self.folder = folder / "secret"
        self.folder.mkdir()
        self.pairs = [make_pair(folder, name) for name in ("first", "second", "third")]
        put(self.folder, *self.pairs[0])
        files = {"SKILLBOX_TLS_CERT": self.folder / "..data" / "tls.crt", "SKILLBOX_TLS_KEY": self.folder / "..data" / "tls.key"}
        self.server = ApiServer(plane, folder, **{name: str(path) for name, path in files.items()}).start(ready=False)
        self.port = int(self.server.url.rsplit(":", 1)[1])

    def connect(self):
        context = ssl.create_default_context(cadata="".join(cert for cert, _ in self.pairs))
        context.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=10)
        connection.connect()
        return connection

    def name(self, connection=None):
        """Whose certificate a connection has, a new one's if none is given."""
        connection = connection or self.connect()
        return dict(pair for (pair,) in connection.sock.getpeercert()["subject"])["commonName"]


@pytest.fixture
def tls(plane, tmp_path):
    tls = Tls(plane, tmp_path)
    yield tls
    tls.server.stop()


def ask(connection):
    connection.request("GET", "/health")
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_the_certificate_changes_under_connections_that_go_on(tls):
    open_one = tls.connect()
    assert ask(open_one) == (200, b'{"status":"ok"}') and tls.name(open_one) == "first"
    half_sent = tls.connect()
    half_sent.sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
    # A handshake has begun, and goes on behind the change.
    waiting = socket.create_connection(("127.0.0.1", tls.port))
    for number, name in ((1, "second"), (2, "third")):
        put(tls.folder, *tls.pairs[number])
        wait_for(lambda: tls.name() == name, f"the {name} certificate is served")
        assert ask(open_one) == (200, b'{"status":"ok"}') and tls.name(open_one) == "first", "the same connection, still open"
    half_sent.sock.sendall(b"\r\n")
    assert half_sent.sock.recv(15) == b"HTTP/1.1 200 OK"
    context = ssl.create_default_context(cadata=tls.pairs[2][0])
    with context.wrap_socket(waiting, server_hostname="localhost") as late:
        late.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert late.recv(15) == b"HTTP/1.1 200 OK"
    assert len(tls.server.logged("the TLS certificate has changed")) == 2


@pytest.mark.parametrize("bad", ["mismatch", "nonsense", "empty", "no key"])
def test_a_pair_that_is_none_changes_nothing(tls, bad):
    cert, key = {"mismatch": (tls.pairs[1][0], tls.pairs[0][1]), "nonsense": ("nonsense", "nonsense"), "empty": ("", ""),
                 "no key": (tls.pairs[1][0], tls.pairs[1][0])}[bad]
    put(tls.folder, cert, key)
    told = wait_for(lambda: tls.server.logged("the new TLS certificate can't be used: the one from before stays"), "it is told")
    assert told[0]["level"] == "error" and "pair" in told[0]["reason"]
    assert tls.name() == "first" and ask(tls.connect())[0] == 200
    put(tls.folder, *tls.pairs[1])
    wait_for(lambda: tls.name() == "second", "the next good one is served")


def test_the_controller_begins_anew_with_another_ca(tls, plane, tmp_path):
    """It knows the API server by it. A certificate that is its own CA is another CA each time."""
    ca = tmp_path / "ca.crt"
    ca.write_text(tls.pairs[0][0])
    url = tls.server.url.replace("http://127.0.0.1", "https://localhost")
    controller = Controller(plane, KEYS_NAMESPACE, tls.server.signing_key, url, SKILLBOX_BLOB_CA_FILE=str(ca)).start()
    ca.write_text("nothing of use")
    wait_for(lambda: controller.logged("the new CA can't be used: the one from before stays"), "it is told")
    assert controller.process.poll() is None
    ca.write_text(tls.pairs[1][0])
    wait_for(lambda: controller.process.poll() is not None, "it ends, to be started again by the kubelet")
    assert controller.process.returncode == 0
