"""Rows of a statement as JSON or CSV, converted a few at a time: memory is bounded whatever they hold.

Arrow has values that take no bytes (lists of nulls or of structs without fields) or share them (enums), and
that are large as Python's objects and as text. So rows are weighed before they are converted.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from ...store.errors import LimitError, TooLargeError
from ..json_values import json_bytes
from ..sql.python_values import python_rows
from ..sql.text import csv_field

if TYPE_CHECKING:
    from ..sql.sandbox import LimitedRows

CHUNK_BYTES = 64 << 10
"""JSON is sent in chunks of at least this size."""

PIECE_WEIGHT = 2 << 20
"""Rows are converted together up to this weight."""

VALUE_WEIGHT = 8 << 20
"""The most that one value may weigh."""

ITEM_WEIGHT = 16
"""Of every value, a null too: about what it takes as text."""


def write_json(rows: LimitedRows, limit: int) -> Generator[bytes, None, None]:
    """`{columns, types, rows, truncated}` in chunks, cut after `limit` bytes.

    Raises LimitError for a value that is too large.
    """
    head = {"columns": rows.schema.names, "types": [str(field.type) for field in rows.schema]}
    buffer = [json_bytes(head)[:-1] + b',"rows":[']
    size, total, first, cut = 0, len(buffer[0]) + len('],"truncated":false}'), True, False
    for row in _python_rows(rows.batches):
        text = json_bytes(row) if first else b"," + json_bytes(row)
        total += len(text)
        if total > limit:
            cut = True
            break
        buffer.append(text)
        first, size = False, size + len(text)
        if size >= CHUNK_BYTES:
            yield b"".join(buffer)
            buffer, size = [], 0
    buffer.append(b'],"truncated":' + (b"true}" if cut or rows.truncated else b"false}"))
    yield b"".join(buffer)


def write_csv(rows: LimitedRows, limit: int, *, wanted: int | None) -> Generator[bytes, None, None]:
    """A header and a line a row in chunks, of at most `limit` bytes.

    CSV cannot say that rows are missing. So TooLargeError is raised where some were left out, unless there
    are the `wanted` ones. Raises LimitError for a value that is too large.
    """
    text, total, count = io.StringIO(newline=""), 0, 0
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows.schema.names)
    for row in _python_rows(rows.batches):
        writer.writerow([csv_field(value) for value in row])
        count += 1
        if text.tell() >= CHUNK_BYTES:
            total += text.tell()
            if total > limit:
                raise _too_many(count)
            yield _drain(text)
    if rows.truncated and count != wanted:
        raise _too_many(count)
    yield _drain(text)


def _drain(text: io.StringIO) -> bytes:
    data = text.getvalue().encode("utf-8", errors="replace")
    text.seek(0)
    text.truncate()
    return data


def _too_many(count: int) -> TooLargeError:
    return TooLargeError(
        f"there are more than {count:,} rows, and CSV cannot say that some are left out",
        hint="add a limit, give max_rows, or accept JSON or Arrow, which have `truncated`",
    )


def _python_rows(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[object, ...]]:
    for batch in batches:
        for piece in light_pieces(batch):
            yield from python_rows(piece)


def light_pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in pieces of at most PIECE_WEIGHT, or of one row. Raises LimitError for a heavy value."""
    weights = [weight(column) for column in batch.columns]
    if sum(weights) <= PIECE_WEIGHT:
        yield batch
    elif batch.num_rows > 1:
        half = batch.num_rows // 2
        yield from light_pieces(batch.slice(0, half))
        yield from light_pieces(batch.slice(half))
    else:
        for name, heavy in zip(batch.schema.names, weights, strict=True):
            if heavy > VALUE_WEIGHT:
                raise LimitError(
                    f"a value of column {name} is too large for JSON: about {heavy:,} bytes",
                    hint="select a part of it, for example left(column, 1000) or column[:1000]",
                )
        yield batch


def weight(array: pa.Array) -> int:
    """About how many bytes the values are as text, and at least ITEM_WEIGHT for each at any depth."""
    kind, items = array.type, ITEM_WEIGHT * len(array)
    if isinstance(array, pa.ExtensionArray):
        return weight(array.storage)
    if pa.types.is_map(kind):
        return items + sum(map(weight, _map_parts(array)))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return items + weight(array.flatten())
    if pa.types.is_struct(kind):
        names = sum(len(field.name) for field in kind) * len(array)
        return items + names + sum(map(weight, array.flatten()))
    if pa.types.is_union(kind):
        return items + sum(weight(array.field(at)) for at in range(kind.num_fields))
    if pa.types.is_dictionary(kind):
        lengths = _text_lengths(array.dictionary)
        return items + int(pc.sum(lengths.take(array.indices)).as_py() or 0)
    return items + int(array.nbytes)


def _map_parts(array: pa.MapArray) -> list[pa.Array]:
    """The keys and values of the entries, also of a slice."""
    start, end = array.offsets[0].as_py(), array.offsets[-1].as_py()
    return [array.keys[start:end], array.items[start:end]]


def _text_lengths(dictionary: pa.Array) -> pa.Array:
    if pa.types.is_string(dictionary.type) or pa.types.is_large_string(dictionary.type):
        return pc.cast(pc.binary_length(dictionary), pa.int64())
    return pa.array([ITEM_WEIGHT] * len(dictionary), pa.int64())
