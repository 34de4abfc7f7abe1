"""Maps made of other maps: parts side by side, and a similarity that is shifted by image.

Mapped vectors stay single rows that are compared by one product of unit rows, so an index, a scan and SQL
need not know of either kind. Both are evaluated in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isclose, isfinite, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..store.errors import InvalidInputError
from .mapper_kinds import Array, FeatureMap, as_rows, check_shape, unit_rows

SPANS, BLOCK_WEIGHTS, DIM_IN = "blocks.spans", "blocks.weights", "blocks.dim_in"
BIASED, BIAS_WEIGHT, BANK, NEIGHBOURS = (
    "with_bias.map.",
    "with_bias.weight",
    "with_bias.bank",
    "with_bias.neighbours",
)
ROWS = 1024  # images that are compared with a bank at once

Rows: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """One part of a feature, dimensions `start` to `stop`: its map, and its share of the similarity."""

    start: int
    stop: int
    map: FeatureMap
    weight: float


@dataclass(frozen=True)
class BlocksMapper:
    """Each part mapped, scaled to unit length, times the root of its weight, side by side.

    So the rows have unit length, and the product of two is the weighted mean of the parts' cosines. `dim_in`
    is the length of the whole feature; dimensions in no block are left out. A part that is mapped to zeros
    leaves the row shorter; once it is scaled to unit length, the other parts stand for the whole.
    """

    blocks: tuple[Block, ...]
    dim_in: int
    kind = "blocks"

    def __post_init__(self) -> None:
        weights = [block.weight for block in self.blocks]
        if not all(weight >= 0 for weight in weights) or not isclose(sum(weights), 1, abs_tol=1e-6):
            raise InvalidInputError(
                f"the weights of the blocks are {weights}", hint="give shares from 0 to 1 that sum to 1"
            )
        for block in self.blocks:
            if (
                not 0 <= block.start < block.stop <= self.dim_in
                or block.map.dim_in != block.stop - block.start
            ):
                raise InvalidInputError(
                    f"a block from {block.start} to {block.stop} of {self.dim_in} dimensions does not fit "
                    f"a map of {block.map.dim_in}",
                    hint="give the span of the dimensions that the map takes",
                )

    @property
    def dim_out(self) -> int:
        """Length of the vectors that it makes: the sum of the blocks'."""
        return sum(block.map.dim_out for block in self.blocks)

    def __call__(self, features: Array) -> Rows:
        """Map (items, dim_in) to (items, dim_out)."""
        rows = as_rows(features, self.dim_in)
        return np.concatenate(
            [sqrt(one.weight) * unit_rows(one.map(rows[:, one.start : one.stop])) for one in self.blocks],
            axis=1,
        )

    def state(self) -> dict[str, Array]:
        """`blocks.spans` (blocks, 2), `blocks.weights` (blocks,), `blocks.dim_in` (1,), and the maps' states
        under `blocks.0.`, `blocks.1.`, ...
        """
        found: dict[str, Array] = {
            SPANS: np.array([(one.start, one.stop) for one in self.blocks], np.float64),
            BLOCK_WEIGHTS: np.array([one.weight for one in self.blocks], np.float64),
            DIM_IN: np.array([self.dim_in], np.float64),
        }
        for place, one in enumerate(self.blocks):
            found |= _prefixed(block_prefix(place), one.map)
        return found


def block_prefix(place: int) -> str:
    """Where the state of the block number `place` is."""
    return f"blocks.{place}."


