"""Copies among distractors: ranks of originals, micro average precision, and influence after the copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...query.evaluation.calibration import SHARD
from ...query.evaluation.cases import Sample
from ...query.evaluation.pool_laws import FittedLaw, gallery_scores
from ...query.evaluation.pools import SamplePools, load_pools
from ...query.features import FeatureReader, ImageSet
from ...query.sql.bootstrap import RESAMPLES, too_few
from ...runtime.spread import CROWD

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

TIE = 1e-6
"""Similarities this close are equal: float32 sums differ by less. What ties with a copy's original counts as
no worse, and copies that tie are one threshold."""

PLACES = 100
"""How many images after the original are kept of each copy."""


@dataclass(frozen=True)
class CopyScores:
    """What one encoder and mapper make of copies, and of distractors: the same changes of other pictures.

    Attributes:
        ranks: (copies,) of the original among the pool; images that tie come before it.
        similarities: (copies,) to the original.
        others: (copies, places) the largest similarities to other images, falling.
        influence: (copies, 1 + places) of the original, then of those others; None without a calibration.
        above: (copies, groups) pairs of a query of each group and an image that is not its original, as
            similar as this copy is to its original, or more.
        groups: (copies,) the group of each copy: those of one original. The other groups are distractors'.
        pool: images that were compared.
    """

    ranks: Counts
    similarities: Floats
    others: Floats
    influence: Floats | None
    above: Counts
    groups: Counts
    pool: int

    def average_precision(self) -> float:
        """Micro average precision over all pairs of a query and an image, in one list by similarity."""
        return float(self._precision(np.ones((self.above.shape[1], 1)))[0])

    def interval(self, seed: int = 0) -> tuple[float | None, float | None]:
        """Its 95% bootstrap interval over originals: copies' and distractors' are drawn apart."""
        mine = np.unique(self.groups)
        if too_few(len(mine)):
            return None, None
        rng = np.random.default_rng(seed)
        weights = np.empty((self.above.shape[1], RESAMPLES))
        for group in (mine, np.setdiff1d(np.arange(len(weights)), mine)):
            if len(group):
                drawn = rng.multinomial(len(group), np.full(len(group), 1 / len(group)), size=RESAMPLES)
                weights[group] = drawn.T
        low, high = np.quantile(self._precision(weights), [0.025, 0.975]).tolist()
        return low, high

    def _precision(self, weights: Floats) -> Floats:
        """(draws,) average precision where the queries of each group count `weights` (groups, draws) times.

        The mean over copies of the precision at their similarity, copies that tie counted together.
        """
        order = np.argsort(-self.similarities, kind="stable")
        falling = self.similarities[order]
        own = weights[self.groups[order]]
        last = np.searchsorted(-falling, TIE - falling, side="right") - 1
        right = np.cumsum(own, axis=0)[last]
        wrong = self.above[order] @ weights
        found = np.maximum(right + wrong, np.finfo(np.float64).tiny)
        return np.asarray((own * right / found).sum(axis=0) / np.maximum(own.sum(axis=0), 1e-300))


def score_copies(
    copies: Sequence[Sample],
    distractors: Sequence[Sample],
    features: FeatureReader,
    pool: ImageSet,
    law: FittedLaw | None,
) -> CopyScores:
    """Compare copies, each with its original as the one exemplar, and distractors with the whole pool.

    Args:
        copies: samples of the same `model_id` are of one original, which is in the pool.
        distractors: samples without exemplars.
        features: of the encoder and mapper.
        pool: the images that are compared.
        law: of influence; None where nothing is calibrated.

    Raises ConflictError for an item without a vector.
    """
    names = list(dict.fromkeys(one.model_id for one in (*copies, *distractors)))
    group = {name: at for at, name in enumerate(names)}
    shards = [
        (load_pools(mine, features, pool), np.array([group[one.model_id] for one in mine], np.int64))
        for queries in (copies, distractors)
        for mine in (queries[start : start + SHARD] for start in range(0, len(queries), SHARD))
    ]
    similarities = np.concatenate([pools.vectors.similarities for pools, _ in shards])
    rising = np.sort(similarities)
    above = np.zeros((len(rising) + 1, len(names)), np.int64)
    passed = [_compare(pools, groups, pool, rising, above) for pools, groups in shards]
    at_or_above = np.flip(np.cumsum(np.flip(above, axis=0), axis=0), axis=0)
    owned = [(pools, *one) for (pools, _), one in zip(shards, passed, strict=True) if len(pools.images)]
    shares = None if law is None else [_influence(pools, others, pool, law) for pools, _, others in owned]
    return CopyScores(
        ranks=np.concatenate([ranks for _, ranks, _ in owned]),
        similarities=similarities,
        others=np.concatenate([others for *_, others in owned]),
        influence=None if shares is None else np.concatenate(shares),
        above=at_or_above[1 + np.searchsorted(rising, similarities, side="left")],
        groups=np.array([group[one.model_id] for one in copies], np.int64),
        pool=len(pool),
    )


def _compare(
    pools: SamplePools, groups: Counts, pool: ImageSet, rising: Floats, above: Counts
) -> tuple[Counts, Floats]:
    """The ranks of the originals and the best other scores; adds to `above` (1 + copies, groups).

    `above[i]` counts the pairs that are no worse than the i worst of all copies, and worse than the next.
    """
    own = np.full(len(pools.samples), np.inf)
    own[pools.owners] = pools.vectors.similarities
    ranks = np.ones(len(own), np.int64)
    others = np.full((len(own), 0), -np.inf)
    for scores, _ in gallery_scores(pools, pool):
        scores += TIE
        ranks += (scores >= own[:, None]).sum(axis=1)
        rows, columns = np.nonzero(scores >= rising[0])
        better = np.searchsorted(rising, scores[rows, columns], side="right")
        np.add.at(above, (better, groups[rows]), 1)
        others = np.concatenate([others, scores - TIE], axis=1)
        count = min(PLACES, others.shape[1])
        others = -np.sort(-np.partition(others, others.shape[1] - count, axis=1)[:, -count:], axis=1)
    return ranks, others[:, : len(pool) - 1]  # of a small pool, the original itself came last


def _influence(pools: SamplePools, others: Floats, pool: ImageSet, fitted: FittedLaw) -> Floats:
    """(copies, 1 + places) the share of the original, then of the best others."""
    own, rows = pools.vectors.similarities, np.arange(len(pools.samples))
    best = -np.sort(-np.column_stack([own, others]), axis=1)
    law = fitted.of_pools(pools, best[:, :CROWD])
    total = law.terms(own, rows) + law.null
    for scores, own_rows in gallery_scores(pools, pool):
        terms = law.terms(scores, rows)
        terms[own_rows] = 0.0
        total += terms.sum(axis=1)
    terms = np.column_stack([law.terms(own, rows), law.terms(others, rows)])
    return np.asarray(terms / total[:, None])
