"""Bringing a store that an earlier version of attribase made to the schema and the format of this one.

What an earlier version can still read and write is changed when a store is opened: a table or column that it
did not have is added, empty; a column that may be null now is allowed to be. What it could not is changed by
`attribase upgrade` alone, which shows its plan first: a small table whose key has changed is written anew in
one commit, and the format's number grows, so that the earlier version refuses the store. A table that every
version had is never created here: where it is missing, it was lost, and `attribase check` says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import lance
import pyarrow as pa

from .columns import key_columns
from .errors import ConflictError
from .ids import key_id
from .jobs import Step
from .marker import FORMAT, write_marker
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


@dataclass(frozen=True)
class Change:
    """What differs in a table of an earlier version.

    Attributes:
        table: its name.
        columns: that it lacks, or that may be null now; all of them where the table is missing.
        rows: that it has; None where the table is missing.
        rewrite: whether it is written anew, after which an earlier attribase can no longer write it.
        relaxed: those of `columns` that it has, and that may be null now.
    """

    table: str
    columns: tuple[str, ...]
    rows: int | None
    rewrite: bool
    relaxed: tuple[str, ...] = ()

    @property
    def action(self) -> str:
        """What is done about it: `add table`, `add columns`, `allow null` or `write anew`."""
        if self.rewrite:
            return "write anew"
        if self.rows is None:
            return "add table"
        return "allow null" if self.columns == self.relaxed else "add columns"


def plan_upgrade(tables: Tables) -> list[Change]:
    """What all tables lack, without changing anything. Damaged tables are left out: see `attribase check`."""
    return _plan(tables)[0]


def _plan(tables: Tables) -> tuple[list[Change], bool]:
    """The changes, and whether every table could be read."""
    there, changes, read = set(tables.tables()), list[Change](), True
    for table, wanted in TABLES.items():
        if table not in there:
            if table in LATER_TABLES:
                changes.append(Change(table, tuple(wanted.names), None, rewrite=False))
            continue
        try:
            change = _lacking(table, tables.dataset(table), wanted)
        except (OSError, ValueError, RuntimeError):
            read = False
            continue
        if change is not None:
            changes.append(change)
    return changes, read


def upgrade(tables: Tables) -> Iterator[Step]:
    """Make every change of the plan, then note the format. Safe to kill, and to run from many processes.

    Rows that other writers commit meanwhile are kept; old versions of a table stay until `attribase compact`.
    """
    changes = plan_upgrade(tables)
    for done, change in enumerate(changes, 1):
        _make(tables, change)
        yield Step("upgrade", done, len(changes), f"{change.table}: {change.action}")
    if not plan_upgrade(tables):
        write_marker(tables.layout, schema_id(), format=FORMAT)


def upgrade_at_opening(tables: Tables) -> bool:
    """Add the tables and columns that earlier versions did not have. Returns whether all are there now.

    Safe to run at once from many processes and after a kill. Leaves a store that cannot be written as it is:
    what it lacks is read as empty or null (`Tables.read`). Leaves a damaged table to what reads it.

    Raises ConflictError where a table must be written anew, before anything is changed.
    """
    changes, done = _plan(tables)
    anew = [change.table for change in changes if change.rewrite]
    if anew:
        raise ConflictError(
            f"an earlier attribase made {tables.uri}: {', '.join(anew)} must be written anew for this one",
            hint=f"see what changes, then do it: attribase -s {tables.uri} upgrade --dry-run",
        )
    for change in changes:
        try:
            _make(tables, change)
        except (OSError, ValueError, RuntimeError):
            done = False
    return done


def _lacking(table: str, dataset: lance.LanceDataset, wanted: pa.Schema) -> Change | None:
    missing = [field for field in wanted if field.name not in dataset.schema.names]
    rewrite = key_columns(dataset.schema) != key_columns(wanted) or not all(
        field.nullable for field in missing
    )
    stored = {field.name: field for field in dataset.schema}
    relaxed = [field for field in wanted if field.nullable and not stored.get(field.name, field).nullable]
    if not (missing or rewrite or relaxed):
        return None
    added, changed = (tuple(field.name for field in fields) for fields in (missing, relaxed))
    return Change(table, (*added, *changed), int(dataset.count_rows()), rewrite, changed)


def _make(tables: Tables, change: Change) -> None:
    wanted = TABLES[change.table]
    if change.rows is None:
        create_table(tables.layout, change.table, wanted)
    else:
        with_retries(f"upgrading {change.table}", lambda: _upgrade_table(tables, change.table, wanted))


def _upgrade_table(tables: Tables, table: str, wanted: pa.Schema) -> None:
    dataset = tables.dataset(table)
    change = _lacking(table, dataset, wanted)
    if change is None:  # another process was first
        return
    if change.rewrite:
        _rewrite(dataset, table, wanted)
        return
    added = [name for name in change.columns if name not in change.relaxed]
    if added:
        dataset.add_columns([wanted.field(name) for name in added])  # writes only the schema
    if change.relaxed:  # so does this
        dataset.alter_columns(*({"path": name, "nullable": True} for name in change.relaxed))


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
