"""Influence (eq. 6) of what a search has seen, and bounds on what it has not.

Source: arXiv:2306.09345 eq. 6; the equation itself is in runtime/influence.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...runtime.influence import cutoff, influence, influence_terms
from ..catalog import Calibration
from ..search.topk import Floats, Positions

OVERFETCH = 1.25
"""By how much an estimated depth is enlarged: a search that is too deep costs less than another search."""


@dataclass(frozen=True)
class InfluenceShares:
    """The candidates that have influence.

    Attributes:
        positions: (n,) which of the similarities given.
        influence: (n,) their shares, which sum to 1.
        total: the denominator of eq. 6.
    """

    positions: Positions
    influence: NDArray[np.float64]
    total: float


def influence_shares(similarities: Floats, calibration: Calibration) -> InfluenceShares:
    """Influence of each of `similarities` (n,), n at least 1, without those that have none."""
    best = float(similarities.max())
    line = cutoff(best, calibration.tau, calibration.lam)
    below = np.nextafter(np.float32(line), np.float32(-np.inf)) if math.isfinite(line) else -np.inf
    positions = np.flatnonzero(similarities > below)
    shares = influence(similarities[positions].astype(np.float64), calibration.tau, calibration.lam)
    total = (1.0 - calibration.lam) / float(shares.max())  # the best candidate's own term is 1 - lambda
    positive = shares > 0
    return InfluenceShares(positions[positive], shares[positive], total)


def unseen_influence(
    shares: InfluenceShares, best: float, last: float, unseen: int, calibration: Calibration
) -> float:
    """The largest share of influence that `unseen` images could have, each at most as similar as `last`.

    Relative to a total that includes it. 0 where none can have any.
    """
    each = float(influence_terms(min(last, best), best, calibration.tau, calibration.lam))
    most = unseen * each
    return most / (shares.total + most)


def negligible_similarity(
    shares: InfluenceShares, best: float, unseen: int, share: float, calibration: Calibration
) -> float:
    """The similarity below which `unseen` images could not have more than about `share` of the influence."""
    each = share * shares.total / max(unseen, 1) + calibration.lam
    return best + calibration.tau * math.log(each) if each > 0 else -math.inf


def estimate_depth(similarities: Floats, line: float) -> int:
    """How many images are probably above `line`, from the best ones (n,), best first: at least n + 1.

    The similarity of the n-th is taken to fall with log(n), as it does in the tail of most distributions.
    """
    count = len(similarities)
    last = float(similarities[-1])
    fall = (float(similarities[count // 2]) - last) / math.log(count / (count // 2)) if count > 1 else 0.0
    if fall <= 0:
        return 2 * count
    return count + 1 + int(count * math.expm1(min((last - line) / fall, math.log(1e6))) * OVERFETCH)
