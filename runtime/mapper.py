"""The learned pair of linear maps on top of an encoder: h for real images, h~ for samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from ..store.errors import DataError, InvalidInputError, NotFoundError
from ..store.ids import key_id

if TYPE_CHECKING:
    from ..store import Store

RAW = "none"
"""The mapper name that stands for raw features: h = h~ = identity."""


def normalise(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of (items, dim) scaled to unit length; a row of zeros stays zero."""
    rows = np.asarray(features, dtype=np.float32)
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(length, np.finfo(np.float32).tiny), dtype=np.float32)


@dataclass(frozen=True)
class LinearMapper:
    """x W' + b. `weight` is (dim, dim), `bias` (dim,), both float32."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw features (items, dim) to mapped ones, not normalised. InvalidInputError when dim differs."""
        rows = np.asarray(features, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.weight.shape[1]:
            raise InvalidInputError(
                f"the mapper takes features of {self.weight.shape[1]} dimensions, these are {rows.shape}",
                hint="use the mapper with the encoder that it was trained on",
            )
        return np.asarray(rows @ self.weight.T + self.bias, dtype=np.float32)


@dataclass(frozen=True)
class MapperPair:
    """h and h~ of one (encoder, mapper); None means identity."""

    h_real: LinearMapper | None = None
    h_synth: LinearMapper | None = None

    def real(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of real images (items, dim), raw, to unit rows. Map first, normalise after."""
        return normalise(self.h_real(features) if self.h_real else features)

    def synth(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of samples (items, dim), raw, to unit rows."""
        return normalise(self.h_synth(features) if self.h_synth else features)

    @classmethod
    def load(cls, store: Store, encoder: str, mapper: str) -> MapperPair:
        """Load the stored pair; 'none' only normalises. NotFoundError when it was never trained."""
        if mapper == RAW:
            return cls()
        key = key_id(encoder, mapper)
        if key not in store.existing("mappers", [key]):
            raise NotFoundError(
                f"there is no mapper {mapper!r} for the encoder {encoder!r}",
                hint=f"train one: attribase train mapper --encoder {encoder} --name {mapper}",
            )
        (_, data), *_ = store.blobs("mappers", "weights", [key])
        return cls.from_bytes(data or b"")

    @classmethod
    def from_bytes(cls, data: bytes) -> MapperPair:
        """From safetensors with real.weight, real.bias, synth.weight, synth.bias. DataError when broken."""
        try:
            parts = safetensors.numpy.load(data)
            pair = cls(
                LinearMapper(parts["real.weight"], parts["real.bias"]),
                LinearMapper(parts["synth.weight"], parts["synth.bias"]),
            )
        except Exception as error:  # safetensors raises its own error class, which is not exported
            raise DataError(f"the mapper's weights are broken: {error}", hint="train it again") from error
        return pair

    def to_bytes(self) -> bytes:
        """Safetensors that `from_bytes` reads. InvalidInputError for the identity, which has no weights."""
        if self.h_real is None or self.h_synth is None:
            raise InvalidInputError("the identity has no weights to write", hint="use the mapper 'none'")
        parts = {
            "real.weight": self.h_real.weight,
            "real.bias": self.h_real.bias,
            "synth.weight": self.h_synth.weight,
            "synth.bias": self.h_synth.bias,
        }
        data: bytes = safetensors.numpy.save(
            {name: np.ascontiguousarray(part) for name, part in parts.items()}
        )
        return data
