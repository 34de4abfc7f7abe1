"""Whether a training would start from what it started from before: then its result stands."""

from __future__ import annotations

import json
from typing import Any

from ..store import NotFoundError, Store, vectors_table
from ..store.lookup import quote

ROW_COLUMNS = ("config", "table_versions", "created")


def trained_row(store: Store, table: str, encoder: str, mapper: str) -> dict[str, Any] | None:
    """The row of `mappers` or `calibrations` for this encoder and mapper, without its weights."""
    where = f"encoder = {quote(encoder)} and mapper = {quote(mapper)}"
    rows = store.read(table, ROW_COLUMNS, where).to_pylist()
    return rows[0] if rows else None


def same_inputs(store: Store, row: dict[str, Any], encoder: str, config: str) -> bool:
    """Whether `row` was trained with `config` (JSON) on the very rows that are there now.

    Vectors of an item never change but mapped columns come and go, so of the vector table it is the
    number of rows that counts, of every other table its version.
    """
    vectors = vectors_table(encoder)
    then: dict[str, int] = json.loads(row["table_versions"])
    now = store.versions()
    others = {table for table in then if table not in (vectors, "mappers")}
    if row["config"] != config or any(now.get(table) != then[table] for table in others):
        return False
    try:
        before = store.dataset(vectors, then[vectors]).count_rows()
    except NotFoundError:
        return False
    return bool(before == store.count(vectors))
