"""Rows of a source that workers of a cluster have staged, and where this process puts them in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ...store import ConflictError, Store, content_id
from ...store.columns import key_columns
from ...store.staged import StagedRows, commit_staged, read_staged, stage_rows
from .read import Checked, RecordWriter
from .sources.source import Unreadable

STAGED = b""
"""In the place of bytes that a worker has read. No picture has none: what is empty is left out."""

STAGED_BYTES = 64 << 20
"""Bytes of pictures that a worker writes at once."""


class RowSink(Protocol):
    """Where a writer inserts new rows."""

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Insert rows, each key once. Returns how many were new."""


@dataclass(frozen=True)
class StoreSink:
    """Inserts rows with their bytes."""

    store: Store

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """See `RowSink`."""
        return self.store.upsert(table, rows) if rows else 0


@dataclass(frozen=True)
class StagedItems:
    """Items of a shard, checked, without bytes; the rows of those that were new, staged.

    Attributes:
        items: what the writer takes of each item, with STAGED for its bytes, or Unreadable.
        rows: the staged rows, in parts.
        digests: by key of a staged row, what it was (see `row_digest`).
    """

    items: tuple[Checked, ...]
    rows: tuple[StagedRows, ...]
    digests: Mapping[str, str]


def stage_items(store: Store, table: str, writer: RecordWriter, checked: Iterator[Checked]) -> StagedItems:
    """In a worker: stage the rows of the items that were decoded; what comes back has no bytes."""
    key = key_columns(store.schema(table))[0]
    items: list[Checked] = []
    parts: list[StagedRows] = []
    digests: dict[str, str] = {}
    rows: dict[str, dict[str, Any]] = {}
    held = 0
    for item, result in checked:
        if isinstance(result, Unreadable) or result.record.data is None:
            items.append((item, result))
            continue
        items.append((item, result._replace(record=replace(result.record, data=STAGED))))
        if result.size is None:
            continue
        row = writer.new_row(result)
        if row[key] in digests:
            continue
        digests[row[key]] = row_digest(row)
        rows[row[key]] = row
        held += len(result.record.data)
        if held > STAGED_BYTES:
            parts.append(stage_rows(store, table, list(rows.values())))
            rows, held = {}, 0
    if rows:
        parts.append(stage_rows(store, table, list(rows.values())))
    there = {name for part in parts for name in part.names[key].to_pylist()}  # not those that were removed
    return StagedItems(
        tuple(items), tuple(parts), {name: one for name, one in digests.items() if name in there}
    )


def row_digest(row: Mapping[str, Any]) -> str:
    """What tells a row, without its bytes and the time it came, from another of the same key."""
    stated = sorted((name, row[name]) for name in row if name not in ("bytes", "added"))
    return content_id(repr(stated).encode())


class StagedSink:
    """Inserts rows whose bytes workers have staged, by committing the workers' files.

    A file is committed where all its rows are wanted as they are; else the wanted ones are read back from it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._offered: Sequence[StagedItems] = ()

    def offer(self, shards: Sequence[StagedItems]) -> None:
        """Take these files, in place of the earlier ones, for the rows that are inserted next."""
        self._offered = shards

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """See `RowSink`. Raises ConflictError for a row that no worker has staged."""
        key = key_columns(self._store.schema(table))[0]
        wanted = {row[key]: row for row in rows}
        whole, shared, taken = self._sort(key, wanted)
        plain = [row for name, row in wanted.items() if name not in taken]
        gone = next((row for row in plain if row["bytes"] is not None), None)
        if gone is not None:
            raise ConflictError(
                f"{gone['uri']} was taken out of the store while it was read",
                hint="run it again: what is committed stays",
            )
        count = self._store.upsert(table, plain) if plain else 0
        count += commit_staged(self._store, whole)
        for part, names in shared:
            count += self._insert_some(part, key, {name: wanted[name] for name in names})
        return count

    def _sort(
        self, key: str, wanted: Mapping[str, Mapping[str, Any]]
    ) -> tuple[list[StagedRows], list[tuple[StagedRows, list[str]]], set[str]]:
        """(files to commit, files to read some rows of with these, the rows that are in either)."""
        whole: list[StagedRows] = []
        shared: list[tuple[StagedRows, list[str]]] = []
        taken: set[str] = set()
        for shard in self._offered:
            for part in shard.rows:
                names = part.names[key].to_pylist()
                mine = [name for name in names if name in wanted and name not in taken]
                taken.update(mine)
                same = all(row_digest(wanted[name]) == shard.digests[name] for name in mine)
                if mine and same and len(mine) == len(names):
                    whole.append(part)
                elif mine:
                    shared.append((part, mine))
        return whole, shared, taken

    def _insert_some(self, part: StagedRows, key: str, wanted: Mapping[str, Mapping[str, Any]]) -> int:
        """Insert `wanted` rows with the bytes that the file has of them."""
        count = 0
        for batch in read_staged(self._store, part):
            blobs = zip(batch[key].to_pylist(), batch["bytes"].to_pylist(), strict=True)
            rows = [{**wanted[name], "bytes": data} for name, data in blobs if name in wanted]
            count += self._store.upsert(part.table, rows) if rows else 0
        return count
