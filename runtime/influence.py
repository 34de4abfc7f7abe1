"""Similarities to influence: eq. 6 of arXiv:2306.09345, in numpy, with the exact relu."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..store.errors import InvalidInputError


def influence(
    similarities: NDArray[np.floating] | Sequence[float], tau: float, lam: float
) -> NDArray[np.float64]:
    """Share of each candidate: relu(exp((s - s0) / tau) - lambda), divided by its sum.

    Args:
        similarities: (candidates,) cosine similarities, in any order; s0 is the largest.
        tau: temperature, positive.
        lam: threshold, below 1 (at 1 the best candidate itself would be cut off).

    Returns:
        (candidates,) float64, not negative, sums to 1 (empty for no candidates). Exact for the whole
        pool as soon as the smallest similarity given is at or below `cutoff(s0, tau, lam)`.

    Raises:
        InvalidInputError: tau or lam out of range, or a similarity that is not finite.

    Source: arXiv:2306.09345 eq. 6.
    """
    _check(tau, lam)
    scores = np.asarray(similarities, dtype=np.float64)
    if scores.size == 0:
        return scores
    if not np.isfinite(scores).all():
        raise InvalidInputError("a similarity is not finite", hint="embed the items again")
    kept = np.maximum(np.exp((scores - scores.max()) / tau) - lam, 0.0)
    return np.asarray(kept / kept.sum(), dtype=np.float64)


def cutoff(s0: float, tau: float, lam: float) -> float:
    """Similarity at or below which a candidate has no influence: s0 + tau * log(lambda).

    Minus infinity when lambda is not positive: then every candidate of the pool counts.
    """
    _check(tau, lam)
    return s0 + tau * math.log(lam) if lam > 0 else -math.inf


def _check(tau: float, lam: float) -> None:
    if not (math.isfinite(tau) and tau > 0):
        raise InvalidInputError(f"tau is {tau}, it must be positive", hint="train the calibration again")
    if not (math.isfinite(lam) and lam < 1):
        raise InvalidInputError(f"lambda is {lam}, it must be below 1", hint="train the calibration again")
