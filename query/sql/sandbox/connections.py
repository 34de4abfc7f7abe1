"""The locked connections of a worker: made anew when the store changed, one for each set of tags in use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ....store import Store
from ....store.tags import list_tags
from ...session import Session
from ..connection import open_connection
from .limits import Limits
from .lockdown import BEGIN, lock

if TYPE_CHECKING:
    import duckdb

KEPT = 4
State = tuple[tuple[tuple[str, int], ...], tuple[str, ...]]


class Connections:
    """Locked connections to the newest versions of a store, no older than `refresh` seconds."""

    def __init__(self, store: Store, limits: Limits, refresh: float) -> None:
        self.store = store
        self.session = Session(store, refresh=0)  # what attribution reads outlives a connection
        self.limits = limits
        self.refresh = refresh
        self.state: State | None = None
        self.looked = -float("inf")
        self.open: dict[frozenset[str], duckdb.DuckDBPyConnection] = {}
        self.of("")  # the first question should not wait

    def of(self, statement: str) -> duckdb.DuckDBPyConnection:
        """The connection for `statement`: it has the schemas of the tags that are named in it."""
        if time.monotonic() - self.looked >= self.refresh:
            self._look()
        _, tags = self.state or ((), ())
        wanted = frozenset(tag for tag in tags if tag in statement.lower())
        if wanted not in self.open:
            while len(self.open) >= KEPT:
                self.open.pop(next(iter(self.open))).close()
            con = open_connection(self.store, mentioned_in=statement, session=self.session)
            lock(con, self.limits)
            self.open[wanted] = con
        return self.open[wanted]

    @contextmanager
    def reading(self, con: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """A transaction that cannot write. A connection that cannot end it is not used again."""
        import duckdb

        con.execute(BEGIN)
        try:
            yield
        finally:
            try:
                con.execute("rollback")
            except duckdb.Error:
                self.open = {tags: other for tags, other in self.open.items() if other is not con}

    def _look(self) -> None:
        """Drop the connections when a table or tag is not what it was."""
        versions = tuple(sorted(self.session.snapshot().pinned.versions.items()))
        state = (versions, tuple(tag.name for tag in list_tags(self.store)))
        if state != self.state:
            for con in self.open.values():
                con.close()
            self.open.clear()
            self.state = state
        self.looked = time.monotonic()
