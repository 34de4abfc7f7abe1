"""Rows in files that no version of their table names yet: workers write them, one process commits them.

A worker anywhere stages the rows of its shard: it writes their files into the table's folder and sends back
what the files are, and the keys in them. Files that are never committed (of a worker that was lost, or whose
shard another one finished first) hold no rows of the store; compaction deletes them after some days.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lance
import pyarrow as pa
import pyarrow.compute as pc
from lance import LanceOperation
from lance.fragment import FragmentMetadata, write_fragments

from .columns import blob_columns, key_columns
from .errors import InvalidInputError
from .known_keys import known_keys
from .retries import with_retries
from .rows import Rows, unique_by_key, validate_rows
from .tables import Tables
from .tombstones import guarded_upsert, item_columns, named_rows, read_tombstones
from .upsert import add_fragments, check_files

READ_ROWS = 256  # rows read back at once, which may carry blobs


@dataclass(frozen=True)
class StagedRows:
    """Rows of `table` that are written and not committed. Picklable, and small beside the rows.

    Attributes:
        table: its name.
        names: the columns of their keys and of the items that they name.
        fragments: Lance's metadata of their files, as JSON.
    """

    table: str
    names: pa.Table
    fragments: tuple[str, ...]

    @property
    def rows(self) -> int:
        """How many rows."""
        return int(self.names.num_rows)


def stage_rows(tables: Tables, table: str, rows: Rows) -> StagedRows:
    """Write the files of `rows`; of rows with the same key the first counts, those of removed items do not.

    Raises InvalidInputError for rows that do not fit the table.
    """
    dataset = tables.dataset(table)
    batch = unique_by_key(validate_rows(table, dataset.schema, rows), keep="first")
    removed = read_tombstones(tables).by_id if item_columns(table) else {}
    if removed:
        batch = batch.filter(pc.invert(named_rows(table, batch, removed)))
    fragments: list[FragmentMetadata] = []
    if batch.num_rows:
        fragments = write_fragments(batch, dataset, mode="append")
        check_files(tables.layout.table(table), fragments)
    names = batch.select(list(dict.fromkeys([*key_columns(dataset.schema), *item_columns(table)])))
    return StagedRows(table, names, tuple(json.dumps(one.to_json()) for one in fragments))


def commit_staged(tables: Tables, staged: Sequence[StagedRows], *, update: bool = False) -> int:
    """Commit rows of one table at once. A key that is stored or comes twice counts once, as for `upsert`.

    Nothing is read back where every key is new, which is all but always so.

    Returns the rows inserted, with `update` also those replaced.

    Raises InvalidInputError where the files are not there, ConflictError when other writers won every time.
    """
    staged = [one for one in staged if one.rows]
    if not staged:
        return 0
    table, names = staged[0].table, pa.concat_tables([one.names for one in staged])
    fragments = [_fragment(text) for one in staged for text in one.fragments]
    _check_shared(tables, table, fragments)
    committed = False

    def commit_all(_table: str, kept: pa.Table) -> int:
        nonlocal committed
        if kept.num_rows < names.num_rows:
            return 0
        committed = with_retries(f"writing {table}", lambda: _commit(tables, table, names, fragments))
        return int(names.num_rows) if committed else 0

    if unique_by_key(names, keep="first").num_rows == names.num_rows:
        count = guarded_upsert(tables, table, names, commit_all)
        if committed:
            return count
    return sum(tables.upsert(table, rows, update=update) for rows in _read_back(tables, table, fragments))


def read_staged(tables: Tables, staged: StagedRows) -> list[pa.Table]:
    """The rows of staged files, READ_ROWS at a time. Raises InvalidInputError where they are not there."""
    fragments = [_fragment(text) for text in staged.fragments]
    _check_shared(tables, staged.table, fragments)
    return _read_back(tables, staged.table, fragments) if fragments else []


def _commit(tables: Tables, table: str, names: pa.Table, fragments: Sequence[FragmentMetadata]) -> bool:
    """Add the fragments to the newest version, unless it holds one of their keys: returns whether it did."""
    dataset = tables.dataset(table)
    keys = names.select(key_columns(dataset.schema))
    if known_keys(tables.layout.table(table)).held(dataset, keys).true_count:
        return False
    add_fragments(dataset, fragments)
    return True


def _read_back(tables: Tables, table: str, fragments: Sequence[FragmentMetadata]) -> list[pa.Table]:
    """The rows of the fragments, from a version of the table that is not one of its history."""
    dataset = tables.dataset(table)
    before = {one.fragment_id for one in dataset.get_fragments()}
    operation = LanceOperation.Append(list(fragments))
    aside = lance.LanceDataset.commit(dataset, operation, read_version=dataset.version, detached=True)
    added = [one for one in aside.get_fragments() if one.fragment_id not in before]
    blobs = {"blob_handling": "all_binary"} if blob_columns(dataset.schema) else {}
    scanner = aside.scanner(columns=dataset.schema.names, fragments=added, batch_size=READ_ROWS, **blobs)
    return [pa.table(batch) for batch in scanner.to_batches()]


def _fragment(text: str) -> FragmentMetadata:
    return FragmentMetadata.from_json(text)


def _check_shared(tables: Tables, table: str, fragments: Sequence[FragmentMetadata]) -> None:
    """Raise InvalidInputError for files that a worker wrote somewhere else."""
    if not tables.layout.local:
        return
    folder = Path(tables.layout.table(table), "data")
    missing = [file.path for one in fragments for file in one.files if not (folder / file.path).is_file()]
    if missing:
        raise InvalidInputError(
            f"a worker wrote {missing[0]} into another folder than {folder}",
            hint="put the store on a file system that all nodes share, or into a bucket",
        )
