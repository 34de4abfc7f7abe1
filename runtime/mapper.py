"""The learned pair of maps on top of an encoder, h for real images and h~ for samples, and its column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import safetensors.numpy
from numpy.typing import NDArray

from ..store.errors import DataError, InvalidInputError, NotFoundError
from ..store.ids import key_id, mapped_column, vectors_table
from ..store.lookup import locate
from .composed_maps import check_sides
from .mapper_kinds import Array, FeatureMap, unit_rows
from .mapper_state import mapper_from_state

if TYPE_CHECKING:
    from ..store import Store


RAW = "none"
"""The mapper name that stands for raw features: h = h~ = identity."""


NORMALISED_NUMBERS = 1 << 18
"""Numbers scaled at once: 2 MB in float64, which takes several copies of them."""


class DatasetSource(Protocol):
    """What opens tables: a store, or a view of one in which every table stays at one version."""

    def dataset(self, table: str, /) -> Any:
        """The Lance dataset of `table`."""


def normalise(features: Array) -> NDArray[np.float32]:
    """Rows of (items, dim) scaled to unit length in float64 and rounded once; a row of zeros stays zero."""
    rows = np.atleast_2d(features)
    unit, step = np.empty(rows.shape, np.float32), max(1, NORMALISED_NUMBERS // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        unit[start : start + step] = unit_rows(rows[start : start + step])
    return unit.reshape(np.shape(features))


@dataclass(frozen=True)
class MapperPair:
    """h and h~ of one (encoder, mapper), of the same kind and dimensions; None is the identity."""

    h_real: FeatureMap | None = None
    h_synth: FeatureMap | None = None

    def __post_init__(self) -> None:
        real, synth = self.h_real, self.h_synth
        shapes = [one and (one.kind, one.dim_in, one.dim_out) for one in (real, synth)]
        if shapes[0] != shapes[1]:
            raise InvalidInputError(
                f"the maps of real images and of samples differ: {shapes[0]} and {shapes[1]}",
                hint="both have to be of one kind and size, or their vectors cannot be compared",
            )
        check_sides(real, synth)

    @property
    def kind(self) -> str:
        """'linear', 'channel', 'mlp', 'blocks', 'with_bias', or 'none' for the identity."""
        return self.h_real.kind if self.h_real else RAW

    @property
    def dim_in(self) -> int | None:
        """Length of the features that it takes; None for the identity, which takes any."""
        return self.h_real.dim_in if self.h_real else None

    @property
    def dim_out(self) -> int | None:
        """Length of the mapped vectors; None for the identity, which keeps any."""
        return self.h_real.dim_out if self.h_real else None

    def real(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of real images (items, dim), raw, to unit rows. Map first, normalise after."""
        return normalise(self.h_real(features) if self.h_real else features)

    def synth(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of samples (items, dim), raw, to unit rows."""
        return normalise(self.h_synth(features) if self.h_synth else features)

    @classmethod
    def load(cls, tables: DatasetSource, encoder: str, mapper: str) -> MapperPair:
        """The stored pair, from a store or from one pinned at a version; 'none' is the identity.

        Raises NotFoundError when it was never trained, DataError when its weights are broken.
        """
        weights = read_weights(tables, encoder, mapper)
        return cls() if weights is None else cls.from_bytes(weights)

    @classmethod
    def from_bytes(cls, data: bytes) -> MapperPair:
        """Read safetensors: a map's state after `real.` or `synth.` in each key. DataError when broken."""
        try:
            parts = safetensors.numpy.load(data)
            sides = {name.partition(".")[0] for name in parts}
            if sides != {"real", "synth"}:
                raise ValueError(f"they are for {', '.join(sorted(sides)) or 'nothing'}")
            return cls(*(mapper_from_state(_state_of(side, parts)) for side in ("real", "synth")))
        except Exception as error:  # safetensors raises its own error class, which is not exported
            raise DataError(f"the mapper's weights are broken: {error}", hint="train it again") from error

    def to_bytes(self) -> bytes:
        """Safetensors that `from_bytes` reads. InvalidInputError for the identity, which has no weights."""
        if self.h_real is None or self.h_synth is None:
            raise InvalidInputError("the identity has no weights to write", hint="use the mapper 'none'")
        parts = {
            f"{side}.{name}": np.ascontiguousarray(part)
            for side, one in (("real", self.h_real), ("synth", self.h_synth))
            for name, part in one.state().items()
        }
        data: bytes = safetensors.numpy.save(parts)
        return data


def read_weights(tables: DatasetSource, encoder: str, mapper: str) -> bytes | None:
    """The mapper's stored weights; None for raw features. Raises NotFoundError when it was never trained."""
    if mapper == RAW:
        return None
    key = key_id(encoder, mapper)
    try:
        located = locate("mappers", tables.dataset("mappers"), "weights", [key])
    except NotFoundError as error:
        raise NotFoundError(
            f"there is no mapper {mapper!r} for the encoder {encoder!r}",
            hint=f"train one: attribase train mapper --encoder {encoder} --name {mapper}",
        ) from error
    ((_, data),) = located.read([key])
    return data or b""


def _state_of(side: str, parts: dict[str, Array]) -> dict[str, Array]:
    """The state of one side, its prefix removed."""
    return {name.partition(".")[2]: part for name, part in parts.items() if name.startswith(f"{side}.")}


@dataclass(frozen=True)
class MappedRows:
    """What a mapper makes of batches of (item_kind, base): h for images, h~ for samples, unit length."""

    pair: MapperPair

    def __call__(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """(rows, dim_out) of a batch."""
        base = to_rows(batch["base"])
        samples = np.array([kind == "sample" for kind in batch["item_kind"].to_pylist()], dtype=bool)
        mapped = np.empty((len(base), self.pair.dim_out or base.shape[1]), np.float32)
        mapped[~samples], mapped[samples] = self.pair.real(base[~samples]), self.pair.synth(base[samples])
        return mapped


def fill_column(store: Store, encoder: str, mapper: str, pair: MapperPair) -> int:
    """Fill the mapper's column with `MappedRows`. Returns the rows changed."""
    return store.set_vector_column(
        vectors_table(encoder), mapped_column(mapper), MappedRows(pair), dim=pair.dim_out
    )


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
