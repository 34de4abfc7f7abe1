"""A DuckDB connection in which every table of a store, and the views over them, have their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ...store import Store
from ...store.lookup import quote
from ...store.schema import TABLES
from ...store.tags import list_tags
from ..session import Session
from ..sql_dataset import Relation
from .bootstrap import register_functions
from .macros import add_macros, register_questions
from .statements import VIEWS, load_sql, published
from .time_travel import versions_at

if TYPE_CHECKING:
    import duckdb

MAIN = "main"


def connect(
    uri: str | Path, at: Mapping[str, int] | datetime | str | None = None
) -> duckdb.DuckDBPyConnection:
    """Open the store at `uri` for SQL, as it is now or as it was `at` some point.

    Every table is there by name, with projection and filter pushed down to Lance, without its blob
    columns; so are the views, and the macros that attribute (docs/sql.md). Without `at`, each tag is a schema
    with all of that as it was then: `from before.metrics`. The connection is in memory, reads only, and keeps
    showing the versions it was opened on: connect again to see what was written since.

    Args:
        uri: the store.
        at: a tag; a moment (a datetime, or text in ISO format): the newest version of each table that is not
            younger, local time where it names no zone; or versions of some tables (as in
            `runs.table_versions`; the others are read as they are now).

    Raises:
        NotFoundError: no store there, or no such table, version or tag, or the store is younger than `at`.
        InvalidInputError: `at` is text and neither a tag nor a moment.
    """
    return open_connection(Store.open(uri), at)


def open_connection(
    store: Store,
    at: Mapping[str, int] | datetime | str | None = None,
    mentioned_in: str | None = None,
    session: Session | None = None,
) -> duckdb.DuckDBPyConnection:
    """`connect` to an open store; with `mentioned_in` only tags whose name that text has become schemas.

    `session`: where what attribution reads is kept for other connections too; the connection's own when
    left out.
    """
    import duckdb  # imported late: `import attribase` stays light

    worlds = {MAIN: versions_at(store, at)}
    if at is None:
        tags = [tag for tag in list_tags(store) if mentioned_in is None or tag.name in mentioned_in.lower()]
        worlds |= {tag.name: tag.versions for tag in tags}
    con = duckdb.connect()
    con.execute("set enable_progress_bar = false")  # it is drawn on stdout, where answers go
    try:
        register_functions(con)
        asked = session or Session(store)
        register_questions(con, {schema: asked.snapshot_at(versions) for schema, versions in worlds.items()})
        for schema, versions in worlds.items():
            _fill(
                con, schema, [(name, _relation(store, name, version)) for name, version in versions.items()]
            )
        con.execute("set schema = 'main'")
    except BaseException:
        con.close()
        raise
    return con


def _relation(store: Store, table: str, version: int) -> Relation:
    return Relation(store.dataset(table, version), TABLES.get(table))


def _fill(con: duckdb.DuckDBPyConnection, schema: str, relations: Iterable[tuple[str, Relation]]) -> None:
    """A schema with tables, views and macros. Names in a view are looked up in its own schema first.

    That holds as long as they are no temporary views: those would come before every schema, which is why
    `con.register` will not do here.
    """
    con.execute(f'create schema if not exists "{schema}"')  # a tag is letters, digits and _ (store/tags.py)
    con.execute(f"set schema = {quote(schema)}")
    for name, relation in (*relations, ("published", published())):
        con.from_arrow(relation).create_view(name)
    for view in VIEWS:
        con.execute(load_sql(view))
    add_macros(con, schema)
