"""How much one client may take: bytes of a body, time to send it, bytes of answers that wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...store.errors import (
    AttribaseError,
    InvalidInputError,
    OverloadedError,
    RequestTimeoutError,
    TooLargeError,
    UnsupportedMediaTypeError,
)
from .errors import BrokenOffError, DoesNotFitError, told
from .options import ServiceOptions

PIECE = 256 << 10  # bytes of an answer handed to the connection at once


class Limits:
    """ASGI middleware that counts what comes in and what goes out, and waits for a body only so long.

    The bodies of all requests in flight are counted together, and so are large answers, so that many of
    them cannot fill memory.
    """

    def __init__(self, app: ASGIApp, options: ServiceOptions) -> None:
        self.app, self._options = app, options
        self._held = 0  # bytes of bodies in flight
        self._sending = 0  # bytes of large pieces of answers that are on their way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, within limits."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(self, receive)
        out = _Out(self, send)
        try:
            self._check_head(dict(scope["headers"]))
            await self.app(scope, body.receive, out.send)
        except BrokenOffError:  # told where it happened; uvicorn ends the connection
            return
        except DoesNotFitError:
            busy = OverloadedError("too many large answers at once", hint="try again in a second")
            await told(busy)(scope, receive, send)
        except AttribaseError as error:  # of the body, while it was read outside of any handler
            if out.started:
                raise
            await told(error)(scope, receive, send)
        finally:
            self._held -= body.size

    def _check_head(self, headers: dict[bytes, bytes]) -> None:
        if b"content-encoding" in headers and headers[b"content-encoding"].strip().lower() != b"identity":
            raise UnsupportedMediaTypeError("compressed requests are not read", hint="send the body as it is")
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

    @contextmanager
    def sending(self, size: int) -> Iterator[bool]:
        """While `size` bytes of an answer are on their way; whether they fit beside the others."""
        counted = size if size > PIECE else 0
        self._sending += counted
        try:
            yield not counted or self._sending <= self._options.all_answers_bytes
        finally:
            self._sending -= counted

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
            raise RequestTimeoutError(
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
    """The way out of one answer: in pieces, each sent when the client has taken the ones before.

    A large answer is counted together with all others that are on their way; what does not fit is replaced
    by a 503, as long as nothing of it was sent.
    """

    limits: Limits
    sink: Send
    started: bool = False
    _head: Message | None = None

    async def send(self, message: Message) -> None:
        """As ASGI's `send`. The head waits for the first piece of the body."""
        if message["type"] == "http.response.start":
            self._head = message
            return
        body = message.get("body", b"")
        with self.limits.sending(len(body)) as fits:
            if not fits and not self.started:
                raise DoesNotFitError
            if self._head is not None:
                self.started, head, self._head = True, self._head, None
                await self.sink(head)
            for at in range(0, max(len(body), 1), PIECE):
                more = message.get("more_body", False) or at + PIECE < len(body)
                await self.sink({**message, "body": body[at : at + PIECE], "more_body": more})
