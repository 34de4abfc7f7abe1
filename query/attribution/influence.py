"""Influence of what a search has seen, the null share, and bounds on what the search has not seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...runtime.influence import InfluenceLaw
from ...store.errors import InvalidInputError
from ..search.topk import Floats, Positions

OVERFETCH = 1.25
"""By how much an estimated depth is enlarged: a search that is too deep costs less than another search."""

CLOSE = 1.25
"""A search goes on to the cutoff where that is at most so many times as far down as what is negligible."""


@dataclass(frozen=True)
class Candidates:
    """Images that may be sources: those that have influence, or all that were compared where none is known.

    Attributes:
        rows: (n,) of the space.
        similarities: (n,) of each.
        influence: (n,) of each; None where nothing is calibrated.
    """

    rows: Positions
    similarities: Floats
    influence: NDArray[np.float64] | None


@dataclass(frozen=True)
class InfluenceShares:
    """The candidates that have influence.

    Attributes:
        positions: (n,) which of the similarities given.
        influence: (n,) their shares, which sum to 1 with `null_share`.
        total: the denominator, in which the null's numerator is included.
        null_share: the share of what is not in the pool; 0 by a law without a null.
    """

    positions: Positions
    influence: NDArray[np.float64]
    total: float
    null_share: float = 0.0


def influence_shares(similarities: Floats, law: InfluenceLaw) -> InfluenceShares:
    """Influence of each of `similarities` (n,), n at least 1, without those that have none.

    Raises InvalidInputError for a similarity that is not finite.
    """
    best = float(similarities.max())
    line = law.cutoff(best)
    below = np.nextafter(np.float32(line), np.float32(-np.inf)) if math.isfinite(line) else -np.inf
    positions = np.flatnonzero(similarities > below)
    values = similarities[positions].astype(np.float64)
    if not (math.isfinite(best) and np.isfinite(values).all()):
        raise InvalidInputError("a similarity is not finite", hint="embed the items again")
    terms, null = law.terms(values, best), law.null_term(best)
    total = float(terms.sum()) + null
    positive = terms > 0
    return InfluenceShares(positions[positive], terms[positive] / total, total, null / total)


def unseen_influence(
    shares: InfluenceShares, best: float, last: float, unseen: int, law: InfluenceLaw
) -> float:
    """The largest share of influence that `unseen` images could have, each at most as similar as `last`.

    Relative to a total that includes it. 0 where none can have any.
    """
    each = float(law.terms(np.array([min(last, best)]), best)[0])
    most = unseen * each
    return most / (shares.total + most)


def negligible_similarity(
    shares: InfluenceShares, best: float, unseen: int, share: float, law: InfluenceLaw
) -> float:
    """The similarity down to which to search, so that `unseen` images have about `share` of the influence.

    It is the law's cutoff where that is not much farther down: below it none has any.
    """
    line = law.similarity_of(share * shares.total / max(unseen, 1), best)
    cutoff = law.cutoff(best)
    if best - cutoff > CLOSE * (best - line):
        return line
    return float(np.nextafter(np.float32(cutoff), np.float32(-np.inf)))


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
