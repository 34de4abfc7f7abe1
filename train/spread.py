"""Fit the law `spread` (runtime/spread.py) to held-out samples, with their exemplars in the pool and without.

A sample with its exemplars should give each of its n exemplars 1/n; one without them should give all to the
null. The loss is the mean KL divergence of both, weighted. Six parameters are fitted by L-BFGS, for all
samples together and for each concept kind that has enough models.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import softplus

from ..runtime.moments import GalleryMoments
from ..runtime.spread import ALL_KINDS, CENTRE, CROWD, SpreadParameters
from .config import CalibrationConfig
from .losses import calibration_loss
from .similarities import HeldOut, Similarities

EXACT = 128
"""The largest z of the gallery that are kept one by one; the others in groups."""

GROWTH = 1.1
"""Each group of the others ends at so many times the rank where it begins."""

TAIL = 256
"""Groups of the images of a gallery whose similarities were not kept."""

START = (1.5, 0.0, -2.0)
"""sharpness, crowding and log_floor at the start; log_null starts at the logarithm of the gallery's size,
null_crowding and curvature at 0."""

RIDGE = 1e-4
"""Weight of the squared distance to the start: a parameter that the samples say nothing of stays finite."""

ROUNDS = 100
"""Most iterations of L-BFGS."""


@dataclass(frozen=True)
class SpreadData:
    """Held-out samples in standard deviations of the gallery, float64.

    Attributes:
        own: (samples, most exemplars) z of own exemplars, -inf where there are no more.
        others: (samples, groups) mean z of groups of the gallery without own exemplars, falling.
        log_counts: (samples, groups) log of how many images each group has.
        kinds: (samples,) concept kinds.
        models: (samples,) numbers of models.
    """

    own: Tensor
    others: Tensor
    log_counts: Tensor
    kinds: NDArray[np.str_]
    models: NDArray[np.int64]

    def of(self, rows: NDArray[np.bool_]) -> SpreadData:
        """Some of the samples."""
        at = torch.from_numpy(np.flatnonzero(rows))
        return SpreadData(
            self.own[at], self.others[at], self.log_counts[at], self.kinds[rows], self.models[rows]
        )

    def crowds(self) -> tuple[Tensor, Tensor]:
        """(samples,) z_10 of the pool with own exemplars, and without."""
        top = self.others[:, :CROWD]
        both = torch.cat([self.own, top], dim=1).sort(dim=1, descending=True).values
        return both[:, min(CROWD, both.shape[1]) - 1], top[:, -1]


def spread_data(held_out: HeldOut, found: Similarities, moments: GalleryMoments) -> SpreadData:
    """The samples and their similarities in standard deviations of the gallery."""
    mean, spread = (torch.from_numpy(one)[:, None] for one in moments.spread(held_out.samples))
    width = max(len(rows) for rows in held_out.exemplar_rows)
    own = (found.values[:, :width].double() - mean) / spread
    others = (found.values[:, width:].sort(dim=1, descending=True).values.double() - mean) / spread
    means, counts = with_tail(*_grouped(others), moments.count - others.shape[1])
    models = np.array(held_out.models)
    return SpreadData(own, means, counts.log(), np.array(held_out.kinds)[models], models)


def _grouped(falling: Tensor) -> tuple[Tensor, Tensor]:
    """Mean z (samples, groups) and number of images of the groups of each row; -inf is padding."""
    edges, width = list(range(min(EXACT, falling.shape[1]))), falling.shape[1]
    while edges[-1] < width:
        edges.append(min(width, max(edges[-1] + 1, math.ceil(edges[-1] * GROWTH))))
    there = torch.isfinite(falling)
    sums = torch.where(there, falling, 0.0).cumsum(dim=1)
    counts = there.double().cumsum(dim=1)
    ends = torch.tensor(edges[1:]) - 1
    zero = torch.zeros(len(falling), 1, dtype=torch.float64)
    sums, counts = (torch.cat([zero, one[:, ends]], dim=1).diff(dim=1) for one in (sums, counts))
    return torch.where(counts > 0, sums / counts.clamp_min(1), -torch.inf), counts


def with_tail(means: Tensor, counts: Tensor, rest: int) -> tuple[Tensor, Tensor]:
    """The groups, and TAIL more for `rest` images that are below the last one: a normal distribution's."""
    if rest <= 0:
        return means, counts
    middles = (torch.arange(TAIL, 0, -1, dtype=torch.float64) - 0.5) / TAIL
    tail = torch.special.ndtri(torch.special.ndtr(means[:, -1:]) * middles)
    return torch.cat([means, tail], 1), torch.cat([counts, torch.full_like(tail, rest / TAIL)], 1)


