"""Fill the tables of a composite encoder from those of its parts, which are embedded first.

No picture is read here: an item has a composite vector as soon as every part has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...runtime.composite import EncoderPart, join_parts
from ...runtime.mapper import to_rows, vector_array
from ...runtime.model_files import encoder_row
from ...store import Step, Store, vectors_table, views_table
from ...store.errors import DataError
from ...store.lookup import FEW, is_in
from .commit import vector_rows
from .plan import KIND, Target

BLOCK = 4096
"""Items that are joined and committed at once."""

EmbedPart: TypeAlias = Callable[[str], Iterator[Step]]


def compose_vectors(
    store: Store, encoder: str, parts: Sequence[EncoderPart], embed_part: EmbedPart
) -> Iterator[Step]:
    """Embed every part with `embed_part`, then join the vectors of the items that all parts have.

    A part without a model, as a release's, has the vectors that came with it.
    """
    for part in parts:
        if encoder_row(store, part.name)["onnx_file"]:
            yield from embed_part(part.name)
    target = Target(store, encoder, store.ensure_vectors(encoder, parts[-1].stop))
    first, *others = [vectors_table(part.name) for part in parts]
    known, rows = target.known(), [VectorRows(store, table) for table in others]
    left = sum(
        int(_in_all(batch, rows, known.has(batch["item_id"])).sum())
        for batch in store.scan(first, ["item_id"], batch_rows=BLOCK)
    )
    stage, done = f"{KIND}:{encoder}", 0
    yield Step(stage, 0, left)
    for batch in store.scan(first, ["item_id", "item_kind", "base"], batch_rows=BLOCK) if left else ():
        new = batch.filter(pa.array(_in_all(batch, rows, known.has(batch["item_id"]))))
        joined = join_parts([to_rows(new["base"]), *(one.take(new["item_id"]) for one in rows)])
        kinds = np.array(new["item_kind"].to_pylist())
        for kind in dict.fromkeys(kinds.tolist()):
            ids = new["item_id"].filter(pa.array(kinds == kind)).to_pylist()
            store.upsert(target.table, vector_rows(store, encoder, kind, ids, joined[kinds == kind]))
        done += new.num_rows
        if new.num_rows:
            yield Step(stage, done, left, f"{done} joined of {len(parts)} parts")


def _in_all(batch: pa.RecordBatch, others: Sequence[VectorRows], known: NDArray[np.bool_]) -> Any:
    """(rows,) which are not known and are in all of `others`."""
    wanted = ~known
    for other in others:
        wanted &= other.has(batch["item_id"])
    return wanted


class VectorRows:
    """The vectors of one table by item id: 16 bytes an item in memory."""

    def __init__(self, store: Store, table: str) -> None:
        """Read the ids of the newest version."""
        self._dataset = store.dataset(table)
        scanner = self._dataset.scanner(columns=["item_id"], batch_size=1 << 16)
        hashes = [_hashes(batch["item_id"]) for batch in scanner.to_batches()]
        hashed = np.concatenate(hashes) if hashes else np.zeros(0, np.uint64)
        self._places = np.argsort(hashed, kind="stable")
        self._sorted = hashed[self._places]

    def has(self, ids: pa.Array) -> NDArray[np.bool_]:
        """(ids,) which of them the table holds. Of 64-bit hashes: `take` compares the ids themselves."""
        found: NDArray[np.bool_] = self._at(ids)[1]
        return found

    def take(self, ids: pa.Array) -> NDArray[np.float32]:
        """The vectors (ids, dim) of ids that it has."""
        places = self._places[self._at(ids)[0]]
        found = self._dataset.take(places.tolist(), columns=["item_id", "base"]).combine_chunks()
        same = pc.equal(found["item_id"].combine_chunks(), ids)
        if not pc.all(same, min_count=0).as_py():
            raise DataError("two ids of one table have the same 64-bit hash", hint="report this")
        return to_rows(found["base"].combine_chunks())

    def _at(self, ids: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        if not len(self._sorted) or not len(ids):
            return np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
        wanted = _hashes(ids)
        at = np.minimum(np.searchsorted(self._sorted, wanted), len(self._sorted) - 1)
        return at, self._sorted[at] == wanted


def _hashes(ids: pa.Array) -> NDArray[np.uint64]:
    return pl.Series(pl.from_arrow(ids)).hash(0).to_numpy()


def view_rows(
    store: Store, parts: Sequence[EncoderPart], ids: Sequence[str], views: int, augment: str = "mild"
) -> pa.Table | None:
    """Rows (item_id, view, base) of the first `views` views of `ids` that all parts have, or None."""
    found: list[dict[tuple[str, int], NDArray[np.float32]]] = []
    for part in parts:
        of_part: dict[tuple[str, int], NDArray[np.float32]] = {}
        for start in range(0, len(ids), FEW):
            where = f"{is_in('item_id', ids[start : start + FEW])} AND view < {views}"
            for batch in store.scan(views_table(part.name, augment), None, where):
                names = zip(batch["item_id"].to_pylist(), batch["view"].to_pylist(), strict=True)
                of_part |= zip(names, to_rows(batch["base"]), strict=True)
        found.append(of_part)
    keys = sorted(set.intersection(*(set(one) for one in found)))
    if not keys:
        return None
    columns: dict[str, Any] = {
        "item_id": pa.array([item for item, _ in keys]),
        "view": pa.array([view for _, view in keys], pa.int32()),
        "base": vector_array(join_parts([np.stack([one[key] for key in keys]) for one in found])),
    }
    return pa.table(columns)
