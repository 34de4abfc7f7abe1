"""The HTTP server: where it may listen, timeouts for slow clients, and stopping on a signal."""

from __future__ import annotations

import asyncio
import contextlib
import http
import ipaddress
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from ...store.errors import AttribaseError, InvalidInputError, OverloadedError
from ...store.layout import software_version
from .app import create_app
from .errors import error_response
from .evidence import PackMaker
from .front import Front
from .logs import configure_logging
from .options import ServiceOptions
from .security import COMMON_HEADERS

log = logging.getLogger("attribase.service")

CONNECTIONS = 1000
BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75
HEADER_BYTES = 64 << 10
STOP_SHARE = 0.8
"""Of `stop_seconds`: then requests in flight are answered 503, and the rest is for those answers."""


class TimeoutH11Protocol(H11Protocol):
    """uvicorn's protocol with timeouts for request headers and for sending a response.

    uvicorn limits how long a connection may be idle after a response, but not how long the headers of a
    request may take, nor how long a client may take no more of a response. So a few thousand silent clients
    would use up its connections, and a response that a client does not read would stay in memory.
    """

    head_seconds = 10.0
    """Until the headers of a request have arrived, or the rest of a body that was answered already."""

    send_seconds = 60.0
    """Until a client takes more of a response that does not fit into the send buffer."""

    max_connections = 1000
    """Beyond these, a connection is answered 503 and closed."""

    _receive_timer: asyncio.TimerHandle | None = None
    _send_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the headers of the first request."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self._refuse(OverloadedError("too many connections", hint="try again in a second"))
            return
        self._start_receive_timer()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as every other error is answered."""
        self._refuse(InvalidInputError(msg.rstrip("."), hint="send HTTP/1.1"))

    def _refuse(self, error: AttribaseError) -> None:
        """Answer with an error, before any application, and close the connection."""
        response = error_response(error)
        reason = http.HTTPStatus(error.status).phrase.encode()
        headers = [*response.raw_headers, *COMMON_HEADERS, (b"connection", b"close")]
        start = h11.Response(status_code=error.status, headers=headers, reason=reason)
        for event in (start, h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
            with contextlib.suppress(h11.LocalProtocolError):  # an answer was begun already
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Stop the timer once the headers are complete; a part of them does not start it anew."""
        super().data_received(data)
        answered = self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY
        if self.conn.their_state is h11.IDLE or answered:
            self._start_receive_timer()
        else:
            self._stop_receive_timer()

    def on_response_complete(self) -> None:
        """Wait for the rest of the request, where it was answered before its body had arrived."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._start_receive_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop both timers."""
        self._stop_receive_timer()
        self._stop_send_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Abort the connection if the client takes no more in time: closing would wait for the client."""
        super().pause_writing()
        self._send_timer = self.loop.call_later(self.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has taken what was written."""
        super().resume_writing()
        self._stop_send_timer()

    def _start_receive_timer(self) -> None:
        if self._receive_timer is None and not self.transport.is_closing():
            self._receive_timer = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop_receive_timer(self) -> None:
        if self._receive_timer is not None:
            self._receive_timer.cancel()
            self._receive_timer = None

    def _stop_send_timer(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None


class Server(uvicorn.Server):
    """uvicorn's server, but SIGTERM and SIGINT end the process with exit code 0 once it has stopped.

    What has not ended some time after the signal is answered 503: then the workers are killed.
    """

    def __init__(self, config: uvicorn.Config, front: Front, stop_seconds: float) -> None:
        super().__init__(config)
        self._front, self._stop_seconds = front, stop_seconds

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let requests end, for a while."""
        log.info("stopping", extra={"fields": {"in_flight": self._front.pool.queue.running}})
        stopping = asyncio.create_task(self._stop_later())
        try:
            await super().shutdown(sockets)
        finally:
            stopping.cancel()

    async def _stop_later(self) -> None:
        await asyncio.sleep(self._stop_seconds)
        await self._front.stop()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, without raising the signal again at the end."""
        previous = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in previous.items():
                signal.signal(one, handler)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def open_listener(host: str, port: int) -> socket.socket:
    """A listening socket. Raises InvalidInputError where the address is not available.

    The protocol is named as TCP: with `socket.create_server`, which leaves it open, asyncio does not turn
    Nagle's algorithm off, and every response on a kept connection takes 40 ms longer.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except BaseException:
            listener.close()
            raise
        return listener
    except OSError as error:
        raise InvalidInputError(
            f"cannot listen on {host}:{port}: {error.strerror}", hint="name another --host or --port"
        ) from error


def serve(
    uri: str,
    options: ServiceOptions,
    host: str,
    port: int,
    *,
    ready: Callable[[str], None] = lambda _: None,
    packs: PackMaker | None = None,
) -> None:
    """Serve the store at `uri` until a signal stops it; `ready` is called with the address once it listens.

    `packs` signs evidence; without it none is signed.

    Raises:
        InvalidInputError: off loopback without a token, or an address that is not available.
        NotFoundError: no store there.
    """
    if options.token is None and not is_loopback(host):
        raise InvalidInputError(
            f"{host} can be reached from other machines, and there is no token",
            hint="put a token in a file and name it with --token-file, or listen on 127.0.0.1",
        )
    configure_logging(options)
    app = create_app(uri, options, packs=packs)
    front: Front = app.state.front
    listener = open_listener(host, port)
    began = time.monotonic()
    try:
        front.open()
        server = Server(_config(app, options), front, STOP_SHARE * options.stop_seconds)
        url = _url(host, listener)
        ready(url)
        log.info("started", extra={"fields": _start_fields(uri, options, url, front)})
        server.run(sockets=[listener])
    finally:
        listener.close()
        front.pool.close()
        log.info("stopped", extra={"fields": {"seconds": round(time.monotonic() - began, 1)}})


def _start_fields(uri: str, options: ServiceOptions, url: str, front: Front) -> dict[str, object]:
    return {
        "url": url,
        "store": uri,
        "version": front.version,
        "software": software_version(),
        "workers": options.workers,
        "token": "required" if options.token else "none",
        "pid": os.getpid(),
    }


def _config(app: FastAPI, options: ServiceOptions) -> uvicorn.Config:
    timeouts = {
        "head_seconds": options.head_seconds,
        "send_seconds": options.send_seconds,
        "max_connections": CONNECTIONS,
    }
    return uvicorn.Config(
        app,
        http=type("ConfiguredH11Protocol", (TimeoutH11Protocol,), timeouts),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(options.stop_seconds)),
        h11_max_incomplete_event_size=HEADER_BYTES,
    )


def _url(host: str, listener: socket.socket) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"
