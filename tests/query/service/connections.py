"""Connections to a running service, byte by byte, and its metrics."""

import contextlib
import re
import socket
import time

import httpx

from .conftest import TOKEN

STEPS = 120
"""Of at least 0.05 seconds: what should end after 1.5 seconds has ended by then, on a loaded machine too."""


def connected(live):
    return socket.create_connection(("127.0.0.1", live.port), timeout=60)


def until_closed(raw):
    """What comes until the connection is closed; a connection that stays open is a TimeoutError."""
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := raw.recv(65536):
            answer += piece
    return answer


def metric(live, name):
    """The value of a metric without labels."""
    text = httpx.get(f"{live.url}/metrics", headers=live.headers, timeout=60).text
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])


def poll(condition):
    """Wait for a condition: in steps, so that a loaded machine gets more time."""
    for _ in range(STEPS):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("the condition never held")


HEAD = (
    f"POST /v1/attribute HTTP/1.1\r\nhost: localhost\r\nx-api-key: {TOKEN}\r\n"
    "content-type: application/json\r\n"
).encode()
