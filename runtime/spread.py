"""Influence by the query's own spread of similarities, with a null share; a second law beside eq. 6.

    z_i = (s_i - m.q) / sqrt(q'Cq)                     in standard deviations of the gallery (moments.py)
    r_i = exp(a z_i + c max(z_i, 0)^2 / 2 - a^2 / 2) + floor
                                                       how much rather a true image is at z_i than any image
    influence_i = r_i / (null + sum_j r_j)             null share = null / (null + sum_j r_j)

With c = 0 the exponential is the likelihood ratio of a normal distribution around `a` to one around 0; c is
for true images that spread more, or less, than others. Where c < 0, z counts as at most a / -c, so r never
falls. `floor` is for true images that are no more similar than others. `a` and the null depend on how many
images are close to the query:

    a = softplus(sharpness + crowding (z_10 - 3))      z_10 of the tenth best image of the pool
    null = exp(log_null + null_crowding (z_10 - 3))

Influence and null share sum to 1. The parameters are fitted on held-out models (train/spread.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..store.errors import DataError
from .influence import SPREAD

ALL_KINDS = "all"
"""The name of the parameters for queries whose concept kind is not known."""

CROWD = 10
"""The place of the image whose z says how crowded a query is."""

NULL_WEIGHT = 0.5
"""The part that queries without a source in the pool count as, where the law is fitted and measured."""

_TINY = np.finfo(np.float64).tiny

CENTRE = 3.0
"""Where crowding has no effect: about the tenth best z of a few thousand images."""


Floats: TypeAlias = "NDArray[np.floating] | float"


def log_ratios(z: Floats, steepness: Floats, curvature: Floats, log_floor: Floats) -> NDArray[np.float64]:
    """Log r of each z, elementwise; minus infinity stays so."""
    a, c = np.asarray(steepness, np.float64), np.asarray(curvature, np.float64)
    with np.errstate(over="ignore"):
        largest = np.where(c < 0, a / np.maximum(-c, _TINY), np.inf)
    held = np.minimum(z, largest)
    tilted = a * held + c * np.maximum(held, 0.0) ** 2 / 2 - a**2 / 2
    return np.where(np.equal(z, -np.inf), -np.inf, np.logaddexp(tilted, log_floor))


@dataclass(frozen=True)
class SpreadParameters:
    """What is fitted; all but the range of `crowd` are of the equations above.

    Attributes:
        sharpness: of `a`, before the softplus.
        crowding: by how much `a` changes with z_10.
        log_floor: log of `floor`.
        log_null: log of `null`.
        least_crowd: z_10 counts as at least this much, the least of the held-out samples.
        most_crowd: and as at most this much.
        null_crowding: by how much the logarithm of `null` changes with z_10.
        curvature: c.
    """

    sharpness: float
    crowding: float
    log_floor: float
    log_null: float
    least_crowd: float
    most_crowd: float
    null_crowding: float = 0.0
    curvature: float = 0.0

    def steepness(self, crowd: Floats) -> NDArray[np.float64]:
        """`a` of queries by their z_10, elementwise."""
        return np.logaddexp(0.0, self.sharpness + self.crowding * self._near(crowd))

    def log_nulls(self, crowd: Floats) -> NDArray[np.float64]:
        """Log of `null` of queries by their z_10, elementwise."""
        return np.asarray(self.log_null + self.null_crowding * self._near(crowd), np.float64)

    def _near(self, crowd: Floats) -> NDArray[np.float64]:
        return np.asarray(np.clip(crowd, self.least_crowd, self.most_crowd) - CENTRE, np.float64)


@dataclass(frozen=True)
class SpreadCalibration:
    """The fitted parameters of one encoder and mapper.

    Attributes:
        parameters: by concept kind, and under ALL_KINDS for queries of unknown kind.
        mapper_digest: of the mapper whose similarities they were fitted on.
    """

    parameters: Mapping[str, SpreadParameters]
    mapper_digest: str

    def of_kind(self, kind: str | None) -> SpreadParameters:
        """Those of `kind`; of all kinds where it is None or none were fitted for it."""
        return self.parameters.get(kind or ALL_KINDS, self.parameters[ALL_KINDS])

    def to_json(self) -> str:
        """As the column `parameters` has them."""
        return json.dumps({kind: asdict(one) for kind, one in self.parameters.items()}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, mapper_digest: str) -> SpreadCalibration:
        """Read `to_json`. DataError for anything else."""
        try:
            parameters = {kind: SpreadParameters(**one) for kind, one in json.loads(text).items()}
            if not all(math.isfinite(value) for one in parameters.values() for value in asdict(one).values()):
                raise ValueError("a parameter is not finite")
            return cls({ALL_KINDS: parameters[ALL_KINDS], **parameters}, mapper_digest)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(
                f"the calibration's parameters are broken: {error}", hint="train the calibration again"
            ) from error


@dataclass(frozen=True)
class SpreadLaw:
    """The law of one query: an `InfluenceLaw`.

    Attributes:
        mean: of its similarities to the gallery.
        spread: their standard deviation.
        steepness: its `a`.
        log_null: the logarithm of its `null`.
        parameters: what was fitted.
    """

    mean: float
    spread: float
    steepness: float
    log_null: float
    parameters: SpreadParameters

    endless: ClassVar[bool] = True
    """Every candidate has influence."""

    @classmethod
    def of_query(
        cls, mean: float, spread: float, similarities: NDArray[np.floating], parameters: SpreadParameters
    ) -> SpreadLaw:
        """The law of a query whose largest similarities in the pool are among `similarities` (n,)."""
        count = min(CROWD, len(similarities))
        tenth = float(np.partition(similarities, len(similarities) - count)[len(similarities) - count])
        crowd = (tenth - mean) / spread
        steepness, log_null = float(parameters.steepness(crowd)), float(parameters.log_nulls(crowd))
        return cls(mean, spread, steepness, log_null, parameters)

    def log_ratio(self, similarities: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Log r of similarities, elementwise."""
        z = (np.asarray(similarities, np.float64) - self.mean) / self.spread
        return log_ratios(z, self.steepness, self.parameters.curvature, self.parameters.log_floor)

    def terms(self, similarities: NDArray[np.float64], best: float) -> NDArray[np.float64]:
        """R of similarities relative to that of the best, elementwise."""
        return np.asarray(np.exp(self.log_ratio(similarities) - self.log_ratio(best)), np.float64)

    def null_term(self, best: float) -> float:
        """The null relative to r of the best."""
        return float(np.exp(self.log_null - self.log_ratio(best)))

    def cutoff(self, best: float) -> float:  # noqa: ARG002
        """Minus infinity: every candidate has influence."""
        return -math.inf

    def similarity_of(self, term: float, best: float) -> float:
        """The least with that r, relative to that of the best; minus infinity below the floor."""
        if term <= 0:
            return -math.inf
        log_ratio = math.log(term) + float(self.log_ratio(best))
        above = -math.expm1(min(self.parameters.log_floor - log_ratio, 0.0))  # share of r that is no floor
        if above <= 0:
            return -math.inf
        a, tilt = self.steepness, log_ratio + math.log(above) + self.steepness**2 / 2
        curvature = self.parameters.curvature if tilt > 0 else 0.0
        z = 2 * tilt / (a + math.sqrt(max(a**2 + 2 * curvature * tilt, 0.0)))  # the root of the quadratic
        return self.mean + self.spread * z


@dataclass(frozen=True)
class SpreadLaws:
    """The laws of some questions: `QuestionLaws`.

    Attributes:
        mean: (questions,) of the similarities to the gallery.
        spread: (questions,) their standard deviation.
        parameters: of each question.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    parameters: tuple[SpreadParameters, ...]

    name: ClassVar[str] = SPREAD
    endless: ClassVar[bool] = True
    """Every candidate has influence."""

    def law(self, at: int, similarities: NDArray[np.floating]) -> SpreadLaw:
        """The law of question `at`."""
        return SpreadLaw.of_query(
            float(self.mean[at]), float(self.spread[at]), similarities, self.parameters[at]
        )
