"""A DuckDB connection in which every table of a store, and the views over them, have their names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..store import Store
from ..store.errors import NotFoundError
from ..store.schema import TABLES
from .functions import register_functions
from .published import published
from .relation import Relation
from .statements import VIEWS, load_sql

if TYPE_CHECKING:
    import duckdb


def connect(uri: str | Path, at: Mapping[str, int] | datetime | None = None) -> duckdb.DuckDBPyConnection:
    """Open the store at `uri` for SQL, as it is now or as it was `at` some point.

    Every table is there by name, with projection and filter pushed down to Lance, without its blob
    columns; so are the views `metrics`, `per_sample` and `latest_runs`. The connection is in memory, reads
    only, and keeps showing the versions it was opened on: connect again to see what was written since.

    Args:
        uri: the store.
        at: versions of some tables (as in `runs.table_versions`; the others are read as they are now), or
            a moment: the newest version of each table that is not younger. A moment without a time zone is
            local time.

    Raises:
        NotFoundError: no store there, or no such table or version, or the store is younger than `at`.
    """
    import duckdb  # imported late: `import attribase` stays light

    store = Store.open(uri)
    versions = _versions(store, at)
    con = duckdb.connect()
    try:
        for table, version in versions.items():
            con.register(table, Relation(store.dataset(table, version), TABLES.get(table)))
        con.register("published", published())
        register_functions(con)
        for view in VIEWS:
            con.execute(load_sql(view))
    except BaseException:
        con.close()
        raise
    return con


def _versions(store: Store, at: Mapping[str, int] | datetime | None) -> dict[str, int]:
    now = store.versions()
    if at is None:
        return now
    if isinstance(at, datetime):
        return _versions_then(store, at)
    unknown = sorted(set(at) - set(now))
    if unknown:
        raise NotFoundError(
            f"the store has no table {unknown[0]!r}", hint=f"its tables are {', '.join(sorted(now))}"
        )
    return now | dict(at)


def _versions_then(store: Store, moment: datetime) -> dict[str, int]:
    """The newest version of each table at `moment`; tables that came later are left out."""
    local = moment.astimezone().replace(tzinfo=None)  # Lance tells version times as naive local time
    found: dict[str, int] = {}
    for table in store.tables():
        history: list[dict[str, Any]] = store.dataset(table).versions()
        then = [entry["version"] for entry in history if entry["timestamp"] <= local]
        if then:
            found[table] = max(then)
    if not {"ranks", "runs", "models", "samples"} <= set(found):
        raise NotFoundError(
            f"the store did not exist at {moment.isoformat()}",
            hint="ask for a later moment, or leave `at` out",
        )
    return found