def fit_kinds(data: SpreadData, config: CalibrationConfig) -> Iterator[tuple[str, SpreadParameters]]:
    """The parameters of all samples, then of each concept kind with at least `config.kind_models` models."""
    yield ALL_KINDS, fit(data, config)
    kinds = sorted(set(data.kinds.tolist()) - {""})
    for kind in kinds if len(kinds) > 1 else []:
        rows = data.kinds == kind
        if len(set(data.models[rows].tolist())) >= config.kind_models:
            yield kind, fit(data.of(rows), config)


def fit(data: SpreadData, config: CalibrationConfig) -> SpreadParameters:
    """The parameters with the least loss."""
    images = float(data.log_counts[0].exp().sum())
    start = torch.tensor([*START, math.log(images), 0.0, 0.0]).double()
    values = start.clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS([values], max_iter=ROUNDS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = _loss(data, values, config) + RIDGE * ((values - start) ** 2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    crowds = torch.cat(data.crowds())
    sharpness, crowding, log_floor, log_null, null_crowding, curvature = values.tolist()
    return SpreadParameters(
        sharpness,
        crowding,
        log_floor,
        log_null,
        least_crowd=float(crowds.min()),
        most_crowd=float(crowds.max()),
        null_crowding=null_crowding,
        curvature=curvature,
    )


def _loss(data: SpreadData, values: Tensor, config: CalibrationConfig) -> Tensor:
    """KL of samples with their exemplars to 1/n on each, and of samples without them to the null."""
    with_own, without = data.crowds()
    present = torch.log_softmax(_log_terms(data, values, with_own, own=True), dim=1)
    exemplar = torch.isfinite(data.own)
    kl = calibration_loss(present[:, : data.own.shape[1]].exp(), exemplar, 1e-300)
    absent = torch.log_softmax(_log_terms(data, values, without, own=False), dim=1)
    return (1 - config.null_weight) * kl - config.null_weight * absent[:, -1].mean()


def _log_terms(data: SpreadData, values: Tensor, crowd: Tensor, *, own: bool) -> Tensor:
    """(samples, terms) logs of the terms of the denominator: own exemplars, groups, the null."""
    sharpness, crowding, log_floor, log_null, null_crowding, c = values
    near = crowd - CENTRE
    a = softplus(sharpness + crowding * near)[:, None]
    largest = torch.where(c < 0, a / (-c).clamp_min(1e-9), torch.inf)

    def log_ratios(z: Tensor) -> Tensor:
        there = torch.isfinite(z)
        held = torch.minimum(torch.where(there, z, 0.0), largest)
        tilted = a * held + c * held.clamp_min(0) ** 2 / 2 - a**2 / 2
        return torch.logaddexp(tilted, log_floor).masked_fill(~there, -torch.inf)

    terms = [log_ratios(data.own)] if own else []
    terms.append(log_ratios(data.others) + data.log_counts)
    return torch.cat([*terms, (log_null + null_crowding * near)[:, None]], dim=1)


@torch.no_grad()
def image_kl(data: SpreadData, parameters: SpreadParameters, epsilon: float) -> Tensor:
    """(samples,) KL of eq. 5 of the shares of the images, given that it is not the null."""
    one = parameters
    fitted = (one.sharpness, one.crowding, one.log_floor, one.log_null, one.null_crowding, one.curvature)
    crowd = data.crowds()[0].clamp(parameters.least_crowd, parameters.most_crowd)
    terms = _log_terms(data, torch.tensor(fitted).double(), crowd, own=True)[:, :-1]
    shares = torch.softmax(terms, dim=1)[:, : data.own.shape[1]]
    exemplar = torch.isfinite(data.own)
    count = exemplar.sum(dim=1)
    logs = torch.where(exemplar, shares.clamp_min(epsilon), 1.0).log().sum(dim=1)
    return -logs / count - count.log()
