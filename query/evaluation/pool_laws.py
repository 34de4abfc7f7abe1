"""Laws of influence for many samples at once, each over its own evaluation pool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...runtime.influence import PAPER, SPREAD, PaperLaw, influence_terms
from ...runtime.mapper import normalise
from ...runtime.moments import GalleryMoments
from ...runtime.spread import CROWD, SpreadCalibration, log_ratios
from ..catalog import Calibration
from ..features import ImageSet
from .pools import SamplePools

Floats: TypeAlias = "NDArray[np.float64]"


class PoolLaw(Protocol):
    """The law of each of some samples; numerators are relative to that of the sample's best image.

    Attributes:
        null: (samples,) the numerator of the null, 0 where there is none.
    """

    null: Floats

    def terms(self, scores: Floats, rows: NDArray[np.int64]) -> Floats:
        """Numerators of scores (n, images) or (n,) of the samples `rows` (n,)."""
        ...


@dataclass(frozen=True)
class FittedLaw:
    """A calibration with what it takes to apply it to samples.

    Attributes:
        calibration: of the encoder and mapper.
        moments: of the gallery; None for the law of the paper.
        kinds: the concept kind of each model.
    """

    calibration: Calibration
    moments: GalleryMoments | None
    kinds: Mapping[str, str]

    @property
    def name(self) -> str:
        """Of the law: `paper` or `spread`."""
        return PAPER if isinstance(self.calibration, PaperLaw) else SPREAD

    def of_pools(self, pools: SamplePools, tops: Floats) -> PoolLaw:
        """The laws of samples whose largest scores are `tops` (samples, up to CROWD), falling."""
        if isinstance(self.calibration, PaperLaw):
            return _PaperPools(self.calibration, tops[:, 0])
        assert self.moments is not None
        kinds = [self.kinds.get(sample.model_id) for sample in pools.samples]
        return _SpreadPools.of(self.calibration, self.moments, pools, kinds, tops)


class _PaperPools:
    def __init__(self, law: PaperLaw, best: Floats) -> None:
        self._law, self._best = law, best
        self.null = np.zeros(len(best))

    def terms(self, scores: Floats, rows: NDArray[np.int64]) -> Floats:
        best = self._best[rows].reshape(-1, *[1] * (scores.ndim - 1))
        return influence_terms(scores, best, self._law.tau, self._law.lam)


class _SpreadPools:
    """The arrays (samples,) of runtime/spread.py, by the parameters of each sample's kind."""

    def __init__(self, columns: Floats, best: Floats) -> None:
        """`columns` (samples, 6): mean, spread, steepness, curvature, log_floor, log_null."""
        self._columns = columns
        self._scale = self._log_ratios(best, np.arange(len(best)))
        self.null = np.exp(columns[:, 5] - self._scale)

    @classmethod
    def of(
        cls,
        calibration: SpreadCalibration,
        moments: GalleryMoments,
        pools: SamplePools,
        kinds: list[str | None],
        tops: Floats,
    ) -> _SpreadPools:
        mean, spread = moments.spread(normalise(pools.vectors.samples))
        fitted = [calibration.of_kind(kind) for kind in kinds]
        crowd = (tops[:, -1] - mean) / spread
        rows = [
            (float(one.steepness(near)), one.curvature, one.log_floor, float(one.log_nulls(near)))
            for one, near in zip(fitted, crowd, strict=True)
        ]
        return cls(np.column_stack([mean, spread, np.array(rows)]), tops[:, 0])

    def terms(self, scores: Floats, rows: NDArray[np.int64]) -> Floats:
        scale = self._scale[rows].reshape(-1, *[1] * (scores.ndim - 1))
        return np.asarray(np.exp(self._log_ratios(scores, rows) - scale))

    def _log_ratios(self, scores: Floats, rows: NDArray[np.int64]) -> Floats:
        shape = (-1, *[1] * (scores.ndim - 1))
        mean, spread, *fitted, _ = (one.reshape(shape) for one in self._columns[rows].T)
        return log_ratios((scores - mean) / spread, *fitted)


def gallery_scores(
    pools: SamplePools, gallery: ImageSet
) -> Iterator[tuple[Floats, tuple[NDArray[np.int64], NDArray[np.int64]]]]:
    """Blocks of the gallery: scores (samples, items), and where an item is one of the sample's exemplars.

    There the score is -inf: exemplars are counted with their own similarities.
    """
    start, samples = 0, normalise(pools.vectors.samples)
    for block in gallery.blocks():
        scores = (samples @ block.T).astype(np.float64)
        inside = (pools.gallery_positions >= start) & (pools.gallery_positions < start + len(block))
        own_rows = (pools.owners[inside], pools.gallery_positions[inside] - start)
        scores[own_rows] = -np.inf
        yield scores, own_rows
        start += len(block)


def largest_scores(pools: SamplePools, gallery: ImageSet) -> tuple[Floats, Floats]:
    """(samples, up to CROWD) largest scores, falling: with own exemplars in the pool, and without."""
    without = np.full((len(pools.samples), 0), -np.inf)
    for scores, _ in gallery_scores(pools, gallery):
        without = _largest(np.concatenate([without, scores], axis=1))
    own = np.full((len(pools.samples), int(pools.exemplar_counts.max(initial=1))), -np.inf)
    place = np.arange(len(pools.owners)) - pools.vectors.offsets[:-1][pools.owners]
    own[pools.owners, place] = pools.vectors.similarities
    return _largest(np.concatenate([without, own], axis=1)), without


def _largest(scores: Floats) -> Floats:
    count = min(CROWD, scores.shape[1])
    kept = np.partition(scores, scores.shape[1] - count, axis=1)[:, scores.shape[1] - count :]
    return -np.sort(-kept, axis=1)
