"""The plain kinds of map that h and h~ can be: linear, channel-wise, or an MLP with BatchNorm, without torch.

Each is read from a state dict of torch (`mapper_state`) and returns one (`state`). All are evaluated in
float64, so that results rounded to float32 do not depend on how items are batched. Maps that contain others
are in `composed_maps`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..store.errors import InvalidInputError

Array: TypeAlias = NDArray[np.floating]
State: TypeAlias = Mapping[str, Array]

BATCHNORM_EPS = 1e-5
BLOCK = 4  # an MLP layer in torch's Sequential: Linear, BatchNorm1d, ReLU, Dropout


class FeatureMap(Protocol):
    """A map from raw features (items, dim_in) to (items, dim_out), not normalised."""

    @property
    def kind(self) -> str:
        """'linear', 'channel', 'mlp', 'blocks' or 'with_bias'."""

    @property
    def dim_in(self) -> int:
        """Length of the features that it takes."""

    @property
    def dim_out(self) -> int:
        """Length of the vectors that it makes."""

    def __call__(self, features: Array) -> NDArray[np.float64]:
        """Map (items, dim_in). InvalidInputError for another length."""

    def state(self) -> dict[str, Array]:
        """The state dict that `mapper_from_state` reads."""


@dataclass(frozen=True)
class LinearMapper:
    """x W' + b. `weight` is (dim_out, dim_in), `bias` (dim_out,)."""

    weight: Array
    bias: Array
    kind = "linear"

    def __post_init__(self) -> None:
        check_shape(self.weight.ndim == 2, "weight", self.weight)
        check_shape(self.bias.shape == self.weight.shape[:1], "bias", self.bias)

    @property
    def dim_in(self) -> int:
        """Length of the features that it takes."""
        return int(self.weight.shape[1])

    @property
    def dim_out(self) -> int:
        """Length of the vectors that it makes."""
        return int(self.weight.shape[0])

    def __call__(self, features: Array) -> NDArray[np.float64]:
        """Map (items, dim_in) to (items, dim_out)."""
        return as_rows(features, self.dim_in) @ self.weight.T.astype(np.float64) + self.bias

    def state(self) -> dict[str, Array]:
        """As torch.nn.Linear's."""
        return {"weight": self.weight, "bias": self.bias}


@dataclass(frozen=True)
class ChannelMapper:
    """x * w, one factor a channel. `weights` is (1, dim)."""

    weights: Array
    kind = "channel"

    def __post_init__(self) -> None:
        check_shape(self.weights.ndim == 2 and len(self.weights) == 1, "weights", self.weights)

    @property
    def dim_in(self) -> int:
        """Length of the features that it takes."""
        return int(self.weights.shape[1])

    @property
    def dim_out(self) -> int:
        """Length of the vectors that it makes."""
        return self.dim_in

    def __call__(self, features: Array) -> NDArray[np.float64]:
        """Map (items, dim) to (items, dim)."""
        return as_rows(features, self.dim_in) * self.weights

    def state(self) -> dict[str, Array]:
        """As the release's channel-wise layer."""
        return {"weights": self.weights}


@dataclass(frozen=True)
class Layer:
    """One layer of an MLP: x W' (+ bias), then BatchNorm with its running statistics where there is one."""

    weight: Array
    bias: Array | None = None
    norm: Mapping[str, Array] | None = None

    def __post_init__(self) -> None:
        check_shape(self.weight.ndim == 2, "weight", self.weight)
        parts = dict(self.norm or {}) | ({} if self.bias is None else {"linear bias": self.bias})
        for name, part in parts.items():
            check_shape(part.shape == self.weight.shape[:1], name, part)
        if self.norm is not None:
            check_shape(bool((self.norm["running_var"] >= 0).all()), "running_var", self.norm["running_var"])

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(items, in) to (items, out)."""
        out: NDArray[np.float64] = rows @ self.weight.T.astype(np.float64)
        if self.bias is not None:
            out += self.bias
        if self.norm is not None:
            out -= self.norm["running_mean"]
            out /= np.sqrt(self.norm["running_var"].astype(np.float64) + BATCHNORM_EPS)
            if "weight" in self.norm:
                out *= self.norm["weight"]
            if "bias" in self.norm:
                out += self.norm["bias"]
        return out


@dataclass(frozen=True)
class MlpMapper:
    """Layers with a ReLU between them, as torch evaluates them (`eval()`: running statistics, no dropout)."""

    layers: tuple[Layer, ...]
    kind = "mlp"

    def __post_init__(self) -> None:
        for first, second in zip(self.layers, self.layers[1:], strict=False):
            check_shape(second.weight.shape[1] == first.weight.shape[0], "weight", second.weight)

    @property
    def dim_in(self) -> int:
        """Length of the features that it takes."""
        return int(self.layers[0].weight.shape[1])

    @property
    def dim_out(self) -> int:
        """Length of the vectors that it makes."""
        return int(self.layers[-1].weight.shape[0])

    def __call__(self, features: Array) -> NDArray[np.float64]:
        """Map (items, dim_in) to (items, dim_out)."""
        rows = self.layers[0](as_rows(features, self.dim_in))
        for layer in self.layers[1:]:
            rows = layer(np.maximum(rows, 0.0))
        return rows

    def state(self) -> dict[str, Array]:
        """As torch.nn.Sequential's, without the counters of batches seen."""
        found: dict[str, Array] = {}
        for place, layer in enumerate(self.layers):
            found[f"{BLOCK * place}.weight"] = layer.weight
            if layer.bias is not None:
                found[f"{BLOCK * place}.bias"] = layer.bias
            found |= {f"{BLOCK * place + 1}.{name}": part for name, part in (layer.norm or {}).items()}
        return found


def as_rows(features: Array, dim: int) -> NDArray[np.float64]:
    """Features as (items, dim) float64. InvalidInputError for another length."""
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != dim:
        raise InvalidInputError(
            f"the mapper takes features of {dim} dimensions, these are {rows.shape}",
            hint="use the mapper with the encoder that it was trained on",
        )
    return rows


def check_shape(fits: bool, name: str, part: Array) -> None:
    """Raise InvalidInputError, naming the part of a map, unless `fits`."""
    if not fits:
        raise InvalidInputError(
            f"{name} of shape {tuple(part.shape)} does not fit the mapper's other parts",
            hint="get the weights again",
        )


def unit_rows(rows: Array) -> NDArray[np.float64]:
    """Rows of (items, dim) scaled to unit length; a row of zeros stays zero."""
    wide = np.asarray(rows, dtype=np.float64)
    length = np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.asarray(wide / np.maximum(length, np.finfo(np.float64).tiny))
