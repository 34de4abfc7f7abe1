"""Inserting by key while others do the same: every key ends in the table once.

Lance appends whatever it is given, and its merge, which does not, compares the whole table with every batch.
So an upsert finds out which keys the newest version lacks (known_keys.py) and commits their rows in a way
that Lance refuses if another upsert was committed in between; then it starts again from the newest version.
Verified with Lance 14 (tests/store/test_upsert_commit.py):

- An Update conflicts with another one that names the same fragment. Each upsert names the first fragment of
  the version that it read, unchanged. Two that overlap in time name the same one, because whatever removes
  that fragment in between conflicts with the earlier of them.
- A table without rows has no fragment to name. There a Merge conflicts with everything that adds rows.
- A merge that inserts is no conflict for an Update that is committed after it: here merges only replace rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import lance
import pyarrow as pa
import pyarrow.compute as pc
from lance import LanceOperation
from lance.fragment import FragmentMetadata, write_fragments

from .columns import key_columns
from .errors import AttribaseError
from .known_keys import known_keys
from .opened import is_remote, open_table
from .retries import with_retries
from .rows import unique_by_key


def upsert(table: str, uri: str, rows: pa.Table, *, update: bool) -> int:
    """Insert the rows whose key is new; with `update` also replace the rows whose key is there.

    Reads the keys that were committed since this process last wrote the table, not all of them; replacing
    rows reads all of them. New rows are committed at once; with `update` the replaced ones follow.

    Args:
        table: its name, for messages.
        uri: where it is.
        rows: in the table's schema. A key named twice counts once: its first row, with `update` its last.
        update: replace whole rows, not single columns.

    Returns:
        Rows inserted or replaced by this call. Nothing to do makes no new version.

    Raises ConflictError when other writers won every time.
    """
    batch = unique_by_key(rows, keep="last" if update else "first")
    insertion = _Insertion(uri, batch)
    known = with_retries(f"writing {table}", insertion.commit)
    if not update:
        return int(batch.num_rows - known.num_rows)
    # Fewer are replaced than were known when another writer deletes some in between: those are inserted then.
    while known.num_rows > with_retries(f"replacing rows of {table}", partial(_replace, uri, known)):
        known = with_retries(f"writing {table}", insertion.commit)
    return int(batch.num_rows)


class _Insertion:
    """Inserts the rows of `batch` whose key is new. Their files are written once, not at every attempt."""

    def __init__(self, uri: str, batch: pa.Table) -> None:
        self._uri, self._batch = uri, batch
        self._written: tuple[pa.BooleanArray, list[FragmentMetadata]] | None = None

    def commit(self) -> pa.Table:
        """Insert into the newest version. Returns the rows whose key was there. Raises Lance's conflicts."""
        dataset = open_table(self._uri)
        held = known_keys(self._uri).held(dataset, self._batch)
        if held.true_count < len(held):
            add_fragments(dataset, self._write(dataset, held))
        return self._batch.filter(held)

    def _write(self, dataset: lance.LanceDataset, held: pa.BooleanArray) -> list[FragmentMetadata]:
        """Files with the rows that are not `held`; no version names them yet."""
        if self._written is None or not self._written[0].equals(held):
            written = write_fragments(self._batch.filter(pc.invert(held)), dataset, mode="append")
            check_files(self._uri, written)
            self._written = held, written
        return self._written[1]


def add_fragments(dataset: lance.LanceDataset, fragments: Sequence[FragmentMetadata]) -> None:
    """Commit written fragments into the version that `dataset` is, once their keys are known to be new there.

    Raises Lance's conflict where another upsert was committed since.
    """
    first = next(iter(dataset.get_fragments()), None)
    operation = (
        LanceOperation.Update(updated_fragments=[first.metadata], new_fragments=list(fragments))
        if first is not None
        else LanceOperation.Merge(
            [replace(one, id=number) for number, one in enumerate(fragments)], dataset.schema
        )
    )
    dataset.commit(dataset, operation, read_version=dataset.version)


def check_files(uri: str, fragments: Sequence[FragmentMetadata]) -> None:
    """Raise AttribaseError for a file that is not whole: Lance can overlook that its end was not written."""
    if is_remote(uri):  # an object is written whole or not at all
        return
    for file in (file for fragment in fragments for file in fragment.files):
        size = Path(uri, "data", file.path).stat().st_size
        if file.file_size_bytes not in (None, size):
            raise AttribaseError(
                f"only {size} of {file.file_size_bytes} bytes of a file of {uri} were written",
                hint="is the disk full? free some, then run the same command again: nothing was lost",
            )


def _replace(uri: str, rows: pa.Table) -> int:
    """Replace the rows that have the key of one of `rows`. Returns how many."""
    if not rows.num_rows:
        return 0
    merge = open_table(uri).merge_insert(key_columns(rows.schema)).when_matched_update_all()
    counts = merge.use_index(False).execute(rows)
    return int(counts["num_updated_rows"])
