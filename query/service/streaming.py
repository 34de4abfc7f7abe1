"""Responses whose body is made in a thread and sent while it is made, stopped when the client disconnects."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import aclosing, closing, suppress
from typing import TypeAlias

from anyio import BrokenResourceError, CancelScope, WouldBlock, create_memory_object_stream
from fastapi import Request
from starlette.responses import Response, StreamingResponse

from ...store.errors import AttribaseError, ClientDisconnectedError, NotReadyError
from .errors import TruncatedResponseError
from .service import Threads

log = logging.getLogger("attribase.service")

CHUNKS_AHEAD = 4
"""How many chunks may be made before the client has taken the one before them."""

ChunkSource: TypeAlias = Callable[[threading.Event], Generator[bytes, None, None]]
"""A generator function that makes a body. Its argument is set when the rest of the body is not needed."""


async def stream_response(
    request: Request, threads: Threads, source: ChunkSource, media_type: str
) -> Response:
    """The chunks of `source` as a response: plain where there is only one, else streamed.

    Raises what `source` raises before its second chunk, OverloadedError where too many calls wait for a
    thread, and ClientDisconnectedError. A later error of `source` closes the connection.
    """
    chunks = _run_in_thread(threads, source)
    scope = CancelScope()
    watching = asyncio.create_task(_cancel_on_disconnect(request, scope))
    try:
        with scope:
            first = await anext(chunks, b"")
            second = await anext(chunks, b"")
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching  # the response may read the request only when this task does not
    if scope.cancelled_caught:
        raise ClientDisconnectedError("the client has disconnected")
    if not second:
        return Response(first, media_type=media_type)
    return StreamingResponse(_stream(first, second, chunks), media_type=media_type)


async def _cancel_on_disconnect(request: Request, scope: CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _stream(first: bytes, second: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with aclosing(rest):
        try:
            yield first
            yield second
            async for chunk in rest:
                yield chunk
        except AttribaseError as error:
            log.warning("a response was cut off: %s", error)
            raise TruncatedResponseError(str(error)) from error


async def _run_in_thread(threads: Threads, source: ChunkSource) -> AsyncGenerator[bytes, None]:
    """The chunks of `source`, all made in one thread, at most CHUNKS_AHEAD ahead.

    Raises what `source` raises. Closing this generator tells the source to stop.
    """
    stopped, loop = threading.Event(), asyncio.get_running_loop()
    sender, receiver = create_memory_object_stream[bytes](CHUNKS_AHEAD)

    async def send(chunk: bytes) -> None:
        try:
            sender.send_nowait(chunk)  # a turn of the event loop less than `send`
        except WouldBlock:
            await sender.send(chunk)

    def make_chunks() -> None:
        with closing(source(stopped)) as chunks, suppress(BrokenResourceError):  # no longer received
            for chunk in chunks:
                if chunk:
                    asyncio.run_coroutine_threadsafe(send(chunk), loop).result()

    async def run() -> None:
        async with sender:
            await threads.run(make_chunks)

    making = asyncio.create_task(run())
    making.add_done_callback(_retrieve_exception)
    try:
        async for chunk in receiver:
            yield chunk
        await asyncio.wait([making])
        if making.cancelled():
            raise NotReadyError("the service is stopping", hint="try again in a second")
        making.result()
    finally:
        stopped.set()
        receiver.close()


def _retrieve_exception(task: asyncio.Task[None]) -> None:
    """Keep asyncio from logging an error that came after the client had disconnected."""
    if not task.cancelled():
        task.exception()
