"""State that all routes share: the open store, its newest snapshot, thread pools and SQL workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from threading import Lock
from time import time
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeAlias, TypeVar

from fastapi import Depends, Request

from ...store import Store
from ...store.errors import NotReadyError, OverloadedError
from ..cache import SharedCache
from ..session import Session, Snapshot
from .options import ServiceOptions
from .telemetry import Telemetry

if TYPE_CHECKING:
    from ..sql.sandbox import SqlPool

P = ParamSpec("P")
T = TypeVar("T")

THUMBNAIL_BYTES = 64 << 20

log = logging.getLogger("attribase.service")


class Threads:
    """A thread pool with a bounded queue.

    A call counts until its function returns, also when the client that it was made for has disconnected.
    That is why this is no anyio.CapacityLimiter: it gives its token back when the waiting task is cancelled,
    while the thread is still computing.
    """

    def __init__(self, count: int, waiting: int, name: str) -> None:
        """`count` threads, and at most `waiting` calls that wait for one."""
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=f"attribase-{name}")
        self._limit, self._lock = count + waiting, Lock()
        self.busy = 0
        """Calls that run or wait."""

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """`function(*args, **kwargs)` in a thread. Raises OverloadedError when too many calls wait."""
        with self._lock:
            if self.busy >= self._limit:
                raise OverloadedError("the service is busy", hint="try again in a second")
            self.busy += 1
        try:
            future = self._pool.submit(function, *args, **kwargs)
        except BaseException:
            self._finish(None)
            raise
        future.add_done_callback(self._finish)
        return await asyncio.wrap_future(future)

    def _finish(self, _: Future[T] | None) -> None:
        with self._lock:
            self.busy -= 1

    def close(self) -> None:
        """Wait for calls that run; drop those that wait for a thread."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class Service:
    """One store, served. `running` opens what it needs and closes it."""

    def __init__(self, uri: str, options: ServiceOptions) -> None:
        """Opens the store, so that a wrong URI fails before anything is served. Raises NotFoundError."""
        self.store, self.options, self.telemetry = Store.open(uri), options, Telemetry()
        # Only `_refresh_forever` asks the session for a snapshot; requests never wait for that.
        self._session = Session(self.store, refresh=0.0)
        self._snapshot: Snapshot | None = None
        self.answer_threads = Threads(options.threads, options.waiting, "answers")
        self.file_threads = Threads(options.threads, options.waiting, "files")
        self.sql_threads = Threads(options.sql_workers, options.waiting, "sql")
        self.sql: SqlPool | None = None
        self.thumbnails = thumbnail_cache()
        self._threads = {"answers": self.answer_threads, "files": self.file_threads, "sql": self.sql_threads}
        for name, threads in self._threads.items():
            self.telemetry.calls.labels(name).set_function(partial(getattr, threads, "busy"))

    @property
    def snapshot(self) -> Snapshot:
        """The newest versions; a request takes it once and uses no other. Raises NotReadyError."""
        if self._snapshot is None:
            raise NotReadyError("the service is starting", hint="try again in a second")
        return self._snapshot

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take the first snapshot, start SQL workers and refreshing; stop and close everything at the end."""
        await self._refresh()
        if self.options.sql:
            self.sql = await asyncio.to_thread(self._start_sql)
        refreshing = asyncio.create_task(self._refresh_forever())
        try:
            yield
        finally:
            refreshing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await refreshing
            await asyncio.to_thread(self._close)

    def _start_sql(self) -> SqlPool:
        from ..sql.sandbox import SqlPool

        options = self.options
        return SqlPool(
            self.store.uri,
            workers=options.sql_workers,
            memory=options.sql_memory,
            seconds=options.sql_seconds,
            max_rows=options.rows,
            refresh=options.refresh,
        )

    def _close(self) -> None:
        if self.sql is not None:
            self.sql.close()
        for threads in self._threads.values():
            threads.close()

    async def _refresh_forever(self) -> None:
        """Look for new versions; where that fails, log it and go on serving the newest snapshot."""
        while True:
            await asyncio.sleep(self.options.refresh)
            try:
                await self._refresh()
            except Exception as error:  # the store may be unreachable for a moment: try again
                log.warning("cannot look for new data: %s", error)

    async def _refresh(self) -> None:
        newest = await asyncio.to_thread(self._session.snapshot)
        if newest is not self._snapshot:
            self._snapshot = newest
            self.telemetry.set_snapshot(newest.version)
        self.telemetry.refreshed.set(time())


def thumbnail_cache(max_bytes: int = THUMBNAIL_BYTES) -> SharedCache[tuple[bytes, str]]:
    """A cache of encoded thumbnails and their content types, bounded by the sum of their bytes."""
    return SharedCache(max_bytes, sizeof=lambda thumbnail: len(thumbnail[0]))


def open_dataset(snapshot: Snapshot, table: str) -> Any:
    """The Lance dataset of a table, opened once a version."""
    return snapshot.cached(("dataset", table), lambda: snapshot.pinned.dataset(table), table)


def get_service(request: Request) -> Service:
    """The service of the application that a request came to."""
    service: Service = request.app.state.service
    return service


ServiceDep: TypeAlias = Annotated[Service, Depends(get_service)]
"""A parameter of a route that FastAPI fills with the service."""
