"""The service as a process: slow clients, signals, new data, many clients at once.

The timeouts themselves are tested on a clock of their own in test_server_timeouts.py.
"""

import asyncio
import contextlib
import http.client
import json
import signal
import socket

import httpx
import pytest
from attribase.query.service.server import open_listener

from .conftest import run, start
from .connections import HEAD, STEPS, connected, metric, poll, until_closed


@pytest.mark.parametrize("begun", [b"", b"GET", HEAD])
def test_a_client_that_does_not_send_its_headers_is_disconnected(impatient, begun):
    with connected(impatient) as raw:
        raw.sendall(begun)
        assert until_closed(raw) == b""


def drip(raw, piece):
    """How often `piece` can be sent until the other side answers or closes; STEPS where it never does."""
    raw.settimeout(0.05)
    sent = 0
    while sent < STEPS:
        sent += 1
        with contextlib.suppress(TimeoutError):
            try:
                raw.sendall(piece)
                if raw.recv(1, socket.MSG_PEEK) is not None:
                    break
            except (BrokenPipeError, ConnectionResetError):
                break
    raw.settimeout(60)
    return sent


def test_headers_sent_byte_by_byte_do_not_extend_the_timeout(impatient):
    with connected(impatient) as raw:
        assert drip(raw, b"x") < STEPS
        assert until_closed(raw) == b""


def test_a_body_that_does_not_come_is_answered_408(impatient):
    with connected(impatient) as raw:
        raw.sendall(HEAD + b'content-length: 100\r\n\r\n{"sample"')
        answer = until_closed(raw)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not arrive within" in answer


def test_a_body_sent_byte_by_byte_is_answered_408_and_disconnected(impatient):
    with connected(impatient) as raw:
        raw.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        assert drip(raw, b"1\r\n \r\n") < STEPS
        assert raw.recv(12) == b"HTTP/1.1 408"
        until_closed(raw)
    assert impatient.ready()


@pytest.mark.slow
def test_a_client_that_takes_no_response_is_disconnected(impatient):
    body = json.dumps({"queries": [{"sample": "m1-s0"}] * 100, "k": 230}).encode()
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(60)
        raw.connect(("127.0.0.1", impatient.port))
        raw.sendall(HEAD + f"content-length: {len(body)}\r\n\r\n".encode() + body)
        head = raw.recv(2000).decode()
        poll(lambda: metric(impatient, "attribase_requests_in_flight") == 1)  # the one for /metrics
        answer = until_closed(raw)
    assert head.startswith("HTTP/1.1 200")
    assert len(answer) < int(head.lower().split("content-length: ")[1].split()[0]) - 2000
    assert impatient.ready()


@pytest.mark.parametrize(
    ("headers", "status", "reason"), [({}, 413, "33,554,432"), ({"x-api-key": "wrong"}, 401, "token")]
)
def test_a_body_that_is_too_large_gets_its_answer_before_the_connection_ends(live, headers, status, reason):
    """Closing at once would reset the connection, and the client would never read why."""
    key = live.headers | headers | {"content-type": "application/json"}
    with httpx.Client(base_url=live.url, timeout=30) as client:
        response = client.post("/v1/attribute", content=bytes(40 << 20), headers=key)
        assert (response.status_code, reason in response.text) == (status, True)
        assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), (400,)),  # TLS
        (b"GET / HTTP/9.9\r\n\r\n", (400, 403, 200)),
        (b"GET /v1/" + b"a" * 300_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n", (400, 401)),
        (b"GET /v1/info HTTP/1.1\r\nhost: localhost\r\n" + b"x: y\r\n" * 90_000 + b"\r\n", (400, 401)),
        (b"GET /v1/info HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", (400,)),
        (HEAD + b"content-length: -5\r\n\r\n", (400,)),
        (HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef", (400,)),
        (HEAD + b"content-length: 99999999999999\r\n\r\n", (413,)),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nnothing like a chunk\r\n", (400,)),
    ],
)
def test_what_is_no_good_http_is_refused(live, data, statuses):
    with connected(live) as raw:
        try:
            raw.sendall(data)
            answer = raw.recv(12)
        except (ConnectionResetError, BrokenPipeError):  # closed before all of it was sent
            answer = b"HTTP/1.1 400"
    assert int(answer.split()[1]) in statuses
    assert live.ready()


