"""Conformal guarantees from scores of exchangeable models: p-values, and thresholds of sets.

Samples of one model depend on each other, so the unit is the model: what is exchangeable are the models, each
with however many samples it has, and every model weighs the same. Nothing is assumed of how scores are
distributed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..store.errors import InvalidInputError

Scores: TypeAlias = "NDArray[np.float64]"

ROUNDING = 1e-9
"""How far sums of shares may come out from what they are: levels are compared up to this."""


def least_p_value(models: int) -> float:
    """1 / (n + 1): the least p-value that n models can give, and the least level that they support."""
    return 1.0 / (models + 1)


def models_needed(alpha: float) -> int:
    """The fewest models that support the level `alpha`. InvalidInputError outside (0, 1)."""
    _check(alpha)
    return max(1, int(np.ceil(1.0 / alpha - 1.0 - ROUNDING)))


def is_at_most(p_value: float, alpha: float) -> bool:
    """Whether a p-value is at or below the level `alpha`, up to rounding."""
    return p_value <= alpha + ROUNDING


def p_values(scores: Scores | float, null: Sequence[Scores]) -> Scores:
    """How likely a score at least as large is for a sample of another model that owes nothing to the pool.

        p = (1 + sum_j 1/m_j #{i: null_ji >= score}) / (n + 1)

    With one sample a model this is (1 + #{null >= score}) / (n + 1).

    Args:
        scores: (questions,), or one.
        null: for each of the n models (m_j,), m_j at least 1, the scores of its samples.

    Returns:
        (questions,) in [1 / (n + 1), 1]. If a question is a sample of one more model, exchangeable with these
        n, then p <= alpha with probability at most alpha, for every alpha.

    Source: hierarchical conformal prediction, arXiv:2306.06342, theorem 1, as a p-value.
    """
    asked = np.atleast_1d(np.asarray(scores, np.float64))
    total = np.ones(len(asked))
    for own in null:
        below = np.searchsorted(np.sort(own), asked, side="left")
        total += 1.0 - below / len(own)
    return total / (len(null) + 1)


def set_threshold(exemplars: Sequence[Sequence[Scores]], alpha: float) -> float:
    """The largest threshold t whose set {images with a score >= t} misses at most `alpha` of the exemplars.

    The loss of a model is 1 - recall of the exemplars in the set, averaged over its samples; R(t) is its mean
    over n models. The threshold is the largest t with n/(n+1) R(t) + 1/(n+1) <= alpha. Then the mean loss of
    one more model, exchangeable with these n, is at most alpha.

    Args:
        exemplars: for each model, for each of its samples, (exemplars,) the scores of its exemplars.
        alpha: the level, in (0, 1).

    Returns:
        A score; minus infinity, where the set is the whole pool, if n models do not support `alpha`.

    Raises:
        InvalidInputError: alpha is out of range.

    Source: conformal risk control, arXiv:2208.02814, theorem 1.
    """
    _check(alpha)
    models = len(exemplars)
    if models == 0 or least_p_value(models) > alpha + ROUNDING:
        return -np.inf
    scores, weights = _weighted(exemplars)
    order = np.argsort(scores)
    values, starts = np.unique(scores[order], return_index=True)
    missed = np.concatenate([[0.0], np.cumsum(weights[order])])[starts]  # R at each value: what is below it
    allowed = (alpha * (models + 1) - 1) / models
    return float(values[np.flatnonzero(missed <= allowed + ROUNDING)[-1]])


def _weighted(exemplars: Sequence[Sequence[Scores]]) -> tuple[Scores, Scores]:
    """All scores and their weights in R: equal for models, in a model for samples, in these for exemplars."""
    scores, weights = [], []
    for samples in exemplars:
        for own in samples:
            scores.append(np.asarray(own, np.float64))
            weights.append(np.full(len(own), 1.0 / (len(exemplars) * len(samples) * len(own))))
    return np.concatenate(scores), np.concatenate(weights)


def _check(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise InvalidInputError(f"alpha is {alpha!r}", hint="give a level between 0 and 1, such as 0.1")
