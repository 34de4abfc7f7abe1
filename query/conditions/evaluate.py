"""Rows that a condition holds for: DuckDB evaluates it on batches, within a time and memory limit.

The connection has nothing but these batches: no files, network, extensions or settings.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from ...store.errors import InvalidInputError, LimitError
from .condition import Condition
from .duckdb_sql import DuckDBWriter

if TYPE_CHECKING:
    import duckdb

SECONDS = 30.0
"""That a condition may take over all rows."""

MEMORY_MB = 128
"""That DuckDB may take to evaluate a condition."""

BATCH_ROWS = 2048
"""Rows evaluated at once; fewer, the more new text a condition makes of each."""

SETTINGS = {
    "memory_limit": f"'{MEMORY_MB}MB'",
    "threads": "1",
    "disabled_optimizers": "'filter_pushdown'",  # Lance would evaluate filters that are pushed down
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "temp_directory": "''",
    "enable_external_access": "false",
    "lock_configuration": "true",
}


def hide_progress_bar(con: duckdb.DuckDBPyConnection) -> None:
    """Keep DuckDB from drawing on stdout, where rows are written."""
    import duckdb

    with contextlib.suppress(duckdb.InvalidInputException):  # a notebook without ipywidgets has no bar
        con.execute("set enable_progress_bar = false")


def matching_rows(
    condition: Condition,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    keep: Sequence[str],
    *,
    seconds: float = SECONDS,
) -> pa.Table:
    """The columns `keep` of the rows for which the condition holds, in their order.

    Args:
        condition: over columns of `schema`.
        batches: the rows; read one at a time.
        schema: of them.
        keep: columns to return.
        seconds: that this may take.

    Raises:
        InvalidInputError: another column; the condition fails on the data, as a cast may; it takes longer.
        LimitError: it takes more memory than MEMORY_MB.
    """
    import duckdb  # imported late: `import attribase.query` stays light

    condition.check_columns([name for name in schema.names if name not in keep or name in condition.columns])
    writer = DuckDBWriter({name.lower(): name for name in schema.names})
    kept = ", ".join(f'"{name}"' for name in keep)
    where = writer.write(condition.tree)
    statement = f"select {kept} from rows where {where}"  # noqa: S608
    rows = max(1, BATCH_ROWS // (1 + condition.weight))
    feed = _Feed(batches, rows, time.monotonic() + seconds)
    with duckdb.connect() as con:
        hide_progress_bar(con)
        try:
            for name, values in writer.lists.items():
                con.from_arrow(pa.table({"item": values})).create_view(name)
            con.from_arrow(pa.RecordBatchReader.from_batches(schema, feed.slices())).create_view("rows")
            for name, value in SETTINGS.items():
                con.execute(f"set {name} = {value}")
            found = con.sql(statement).to_arrow_reader(BATCH_ROWS)
            return pa.Table.from_batches(found, pa.schema([schema.field(name) for name in keep]))
        except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
            if feed.failure is not None:
                raise feed.failure from error
            if feed.is_late:
                raise condition.invalid(f"it took longer than {seconds:g} seconds") from error
            raise _failure(condition, error) from error


@dataclass
class _Feed:
    """Passes batches on in slices of at most `rows`, until `deadline`."""

    batches: Iterable[pa.RecordBatch]
    rows: int
    deadline: float
    is_late: bool = field(default=False, init=False)
    failure: Exception | None = field(default=None, init=False)

    def slices(self) -> Iterator[pa.RecordBatch]:
        """The slices. What reading raises is kept as `failure`: DuckDB would make its own error of it."""
        try:
            for batch in self.batches:
                for start in range(0, batch.num_rows, self.rows):
                    if time.monotonic() > self.deadline:
                        self.is_late = True
                        raise TimeoutError
                    yield batch.slice(start, self.rows)
        except TimeoutError:
            raise
        except Exception as error:
            self.failure = error
            raise


def _failure(condition: Condition, error: Exception) -> InvalidInputError | LimitError:
    """The error of a condition that fails on the data, with DuckDB's reason in one line."""
    text = str(error).strip() or type(error).__name__
    if "Out of Memory" in text or "could not allocate" in text:
        return LimitError(
            f"the condition needs more than {MEMORY_MB} MB of memory",
            hint="shorten it, or list fewer values",
        )
    first = text.splitlines()[0]
    return condition.invalid((first.partition("Error: ")[2] or first)[:500])
