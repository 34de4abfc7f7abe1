"""Request bodies: how many bytes each and all of them may have, and how long they may take to arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.types import Receive

from ...store.errors import (
    InvalidInputError,
    NotReadyError,
    RequestTimeoutError,
    TooLargeError,
    UnsupportedMediaTypeError,
)
from .options import ServiceOptions
from .spool import Spool, SpoolBudget


class BodyReader:
    """Reads the bodies of requests into spools."""

    def __init__(self, options: ServiceOptions) -> None:
        self._options = options
        self._budget = SpoolBudget(options.all_bodies_bytes, "requests")
        self._arriving: set[asyncio.Timeout] = set()
        self._stopped = False

    def spool(self) -> Spool:
        """An empty body."""
        return Spool(self._budget)

    def stop(self) -> None:
        """Answer requests whose body has not arrived yet with NotReadyError, now and from now on."""
        self._stopped = True
        now = asyncio.get_running_loop().time()
        for timeout in self._arriving:
            timeout.reschedule(now)

    def check_headers(self, headers: Mapping[bytes, bytes]) -> None:
        """Raise UnsupportedMediaTypeError for a compressed body, TooLargeError by its length."""
        if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            raise UnsupportedMediaTypeError(
                "compressed requests are not supported", hint="send the body uncompressed"
            )
        length = headers.get(b"content-length", b"")
        if length.isdigit() and (len(length) > 18 or int(length) > self._options.body_bytes):
            raise self._too_large()

    async def read(self, receive: Receive, body: Spool) -> None:
        """Read the whole body.

        Raises TooLargeError, OverloadedError, RequestTimeoutError, NotReadyError, and InvalidInputError where
        the client disconnects.
        """
        seconds = self._options.body_seconds
        try:
            async with asyncio.timeout(0 if self._stopped else seconds) as timeout:
                self._arriving.add(timeout)
                try:
                    await self._receive_all(receive, body)
                finally:
                    self._arriving.discard(timeout)
        except TimeoutError:
            if self._stopped:
                raise NotReadyError("the service is stopping", hint="ask again when it is back") from None
            raise RequestTimeoutError(
                f"the request did not arrive within {seconds:g} seconds", hint="send it faster"
            ) from None

    async def _receive_all(self, receive: Receive, body: Spool) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise InvalidInputError("the request ended before its body did", hint="send all of it")
            data = message.get("body", b"")
            if body.size + len(data) > self._options.body_bytes:
                raise self._too_large()
            if data:
                body.write(data)
            more = message.get("more_body", False)

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            f"a request may have {self._options.body_bytes:,} bytes",
            hint="shrink the image, or ask for less at once",
        )
