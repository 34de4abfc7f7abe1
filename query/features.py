"""Unit feature rows of stored items, read at pinned table versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..store.errors import ConflictError
from ..store.schema import mapped_column, vectors_table

if TYPE_CHECKING:
    from ..store import Store

RAW = "none"
"""The mapper name that stands for raw features."""

CACHE_BYTES = 1 << 30
"""A set of rows up to this size is read once and kept; a larger one is streamed every time."""


@dataclass(frozen=True)
class Pinned:
    """A store with every table held at one version, so that what is read together belongs together."""

    store: Store
    versions: dict[str, int]

    @classmethod
    def now(cls, store: Store) -> Pinned:
        """The store as it is."""
        return cls(store, store.versions())

    def dataset(self, table: str) -> Any:
        """The pinned Lance dataset of `table`."""
        return self.store.dataset(table, self.versions[table])

    def rows(self, table: str, columns: Sequence[str]) -> pa.Table:
        """The named columns of all rows."""
        return self.dataset(table).scanner(columns=list(columns)).to_table()


class Features:
    """What `mapper` makes of the items of `encoder`: h of images, h~ of samples, as unit rows."""

    def __init__(self, pinned: Pinned, encoder: str, mapper: str = RAW) -> None:
        self.encoder, self.mapper = encoder, mapper
        self.column = "base" if mapper == RAW else mapped_column(mapper)
        self._dataset = pinned.dataset(vectors_table(encoder))
        if self.column not in self._dataset.schema.names:
            raise self._not_mapped()
        self.dim: int = self._dataset.schema.field(self.column).type.list_size
        self._items = self._dataset.scanner(columns=["item_id"]).to_table()["item_id"].combine_chunks()

    def positions(self, ids: Sequence[str] | pa.Array) -> pa.Array:
        """Where each of `ids` is in the vector table; null where it has no vector."""
        wanted = ids if isinstance(ids, pa.Array) else pa.array(ids, pa.string())
        return pc.index_in(wanted, value_set=self._items)

    def rows(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows (items, dim) in the order asked. Raises ConflictError where a vector is missing."""
        found = self.positions(ids)
        if found.null_count:
            lost = next(item for item, place in zip(ids, found.to_pylist(), strict=True) if place is None)
            raise ConflictError(
                f"{found.null_count} of {len(ids)} items have no {self.encoder} vector, the first is {lost}",
                hint=f"attribase -s STORE ingest embed --encoder {self.encoder}; the table failures says "
                "what could not be embedded",
            )
        return self.take(found.to_numpy(zero_copy_only=False))

    def take(self, positions: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Unit rows (items, dim) at these places of the vector table."""
        if not len(positions):
            return np.zeros((0, self.dim), np.float32)
        column = self._dataset.take(positions.tolist(), columns=[self.column])[self.column].combine_chunks()
        if column.null_count:
            raise self._not_mapped()
        from ..runtime.mapper import normalise  # imported late: the runtime brings ONNX along

        flat = column.flatten().to_numpy(zero_copy_only=False)
        return normalise(flat.astype(np.float32, copy=False).reshape(len(positions), self.dim))

    def _not_mapped(self) -> ConflictError:
        return ConflictError(
            f"some vectors of {self.encoder} have not been mapped by {self.mapper!r}",
            hint=f"map them: attribase -s STORE train mapper --encoder {self.encoder} --name {self.mapper}",
        )


@dataclass
class Candidates:
    """A set of images to compare with: those of `ids` that have a vector, streamed in blocks.

    `ids` become sorted by their place in the vector table; `missing` is how many have no vector.
    """

    features: Features
    ids: pa.Array
    block: int = 8192
    missing: int = field(init=False)
    _places: NDArray[np.int64] = field(init=False, repr=False)
    _kept: list[NDArray[np.float32]] | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        unique = pc.unique(self.ids)
        places = self.features.positions(unique)
        self.missing = int(places.null_count)
        known, found = unique.filter(places.is_valid()), places.drop_null().to_numpy().astype(np.int64)
        order = np.argsort(found)
        self.ids, self._places = known.take(pa.array(order)), found[order]

    def __len__(self) -> int:
        return len(self._places)

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Blocks (up to `block`, dim) of unit rows, in the order of `ids`."""
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[NDArray[np.float32]] = []
        fits = len(self) * self.features.dim * 4 <= CACHE_BYTES
        for start in range(0, len(self), self.block):
            rows = self.features.take(self._places[start : start + self.block])
            if fits:
                kept.append(rows)
            yield rows
        if fits:
            self._kept = kept
