"""Timeouts of the HTTP protocol, on a clock that the tests move."""

import pytest
import uvicorn
from attribase.query.service.server import TimeoutH11Protocol
from uvicorn.server import ServerState

HEAD_SECONDS = TimeoutH11Protocol.head_seconds
SEND_SECONDS = TimeoutH11Protocol.send_seconds
HEAD = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n"


class Timer:
    def __init__(self, when, callback):
        self.when, self.callback, self.active = when, callback, True

    def cancel(self):
        self.active = False


class Clock:
    """Stands for the event loop: timers fire when `advance` passes them, and no request is handled."""

    def __init__(self):
        self.now, self.timers = 0.0, []

    def call_later(self, delay, callback, *args):
        self.timers.append(Timer(self.now + delay, lambda: callback(*args)))
        return self.timers[-1]

    def create_task(self, coroutine, **_):
        coroutine.close()
        return Task()

    def advance(self, seconds):
        self.now += seconds
        for timer in self.timers:
            if timer.active and timer.when <= self.now:
                timer.cancel()
                timer.callback()


class Task:
    def add_done_callback(self, _):
        pass


class Transport:
    ended = None

    def get_extra_info(self, _):
        return None

    def is_closing(self):
        return self.ended is not None

    def close(self):
        self.ended = "closed"

    def abort(self):
        self.ended = "aborted"

    def write(self, _):
        pass

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def transport():
    return Transport()


@pytest.fixture
def protocol(clock, transport):
    config = uvicorn.Config(None, log_level="critical", ws="none")
    config.load_app = lambda: None
    config.load()
    protocol = TimeoutH11Protocol(config, ServerState(), {}, _loop=clock)
    protocol.connection_made(transport)
    return protocol


@pytest.mark.parametrize("received", [b"", b"POST", HEAD])
def test_a_connection_is_closed_when_its_headers_do_not_arrive(protocol, clock, transport, received):
    if received:
        protocol.data_received(received)
    clock.advance(HEAD_SECONDS - 0.1)
    assert transport.ended is None
    clock.advance(0.2)
    assert transport.ended == "closed"


def test_a_part_of_the_headers_does_not_start_the_timer_anew(protocol, clock, transport):
    for byte in HEAD[: int(HEAD_SECONDS) - 1]:
        protocol.data_received(bytes([byte]))
        clock.advance(1)
    assert transport.ended is None
    protocol.data_received(HEAD[int(HEAD_SECONDS) - 1 :])
    clock.advance(1)
    assert transport.ended == "closed"


def test_complete_headers_stop_the_timer(protocol, clock, transport):
    protocol.data_received(HEAD + b"\r\n")
    clock.advance(100 * HEAD_SECONDS)
    assert transport.ended is None


def test_a_client_that_takes_no_more_of_a_response_is_disconnected(protocol, clock, transport):
    protocol.data_received(HEAD + b"\r\n")
    protocol.pause_writing()
    clock.advance(SEND_SECONDS - 0.1)
    assert transport.ended is None
    protocol.resume_writing()
    clock.advance(SEND_SECONDS)
    assert transport.ended is None
    protocol.pause_writing()
    clock.advance(SEND_SECONDS + 0.1)
    assert transport.ended == "aborted"
