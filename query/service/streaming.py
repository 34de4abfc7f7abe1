"""Answers that come from a thread piece by piece, no faster than the client takes them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from ...store.errors import AttribaseError
from .problems import BrokenOffError, LeftError
from .threads import Threads

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
            self._ready.put_nowait(LeftError("the client has left"))

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
