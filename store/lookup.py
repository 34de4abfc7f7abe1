"""Finding rows by key without an index: a filter for a few keys, one scan of the key column for many."""

from collections.abc import Iterable, Sequence

import lance
import pyarrow as pa
import pyarrow.compute as pc

FEW = 1000  # beyond, parsing `IN (...)` costs more than reading the key column
SCAN_ROWS = 1 << 17  # read at once when looking through a whole table


def quote(value: str | int) -> str:
    """`value` as an SQL literal."""
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def is_in(column: str, values: Iterable[str | int]) -> str:
    """The filter `column IN (...)`. `values` must not be empty."""
    return f"{column} IN ({', '.join(quote(value) for value in values)})"


def rows_with(
    dataset: lance.LanceDataset, ids: Sequence[str], columns: Sequence[str], *, row_id: bool = False
) -> pa.Table:
    """`columns` (the first is matched against `ids`) of the rows whose id is asked for, in table order."""
    wanted = list(dict.fromkeys(ids))
    if len(wanted) <= FEW:
        where = is_in(columns[0], wanted) if wanted else "false"
        return dataset.to_table(columns=list(columns), filter=where, with_row_id=row_id)
    scanner = dataset.scanner(
        columns=list(columns), with_row_id=row_id, batch_size=SCAN_ROWS, batch_readahead=2
    )
    keys = pa.array(wanted, dataset.schema.field(columns[0]).type)
    found = [batch.filter(pc.is_in(batch[columns[0]], keys)) for batch in scanner.to_batches()]
    return pa.Table.from_batches(found, scanner.projected_schema)
