"""Influence by rank, before and after calibration (figure 11 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...runtime.influence import influence
from ..attribution.attribute import answer_all
from ..attribution.request import Request
from .svg import COLOURS, INK, LINE, SOFT, Key, add_keys, new_figure, svg_text

if TYPE_CHECKING:
    from ..evaluation.paired import Features
    from ..session import Snapshot

CURVE_RANKS = 200
CURVE_SAMPLES = 40
MOST_RESULTS = 2_000_000
"""Images of all answers of a curve together: a large pool gets fewer samples."""

LEAST_SHARE = 1e-7
"""What a logarithmic axis shows of an influence of 0."""


@dataclass(frozen=True)
class InfluenceCurves:
    """Mean influence of ranks 1 to CURVE_RANKS, at tau = 1 and lambda = 0 and as calibrated."""

    before: tuple[float, ...]
    after: tuple[float, ...]
    samples: int


def influence_curves(snapshot: Snapshot, features: Features, samples: Sequence[str]) -> InfluenceCurves:
    """The curves over about CURVE_SAMPLES of `samples`, evenly spaced in their order.

    Before calibration, eq. 6 with tau = 1 and lambda = 0: a softmax over the same similarities.
    """
    pool = snapshot.space(features.encoder, features.mapper).pool("all").size
    count = max(1, min(CURVE_SAMPLES, MOST_RESULTS // max(1, pool)))
    chosen = list(samples)[:: max(1, len(samples) // count)]
    request = Request(features.encoder, features.mapper, k=pool, method="exact", files=False, details=False)
    before, after = [], []
    for sample in chosen:
        [answer] = answer_all(snapshot, [sample], request)
        scores = np.array([result.similarity for result in answer.results])
        before.append(influence(scores, tau=1.0, lam=0.0)[:CURVE_RANKS])
        after.append(np.array([result.influence or 0.0 for result in answer.results[:CURVE_RANKS]]))
    return InfluenceCurves(_mean(before), _mean(after), len(chosen))


def _mean(curves: Sequence[NDArray[np.float64]]) -> tuple[float, ...]:
    return tuple(np.mean(curves, axis=0).tolist())


def influence_figure(name: str, curves: InfluenceCurves) -> str:
    """Mean influence by rank on logarithmic axes, before and after calibration."""
    figure, axes = new_figure(3.1)
    axes.grid(color=LINE, linewidth=0.7)
    ranks = np.arange(1, len(curves.before) + 1)
    for values, colour in ((curves.before, SOFT), (curves.after, COLOURS[0])):
        axes.plot(ranks, np.maximum(values, LEAST_SHARE), color=colour, linewidth=2.2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("rank of the training image", color=INK, fontsize=9.5)
    axes.set_ylabel("mean influence", color=INK, fontsize=9.5)
    add_keys(figure, [Key("before calibration", "s", fill=SOFT), Key("after", "s", fill=COLOURS[0])])
    return svg_text(figure, name, "Mean influence by rank, before and after calibration")
