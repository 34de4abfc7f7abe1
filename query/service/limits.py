"""How much one client may take: bytes of a body, time to send it, time to take the answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...store.errors import AttribaseError, InvalidInputError
from .options import ServiceOptions
from .problems import OverloadedError, TooLargeError, TooSlowError, UnsupportedError, told
from .streaming import BrokenOffError


class Limits:
    """ASGI middleware that counts what comes in and waits only so long, for each piece of either way.

    The bodies of all requests in flight are counted together, so that many large ones cannot fill memory.
    """

    def __init__(self, app: ASGIApp, options: ServiceOptions) -> None:
        self.app, self._options = app, options
        self._held = 0  # bytes of bodies in flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, within limits."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(self, receive)
        out = _Out(send, self._options.send_seconds)
        try:
            self._check_head(dict(scope["headers"]))
            await self.app(scope, body.receive, out.send)
        except BrokenOffError:  # told where it happened; uvicorn ends the connection
            return
        except AttribaseError as error:  # of the body, while it was read outside of any handler
            if out.started:
                raise
            await told(error)(scope, receive, send)
        finally:
            self._held -= body.size

    def _check_head(self, headers: dict[bytes, bytes]) -> None:
        if b"content-encoding" in headers and headers[b"content-encoding"].strip().lower() != b"identity":
            raise UnsupportedError("compressed requests are not read", hint="send the body as it is")
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._options.body_bytes:
            raise self._too_large()

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            f"a request may have {self._options.body_bytes:,} bytes",
            hint="shrink the image, or ask for less at once",
        )

    def take(self, held: int, more: int) -> None:
        """Account for `more` bytes of a body of which `held` are here. TooLargeError, OverloadedError."""
        if held + more > self._options.body_bytes:
            raise self._too_large()
        if self._held + more > self._options.all_bodies_bytes:
            raise OverloadedError("too many large requests at once", hint="try again in a second")
        self._held += more

    @property
    def seconds(self) -> float:
        """How long a whole body may take."""
        return self._options.body_seconds


@dataclass
class _Body:
    """The body of one request as it comes."""

    limits: Limits
    source: Receive
    size: int = 0
    complete: bool = False
    deadline: float = 0.0

    async def receive(self) -> Message:
        if self.complete:  # what comes now is the client's leaving, whenever that is
            return await self.source()
        loop = asyncio.get_running_loop()
        self.deadline = self.deadline or loop.time() + self.limits.seconds
        try:
            async with asyncio.timeout_at(self.deadline):
                message = await self.source()
        except TimeoutError:
            self.complete = True
            raise TooSlowError(
                f"the request did not arrive within {self.limits.seconds:g} seconds", hint="send it faster"
            ) from None
        if message["type"] == "http.disconnect":
            self.complete = True
            raise InvalidInputError("the request ended before its body did", hint="send all of it")
        more = len(message.get("body", b""))
        self.limits.take(self.size, more)
        self.size += more
        self.complete = not message.get("more_body", False)
        return message


@dataclass
class _Out:
    """The way out: a client that takes nothing for too long is left."""

    sink: Send
    seconds: float
    started: bool = False

    async def send(self, message: Message) -> None:
        self.started = True
        async with asyncio.timeout(self.seconds):
            await self.sink(message)
