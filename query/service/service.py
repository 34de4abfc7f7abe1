"""What the addresses share: the store kept open, the newest snapshot, and threads to compute in."""

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
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from fastapi import Request

from ...store import Store
from ...store.errors import NotReadyError, OverloadedError
from ..session import Session, Snapshot
from .middleware import Telemetry
from .options import ServiceOptions
from .thumbnails import Thumbnails

if TYPE_CHECKING:
    from ..sql.sandbox import SqlPool


P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """`count` threads and at most `waiting` calls that wait for one."""

    def __init__(self, count: int, waiting: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=f"attribase-{name}")
        self._limit, self._lock = count + waiting, Lock()
        self.busy = 0  # calls that run or wait

    async def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """`work(*args, **kwargs)` in a thread. Raises OverloadedError when too many calls wait."""
        with self._lock:
            if self.busy >= self._limit:
                raise OverloadedError("the service is busy", hint="try again in a second")
            self.busy += 1
        try:
            future = self._pool.submit(work, *args, **kwargs)
        except BaseException:
            self._leave(None)
            raise
        future.add_done_callback(self._leave)  # not where it is awaited: a client may leave before it is done
        return await asyncio.wrap_future(future)

    def _leave(self, _: Future[T] | None) -> None:
        with self._lock:
            self.busy -= 1

    def close(self) -> None:
        """Let what runs end; what waits is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)


log = logging.getLogger("attribase.service")


class Service:
    """One store, served. `running` opens what it needs and closes it."""

    def __init__(self, uri: str, options: ServiceOptions) -> None:
        """Opens the store, so that a wrong URI fails before anything is served. Raises NotFoundError."""
        self.store, self.options, self.telemetry = Store.open(uri), options, Telemetry()
        # Only `_refresh` asks the session; requests take what it found and never wait for a look.
        self._session = Session(self.store, refresh=0.0)
        self._snapshot: Snapshot | None = None
        self.answers = Threads(options.threads, options.waiting, "answers")
        self.files = Threads(options.threads, options.waiting, "files")
        self.statements = Threads(options.sql_workers, options.waiting, "sql")
        self.sql: SqlPool | None = None
        self.thumbnails = Thumbnails()
        self._threads = {"answers": self.answers, "files": self.files, "sql": self.statements}
        for name, threads in self._threads.items():
            self.telemetry.busy.labels(name).set_function(partial(getattr, threads, "busy"))

    @property
    def snapshot(self) -> Snapshot:
        """The newest versions. A request takes it once and keeps to it. Raises NotReadyError."""
        if self._snapshot is None:
            raise NotReadyError("the service is starting", hint="try again in a second")
        return self._snapshot

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """From the first snapshot to the last thread."""
        await self._look()
        if self.options.sql:
            self.sql = await asyncio.to_thread(self._sql_pool)
        refreshing = asyncio.create_task(self._refresh())
        try:
            yield
        finally:
            refreshing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await refreshing
            await asyncio.to_thread(self._close)

    def _sql_pool(self) -> SqlPool:
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

    async def _refresh(self) -> None:
        """Look for new versions forever; a look that fails is logged, and what is served stays."""
        while True:
            await asyncio.sleep(self.options.refresh)
            try:
                await self._look()
            except Exception as error:  # the store may be away for a moment; nothing else may end this task
                log.warning("cannot look for new data: %s", error)

    async def _look(self) -> None:
        found = await asyncio.to_thread(self._session.snapshot)
        if found is not self._snapshot:
            self._snapshot = found
            self.telemetry.served(found.version)
        self.telemetry.refreshed.set(time())


def dataset_of(snapshot: Snapshot, table: str) -> Any:
    """The Lance dataset of a table, opened once a version."""
    return snapshot.cached(("dataset", table), lambda: snapshot.pinned.dataset(table), table)


def the_service(request: Request) -> Service:
    """The service that a request came to."""
    found: Service = request.app.state.service
    return found
