"""What the routes of one worker share: the open store, its newest snapshot, and the sandbox of SQL."""

from __future__ import annotations

import logging
from time import monotonic, time
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np
from fastapi import Depends
from fastapi import Request as HttpRequest
from PIL import Image

from ...store import Store
from ...store.errors import AttribaseError
from ..attribution.attribute import answer_all
from ..attribution.request import Request
from ..cache import SharedCache
from ..session import Session, Snapshot
from ..workers import MB
from .options import ServiceOptions

if TYPE_CHECKING:
    from ..sql.sandbox import Sandbox
    from .evidence import PackMaker

THUMBNAIL_BYTES = 16 * MB
log = logging.getLogger("attribase.service")


class Service:
    """One store, and what this process has read of it. It answers one request at a time."""

    def __init__(self, uri: str, options: ServiceOptions, packs: PackMaker | None = None) -> None:
        """Opens the store. `packs`: what signs evidence, if anything does. Raises NotFoundError."""
        self.store, self.options, self.packs = Store.open(uri), options, packs
        self._session = Session(self.store, refresh=0.0)
        self.snapshot: Snapshot = self._session.snapshot()
        """The newest versions of all tables; a request uses no other."""
        self.checked = time()
        """When new versions were looked for, in seconds since 1970."""
        self._refreshed = monotonic()
        self.sandbox: Sandbox | None = None
        self.thumbnails = thumbnail_cache()

    def begin(self) -> None:
        """Begin a request: look for new versions, where that was not done for some seconds."""
        if self.sandbox is not None:
            self.sandbox.reset()
        if monotonic() - self._refreshed >= self.options.refresh:
            self._refresh()

    def _refresh(self) -> None:
        """Look for new versions; where that fails, go on with the newest there is."""
        try:
            self.snapshot = self._session.snapshot()
            self.checked = time()
        except Exception as error:  # the store may be unreachable for a moment: try again
            log.warning("cannot look for new data: %s", error)
        self._refreshed = monotonic()

    def warm_up(self) -> None:
        """Read what most requests need, so that the first one need not wait, and memory is known."""
        try:
            space = self.snapshot.space()
            space.pool("all")
            space.load_vectors()
            if space.index:
                space.open_index().expect_searches()
            self.snapshot.finder("images", "image_id").build()
            answer_all(
                self.snapshot, [np.ones(self.snapshot.dim(space.encoder), np.float32)], Request(files=False)
            )
            self.snapshot.network(space.encoder).encode([Image.new("RGB", (8, 8))])
        except (AttribaseError, ImportError) as error:  # raised again to the request that needs it
            log.debug("cannot prepare: %s", error)
        self.open_sandbox(self.options.least_memory)

    def open_sandbox(self, memory: int) -> None:
        """Be ready for SQL, which may take a part of `memory` bytes."""
        if not self.options.sql:
            return
        from ..sql.sandbox import Sandbox, SandboxLimits

        limits = SandboxLimits(
            memory=int(self.options.sql_share * memory),
            seconds=self.options.sql_seconds,
            max_rows=self.options.rows,
            max_bytes=self.options.answer_bytes,
        )
        self.sandbox = Sandbox(self.store, limits, self.options.refresh)
        with self.sandbox.run("select 1", None, 1, self.options.sql_seconds) as rows:
            list(rows.batches)

    def cancel(self) -> None:
        """Stop a statement that runs. For other threads."""
        if self.sandbox is not None:
            self.sandbox.cancel()


def thumbnail_cache(max_bytes: int = THUMBNAIL_BYTES) -> SharedCache[tuple[bytes, str]]:
    """A cache of encoded thumbnails and their content types, bounded by the sum of their bytes."""
    return SharedCache(max_bytes, sizeof=lambda thumbnail: len(thumbnail[0]))


def open_dataset(snapshot: Snapshot, table: str) -> Any:
    """The Lance dataset of a table, opened once a version."""
    return snapshot.cached(("dataset", table), lambda: snapshot.pinned.dataset(table), table)


async def get_service(request: HttpRequest) -> Service:
    """The service of the application that a request came to."""
    service: Service = request.app.state.service
    return service


ServiceDep: TypeAlias = Annotated[Service, Depends(get_service)]
"""A parameter of a route that FastAPI fills with the service."""
