"""What the addresses share: the store kept open, the newest snapshot, and threads to compute in."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any

from fastapi import Request

from ...store import Store
from ..session import Session, Snapshot
from .options import ServiceOptions
from .problems import NotReadyError
from .telemetry import Telemetry
from .threads import Threads
from .thumbnails import Thumbnails

if TYPE_CHECKING:
    from ..sandbox import SqlPool

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
        self.asked: set[tuple[str, str]] = set()  # spaces, by encoder and mapper
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
        from ..sandbox import SqlPool

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
            await asyncio.to_thread(self._warm, found)
            self._snapshot = found
            self.telemetry.served(found.version)
        self.telemetry.refreshed.set(time())

    def _warm(self, snapshot: Snapshot) -> None:
        """Open what the last questions were asked of, so that the next one does not wait for it."""
        for encoder, mapper in self.asked.copy():
            try:
                space = snapshot.space(encoder, mapper)
                space.pool("all")
                if space.index is not None:
                    space.approximate().warm()
            except Exception as error:  # whoever asks for it will be told
                self.asked.discard((encoder, mapper))
                log.info("cannot open %s, %s: %s", encoder, mapper, error)


def dataset_of(snapshot: Snapshot, table: str) -> Any:
    """The Lance dataset of a table, opened once a version."""
    return snapshot.once(("dataset", table), lambda: snapshot.pinned.dataset(table), table)


def the_service(request: Request) -> Service:
    """The service that a request came to."""
    found: Service = request.app.state.service
    return found
