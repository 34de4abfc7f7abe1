"""Inserting by key while others do the same: every key ends in the table once.

Lance keeps concurrent inserts of one new key single only under three conditions, all met here: the key
columns carry the unenforced primary key, the merge does not use an index, and no batch names a key twice.
"""

import lance
import pyarrow as pa

from .commits import with_retries
from .conform import unique_by_key
from .lookup import rows_with
from .schema import key_columns


def upsert(table: str, uri: str, rows: pa.Table, *, update: bool) -> int:
    """Insert the rows whose key is new; with `update` also replace the rows whose key is there.

    Args:
        table: its name, for messages.
        uri: where it is.
        rows: in the table's schema. A key named twice counts once: its first row, with `update` its last.
        update: replace whole rows, not single columns.

    Returns:
        Rows inserted or replaced by this call. Nothing to do makes no new version.
    """
    batch = unique_by_key(rows, keep="last" if update else "first")

    def commit() -> int:
        dataset = lance.dataset(uri)
        pending = batch if update else _unknown(dataset, batch)
        if not pending.num_rows:
            return 0
        merge = dataset.merge_insert(key_columns(batch.schema)).when_not_matched_insert_all().use_index(False)
        if update:
            merge = merge.when_matched_update_all()
        counts = merge.execute(pending)
        return int(counts["num_inserted_rows"] + counts["num_updated_rows"])

    return with_retries(f"writing {table}", commit)


def _unknown(dataset: lance.LanceDataset, rows: pa.Table) -> pa.Table:
    """The rows whose key the table does not hold. Saves a version when a job runs again."""
    keys = key_columns(rows.schema)
    known = rows_with(dataset, rows[keys[0]].to_pylist(), keys)
    if not known.num_rows:
        return rows
    numbered = rows.select(keys).append_column("row", pa.array(range(rows.num_rows), pa.int64()))
    left = numbered.join(known, keys=keys, join_type="left anti")
    return rows.take(left["row"].combine_chunks().sort())
