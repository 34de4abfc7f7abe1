"""The server under the app: signals, clients that send their headers too slowly, and where it may listen."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ...store.errors import InvalidInputError
from .app import create_app
from .options import ServiceOptions

CONNECTIONS = 1000
HEAD_BYTES = 64 << 10
PATIENCE = ("head_seconds", "send_seconds")


class TimeoutH11Protocol(H11Protocol):
    """uvicorn's protocol, but not for clients that send a request's headers, or take an answer, too slowly.

    uvicorn limits how long a connection may be idle after an answer, not how long a request may take that
    began to arrive, or the first one. So a few thousand silent clients would use up its connections, and a
    body that nobody waits for any more could go on forever.
    """

    head_seconds = 10.0
    send_seconds = 60.0
    _timer: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A client is there: its first headers are awaited."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Something came: all of the headers, a part of them, or more of a body."""
        super().data_received(data)
        answered = self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY
        if self.conn.their_state is h11.IDLE or answered:
            self._wait()
        else:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """An answer is sent; what is left of its request, if anything, has to come soon."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_waiting()
        self._unstuck()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """What was written is more than the client has taken: not forever (closing would wait for it)."""
        super().pause_writing()
        self._stuck = self.loop.call_later(self.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has taken it."""
        super().resume_writing()
        self._unstuck()

    def _unstuck(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _wait(self) -> None:
        """Close the connection in a while, unless that is due already."""
        if self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Server(uvicorn.Server):
    """uvicorn's server, but SIGTERM and SIGINT end the process with success once it has stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, without raising the signal again at the end."""
        before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(
    uri: str,
    options: ServiceOptions,
    host: str,
    port: int,
    *,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve the store at `uri` until asked to stop; `ready` is told the address once it listens.

    Raises:
        InvalidInputError: off loopback without a token, or an address that cannot be listened on.
        NotFoundError: no store there.
    """
    if options.token is None and not is_loopback(host):
        raise InvalidInputError(
            f"{host} is reached from other machines, and there is no token",
            hint="put a token in a file and name it with --token-file, or listen on 127.0.0.1",
        )
    listening = _listen(host, port)
    try:
        server = Server(_config(uri, options))
        ready(_url(host, listening))
        server.run(sockets=[listening])
    finally:
        listening.close()


def _config(uri: str, options: ServiceOptions) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(uri, options),
        http=type("PatientFor", (TimeoutH11Protocol,), {name: getattr(options, name) for name in PATIENCE}),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(options.stop_seconds),
        h11_max_incomplete_event_size=HEAD_BYTES,
    )


def _url(host: str, listening: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}"


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises InvalidInputError where there can be none.

    It is made as TCP by name: `socket.create_server` leaves the protocol to be guessed, asyncio then does not
    turn Nagle's algorithm off, and every answer on a kept connection takes 40 ms longer.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(found[0], socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(found[4])
            listening.listen(2048)
        except BaseException:
            listening.close()
            raise
        return listening
    except OSError as error:
        raise InvalidInputError(
            f"cannot listen on {host}:{port}: {error.strerror}", hint="name another --host or --port"
        ) from error
