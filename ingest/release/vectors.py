"""Released features into a vector table, with the columns of all mappers that the encoder has."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...runtime import MapperPair
from ...runtime.mapping import mapper_names, vector_array
from ...store import Store, mapped_column, vectors_table
from .stored import SOURCE
from .tensors import BLOCK_ROWS, Rows


def add_encoder(store: Store, encoder: str, dim: int) -> None:
    """The encoder's row and its vector table, where they are not there."""
    store.upsert("encoders", [{"encoder": encoder, "dim": dim, "source": SOURCE}])
    store.ensure_vectors(encoder, dim)


@dataclass(frozen=True)
class VectorTable:
    """The vector table of `encoder`."""

    store: Store
    encoder: str

    @cached_property
    def _pairs(self) -> dict[str, MapperPair]:
        """Column -> mapper, of all that are listed now."""
        names = mapper_names(self.store, self.encoder)
        return {mapped_column(name): MapperPair.load(self.store, self.encoder, name) for name in names}

    def add(self, kind: str, ids: Sequence[str | None], rows: Rows, start: int) -> None:
        """Add the vectors of `ids`, images or samples, which are the `rows` from `start` on.

        Where an id is None there is no such item. Vectors that are there stay as they are.
        """
        places = [place for place, name in enumerate(ids) if name is not None]
        if not places:
            return
        base = rows.read(start, start + len(ids))
        base = base if len(places) == len(ids) else base[places]
        columns = {
            "item_id": pa.array([ids[place] for place in places]),
            "item_kind": pa.array([kind] * len(places)),
            "base": vector_array(base),
        }
        for column, pair in self._pairs.items():
            columns[column] = vector_array(_mapped(pair, kind, base))
        self.store.upsert(vectors_table(self.encoder), pa.table(columns))


def _mapped(pair: MapperPair, kind: str, base: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the mapper makes of (items, dim), a bounded number of rows in float64 at a time."""
    side = pair.synth if kind == "sample" else pair.real
    mapped = np.empty((len(base), pair.dim_out or base.shape[1]), np.float32)
    for start in range(0, len(base), BLOCK_ROWS):
        mapped[start : start + BLOCK_ROWS] = side(base[start : start + BLOCK_ROWS])
    return mapped
