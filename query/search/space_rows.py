"""Which rows of a vector table are images and which samples, and their ids, read only where needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from threading import RLock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..features import FeatureReader
from ..key_index import IdPositions
from .topk import Positions

FEW = 0.02  # of all items: the ids of fewer are read by position


class SpaceRows:
    """The items of one encoder. Thread-safe.

    Attributes:
        is_image: (items,) whether each is an image, in the order of the vector table.
        positions: (images,) where each row of the space is in the vector table, rising.
        samples: (samples,) the same of samples.
    """

    def __init__(self, features: FeatureReader, is_image: NDArray[np.bool_] | None = None) -> None:
        """`is_image` is read where it is left out."""
        self._features, self._lock = features, RLock()
        self._known: tuple[Positions, pa.Array] = np.zeros(0, np.int64), pa.array([], pa.string())
        if is_image is None:
            kinds = features.dataset.scanner(columns=["item_kind"]).to_table()["item_kind"]
            is_image = np.asarray(pc.equal(kinds.combine_chunks(), "image"))
        self.is_image = is_image
        self.positions: Positions = np.flatnonzero(is_image)
        self.samples: Positions = np.flatnonzero(~is_image)

    @property
    def item_ids(self) -> pa.Array:
        """Ids of all images and samples, in the order of the vector table."""
        return self._features.ids

    @property
    def ids(self) -> pa.Array:
        """Image ids of the rows. They are read once: of a million images that takes 0.2 s and 68 MB."""
        with self._lock:
            return self._ids

    @cached_property
    def _ids(self) -> pa.Array:
        return self._features.ids.filter(pa.array(self.is_image))

    @property
    def has_ids(self) -> bool:
        """Whether the ids of all items were read."""
        return self._features.has_ids

    def id_batches(self, block: int) -> Iterator[tuple[Positions, pa.Array]]:
        """Rows (n,) of the space and their ids, in order, n <= `block`; they are read anew and not kept."""
        scanner = self._features.dataset.scanner(
            columns=["item_id"], batch_size=block, batch_readahead=2, fragment_readahead=1
        )
        first = row = 0
        for batch in scanner.to_batches():
            chosen = self.is_image[first : first + batch.num_rows]
            ids = batch["item_id"].filter(pa.array(chosen))
            yield np.arange(row, row + len(ids)), ids
            first, row = first + batch.num_rows, row + len(ids)

    @cached_property
    def sample_ids(self) -> pa.Array:
        """Ids of the samples, in the order of the vector table."""
        return self._read_ids(self.samples)

    def ids_of(self, rows: Positions) -> list[str]:
        """(n,) the image ids of `rows`."""
        if "_ids" in vars(self):
            ids: list[str] = self._ids.take(pa.array(rows)).to_pylist()
            return ids
        known, names = self._known
        places = np.searchsorted(known, rows)
        if len(known) and np.array_equal(known[np.minimum(places, len(known) - 1)], rows):
            of_known: list[str] = names.take(pa.array(places)).to_pylist()
            return of_known
        found: list[str] = self._read_ids(self.positions[rows]).to_pylist()
        return found

    def read_ids(self, rows: Positions) -> None:
        """Read the image ids of `rows` (n,) at once: `ids_of` then finds those of some of them in memory."""
        if "_ids" not in vars(self):
            distinct = np.unique(rows)
            self._known = distinct, self._read_ids(self.positions[distinct])

    def image_rows(self, ids: Sequence[str]) -> Positions:
        """(n,) the rows of the images `ids`; -1 where one has no vector."""
        with self._lock:
            images = self._images
        return images.positions(ids)

    def sample_positions(self, ids: Sequence[str]) -> Positions:
        """(n,) where the samples `ids` are in the vector table; -1 where one has no vector."""
        with self._lock:
            samples = self._samples
        found = samples.positions(ids)
        return np.where(found < 0, -1, self.samples[found] if len(self.samples) else -1)

    @cached_property
    def _images(self) -> IdPositions:
        return IdPositions(self._ids)

    @cached_property
    def _samples(self) -> IdPositions:
        return IdPositions(self.sample_ids)

    def _read_ids(self, positions: Positions) -> pa.Array:
        """(n,) the ids of items by their positions."""
        if self._features.has_ids or len(positions) > FEW * len(self.is_image) + 1000:
            return self._features.ids.take(pa.array(positions))
        if not len(positions):
            return pa.array([], pa.string())
        found = self._features.dataset.take(positions.tolist(), columns=["item_id"])
        return found["item_id"].combine_chunks()
