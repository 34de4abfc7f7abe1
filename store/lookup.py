"""Finding rows and blobs by key, and quoting values in Lance filters.

Without an index a filter finds a few keys, and one scan of the key column many.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import lance
import pyarrow as pa
import pyarrow.compute as pc

from .columns import blob_columns, key_columns
from .errors import InvalidInputError, NotFoundError

FEW = 1000  # keys; above, parsing `IN (...)` costs more than reading the key column
SCAN_ROWS = 1 << 17  # rows of a batch when a whole column is scanned


def quote(value: str | int) -> str:
    """`value` as an SQL literal."""
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def is_in(column: str, values: Iterable[str | int]) -> str:
    """The filter `column IN (...)`. `values` must not be empty."""
    return f"{column} IN ({', '.join(quote(value) for value in values)})"


def rows_with(
    dataset: lance.LanceDataset, ids: Sequence[str], columns: Sequence[str], *, row_id: bool = False
) -> pa.Table:
    """`columns` of the rows whose first column is one of `ids`, in table order."""
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


BUFFER_BYTES = 64 << 20  # of blobs in memory
BUFFER_ROWS = 256


@dataclass(frozen=True)
class BlobRows:
    """Rows and sizes of the blobs of some items in one version of a table, to read without a search."""

    dataset: lance.LanceDataset
    column: str
    rows: Mapping[str, tuple[int, int]]  # id -> row, bytes

    def read(self, ids: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        """(id, bytes) for each of `ids`, in their order; None where the column is null.

        Holds at most about `BUFFER_BYTES` (but always at least one blob).
        """
        for chunk in _chunks([(item, *self.rows[item]) for item in ids]):
            numbers = pa.array([row for _, row in chunk], pa.uint64())
            data = self.dataset.read_blobs(self.column, ids=numbers, preserve_order=True)
            yield from ((item, blob) for (item, _), (_, blob) in zip(chunk, data, strict=True))


def locate(table: str, dataset: lance.LanceDataset, column: str, ids: Sequence[str]) -> BlobRows:
    """The blobs of `ids` in `column`.

    Raises NotFoundError for an id that the table does not hold, InvalidInputError when `column` has no blobs.
    """
    schema = dataset.schema
    if column not in blob_columns(schema):
        raise InvalidInputError(
            f"{table}.{column} is not a blob column",
            hint=f"its blob columns are {', '.join(blob_columns(schema)) or 'none'}",
        )
    key = key_columns(schema)[0]
    found = rows_with(dataset, ids, [key, column], row_id=True)
    sizes = pa.chunked_array([chunk.field("size") for chunk in found[column].chunks], pa.uint64())
    blobs = zip(found["_rowid"].to_pylist(), sizes.fill_null(0).to_pylist(), strict=True)
    rows = dict(zip(found[key].to_pylist(), blobs, strict=True))
    missing = [item for item in ids if item not in rows]
    if missing:
        raise NotFoundError(
            f"{table} holds no {key} {missing[0]!r}"
            + (f" ({len(missing)} such)" if len(missing) > 1 else ""),
            hint="is it an id of another store?",
        )
    return BlobRows(dataset, column, rows)


def _chunks(wanted: list[tuple[str, int, int]]) -> Iterator[list[tuple[str, int]]]:
    """(id, row) lists of bounded size, from (id, row, bytes)."""
    chunk: list[tuple[str, int]] = []
    held = 0
    for item, row, size in wanted:
        if chunk and (held + size > BUFFER_BYTES or len(chunk) == BUFFER_ROWS):
            yield chunk
            chunk, held = [], 0
        chunk.append((item, row))
        held += size
    if chunk:
        yield chunk
