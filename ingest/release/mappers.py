"""Vectors, mappers and calibrations of a release, written to the store."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...runtime import MapperPair
from ...runtime.mapper import column_is_full, fill_column, mapper_names, vector_array
from ...store import Step, Store, key_id, mapped_column, vectors_table
from ...store.columns import utc_now
from .stored import SOURCE
from .tensors import BLOCK_ROWS, StoredMatrix
from .weights import ReleasedCalibration, ReleasedMapper

STAGE = "mappers"


def add_encoder(store: Store, encoder: str, dim: int) -> None:
    """Write the encoder's row and create its vector table, unless they exist."""
    store.upsert("encoders", [{"encoder": encoder, "dim": dim, "source": SOURCE}])
    store.ensure_vectors(encoder, dim)


@dataclass(frozen=True)
class VectorTable:
    """Writes vectors of `encoder`, mapped by every mapper that is stored."""

    store: Store
    encoder: str

    @cached_property
    def _pairs(self) -> dict[str, MapperPair]:
        """The stored mappers, by their column."""
        names = mapper_names(self.store, self.encoder)
        return {mapped_column(name): MapperPair.load(self.store, self.encoder, name) for name in names}

    def add(self, kind: str, ids: Sequence[str | None], rows: StoredMatrix, start: int) -> None:
        """Add the vectors of `ids`, items of `kind` 'image' or 'sample': the `rows` from `start` on.

        Rows whose id is None are left out. Stored vectors stay as they are.
        """
        kept = [row for row, name in enumerate(ids) if name is not None]
        if not kept:
            return
        base = rows.read(start, start + len(ids))
        base = base if len(kept) == len(ids) else base[kept]
        columns = {
            "item_id": pa.array([ids[row] for row in kept]),
            "item_kind": pa.array([kind] * len(kept)),
            "base": vector_array(base),
        }
        for column, pair in self._pairs.items():
            columns[column] = vector_array(_map_rows(pair, kind, base))
        self.store.upsert(vectors_table(self.encoder), pa.table(columns))


def _map_rows(pair: MapperPair, kind: str, base: NDArray[np.float32]) -> NDArray[np.float32]:
    """`base` (items, dim) mapped by the side of `pair` for `kind`, in blocks to bound the float64 memory."""
    side = pair.synth if kind == "sample" else pair.real
    mapped = np.empty((len(base), pair.dim_out or base.shape[1]), np.float32)
    for start in range(0, len(base), BLOCK_ROWS):
        mapped[start : start + BLOCK_ROWS] = side(base[start : start + BLOCK_ROWS])
    return mapped


def add_mappers(store: Store, encoders: Sequence[str], mappers: Sequence[ReleasedMapper]) -> Iterator[Step]:
    """Write the mappers that are not stored, and fill the columns of all mappers of `encoders`.

    A column is filled before the row of its mapper is written, so that a stored mapper has its column.
    """
    released = {(one.encoder, one.mapper): one for one in mappers}
    wanted = set(released) | {(name, one) for name in encoders for one in mapper_names(store, name)}
    stored = store.existing("mappers", [key_id(*key) for key in wanted])
    tables = store.tables()
    left = [
        key
        for key in sorted(wanted)
        if key_id(*key) not in stored or (vectors_table(key[0]) in tables and not column_is_full(store, *key))
    ]
    for done, key in enumerate(left, start=1):
        one = released.get(key)
        pair = one.pair if one else MapperPair.load(store, *key)
        rows = fill_column(store, *key, pair) if vectors_table(key[0]) in tables else 0
        if one:
            store.upsert("mappers", [_mapper_row(one)])
        yield Step(STAGE, done, len(left), f"{key[0]} with {key[1]} ({pair.kind}): {rows:,} vectors")


def _mapper_row(one: ReleasedMapper) -> dict[str, Any]:
    return {
        "mapper_id": key_id(one.encoder, one.mapper),
        "encoder": one.encoder,
        "mapper": one.mapper,
        "kind": one.pair.kind,
        "weights": one.pair.to_bytes(),
        **_provenance(one.name),
    }


def add_calibrations(store: Store, calibrations: Sequence[ReleasedCalibration]) -> Iterator[Step]:
    """Write the calibrations that are not stored."""
    rows = [
        {
            "calibration_id": key_id(one.encoder, one.mapper),
            "encoder": one.encoder,
            "mapper": one.mapper,
            "tau": one.tau,
            "lambda": one.lam,
            **_provenance(one.name),
        }
        for one in calibrations
    ]
    if rows and store.upsert("calibrations", rows):
        yield Step("calibrations", len(rows), len(rows))


def _provenance(name: str) -> dict[str, Any]:
    """The columns that a training fills: the released file instead, and the time of the import."""
    config = json.dumps({"source": SOURCE, "file": name}, sort_keys=True)
    return {"config": config, "table_versions": "{}", "created": utc_now()}
