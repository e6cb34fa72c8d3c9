"""Many connections at once, for the tests of this folder."""

import contextlib
import selectors
import socket
import time
from urllib.parse import urlsplit


def address_of(url):
    parts = urlsplit(url)
    return parts.hostname, parts.port


def opened(url, count, first=b"", source=None):
    """So many connections, with the first bytes sent on each."""
    connections = []
    for _ in range(count):
        connection = socket.create_connection(address_of(url), timeout=10, source_address=(source, 0) if source else None)
        connection.sendall(first)
        connections.append(connection)
    return connections


def close_all(connections):
    for connection in connections:
        connection.close()


def drip(connections, byte=b"x"):
    """One more byte on each that takes it."""
    for connection in connections:
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            connection.send(byte)


def head(client, method, path, length=None, **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {client.key}", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def read_until_closed(connections, timeout):
    """{connection: what came}, of those that the server closed in time."""
    came, closed, deadline = {c: b"" for c in connections}, {}, time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_READ)
        while len(closed) < len(connections) and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                try:
                    piece = key.fileobj.recv(65536)
                except ConnectionError:
                    piece = b""
                came[key.fileobj] += piece
                if not piece:
                    closed[key.fileobj] = came[key.fileobj]
                    selector.unregister(key.fileobj)
    return closed
