"""Reading blobs by id, in the order asked, a bounded number of bytes at a time."""

from collections.abc import Iterator, Sequence

import lance
import pyarrow as pa

from .errors import InvalidInputError, NotFoundError
from .lookup import rows_with
from .schema import blob_columns, key_columns

BUFFER_BYTES = 64 << 20
BUFFER_ROWS = 256


def blobs(
    table: str, dataset: lance.LanceDataset, column: str, ids: Sequence[str]
) -> Iterator[tuple[str, bytes | None]]:
    """(id, bytes) for each of `ids`, in their order; None where the column is null.

    Reads one version of the table. Holds at most about `BUFFER_BYTES` (but always at least one blob).

    Raises NotFoundError for an id that the table does not hold, InvalidInputError for other columns.
    """
    schema = dataset.schema
    if column not in blob_columns(schema):
        raise InvalidInputError(
            f"{table}.{column} is no blob column",
            hint=f"those are {', '.join(blob_columns(schema)) or 'none'}",
        )
    key = key_columns(schema)[0]
    found = rows_with(dataset, ids, [key, column], row_id=True)
    sizes = found[column].combine_chunks().field("size").fill_null(0).to_pylist()
    rows = dict(
        zip(found[key].to_pylist(), zip(found["_rowid"].to_pylist(), sizes, strict=True), strict=True)
    )
    missing = [item for item in ids if item not in rows]
    if missing:
        raise NotFoundError(
            f"{table} holds no {key} {missing[0]!r}"
            + (f" ({len(missing)} such)" if len(missing) > 1 else ""),
            hint="it may have been named from another store",
        )
    for chunk in _chunks([(item, *rows[item]) for item in ids]):
        data = dataset.read_blobs(
            column, ids=pa.array([row for _, row in chunk], pa.uint64()), preserve_order=True
        )
        yield from ((item, blob) for (item, _), (_, blob) in zip(chunk, data, strict=True))


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