def test_hundreds_of_silent_clients_do_not_block_others(live):
    silent = [socket.create_connection(("127.0.0.1", live.port)) for _ in range(300)]
    try:
        assert live.ready()
    finally:
        for one in silent:
            one.close()


@pytest.mark.slow
def test_many_clients_at_once_get_their_own_answers_in_bounded_memory(live, world):
    """64 clients: no error, no client gets another's answer, and memory does not grow with questions."""
    samples = [item for item in world.vectors if "-s" in item]
    wanted = {sample: world.by_hand(world.vectors[sample])[0][0] for sample in samples}

    async def ask(client, number, turns):
        wrong = []
        for turn in range(turns):
            sample = samples[(number * 7 + turn) % len(samples)]
            answer = await client.post("/v1/attribute", json={"sample": sample, "k": 3})
            if answer.status_code != 200 or answer.json()["results"][0]["image_id"] != wanted[sample]:
                wrong.append(answer.text)
        return wrong

    async def everybody(turns):
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        options = {"base_url": live.url, "headers": live.headers, "limits": limits, "timeout": 60}
        async with httpx.AsyncClient(**options) as client:
            found = await asyncio.gather(*(ask(client, number, turns) for number in range(64)))
            return [one for some in found for one in some]

    assert run(everybody(2)) == []
    before = live.memory()
    assert run(everybody(4)) == []
    assert live.memory() - before < 64 << 20


def test_small_answers_on_a_kept_connection_do_not_wait_for_each_other():
    """Nagle's algorithm and delayed acknowledgements together cost 40 ms each, if they are left on."""

    async def no_delay():
        options = asyncio.get_running_loop().create_future()

        def accepted(_, writer):
            accepted_socket = writer.get_extra_info("socket")
            options.set_result(accepted_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listening = open_listener("127.0.0.1", 0)
        async with await asyncio.start_server(accepted, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            writer.close()
            return await options

    assert run(no_delay()) == 1


@pytest.mark.slow
def test_new_data_is_seen_without_a_restart_and_a_stop_lets_requests_end(small):
    live = start(small.store.uri, token="")
    try:
        with httpx.Client(base_url=live.url, timeout=30) as client:
            question = {"sample": "m1-s0", "k": 1}
            assert client.post("/v1/attribute", json=question).json()["results"][0]["image_id"] != "new"
            small.images(["new"], "gallery", small.vectors["m1-s0"][None])

            def best():
                return client.post("/v1/attribute", json=question).json()["results"][0]["image_id"]

            poll(lambda: best() == "new")
        with begun_request(live) as finish:
            poll(lambda: metric(live, "attribase_requests_in_flight") == 2)
            live.process.send_signal(signal.SIGTERM)
            poll(lambda: not listens(live))
            assert finish() == 200
        assert live.process.wait(60) == 0
    finally:
        live.process.kill()


@contextlib.contextmanager
def begun_request(live):
    """A request of which a part of the body was sent; `finish` sends the rest and returns the status."""
    body = json.dumps({"sample": "m1-s0"}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=60)
    connection.putrequest("POST", "/v1/attribute")
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", str(len(body)))
    connection.endheaders(body[:5])

    def finish():
        connection.send(body[5:])
        return connection.getresponse().status

    with contextlib.closing(connection):
        yield finish


def listens(live):
    try:
        connected(live).close()
    except ConnectionRefusedError:
        return False
    return True


def test_an_interrupt_stops_it_too(world):
    live = start(world.uri)
    assert live.stop(signal.SIGINT) == 0
    with pytest.raises(httpx.TransportError):
        live.ready()
