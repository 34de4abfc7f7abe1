"""Which partition of an index each row of a local table is in, read straight from the files of the index.

Lance 14 gives the rows of one partition at a time, and reads the compressed vectors with them: four seconds
for 1,000,000 rows. Its files list the addresses of the rows, one partition after the other, in 8 bytes a row,
and say how long each partition is in a message of protocol buffers (`IVF` of Lance: field 3, packed).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lance
import numpy as np
from lance.file import LanceFileReader
from numpy.typing import NDArray

from .index_search import index_name, row_addresses

LENGTHS, PACKED = 3, 2
"""The field that holds the lengths of partitions, and how a packed field is marked."""

NO_PARTITION = -1

ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class IndexPartitions:
    """The partitions of an index of one version of a table.

    Attributes:
        centres: (partitions, dim) as the index has them.
        of_row: (rows,) int32, the partition of each row of the table in its order; NO_PARTITION where the
            index does not cover it.
    """

    centres: NDArray[np.float32]
    of_row: NDArray[np.int32]


class _OtherLayoutError(Exception):
    """The files of an index do not say which row is where, or not like this."""


def read_partitions(dataset: lance.LanceDataset, column: str) -> IndexPartitions | None:
    """The partitions of the index of `column`; None where its files are remote or of another layout."""
    name = index_name(column)
    described = [one for one in dataset.describe_indices() if one.name == name]
    if not described or not Path(dataset.uri).is_dir():
        return None
    centres = np.asarray(dataset.centroids(index_name=name).flatten(), np.float32)
    centres = centres.reshape(-1, dataset.schema.field(column).type.list_size)
    addresses = row_addresses(dataset)
    order = np.argsort(addresses) if (addresses[1:] < addresses[:-1]).any() else None
    rising = addresses if order is None else addresses[order]
    of_row = np.full(len(addresses), NO_PARTITION, np.int32)
    try:
        for segment in described[0].segments:
            for found, partitions in _segment_rows(dataset, segment, len(centres)):
                places = np.minimum(np.searchsorted(rising, found), max(len(rising) - 1, 0))
                there = rising[places] == found if len(rising) else np.zeros(len(found), bool)  # not deleted
                places = places[there] if order is None else order[places[there]]
                of_row[places] = partitions[there]
    except _OtherLayoutError:
        return None
    return IndexPartitions(centres, of_row)


def _segment_rows(
    dataset: lance.LanceDataset, segment: Any, count: int
) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.int32]]]:
    """Addresses (n,) of rows that a segment covers, and the partition of each (n,), some at a time."""
    path = Path(dataset.uri, "_indices", str(segment.uuid), "auxiliary.idx")
    if getattr(segment, "base_id", None) is not None or not path.is_file():
        raise _OtherLayoutError
    reader = LanceFileReader(str(path), columns=["_rowid"])
    metadata = reader.metadata()
    place = (metadata.schema.metadata or {}).get(b"lance:ivf", b"")
    if not place.isdigit() or int(place) >= len(metadata.global_buffers):
        raise _OtherLayoutError
    lengths = parse_lengths(reader.read_global_buffer(int(place)))
    if len(lengths) != count or sum(lengths) != metadata.num_rows:
        raise _OtherLayoutError
    fragments = np.fromiter(segment.fragment_ids, np.uint64)  # rows of others were written again since
    ends, first = np.cumsum(lengths), 0
    for batch in reader.read_all(batch_size=ROWS_AT_ONCE).to_batches():
        rows = batch["_rowid"].to_numpy()
        places = np.arange(first, first + len(rows))
        first += len(rows)
        covered = np.isin(rows >> np.uint64(32), fragments)
        yield rows[covered], np.searchsorted(ends, places[covered], side="right").astype(np.int32)


def parse_lengths(message: bytes) -> list[int]:
    """The lengths of partitions in an `IVF` message; empty where it has none, or is no such message."""
    try:
        return [length for field, value in _fields(message) if field == LENGTHS for length in _varints(value)]
    except (IndexError, ValueError):
        return []


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The packed fields of a message by number. Raises IndexError or ValueError for what is none."""
    sizes = {1: 8, 5: 4}  # fields of 64 and of 32 bits
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == PACKED:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError
            yield number, message[at : at + size]
            at += size
        elif kind == 0:
            _, at = _varint(message, at)
        elif kind in sizes:
            at += sizes[kind]
        else:
            raise ValueError


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins at byte `at`, in 7 bits a byte, the lowest first; and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _varints(packed: bytes) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value
