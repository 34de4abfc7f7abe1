"""Whether vectors are the same at two versions of their table, in whatever order and files they lie.

Compaction, a new mapper's column or appended rows make a new version without changing the vectors that a
result was computed from. Fragments that both versions share are skipped; what is left is compared by digests.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

BATCH_ROWS = 8192
READ_AHEAD_BYTES = 32 << 20
NO_VECTOR = b"\0"


def differing_fragments(
    before: lance.LanceDataset, after: lance.LanceDataset, columns: list[str]
) -> tuple[list[lance.LanceFragment], list[lance.LanceFragment]]:
    """The fragments of each version whose rows or files of `columns` the other version does not have."""
    old, new = (_fragments_by_files(dataset, columns) for dataset in (before, after))
    return [old[key] for key in old.keys() - new.keys()], [new[key] for key in new.keys() - old.keys()]


def _fragments_by_files(dataset: lance.LanceDataset, columns: list[str]) -> dict[Any, lance.LanceFragment]:
    fields = {field.id() for field in dataset.lance_schema.fields() if field.name() in columns}
    found = {}
    for fragment in dataset.get_fragments():
        metadata = fragment.metadata
        files = frozenset(file.path for file in metadata.files if fields & set(file.fields))
        found[files, str(metadata.deletion_file)] = fragment
    return found


def item_ids(dataset: lance.LanceDataset, fragments: list[lance.LanceFragment]) -> pa.Array:
    """The item ids of `fragments`, in order."""
    if not fragments:
        return pa.array([], pa.string())
    table = dataset.scanner(columns=["item_id"], fragments=fragments).to_table()
    return table["item_id"].combine_chunks()


def vector_digests(
    dataset: lance.LanceDataset,
    fragments: list[lance.LanceFragment],
    column: str,
    chosen: NDArray[np.bool_],
) -> Iterator[int]:
    """The 128-bit digest of the item id and the vector in `column` of each chosen row of `fragments`.

    `chosen` is (rows of the fragments,). A sum of digests modulo 2^128 stands for a set of rows in any order.
    """
    if not chosen.any():
        return
    scanner = dataset.scanner(
        columns=["item_id", column],
        fragments=fragments,
        batch_size=BATCH_ROWS,
        batch_readahead=2,
        io_buffer_size=READ_AHEAD_BYTES,
    )
    left = chosen
    for batch in scanner.to_batches():
        mine, left = left[: batch.num_rows], left[batch.num_rows :]
        if mine.any():
            yield from _digests(batch.filter(pa.array(mine)), column)


def _digests(batch: pa.RecordBatch, column: str) -> Iterator[int]:
    vectors = batch[column]
    flat = np.ascontiguousarray(vectors.flatten().to_numpy(zero_copy_only=False))  # leaves null vectors out
    data, width = memoryview(flat.data).cast("B"), vectors.type.list_size * flat.itemsize
    start = 0
    for item, valid in zip(batch["item_id"].to_pylist(), vectors.is_valid().to_pylist(), strict=True):
        digest = sha256(item.encode())
        digest.update(data[start : start + width] if valid else NO_VECTOR)
        start += width if valid else 0
        yield int.from_bytes(digest.digest()[:16], "little")


def differs(before: lance.LanceDataset, after: lance.LanceDataset) -> bool:
    """Whether the raw vectors of a table may be others: some lie in other files, or rows were deleted."""
    return any(differing_fragments(before, after, ["item_id", "base"]))


def vectors_changed(before: lance.LanceDataset, after: lance.LanceDataset, items: pa.Array) -> bool:
    """Whether the raw vectors of `items` are others: one was added, removed or replaced."""
    versions = (before, after)
    fragments = differing_fragments(before, after, ["item_id", "base"])
    chosen = [
        np.asarray(pc.is_in(item_ids(dataset, own), value_set=items))
        for dataset, own in zip(versions, fragments, strict=True)
    ]
    if chosen[0].sum() != chosen[1].sum():
        return True
    totals = [
        sum(vector_digests(dataset, own, "base", rows)) % (1 << 128)
        for dataset, own, rows in zip(versions, fragments, chosen, strict=True)
    ]
    return totals[0] != totals[1]
