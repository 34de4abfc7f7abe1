"""A set of images to compare with: the gallery, or whatever else a question is asked of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .features import Features, unit


class Candidates:
    """Those images of a set that have a vector, streamed from the table in its order, never all in memory."""

    def __init__(self, features: Features, ids: pa.Array, block: int = 8192) -> None:
        """The images `ids`, distinct; blocks of up to `block` rows."""
        self.features, self.block = features, block
        self._chosen = features.among(ids)
        self._count = int(np.count_nonzero(self._chosen))
        self.missing = len(ids) - self._count  # how many have no vector

    def __len__(self) -> int:
        return self._count

    @property
    def ids(self) -> pa.Array:
        """Image ids (len(self),) in the order of the blocks."""
        return self.features.ids.filter(pa.array(self._chosen))

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
