"""From the similarities of one question to a ranking, shares of influence, and how complete they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...runtime.influence import cutoff, influence, influence_terms
from ..catalog import Calibration

CLOSE = 4e-6
"""Similarities closer than this may swap places once they are computed exactly: float32 sums of a block."""

PIECE = 256
"""Neighbours of which only the largest similarity is looked at when the k-th best is narrowed down."""

SPARE = 1.25
"""How much deeper than told a search looks: once too often costs less than once again."""

Reals = NDArray[np.float32]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Shares:
    """What has influence: `places` among the similarities given, their `influence`, which sums to 1.

    `total`: the sum of eq. 6's relu(exp((s - s0) / tau) - lambda) that they were divided by.
    """

    places: Places
    influence: NDArray[np.float64]
    total: float


def shares_of(similarities: Reals, fitted: Calibration) -> Shares:
    """Influence (eq. 6) of all of `similarities` (n,), n at least 1, without those that have none."""
    best = float(similarities.max())
    line = cutoff(best, fitted.tau, fitted.lam)
    below = np.nextafter(np.float32(line), np.float32(-np.inf)) if math.isfinite(line) else -np.inf
    places = np.flatnonzero(similarities > below)
    scores = similarities[places].astype(np.float64)
    influences = influence(scores, fitted.tau, fitted.lam)
    total = (1.0 - fitted.lam) / float(influences.max())  # the best one's own term is 1 - lambda
    counted = influences > 0
    return Shares(places[counted], influences[counted], total)


def unseen_share(shares: Shares, best: float, last: float, left: int, fitted: Calibration) -> float:
    """The largest share of influence that `left` images could have, each at most as similar as `last`.

    Relative to a total that includes it. 0 where none can have any.
    """
    each = float(influence_terms(min(last, best), best, fitted.tau, fitted.lam))
    most = left * each
    return most / (shares.total + most)


def negligible_line(shares: Shares, best: float, left: int, share: float, fitted: Calibration) -> float:
    """The similarity below which `left` images could not have more than about `share` of the influence."""
    each = share * shares.total / max(left, 1) + fitted.lam
    return best + fitted.tau * math.log(each) if each > 0 else -math.inf


def depth_of(similarities: Reals, line: float) -> int:
    """How many images are probably above `line`, told from the best ones (n,), best first: at least n + 1.

    The similarity of the n-th is taken to fall with log(n), as it does in the tail of most distributions.
    """
    count = len(similarities)
    last = float(similarities[-1])
    fall = (float(similarities[count // 2]) - last) / math.log(count / (count // 2)) if count > 1 else 0.0
    if fall <= 0:
        return 2 * count
    return count + 1 + int(count * math.expm1(min((last - line) / fall, math.log(1e6))) * SPARE)


def may_be_best(similarities: Reals, count: int) -> Places:
    """Places of those of `similarities` (n,) that may be among the `count` largest once computed exactly."""
    if count >= len(similarities):
        return np.arange(len(similarities))
    highs = similarities
    if count * PIECE * 4 < len(similarities):  # the count-th largest of the maxima is no larger than ours
        even = len(similarities) // PIECE * PIECE
        highs = similarities[:even].reshape(-1, PIECE).max(axis=1)
    floor = np.partition(highs, len(highs) - count)[len(highs) - count]
    if highs is not similarities:
        few = similarities[similarities >= floor]
        floor = np.partition(few, len(few) - count)[len(few) - count]
    return np.flatnonzero(similarities >= floor - np.float32(CLOSE))
