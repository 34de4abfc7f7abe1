"""What a store holds, to compare two of them."""

from pathlib import Path
from typing import Any

from attribase.store import Store
from attribase.store.columns import key_columns

TIMES = ("updated", "at", "created")


def contents(store: Store) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables by key, blobs included, without the times at which things happened."""
    found = {}
    for table in store.tables():
        schema = store.schema(table)
        rows = store.read(table, sorted(name for name in schema.names if name not in TIMES)).to_pylist()
        found[table] = sorted(rows, key=lambda row: [str(row[key]) for key in key_columns(schema)])
    return found


def by_key(store: Store, table: str, columns: list[str] | None = None) -> dict[str, dict[str, Any]]:
    """Rows by the first key column."""
    key = key_columns(store.schema(table))[0]
    return {row[key]: row for row in store.read(table, columns and [key, *columns]).to_pylist()}


def files(folder: Path) -> dict[str, int]:
    """Every file below `folder` with its size."""
    return {
        str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()
    }
