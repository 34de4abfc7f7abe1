"""Changing single columns of stored rows, computed from their newest values. Other columns are not rewritten.

A merge would write whole rows anew, pictures included. Here only the columns that change are written, for
the fragments that hold the rows. The commit conflicts with whatever named those fragments since they were
read (see upsert.py); then all is computed again from the newest version: no other writer's value is lost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import lance
import pyarrow as pa
import pyarrow.compute as pc

from .columns import key_columns
from .lookup import rows_with
from .retries import with_retries
from .tables import Tables

ROW_ID = "_rowid"
FRAGMENT_SHIFT = 32  # a row address is the number of the fragment, then the row's place in it


@dataclass(frozen=True)
class RowUpdate:
    """New values of some `columns` of the rows of `table` whose key is one of `ids`.

    `compute` gets a table of the key, `columns`, the columns `also` and a row id; it returns, of the same
    columns, the rows that change. It is called again when another writer comes first, and must count anew
    each time.
    """

    tables: Tables
    table: str
    ids: Sequence[str]
    columns: Sequence[str]
    compute: Callable[[pa.Table], pa.Table]
    also: Sequence[str] = ()

    def run(self) -> int:
        """Change the rows. Returns how many; none makes no new version.

        Raises ConflictError when other writers won every time.
        """
        return with_retries(f"updating {self.table}", self._commit)

    def _commit(self) -> int:
        dataset = self.tables.dataset(self.table)
        key = key_columns(dataset.schema)[0]
        stored = rows_with(dataset, self.ids, [key, *self.columns, *self.also], row_id=True)
        changed = self.compute(stored)
        if not changed.num_rows:
            return 0
        fragments, fields = [], set()
        for number, rows in _by_fragment(changed.select([ROW_ID, *self.columns])):
            metadata, touched = dataset.get_fragment(number).update_columns(rows)
            fragments.append(metadata)
            fields.update(touched)
        update = lance.LanceOperation.Update(
            updated_fragments=fragments, fields_modified=sorted(fields), update_mode="rewrite_columns"
        )
        lance.LanceDataset.commit(dataset, update, read_version=dataset.version)
        return int(changed.num_rows)


def _by_fragment(rows: pa.Table) -> list[tuple[int, pa.Table]]:
    """The rows of each fragment, by their row ids, which are row addresses in tables without stable ids."""
    owners = pc.shift_right(rows[ROW_ID], pa.scalar(FRAGMENT_SHIFT, pa.uint64()))
    return [(int(one), rows.filter(pc.equal(owners, one))) for one in pc.unique(owners).to_pylist()]
