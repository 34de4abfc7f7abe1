"""A DuckDB connection in which every table of a store, its views and its macros have their names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from ...store import Store
from ...store.lookup import quote
from ...store.schema import LATER_TABLES, TABLES
from ...store.tags import list_tags
from ..conditions.evaluate import hide_progress_bar
from ..session import Session
from ..sql_dataset import SqlDataset
from ..time_travel import At, versions_at
from .bootstrap_functions import register_bootstrap_functions
from .macros import create_macros, register_macro_functions
from .statements import VIEWS, load_sql, published, quote_name

if TYPE_CHECKING:
    import duckdb

MAIN = "main"


def connect(uri: Store | str | Path, at: At = None) -> duckdb.DuckDBPyConnection:
    """Open the store at `uri` for SQL, as it is now or as it was `at` some point.

    Every table is there by name, with projection and filter pushed down to Lance, without its blob
    columns; so are the views, and the macros for attribution (docs/sql.md). Without `at`, each tag is a
    schema with all of these as they were then: `from before.metrics`. The connection keeps showing the
    versions that it was opened on: connect again to see what was written since.

    The store's tables cannot be changed through it: they are views over pinned versions, so INSERT, UPDATE
    and DELETE fail. For the rest it is a DuckDB session of the user's own: new tables and views live in
    memory until it is closed, and `COPY ... TO`, `EXPORT DATABASE`, `ATTACH` and `INSTALL` write files
    wherever the user may. Run untrusted statements in `attribase.query.sql.sandbox.SqlPool`, which
    allows none of these.

    Args:
        uri: the store, or its path.
        at: a tag; a moment (a datetime, or text in ISO format): the newest version of each table at that
            time, which is local where it names no zone; or versions of some tables (as in
            `runs.table_versions`; the others are read as they are now).

    Raises:
        NotFoundError: no store there, or not `at` that time, or no such table, version or tag.
        InvalidInputError: `at` is text and neither a tag nor a moment.
    """
    return open_connection(Store.of(uri), at)


def open_connection(
    store: Store,
    at: At = None,
    mentioned_in: str | None = None,
    session: Session | None = None,
) -> duckdb.DuckDBPyConnection:
    """`connect` to an open store.

    Args:
        store: the store.
        at: as for `connect`.
        mentioned_in: the statement to run; only tags whose name it contains become schemas. All when left
            out.
        session: shares what attribution has read between connections; the connection's own when left out.
    """
    import duckdb  # imported late: `import attribase` stays light

    versions_by_schema = {MAIN: versions_at(store, at)}
    if at is None:
        tags = [tag for tag in list_tags(store) if mentioned_in is None or tag.name in mentioned_in.lower()]
        versions_by_schema |= {tag.name: tag.versions for tag in tags}
    con = duckdb.connect()
    hide_progress_bar(con)
    try:
        register_bootstrap_functions(con)
        session = session or Session(store)
        snapshots = {schema: session.snapshot_at(versions) for schema, versions in versions_by_schema.items()}
        register_macro_functions(con, snapshots)
        for schema, versions in versions_by_schema.items():
            relations = {table: TABLES[table].empty_table() for table in LATER_TABLES - versions.keys()}
            relations |= {
                table: SqlDataset(store.dataset(table, version), TABLES.get(table))
                for table, version in versions.items()
            }
            _create_schema(con, schema, relations)
        con.execute("set schema = 'main'")
    except BaseException:
        con.close()
        raise
    return con


def _create_schema(
    con: duckdb.DuckDBPyConnection, schema: str, relations: dict[str, SqlDataset | pa.Table]
) -> None:
    """Create a schema with tables, views and macros. Names in a view are resolved in its own schema first.

    That holds as long as no temporary view has such a name: those come before every schema, hence
    `create_view` instead of `con.register`.
    """
    con.execute(f"create schema if not exists {quote_name(schema)}")
    con.execute(f"set schema = {quote(schema)}")
    for name, relation in (*relations.items(), ("published", published())):
        con.from_arrow(relation).create_view(name)
    for view in VIEWS:
        con.execute(load_sql(view))
    create_macros(con, schema)
