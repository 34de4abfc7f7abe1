"""The images of a pool by name: which rows of a space they are, and which have no vector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...runtime.devices import core_count
from ...store.check_items import pool_exemplars
from ...store.errors import InvalidInputError
from ..catalog import empty_gallery, gallery_batches, gallery_ids
from ..conditions.evaluate import hide_progress_bar
from ..features import Pinned, is_among
from ..sql.statements import load_sql
from .space_rows import SpaceRows

POOLS = ("all", "gallery")

JOINED_ROWS = 2_000_000
"""Of more images than this the ids are not held in memory: DuckDB joins them, on disk where it must."""

JOIN_MEMORY = "1GB"
BATCH_ROWS = 1 << 16

ITEMS = pa.schema([("row", pa.int64()), ("item_id", pa.string())])


@dataclass(frozen=True)
class PoolMembers:
    """A pool by name: `mask` (rows of the space,), and the ids of its images that have no vector."""

    mask: NDArray[np.bool_]
    without_vector: pa.Array


def read_members(pinned: Pinned, rows: SpaceRows, name: str) -> PoolMembers:
    """The members of the pool `name` among the rows of a space.

    Raises InvalidInputError for another name, ConflictError for an empty gallery.
    """
    if name not in POOLS:
        raise InvalidInputError(f"there is no pool {name!r}", hint=f"use {' or '.join(POOLS)}")
    exemplars = pa.array([], pa.string())
    if name == "all":
        used = pool_exemplars(pinned.read("models", ["exemplar_ids", "split"]))
        exemplars = pc.unique(used.cast(pa.string()))
    if len(rows.positions) > JOINED_ROWS and not rows.has_ids:
        return _joined(pinned, rows, exemplars)
    return _compared(gallery_ids(pinned), rows.ids, exemplars)


def _compared(gallery: pa.Array, ids: pa.Array, exemplars: pa.Array) -> PoolMembers:
    """The members among the images `ids`, in memory."""
    mask = is_among(ids, gallery)
    known = gallery.filter(pc.is_in(gallery, value_set=exemplars))  # hashes these, not a million images
    extra = exemplars.filter(pc.invert(pc.is_in(exemplars, value_set=known)))
    mask = mask | np.asarray(pc.is_in(ids, value_set=extra))
    if int(np.count_nonzero(mask)) == len(gallery) + len(extra):
        return PoolMembers(mask, gallery[:0])
    members = pa.concat_arrays([gallery, extra])
    return PoolMembers(mask, members.filter(pc.invert(pc.is_in(members, value_set=ids))))


def _joined(pinned: Pinned, rows: SpaceRows, exemplars: pa.Array) -> PoolMembers:
    """The same from streams of both ids, in JOIN_MEMORY."""
    import duckdb  # imported late: `import attribase` stays light

    mask = np.zeros(len(rows.positions), bool)
    with_vector, without_vector = [exemplars[:0]], [exemplars[:0]]

    def items() -> Iterator[pa.RecordBatch]:
        for places, ids in rows.id_batches(BATCH_ROWS):
            if len(exemplars):
                found = pc.is_in(ids, value_set=exemplars)
                mask[places[np.asarray(found)]] = True
                with_vector.append(ids.filter(found))
            yield pa.record_batch([pa.array(places), ids], schema=ITEMS)

    gallery = gallery_batches(pinned, BATCH_ROWS)
    with TemporaryDirectory() as folder, duckdb.connect(config=_settings(folder)) as con:
        hide_progress_bar(con)
        con.register("items", pa.RecordBatchReader.from_batches(ITEMS, items()))
        con.register("gallery", gallery)
        count = 0
        for batch in con.sql(load_sql("pool_members")).to_arrow_reader(BATCH_ROWS):
            count += batch.num_rows
            mask[batch["row"].drop_null().to_numpy()] = True
            without_vector.append(batch["image_id"].drop_null().cast(pa.string()))
    if not count:
        raise empty_gallery()
    known = pa.concat_arrays(with_vector)
    without_vector.append(exemplars.filter(pc.invert(pc.is_in(exemplars, value_set=known))))
    return PoolMembers(mask, pc.unique(pa.concat_arrays(without_vector)))


def _settings(folder: str) -> dict[str, str | bool | int | float | list[str]]:
    """Of a connection that spills to `folder`."""
    return {
        "memory_limit": JOIN_MEMORY,
        "threads": core_count(),
        "temp_directory": folder,
        "preserve_insertion_order": False,
    }
