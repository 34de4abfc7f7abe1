"""A set of images to compare with: the gallery, or whatever else a question is asked of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .features import Features, unit


@dataclass
class Candidates:
    """Those images of `ids` that have a vector, streamed from the table in its order, never all in memory.

    `ids` become sorted by their place in the vector table; `missing` is how many have no vector.
    """

    features: Features
    ids: pa.Array
    block: int = 8192
    missing: int = field(init=False)
    _chosen: NDArray[np.bool_] = field(init=False, repr=False)  # of the rows of the vector table

    def __post_init__(self) -> None:
        unique = pc.unique(self.ids)
        places = self.features.positions(unique)
        known = np.flatnonzero(places >= 0)
        self.missing = len(places) - len(known)
        self.ids = unique.take(pa.array(known[np.argsort(places[known])]))
        self._chosen = np.zeros(len(self.features), bool)
        self._chosen[places[known]] = True

    def __len__(self) -> int:
        return len(self.ids)

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Blocks (up to `block`, dim) of unit rows, in the order of `ids`."""
        for rows in self.raw_blocks():
            yield unit(rows)

    def raw_blocks(self) -> Iterator[NDArray[np.float32]]:
        """Blocks (up to `block`, dim) of rows as stored, in the order of `ids`."""
        yield from self.features.stream(self._chosen, self.block)

    def indices(self, ids: Sequence[str] | pa.Array) -> NDArray[np.int64]:
        """(len(ids),) where each is in `self.ids`, and so in the blocks; -1 where it is not."""
        places = self.features.positions(ids)
        among = (places >= 0) & self._chosen[places]
        return np.where(among, np.cumsum(self._chosen)[places] - 1, -1)
