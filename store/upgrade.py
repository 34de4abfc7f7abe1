"""Bringing a store that an earlier version of attribase made to the schema of this one.

What earlier versions did not have is added when a store is opened: an empty table, a column of nulls. A small
table whose key has changed is written anew in one commit. A table that every version had is never created
here: where it is missing, it was lost, and `attribase check` says so.
"""

from datetime import datetime
from functools import lru_cache

import lance
import pyarrow as pa

from .columns import key_columns
from .ids import key_id
from .retries import with_retries
from .schema import LATER_TABLES, TABLES
from .tables import STORAGE_VERSION, Tables, create_table
from .upsert import upsert

BLANKS = {
    pa.string(): "",
    pa.int32(): 0,
    pa.int64(): 0,
    pa.float64(): 0.0,
    pa.bool_(): False,
    pa.timestamp("us"): datetime(1970, 1, 1),
}
"""What a new column that is never null holds in the rows of earlier versions, by type."""


@lru_cache
def schema_id() -> str:
    """The hash of all that `upgrade` can change: the names, columns, types and keys of the fixed tables."""
    return key_id(
        {
            table: [[field.name, str(field.type), field.nullable] for field in wanted] + key_columns(wanted)
            for table, wanted in TABLES.items()
        }
    )


def upgrade(tables: Tables) -> bool:
    """Add the tables and columns that earlier versions did not have. Returns whether all are there now.

    Safe to run at once from many processes and after a kill. Leaves a store that cannot be written as it is:
    what it lacks is read as empty or null (`Tables.read`). Leaves a damaged table to what reads it.
    """
    done = True
    there = set(tables.tables())
    for table, wanted in TABLES.items():
        try:
            if table in there:
                with_retries(f"upgrading {table}", lambda t=table, w=wanted: _upgrade_table(tables, t, w))  # type: ignore[misc]
            elif table in LATER_TABLES:
                create_table(tables.layout, table, wanted)
        except (OSError, ValueError, RuntimeError):
            done = False
    return done


def _upgrade_table(tables: Tables, table: str, wanted: pa.Schema) -> None:
    dataset = tables.dataset(table)
    missing = [field for field in wanted if field.name not in dataset.schema.names]
    if key_columns(dataset.schema) != key_columns(wanted) or not all(field.nullable for field in missing):
        _rewrite(dataset, table, wanted)
    elif missing:
        dataset.add_columns(missing)  # writes only the schema


def _rewrite(dataset: lance.LanceDataset, table: str, wanted: pa.Schema) -> None:
    """Write the rows anew in the `wanted` schema, in one commit: for a table that fits in memory."""
    rows = _in_schema(dataset.to_table(), wanted)
    made = lance.write_dataset(rows, dataset.uri, mode="overwrite", data_storage_version=STORAGE_VERSION)
    if made.version > dataset.version + 1:  # another process committed in between, which Lance overwrites
        before = lance.dataset(dataset.uri, version=made.version - 1).to_table()
        upsert(table, dataset.uri, _in_schema(before, wanted), update=False)


def _in_schema(stored: pa.Table, wanted: pa.Schema) -> pa.Table:
    """The rows with the columns of `wanted`; new columns are null or blank."""
    columns = []
    for field in wanted:
        if field.name in stored.column_names:
            columns.append(stored[field.name].cast(field.type))
        else:
            blank = None if field.nullable else BLANKS[field.type]
            columns.append(pa.array([blank] * stored.num_rows, field.type))
    return pa.Table.from_arrays(columns, schema=wanted)
