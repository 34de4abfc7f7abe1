"""Limits on what a client can occupy: bytes and seconds of a request body, unsent response bytes, pixels."""

from __future__ import annotations

import asyncio
import io
import warnings
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
from .errors import ResponseMemoryError, TruncatedResponseError, error_response
from .options import ServiceOptions

CHUNK_BYTES = 256 << 10
"""A response is passed to the connection in chunks of this size; one that is no larger counts as small."""


def check_image_size(data: bytes, pixel_limit: int) -> None:
    """Raise TooLargeError for an encoded image of more than `pixel_limit` pixels, read from its header alone.

    Bytes that are no image pass: decoding them says what is wrong.
    """
    from PIL import Image

    from ...runtime.formats import decodable

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=decodable()) as image:
                width, height = image.size
        except Image.DecompressionBombError:
            raise TooLargeError("the image has too many pixels", hint="shrink it first") from None
        except Exception:  # Pillow's plugins raise many types
            return
    if width * height > pixel_limit:
        raise TooLargeError(
            f"{width} x {height} pixels are more than {pixel_limit:,}", hint="shrink the image first"
        )


class SizeLimits:
    """ASGI middleware that limits request bodies and large responses, each and all in flight together."""

    def __init__(self, app: ASGIApp, options: ServiceOptions) -> None:
        self.app, self.options = app, options
        self._body_bytes = 0  # of all requests in flight
        self._response_bytes = 0  # of large chunks that clients have not taken yet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer with an error where it, or its response, exceeds a limit."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body, response = _RequestBody(self, receive), _ResponseSender(self, send)
        try:
            self._check_headers(dict(scope["headers"]))
            await self.app(scope, body.receive, response.send)
        except TruncatedResponseError:  # logged where it was raised; uvicorn closes the connection
            return
        except ResponseMemoryError:
            busy = OverloadedError("too many large responses at once", hint="try again in a second")
            await error_response(busy)(scope, receive, send)
        except AttribaseError as error:  # raised by reading the body outside of any handler
            if response.started:
                raise
            await error_response(error)(scope, receive, send)
        finally:
            self._body_bytes -= body.size

    def _check_headers(self, headers: dict[bytes, bytes]) -> None:
        if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            raise UnsupportedMediaTypeError(
                "compressed requests are not supported", hint="send the body uncompressed"
            )
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.options.body_bytes:
            raise self._too_large()

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            f"a request may have {self.options.body_bytes:,} bytes",
            hint="shrink the image, or ask for less at once",
        )

    def count_body(self, received: int, more: int) -> None:
        """Count `more` bytes of a body of which `received` came before.

        Raises TooLargeError for one body that is too large, OverloadedError for all of them together.
        """
        if received + more > self.options.body_bytes:
            raise self._too_large()
        if self._body_bytes + more > self.options.all_bodies_bytes:
            raise OverloadedError("too many large requests at once", hint="try again in a second")
        self._body_bytes += more

    @contextmanager
    def count_response(self, size: int) -> Iterator[bool]:
        """Count `size` bytes while they are being sent; yields whether they fit beside all others."""
        counted = size if size > CHUNK_BYTES else 0
        self._response_bytes += counted
        try:
            yield not counted or self._response_bytes <= self.options.all_answers_bytes
        finally:
            self._response_bytes -= counted


@dataclass
class _RequestBody:
    """The body of one request while it arrives."""

    limits: SizeLimits
    source: Receive
    size: int = 0
    complete: bool = False
    deadline: float = 0.0

    async def receive(self) -> Message:
        """As ASGI's `receive`. Raises what `count_body` does, RequestTimeoutError and InvalidInputError."""
        if self.complete:  # the next message is the client's disconnecting: no deadline for that
            return await self.source()
        seconds = self.limits.options.body_seconds
        self.deadline = self.deadline or asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(self.deadline):
                message = await self.source()
        except TimeoutError:
            self.complete = True
            raise RequestTimeoutError(
                f"the request did not arrive within {seconds:g} seconds", hint="send it faster"
            ) from None
        if message["type"] == "http.disconnect":
            self.complete = True
            raise InvalidInputError("the request ended before its body did", hint="send all of it")
        more = len(message.get("body", b""))
        self.limits.count_body(self.size, more)
        self.size += more
        self.complete = not message.get("more_body", False)
        return message


@dataclass
class _ResponseSender:
    """Sends one response in chunks, each after the client has taken the ones before.

    A large response that does not fit beside all others raises ResponseMemoryError, as long as nothing of it
    was sent.
    """

    limits: SizeLimits
    sink: Send
    started: bool = False
    _start: Message | None = None

    async def send(self, message: Message) -> None:
        """As ASGI's `send`. The start of the response waits for the first part of the body."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        body = message.get("body", b"")
        with self.limits.count_response(len(body)) as fits:
            if not fits and not self.started:
                raise ResponseMemoryError
            if self._start is not None:
                self.started, start, self._start = True, self._start, None
                await self.sink(start)
            for at in range(0, max(len(body), 1), CHUNK_BYTES):
                more = message.get("more_body", False) or at + CHUNK_BYTES < len(body)
                await self.sink({**message, "body": body[at : at + CHUNK_BYTES], "more_body": more})
