"""Rows of a vector table: the raw feature and what every mapper of its encoder makes of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...runtime import MapperPair
from ...runtime.mapping import mapper_names, vector_array
from ...store import Store, mapped_column


def vector_rows(
    store: Store, encoder: str, kind: str, items: Sequence[str], base: NDArray[np.float32]
) -> pa.Table:
    """Rows of `items`, all of one kind, from their features (items, dim)."""
    vectors = {"base": base}
    for mapper in mapper_names(store, encoder):
        pair = MapperPair.load(store, encoder, mapper)
        vectors[mapped_column(mapper)] = pair.real(base) if kind == "image" else pair.synth(base)
    columns: dict[str, pa.Array] = {
        "item_id": pa.array(items, pa.string()),
        "item_kind": pa.array([kind] * len(items), pa.string()),
    }
    return pa.table(columns | {name: vector_array(rows) for name, rows in vectors.items()})
