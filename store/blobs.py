"""Reading blobs by id, in the order asked, a bounded number of bytes at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import lance
import pyarrow as pa

from .errors import InvalidInputError, NotFoundError
from .lookup import rows_with
from .schema import blob_columns, key_columns

BUFFER_BYTES = 64 << 20
BUFFER_ROWS = 256


@dataclass(frozen=True)
class BlobRows:
    """Where the blobs of some items are, in one version of a table: reading some of them needs no search."""

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
    """Find the blobs of `ids`.

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
    sizes = pa.chunked_array([chunk.field("size") for chunk in found[column].chunks], pa.uint64())
    places = zip(found["_rowid"].to_pylist(), sizes.fill_null(0).to_pylist(), strict=True)
    rows = dict(zip(found[key].to_pylist(), places, strict=True))
    missing = [item for item in ids if item not in rows]
    if missing:
        raise NotFoundError(
            f"{table} holds no {key} {missing[0]!r}"
            + (f" ({len(missing)} such)" if len(missing) > 1 else ""),
            hint="it may have been named from another store",
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
