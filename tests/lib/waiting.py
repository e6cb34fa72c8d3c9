"""Waiting for a condition, and names and ports that nobody else has."""

import socket
import time
import uuid


def wait_for(condition, what, timeout=60):
    """Polls until condition() is true, and returns what it gave. what: a text, or what gives one when it is wanted."""
    deadline = time.monotonic() + timeout
    pause = 0.01
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what() if callable(what) else what} (last seen: {value!r})")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)


def unique(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
