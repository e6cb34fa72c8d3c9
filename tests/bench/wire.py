"""HTTP over one raw connection, so that what is timed is the server: no header objects, no JSON inside the timed part."""

import base64
import os
import select
import socket
import ssl
import struct
import time


class Closed(Exception):
    """The other side closed the connection, or said what is not HTTP."""


class Connection:
    """One keep-alive connection to HOST:PORT, TLS if a context is given."""

    def __init__(self, host, port, context=None, timeout=120):
        self.host, self.port, self.context, self.timeout = host, port, context, timeout
        self.sock = None
        self.rest = b""

    def open(self):
        self.close()
        sock = socket.create_connection((self.host, self.port), self.timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self.context.wrap_socket(sock, server_hostname=self.host) if self.context else sock
        self.rest = b""

    def close(self):
        if self.sock:
            self.sock.close()
        self.sock = None

    def more(self):
        data = self.sock.recv(1 << 18)
        if not data:
            raise Closed(f"{self.host}:{self.port} closed the connection")
        return data

    def head(self):
        """Reads up to the end of the headers; returns them, in lower case, and the status."""
        data = self.rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self.more()
        self.rest = data[end + 4:]
        head = data[:end].lower()
        return int(head.split(b" ", 2)[1]), head

    def body(self, head):
        if b"transfer-encoding: chunked" in head:
            parts = []
            while (part := self.chunk()):
                parts.append(part)
            return b"".join(parts)
        at = head.find(b"content-length:")
        length = int(head[at + 15:].split(b"\r\n", 1)[0]) if at >= 0 else 0
        parts, have = [self.rest], len(self.rest)
        while have < length:
            parts.append(self.more())
            have += len(parts[-1])
        data = b"".join(parts)
        self.rest = data[length:]
        return data[:length]

    def chunk(self):
        """One chunk of a chunked body; b"" is the last."""
        data = self.rest
        while (end := data.find(b"\r\n")) < 0:
            data += self.more()
        size = int(data[:end].split(b";")[0], 16)
        parts, have = [data[end + 2:]], len(data) - end - 2
        while have < size + 2:
            parts.append(self.more())
            have += len(parts[-1])
        data = b"".join(parts)
        self.rest = data[size + 2:]
        return data[:size]

    def exchange(self, request):
        """Sends the request, which is whole and in bytes, and returns (seconds, status, body)."""
        if not self.sock:
            self.open()
        start = time.perf_counter()
        try:
            self.sock.sendall(request)
            status, head = self.head()
            body = self.body(head)
        except (OSError, Closed):
            self.close()
            raise
        took = time.perf_counter() - start
        if b"\nconnection: close" in head:
            self.close()
        return took, status, body


def request(method, path, host, headers=None, body=b""):
    """A whole request in bytes."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Lines:
    """A chunked answer that goes on, read as lines: a watch."""

    def __init__(self, connection, raw):
        self.connection = connection
        connection.open()
        connection.sock.sendall(raw)
        status, head = connection.head()
        if status != 200:
            raise Closed(f"watch: status {status}: {connection.body(head)[:300]!r}")
        self.data = b""

    def next(self, timeout):
        """The next line, or None when none came in time."""
        deadline = time.perf_counter() + timeout
        while (end := self.data.find(b"\n")) < 0:
            connection = self.connection
            pending = connection.context and connection.sock.pending()
            if not connection.rest and not pending:
                left = deadline - time.perf_counter()
                if left <= 0 or not select.select([connection.sock], [], [], left)[0]:
                    return None
            part = connection.chunk()
            if not part:
                raise Closed("the watch ended")
            self.data += part
        line, self.data = self.data[:end], self.data[end + 1:]
        return line

    def close(self):
        self.connection.close()


def exec_whole(connection, path, headers):
    """pods/exec over WebSocket, from the connection's opening to the status on channel 3; returns (seconds, stdout, status)."""
    key = base64.b64encode(os.urandom(16)).decode()
    raw = request("GET", path, f"{connection.host}:{connection.port}",
                  {**headers, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": key, "Sec-WebSocket-Protocol": "v5.channel.k8s.io"})
    start = time.perf_counter()
    connection.open()
    connection.sock.sendall(raw)
    status, head = connection.head()
    if status != 101:
        raise Closed(f"exec: status {status}: {connection.body(head)[:300]!r}")
    channels = {}
    data = connection.rest
    while 3 not in channels:
        while (frame := parse_frame(data)) is None:
            data += connection.more()
        opcode, payload, data = frame
        if opcode == 8:
            break
        if payload:
            channels[payload[0]] = channels.get(payload[0], b"") + payload[1:]
    took = time.perf_counter() - start
    connection.close()
    return took, channels.get(1, b""), channels.get(3, b"")


def parse_frame(data):
    """A WebSocket frame of a server (unmasked) at the start of the data: (opcode, payload, rest), or None if it isn't whole."""
    if len(data) < 2:
        return None
    size, at = data[1] & 127, 2
    if size == 126:
        size, at = (struct.unpack(">H", data[2:4])[0], 4) if len(data) >= 4 else (1 << 62, 4)
    elif size == 127:
        size, at = (struct.unpack(">Q", data[2:10])[0], 10) if len(data) >= 10 else (1 << 62, 10)
    if len(data) < at + size:
        return None
    return data[0] & 15, data[at:at + size], data[at + size:]


def tls_context(ca, certificate=None, key=None):
    context = ssl.create_default_context(cafile=ca)
    if certificate:
        context.load_cert_chain(certificate, key)
    return context
