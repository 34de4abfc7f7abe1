"""Similarities to influence: eq. 6 and 5 of arXiv:2306.09345, for numpy arrays and for torch tensors.

    influence_i = relu(exp((s_i - s0) / tau) - lambda) / sum_j relu(exp((s_j - s0) / tau) - lambda)

s_i is the similarity of candidate i, s0 the largest one, (tau, lambda) the calibration. The numerator is
`influence_terms`, the whole `influence`, and the similarity where the numerator becomes zero `cutoff`.
`calibration_kl` is how far influence is from the known answer, eq. 5. `InfluenceLaw` is what a search needs
of this equation or of another (spread.py); `PaperLaw` is this one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ..store.errors import InvalidInputError

Tensor = TypeVar("Tensor")

PAPER, SPREAD = "paper", "spread"
"""The laws by name: `PaperLaw`, eq. 6, and spread.py."""


def relu(values: Any) -> NDArray[np.float64]:
    """max(values, 0), elementwise."""
    return np.asarray(np.maximum(values, 0.0), dtype=np.float64)


@overload
def influence_terms(
    similarities: NDArray[np.floating] | float, best: NDArray[np.floating] | float, tau: float, lam: float
) -> NDArray[np.float64]: ...


@overload
def influence_terms(
    similarities: Tensor,
    best: Tensor | float,
    tau: Tensor | float,
    lam: Tensor | float,
    *,
    exp: Callable[[Tensor], Tensor],
    relu: Callable[[Tensor], Tensor],
) -> Tensor: ...


def influence_terms(
    similarities: Any,
    best: Any,
    tau: Any,
    lam: Any,
    *,
    exp: Callable[[Any], Any] = np.exp,
    relu: Callable[[Any], Any] = relu,
) -> Any:
    """Numerator of eq. 6: relu(exp((s - s0) / tau) - lambda), elementwise, in the precision of its arguments.

    Args:
        similarities: s, any shape; -inf has no influence where lambda is not negative.
        best: s0, of a shape that broadcasts with `similarities`.
        tau: temperature, positive.
        lam: threshold lambda, below 1.
        exp: the exponential of the arrays' library; `torch.exp` for tensors.
        relu: of the same library; a softplus makes the terms differentiable in lambda.

    Returns:
        Terms of the broadcast shape. The best candidate's is 1 - lambda.
    """
    return relu(exp((similarities - best) / tau) - lam)


def influence(
    similarities: NDArray[np.floating] | Sequence[float], tau: float, lam: float
) -> NDArray[np.float64]:
    """Eq. 6: the share of each candidate.

    Args:
        similarities: (candidates,) cosine similarities, in any order.
        tau: temperature, positive.
        lam: threshold lambda, below 1 (at 1 the best candidate itself would have no influence).

    Returns:
        (candidates,) float64, not negative, sums to 1 (empty for no candidates). Exact for the whole
        pool as soon as the smallest similarity given is at or below `cutoff(s0, tau, lam)`.

    Raises:
        InvalidInputError: tau or lam out of range, or a similarity that is not finite.
    """
    _check(tau, lam)
    values = np.asarray(similarities, dtype=np.float64)
    if values.size == 0:
        return values
    if not np.isfinite(values).all():
        raise InvalidInputError("a similarity is not finite", hint="embed the items again")
    terms = influence_terms(values, values.max(), tau, lam)
    return np.asarray(terms / terms.sum(), dtype=np.float64)


def calibration_kl(mean_log_influence: Any, exemplars: Any, *, log: Callable[[Any], Any] = np.log) -> Any:
    """Eq. 5: KL(S || P) in nats, S uniform over a sample's n exemplars, P its influence (eq. 6).

        KL = sum_e 1/n log((1/n) / P_e) = -log n - 1/n sum_e log P_e

    Args:
        mean_log_influence: (samples,) 1/n sum_e log P_e, of the exemplars alone.
        exemplars: (samples,) n.
        log: of the arrays' library; `torch.log` for tensors.

    Returns:
        (samples,), 0 where the exemplars share all influence equally.
    """
    return -log(exemplars) - mean_log_influence


def cutoff(best: float, tau: float, lam: float) -> float:
    """Similarity at or below which a candidate has no influence: s0 + tau * log(lambda).

    Minus infinity when lambda is not positive: then every candidate of the pool has some.
    """
    _check(tau, lam)
    return best + tau * math.log(lam) if lam > 0 else -math.inf


class InfluenceLaw(Protocol):
    """How the similarities of one query become influence.

    The share of a candidate is its numerator, divided by the numerators of all candidates and of the null:
    what is not in the pool. A numerator is never negative and never falls as similarity rises. All numerators
    are scaled by one factor, chosen by the largest similarity `best`, so that none overflows.
    """

    @property
    def endless(self) -> bool:
        """Whether every candidate has influence, however small its similarity."""
        ...

    def terms(self, similarities: NDArray[np.float64], best: float) -> NDArray[np.float64]:
        """Numerators of `similarities`, elementwise."""
        ...

    def null_term(self, best: float) -> float:
        """The numerator of the null; 0 where there is none."""
        ...

    def cutoff(self, best: float) -> float:
        """Similarity at or below which a candidate has no influence; minus infinity for an endless law."""
        ...

    def similarity_of(self, term: float, best: float) -> float:
        """The similarity whose numerator is `term`; minus infinity where all have more."""
        ...


class QuestionLaws(Protocol):
    """The laws of some questions that are asked together."""

    @property
    def name(self) -> str:
        """`paper` or `spread`."""
        ...

    @property
    def endless(self) -> bool:
        """Whether the laws are."""
        ...

    def law(self, at: int, similarities: NDArray[np.floating]) -> InfluenceLaw:
        """The law of question `at`; `similarities` (n,) hold the largest ones of its pool, in any order."""
        ...


@dataclass(frozen=True)
class PaperLaw:
    """Eq. 6 with one tau and lambda for all queries, and no null."""

    tau: float
    lam: float

    @property
    def name(self) -> str:
        """Of the law: `paper`."""
        return PAPER

    @property
    def endless(self) -> bool:
        """Whether lambda is not positive, so that every candidate has influence."""
        return self.lam <= 0

    def law(self, at: int, similarities: NDArray[np.floating]) -> PaperLaw:  # noqa: ARG002
        """The law of question `at`: the same for all."""
        return self

    def terms(self, similarities: NDArray[np.float64], best: float) -> NDArray[np.float64]:
        """Numerator of eq. 6, elementwise."""
        return influence_terms(similarities, best, self.tau, self.lam)

    def null_term(self, best: float) -> float:  # noqa: ARG002
        """0: eq. 6 shares all influence among the candidates."""
        return 0.0

    def cutoff(self, best: float) -> float:
        """s0 + tau * log(lambda); InvalidInputError for tau or lambda out of range."""
        return cutoff(best, self.tau, self.lam)

    def similarity_of(self, term: float, best: float) -> float:
        """s0 + tau * log(term + lambda)."""
        return best + self.tau * math.log(term + self.lam) if term + self.lam > 0 else -math.inf


def _check(tau: float, lam: float) -> None:
    if not (math.isfinite(tau) and tau > 0):
        raise InvalidInputError(f"tau is {tau}, it must be positive", hint="train the calibration again")
    if not (math.isfinite(lam) and lam < 1):
        raise InvalidInputError(f"lambda is {lam}, it must be below 1", hint="train the calibration again")
