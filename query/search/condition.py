"""A condition over images and collections, evaluated to image ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...store.schema import IMAGES
from ..conditions import matching_rows, parse_condition
from ..conditions.evaluate import SECONDS
from ..sql_dataset import SqlDataset

if TYPE_CHECKING:
    from ..features import Pinned

COLLECTION = "collection"
KEY = "image_id"


def matching_image_ids(pinned: Pinned, where: str, *, seconds: float = SECONDS) -> pa.Array:
    """The distinct ids of the images for which `where` holds.

    Columns are those of `images` and, as `collection`, each collection that an image is in: an image in
    several matches when it matches in one of them.

    Raises:
        InvalidInputError: what is no condition over these columns, fails on the data, or takes longer than
            `seconds`.
        LimitError: a condition that takes too much memory.
    """
    condition = parse_condition(where)
    images = SqlDataset(pinned.dataset("images"), IMAGES)
    condition.check_columns([*images.schema.names, COLLECTION])
    columns = [name for name in images.schema.names if name.lower() in condition.columns or name == KEY]
    schema = pa.schema([images.schema.field(name) for name in columns])
    batches: Iterator[pa.RecordBatch] = images.scanner(columns=columns, scan_in_order=True).to_batches()
    if COLLECTION in condition.columns:
        schema = schema.append(pa.field(COLLECTION, pa.string()))
        batches = Collections.read(pinned).join(batches)
    found = matching_rows(condition, batches, schema, [KEY], seconds=seconds)[KEY]
    return pc.unique(found) if COLLECTION in condition.columns else found.combine_chunks()


@dataclass(frozen=True)
class Collections:
    """The collections of all images: row r of `images` is in `names[rows[starts[r]:starts[r + 1]]]`."""

    names: pa.Array
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def read(cls, pinned: Pinned) -> Collections:
        """Those of all images, in the order of the table."""
        ids = _column(pinned.dataset("images"), KEY)
        members = pinned.read("members", [COLLECTION, KEY])
        images = pc.index_in(members[KEY], value_set=ids).combine_chunks()
        known = np.flatnonzero(np.asarray(images.is_valid()))
        places = images.drop_null().to_numpy().astype(np.int64)
        pa.default_memory_pool().release_unused()  # the hash table of a million ids
        order = np.argsort(places, kind="stable")
        starts = np.searchsorted(places[order], np.arange(len(ids) + 1))
        return cls(members[COLLECTION].combine_chunks(), known[order], starts)

    def join(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches of all images, a row for each collection of an image, with the column `collection`.

        An image that is in none has one row, where it is null.
        """
        first = 0
        for batch in batches:
            starts = self.starts[first : first + batch.num_rows + 1]
            counts = np.diff(starts)
            lengths = np.maximum(counts, 1)
            images = np.repeat(np.arange(batch.num_rows), lengths)
            offset = np.arange(len(images)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            has_one = np.repeat(counts > 0, lengths)
            places = np.where(has_one, np.repeat(starts[:-1], lengths) + offset, 0)
            rows = self.rows[places] if len(self.rows) else places
            names = self.names.take(pa.array(rows, mask=~has_one))
            joined = batch.take(pa.array(images))
            yield pa.RecordBatch.from_arrays([*joined.columns, names], [*batch.schema.names, COLLECTION])
            first += batch.num_rows


def _column(dataset: Any, name: str) -> pa.Array:
    return dataset.scanner(columns=[name], scan_in_order=True).to_table()[name].combine_chunks()
