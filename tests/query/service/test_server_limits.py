"""The service as a process: malformed requests, clients that read slowly, and a stop in the middle."""

import contextlib
import json
import signal
import socket

import httpx
import pytest

from .conftest import start
from .connections import HEAD, connected, metric, poll, until_closed


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/9.9 no\r\n\r\n", b"\x00\x01\r\n\r\n", b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"],
)
def test_malformed_http_is_answered_as_every_other_error(live, data):
    with connected(live) as raw:
        raw.sendall(data)
        head, _, body = until_closed(raw).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"content-type: application/json" in head.lower()
    assert json.loads(body)["error"]["status"] == 400


@pytest.mark.slow
def test_a_stop_answers_what_does_not_end_by_itself(world):
    """A body that never comes is answered 503 some seconds after the signal, not cut off."""
    live = start(world.uri)
    try:
        with connected(live) as raw:
            raw.sendall(HEAD + b'content-length: 100\r\n\r\n{"sample"')
            poll(lambda: metric(live, "attribase_requests_in_flight") == 2)
            live.process.send_signal(signal.SIGTERM)
            head, _, body = until_closed(raw).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503")
        assert "stopping" in json.loads(body)["error"]["message"]
        assert live.process.wait(60) == 0
    finally:
        live.process.kill()


@pytest.mark.slow
def test_clients_that_read_slowly_hold_no_worker(live):
    """More of them than there are workers, each with an answer that does not fit into a socket's buffer."""
    body = json.dumps({"queries": [{"sample": "m1-s0"}] * 200, "k": 230}).encode()
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            raw = stack.enter_context(socket.socket())
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.connect(("127.0.0.1", live.port))
            raw.sendall(HEAD + f"content-length: {len(body)}\r\n\r\n".encode() + body)
            assert raw.recv(12) == b"HTTP/1.1 200"
        assert metric(live, "attribase_requests_in_flight") == 5
        assert metric(live, "attribase_requests_working") == 0
        answer = httpx.post(
            f"{live.url}/v1/attribute", headers=live.headers, json={"sample": "m1-s0", "k": 1}, timeout=60
        )
        assert answer.status_code == 200
