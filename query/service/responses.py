"""What an answer is written as: JSON, or an Arrow stream where the client accepts one."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any

import pyarrow as pa
from fastapi import Request
from starlette.responses import Response, StreamingResponse

from ...store.errors import AttribaseError, ClientDisconnectedError, NotAcceptableError
from ..json_values import json_bytes
from .errors import BrokenOffError
from .service import Threads

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
ARROW_FILE = "application/vnd.apache.arrow.file"


def wanted_format(request: Request) -> str:
    """`JSON` or `ARROW`, by the Accept header; JSON where it says nothing. Raises NotAcceptableError."""
    accepted = [
        part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")
    ]
    if ARROW in accepted:
        return ARROW
    if not any(accepted) or {JSON, "application/*", "*/*"} & set(accepted):
        return JSON
    raise NotAcceptableError(
        f"there is no {', '.join(accepted)[:100]} of this", hint=f"accept {JSON} or {ARROW}"
    )


def json_response(value: Any, headers: dict[str, str] | None = None) -> Response:
    """`value` as an answer."""
    return Response(json_bytes(value), headers=headers, media_type=JSON)


def arrow_response(table: pa.Table, media_type: str = ARROW) -> Response:
    """A table as an Arrow stream, or as the file format that LanceDB's client reads."""
    sink = io.BytesIO()
    new = pa.ipc.new_stream if media_type == ARROW else pa.ipc.new_file
    with new(sink, table.schema) as writer:
        writer.write_table(table)
    return Response(sink.getvalue(), media_type=media_type)


log = logging.getLogger("attribase.service")

AHEAD = 4  # pieces made before the client has taken the ones before
END = b""

Pieces = Callable[[threading.Event], Iterator[bytes]]


async def streamed(request: Request, threads: Threads, pieces: Pieces, media_type: str) -> Response:
    """The pieces as an answer: in one part where there is one, else as they come.

    What `pieces` raises before the first one is raised here. It is given an event that is set when the
    client has left, and is closed then.
    """
    source = _Source(threads, pieces)
    leaving = asyncio.create_task(_left(request, source))
    try:
        first = await source.take()
        second = await source.take() if first != END else END
    except BaseException:
        source.gone.set()
        raise
    finally:
        leaving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaving
    if second == END:
        return Response(first, media_type=media_type)
    return StreamingResponse(_rest(source, first, second), media_type=media_type)


async def _left(request: Request, source: _Source) -> None:
    """Wait for the client to leave."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    source.stop()


async def _rest(source: _Source, first: bytes, second: bytes) -> AsyncIterator[bytes]:
    try:
        yield first
        piece = second
        while piece != END:
            yield piece
            piece = await source.take()
    except AttribaseError as error:
        log.warning("an answer was broken off: %s", error)
        raise BrokenOffError(str(error)) from error
    finally:
        source.gone.set()


class _Source:
    """Runs `pieces` in one thread from begin to end, and hands over what it makes."""

    def __init__(self, threads: Threads, pieces: Pieces) -> None:
        self.gone = threading.Event()
        self._pieces, self._loop = pieces, asyncio.get_running_loop()
        self._ready: asyncio.Queue[bytes | BaseException] = asyncio.Queue(AHEAD)
        self._work = asyncio.ensure_future(threads.run(self._make))
        self._work.add_done_callback(self._failed)

    async def take(self) -> bytes:
        """The next piece, `END` after the last. Raises what making it raised."""
        piece = await self._ready.get()
        if isinstance(piece, BaseException):
            raise piece
        return piece

    def stop(self) -> None:
        """Nobody is there any more: what makes pieces ends soon, and whoever awaits one is woken now."""
        self.gone.set()
        if not self._ready.full():
            self._ready.put_nowait(ClientDisconnectedError("the client has left"))

    def _make(self) -> None:
        """In the thread."""
        made = self._pieces(self.gone)
        try:
            for piece in made:
                if piece:
                    self._hand(piece)
                if self.gone.is_set():
                    return
            self._hand(END)
        except Exception as error:  # of any kind: it is raised where the piece is awaited
            self._hand(error)
        finally:
            made.close()  # type: ignore[attr-defined]  # pieces are generators

    def _hand(self, piece: bytes | Exception) -> None:
        """Wait until there is room, unless the client has left."""
        waiting = asyncio.run_coroutine_threadsafe(self._ready.put(piece), self._loop)
        while not waiting.done():
            with contextlib.suppress(TimeoutError, CancelledError):
                waiting.result(0.1)
            if self.gone.is_set():
                waiting.cancel()
                return

    def _failed(self, work: asyncio.Future[None]) -> None:
        """The thread could not even begin: too many wait already, or the service is stopping."""
        error = None if work.cancelled() else work.exception()
        if error is not None or work.cancelled():
            self._ready.put_nowait(error or BrokenOffError("the service is stopping"))
