"""The mappers of an encoder and their columns in its vector table: h of every image, h~ of every sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..store.schema import mapped_column, vectors_table
from .mapper import MapperPair

if TYPE_CHECKING:
    from ..store import Store


def fill_column(store: Store, encoder: str, mapper: str, pair: MapperPair) -> int:
    """Fill the mapper's column: h for images, h~ for samples, unit length. Returns the rows changed."""

    def compute(batch: pa.RecordBatch) -> NDArray[np.float32]:
        base = to_rows(batch["base"])
        samples = np.array([kind == "sample" for kind in batch["item_kind"].to_pylist()], dtype=bool)
        mapped = np.empty((len(base), pair.dim_out or base.shape[1]), np.float32)
        mapped[~samples], mapped[samples] = pair.real(base[~samples]), pair.synth(base[samples])
        return mapped

    return store.set_vector_column(vectors_table(encoder), mapped_column(mapper), compute, dim=pair.dim_out)


def column_is_full(store: Store, encoder: str, mapper: str) -> bool:
    """Whether every vector has its mapped form."""
    table, column = vectors_table(encoder), mapped_column(mapper)
    return column in store.schema(table).names and not store.count(table, f"{column} is null")


def to_rows(column: pa.Array) -> NDArray[np.float32]:
    """An Arrow column of float32 vectors as (items, dim)."""
    flat = column.flatten().to_numpy(zero_copy_only=False)
    rows = np.asarray(flat, dtype=np.float32).reshape(len(column), column.type.list_size)
    return rows if rows.flags.writeable else rows.copy()


def vector_array(rows: NDArray[np.float32]) -> pa.FixedSizeListArray:
    """Rows (items, dim) as an Arrow column of float32 vectors."""
    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


def mapper_names(store: Store, encoder: str) -> list[str]:
    """The mappers trained on top of `encoder`, sorted."""
    rows = store.read("mappers", ["encoder", "mapper"]).to_pylist()
    return sorted(row["mapper"] for row in rows if row["encoder"] == encoder)
