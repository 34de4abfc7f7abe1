"""Locked DuckDB connections: even a statement that was not validated reads no file and writes nothing.

The tables are Python objects that were registered before the locks, so reading them needs none of what is
locked: DuckDB itself never opens a file here. Verified on DuckDB 2.0.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ....store import Store
from ....store.tags import list_tags
from ...session import Session
from ..connection import open_connection
from .limits import SandboxLimits

if TYPE_CHECKING:
    import duckdb

LOCKS = (
    ("temp_directory", ""),  # no spilling: it would be a way to fill the disk, and to write at all
    ("max_temp_directory_size", "0KB"),
    ("python_enable_replacements", False),  # names are tables, never variables of this program
    ("autoinstall_known_extensions", False),
    ("autoload_known_extensions", False),
    ("allow_community_extensions", False),
    ("allow_persistent_secrets", False),
    ("enable_external_file_cache", False),
    ("enable_external_access", False),
    ("disabled_filesystems", "LocalFileSystem"),
    ("errors_as_json", True),  # only JSON errors have a position
)
BEGIN = "begin transaction read only"
"""Runs before each statement: in this transaction nothing can be written, not even a table in memory."""
MAX_CONNECTIONS = 4

State = tuple[tuple[tuple[str, int], ...], tuple[str, ...]]


def lock(con: duckdb.DuckDBPyConnection, limits: SandboxLimits) -> None:
    """Take the file system, the network, extensions and settings from `con`, permanently."""
    con.execute(f"set memory_limit = '{limits.memory // 1000}KB'")
    con.execute(f"set threads = {limits.threads:d}")
    for name, value in LOCKS:
        con.execute(f"set {name} = {value}" if isinstance(value, bool) else f"set {name} = '{value}'")
    con.execute("set lock_configuration = true")


class LockedConnections:
    """Locked connections to the newest versions of a store, no older than `refresh` seconds.

    They are opened anew when a table or tag has changed, one for each set of tags in use.
    """

    def __init__(self, store: Store, limits: SandboxLimits, refresh: float) -> None:
        self.store = store
        self.session = Session(store, refresh=0)  # keeps what attribution has read when connections close
        self.limits = limits
        self.refresh = refresh
        self.state: State | None = None
        self.checked = -float("inf")
        self.open: dict[frozenset[str], duckdb.DuckDBPyConnection] = {}
        self.connection_for("")  # so that the first statement need not wait

    def connection_for(self, statement: str) -> duckdb.DuckDBPyConnection:
        """The connection for `statement`: it has the schemas of the tags that are named in it."""
        if time.monotonic() - self.checked >= self.refresh:
            self._refresh()
        _, tags = self.state or ((), ())
        mentioned = frozenset(tag for tag in tags if tag in statement.lower())
        if mentioned not in self.open:
            while len(self.open) >= MAX_CONNECTIONS:
                self.open.pop(next(iter(self.open))).close()
            con = open_connection(self.store, mentioned_in=statement, session=self.session)
            lock(con, self.limits)
            self.open[mentioned] = con
        return self.open[mentioned]

    @contextmanager
    def read_only(self, con: duckdb.DuckDBPyConnection) -> Iterator[None]:
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

    def _refresh(self) -> None:
        """Close the connections when a table or tag has changed."""
        versions = tuple(sorted(self.session.snapshot().pinned.versions.items()))
        state = (versions, tuple(tag.name for tag in list_tags(self.store)))
        if state != self.state:
            for con in self.open.values():
                con.close()
            self.open.clear()
            self.state = state
        self.checked = time.monotonic()
