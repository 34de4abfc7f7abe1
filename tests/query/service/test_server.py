"""The service as a process: slow clients, signals, new data, many clients at once."""

import asyncio
import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from .conftest import TOKEN, run, start


def connected(live):
    return socket.create_connection(("127.0.0.1", live.port), timeout=15)


def until_closed(raw):
    """What comes until the connection is closed, and the seconds that took."""
    began, answer = time.monotonic(), b""
    with contextlib.suppress(ConnectionResetError):
        while piece := raw.recv(65536):
            answer += piece
    return answer, time.monotonic() - began


HEAD = (
    f"POST /v1/attribute HTTP/1.1\r\nhost: localhost\r\nx-api-key: {TOKEN}\r\n"
    "content-type: application/json\r\n"
).encode()


@pytest.mark.parametrize("begun", [b"", b"GET", HEAD])
def test_a_client_that_does_not_say_what_it_wants_is_left(impatient, begun):
    with connected(impatient) as raw:
        raw.sendall(begun)
        answer, seconds = until_closed(raw)
    assert (answer, seconds < 6) == (b"", True)


def dripped(raw, piece, seconds=8.0):
    """Send `piece` again and again until the other side has enough of it; the seconds that took."""
    began = time.monotonic()
    raw.settimeout(0.05)
    while time.monotonic() - began < seconds:
        with contextlib.suppress(TimeoutError):
            try:
                raw.sendall(piece)
                if raw.recv(1, socket.MSG_PEEK) is not None:
                    break
            except (BrokenPipeError, ConnectionResetError):
                break
    raw.settimeout(15)
    return time.monotonic() - began


def test_headers_letter_by_letter_do_not_buy_time(impatient):
    with connected(impatient) as raw:
        assert dripped(raw, b"x") < 6
        assert until_closed(raw)[0] == b""


def test_a_body_that_does_not_come_is_answered_408(impatient):
    with connected(impatient) as raw:
        raw.sendall(HEAD + b'content-length: 100\r\n\r\n{"sample"')
        answer, seconds = until_closed(raw)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not arrive within" in answer
    assert seconds < 8


def test_a_body_drop_by_drop_is_answered_408_and_then_left(impatient):
    with connected(impatient) as raw:
        raw.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        assert dripped(raw, b"1\r\n \r\n") < 6
        assert raw.recv(12) == b"HTTP/1.1 408"
        until_closed(raw)
    assert impatient.ready()


@pytest.mark.slow
def test_a_client_that_takes_no_answer_is_left(impatient):
    body = json.dumps({"queries": [{"sample": "m1-s0"}] * 100, "k": 230}).encode()
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(15)
        raw.connect(("127.0.0.1", impatient.port))
        raw.sendall(HEAD + f"content-length: {len(body)}\r\n\r\n".encode() + body)
        head = raw.recv(2000).decode()
        time.sleep(4)
        answer, _ = until_closed(raw)
    assert head.startswith("HTTP/1.1 200")
    assert len(answer) < int(head.lower().split("content-length: ")[1].split()[0]) - 2000
    assert impatient.ready()


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}])
def test_a_body_that_is_too_large_gets_its_answer_before_the_connection_ends(live, headers):
    """Closing at once would reset the connection, and the client would never read why."""
    key = live.headers | headers | {"content-type": "application/json"}
    with httpx.Client(base_url=live.url, timeout=30) as client:
        response = client.post("/v1/attribute", content=bytes(40 << 20), headers=key)
        assert (response.status_code, "33,554,432" in response.text) == (413, True)
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


def test_hundreds_of_silent_clients_keep_nobody_out(live):
    silent = [socket.create_connection(("127.0.0.1", live.port)) for _ in range(300)]
    try:
        assert live.ready()
    finally:
        for one in silent:
            one.close()


@pytest.mark.slow
def test_many_clients_at_once_get_their_own_answers_in_bounded_memory(live, world):
    """64 clients: no error, nobody gets another's answer, and memory does not grow with what was asked."""
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


def test_small_answers_on_a_kept_connection_do_not_wait_for_each_other(live):
    """Nagle's algorithm and delayed acknowledgements together cost 40 ms each, if they are left on."""
    with httpx.Client(base_url=live.url, timeout=30) as client:
        seconds = []
        for _ in range(40):
            began = time.perf_counter()
            client.get("/healthz")
            seconds.append(time.perf_counter() - began)
    assert sorted(seconds)[4] < 0.03


@pytest.mark.slow
def test_new_data_is_seen_without_a_restart_and_a_stop_lets_requests_end(small):
    live = start(small.store.uri, token="")
    try:
        with httpx.Client(base_url=live.url, timeout=30) as client:
            question = {"sample": "m1-s0", "k": 1}
            assert client.post("/v1/attribute", json=question).json()["results"][0]["image_id"] != "new"
            small.images(["new"], "gallery", small.vectors["m1-s0"][None])
            until = time.monotonic() + 20
            while client.post("/v1/attribute", json=question).json()["results"][0]["image_id"] != "new":
                assert time.monotonic() < until
                time.sleep(0.1)
            answers = []
            asking = threading.Thread(target=lambda: answers.append(_slowly(live)))
            asking.start()
            time.sleep(0.4)
        assert live.stop(signal.SIGTERM) == 0
        asking.join(10)
        assert answers == [200]
    finally:
        live.process.kill()


def _slowly(live):
    """A request whose body takes a second to come: it has begun when the service is asked to stop."""
    body = json.dumps({"sample": "m1-s0"}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    connection.putrequest("POST", "/v1/attribute")
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", str(len(body)))
    connection.endheaders(body[:5])
    time.sleep(1)
    connection.send(body[5:])
    return connection.getresponse().status


@pytest.mark.slow
def test_the_command_serves_with_a_token_and_without_sql(world, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    arguments = ["--port", "0", "--token-file", str(tmp_path / "token"), "--no-sql", "--refresh", "1"]
    command = ["from attribase.cli import main; main()", "-s", world.uri, "query", "serve", *arguments]
    process = subprocess.Popen([sys.executable, "-c", *command], stderr=subprocess.PIPE, text=True)
    try:
        url = process.stderr.readline().split()[-1]
        key = {"authorization": f"Bearer {TOKEN}"}
        assert httpx.get(f"{url}/v1/info", timeout=60).status_code == 401
        assert httpx.get(f"{url}/v1/info", headers=key).json()["sql"] is False
        assert httpx.post(f"{url}/v1/sql", headers=key, json={"sql": "select 1"}).status_code == 403
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_an_interrupt_stops_it_too(world):
    live = start(world.uri)
    assert live.stop(signal.SIGINT) == 0
    with pytest.raises(httpx.TransportError):
        live.ready()