@dataclass(frozen=True)
class BiasedImageMapper:
    """The side of real images of a similarity u.v - h(u), as unit rows with two more dimensions.

    u and v are the unit rows of the inner maps, w >= 0 the `weight`, and h(u) = w times the mean of the
    `neighbours` largest products of u and rows of `bank` (rows, inner dim_out), unit rows of mapped samples:
    images that are near to everything are near to less (CSLS, arXiv:1710.04087). Since |h| <= w,

        real:    [u, -h / sqrt(w), sqrt(w - h^2 / w)] / sqrt(1 + w)
        sample:  [v, sqrt(w), 0] / sqrt(1 + w)

    have unit length, and their product is (u.v - h(u)) / (1 + w): the first added dimension carries the
    shift, the second one keeps the length, so that cosine and inner product order alike
    (Bachrach et al., RecSys 2014). The product of two real images remains 1 for equal ones.
    """

    inner: FeatureMap
    weight: float
    bank: Array
    neighbours: int
    kind = "with_bias"

    def __post_init__(self) -> None:
        _check_weight(self.weight)
        check_shape(self.bank.ndim == 2 and self.bank.shape[1] == self.inner.dim_out, BANK, self.bank)
        if not 1 <= self.neighbours <= len(self.bank):
            raise InvalidInputError(
                f"{self.neighbours} neighbours in a bank of {len(self.bank)} samples",
                hint="give at least 1, and no more than the bank has",
            )

    @property
    def dim_in(self) -> int:
        """Length of the features that it takes."""
        return self.inner.dim_in

    @property
    def dim_out(self) -> int:
        """Length of the vectors that it makes: the inner map's and two more."""
        return self.inner.dim_out + 2

    def __call__(self, features: Array) -> Rows:
        """Map (items, dim_in) to (items, dim_out)."""
        rows, w = unit_rows(self.inner(features)), self.weight
        shift = self._shift(rows)
        scaled = shift / sqrt(w) if w else shift
        pad = np.sqrt(np.maximum(w - scaled**2, 0.0))
        return np.concatenate([rows, -scaled[:, None], pad[:, None]], axis=1) / sqrt(1 + w)

    def _shift(self, rows: Rows) -> Rows:
        """H of unit rows (items, inner dim_out): (items,)."""
        bank = self.bank.astype(np.float64).T
        found = [
            np.partition(rows[start : start + ROWS] @ bank, -self.neighbours, axis=1)[:, -self.neighbours :]
            for start in range(0, len(rows), ROWS)
        ]
        return self.weight * np.concatenate([one.mean(axis=1) for one in found] or [np.zeros(0)])

    def state(self) -> dict[str, Array]:
        """`with_bias.weight` and `with_bias.neighbours` (1,), `with_bias.bank` (rows, dim), and the inner
        map's state under `with_bias.map.`
        """
        return {
            BIAS_WEIGHT: np.array([self.weight], np.float64),
            NEIGHBOURS: np.array([self.neighbours], np.float64),
            BANK: self.bank,
        } | _prefixed(BIASED, self.inner)


@dataclass(frozen=True)
class BiasedSampleMapper:
    """The side of samples of `BiasedImageMapper`, of the same weight."""

    inner: FeatureMap
    weight: float
    kind = "with_bias"

    def __post_init__(self) -> None:
        _check_weight(self.weight)

    @property
    def dim_in(self) -> int:
        """Length of the features that it takes."""
        return self.inner.dim_in

    @property
    def dim_out(self) -> int:
        """Length of the vectors that it makes: the inner map's and two more."""
        return self.inner.dim_out + 2

    def __call__(self, features: Array) -> Rows:
        """Map (items, dim_in) to (items, dim_out)."""
        rows = unit_rows(self.inner(features))
        added = np.tile([sqrt(self.weight), 0.0], (len(rows), 1))
        return np.concatenate([rows, added], axis=1) / sqrt(1 + self.weight)

    def state(self) -> dict[str, Array]:
        """`with_bias.weight` (1,), and the inner map's state under `with_bias.map.`"""
        return {BIAS_WEIGHT: np.array([self.weight], np.float64)} | _prefixed(BIASED, self.inner)


def check_sides(real: FeatureMap | None, synth: FeatureMap | None) -> None:
    """Raise InvalidInputError unless biased maps are an image's and a sample's, of one weight."""
    biased = (BiasedImageMapper, BiasedSampleMapper)
    if not isinstance(real, biased) and not isinstance(synth, biased):
        return
    if (
        not isinstance(real, BiasedImageMapper)
        or not isinstance(synth, BiasedSampleMapper)
        or real.weight != synth.weight
    ):
        raise InvalidInputError(
            "the maps of real images and of samples do not shift similarities by the same weight",
            hint="give a BiasedImageMapper and a BiasedSampleMapper of one weight",
        )


def _check_weight(weight: float) -> None:
    if not (isfinite(weight) and weight >= 0):
        raise InvalidInputError(f"the weight of a shift is {weight}", hint="give 0 or more")


def _prefixed(prefix: str, one: FeatureMap) -> dict[str, Array]:
    return {f"{prefix}{name}": part for name, part in one.state().items()}
