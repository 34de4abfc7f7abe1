"""Figure 10: does adding one image in predict what is found of sets of many? Correlation by size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...query import Features
from ...query.report.svg import COLOURS, INK, LINE, PAPER, SOFT, Key, add_keys, new_figure, short, svg_text
from ...query.sql.statements import load_sql
from ...runtime.mapper import RAW
from .data import StudyData
from .figure import Figure, NotDrawn, Panel
from .main_features import mean_score

NAME, TITLE = "figure-10", "Figure 10. One image added in against sets of images"
FEWEST = 4
"""Features, below which a correlation has no interval."""

NAMED = 24
"""Characters of an encoder's name in the keys."""


@dataclass(frozen=True)
class SetPoint:
    """An encoder and mapper: what it finds of models of one image, and of sets of `size`."""

    features: Features
    size: int
    single: float
    recall: float


@dataclass(frozen=True)
class Correlation:
    """Pearson's r over features, with its 95% interval by Fisher's z; None below FEWEST."""

    r: float
    low: float | None
    high: float | None


def correlation_with_sets(study: StudyData) -> Figure | NotDrawn:
    """The correlation by size, and a scatter for each size of sets."""
    points = _points(study)
    by_size: dict[int, list[SetPoint]] = {}
    for point in points:
        by_size.setdefault(point.size, []).append(point)
    correlations = {
        size: found
        for size, mine in sorted(by_size.items())
        if (found := pearson([one.single for one in mine], [one.recall for one in mine])) is not None
    }
    panels: list[Panel] = []
    if len(correlations) > 1:
        name = f"{NAME}a"
        panels.append(Panel(name, "Correlation by size of the sets", _draw_sizes(name, correlations)))
    rows: list[dict[str, Any]] = []
    for size, found in correlations.items():
        mine = by_size[size]
        panel = f"{NAME}{chr(ord('a') + len(panels))}"
        title = f"Sets of {size:,} image{'' if size == 1 else 's'}: {_correlation_text(found)}"
        panels.append(Panel(panel, title, _draw(study, panel, mine, size)))
        rows += [_row(panel, study.plan.metric, one, found) for one in mine]
    if not panels:
        reason = (
            "It needs models of sets of images (attribase -s STORE ingest plan --kind set) that three or "
            "more features were measured on."
        )
        return NotDrawn(NAME, TITLE, reason)
    text = (
        "Each mark is an encoder with one mapper. The horizontal axis is its metric on models that were "
        "customized on one object or style, mean of cases and schemes; the vertical axis is recall@N on "
        "models of sets of N unrelated images: the share of a set among the N most similar images. Where "
        "the correlation is high, the simple test predicts the hard one. Features of one encoder are not "
        "independent of each other, so that intervals (Fisher's z) are narrower than they should be."
    )
    return Figure(NAME, TITLE, text, tuple(panels), rows)


def pearson(x: Sequence[float], y: Sequence[float]) -> Correlation | None:
    """Pearson's correlation of at least three pairs; None where one side does not vary."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    r = float(np.corrcoef(x, y)[0, 1])
    if len(x) < FEWEST or abs(r) >= 1:
        return Correlation(r, None, None)
    z, width = math.atanh(r), 1.959964 / math.sqrt(len(x) - 3)
    return Correlation(r, math.tanh(z - width), math.tanh(z + width))


def _points(study: StudyData) -> list[SetPoint]:
    means = {
        (row[0], row[1], row[2]): row[3]
        for row in study.con.execute(load_sql("study_sets"), {"split": study.data.split}).fetchall()
    }
    sizes = sorted({size for _, _, size in means})
    return [
        SetPoint(one, size, single, means[one.encoder, one.mapper, size])
        for size in sizes
        for one in study.features
        if (one.encoder, one.mapper, size) in means and (single := mean_score(study, one)) is not None
    ]


def _correlation_text(found: Correlation) -> str:
    interval = f" ({found.low:.2f} to {found.high:.2f})" if found.low is not None else ""
    return f"r = {found.r:.2f}{interval}".replace("-", "−")


def _row(panel: str, metric: str, point: SetPoint, found: Correlation) -> dict[str, Any]:
    return {
        "panel": panel,
        "size": point.size,
        "encoder": point.features.encoder,
        "mapper": point.features.mapper,
        "metric": metric,
        "single": point.single,
        "recall_n": point.recall,
        "pearson": found.r,
        "low": found.low,
        "high": found.high,
    }


def _draw_sizes(name: str, correlations: Mapping[int, Correlation]) -> str:
    figure, axes = new_figure(3.0)
    axes.grid(color=LINE, linewidth=0.7)
    axes.axhline(0, color=SOFT, linewidth=0.9, zorder=1)
    places = range(len(correlations))
    for place, found in zip(places, correlations.values(), strict=True):
        if found.low is not None and found.high is not None:
            axes.plot([place, place], [found.low, found.high], color=COLOURS[0], linewidth=1.4, zorder=2)
    axes.plot(places, [found.r for found in correlations.values()], "o", color=COLOURS[0], markersize=6.5)
    axes.set_xticks(places, [f"{size:,}" for size in correlations])
    axes.set_xlim(-0.5, len(correlations) - 0.5)
    axes.set_ylim(min(-0.1, *(found.low or found.r for found in correlations.values())) - 0.05, 1.05)
    axes.set_xlabel("images of a set, N", color=INK, fontsize=9.5)
    axes.set_ylabel("Pearson's r", color=INK, fontsize=9.5)
    return svg_text(figure, name, "Correlation by size of the sets; values are in the table")


def _draw(study: StudyData, name: str, points: Sequence[SetPoint], size: int) -> str:
    figure, axes = new_figure(3.6)
    axes.grid(color=LINE, linewidth=0.7)
    colours = {encoder: COLOURS[at % len(COLOURS)] for at, encoder in enumerate(study.encoders)}
    for point in points:
        colour = colours[point.features.encoder]
        raw = point.features.mapper == RAW
        axes.plot(
            point.single,
            point.recall,
            "o",
            markersize=6.5,
            markerfacecolor=PAPER if raw else colour,
            markeredgecolor=colour,
            markeredgewidth=1.5,
            zorder=4 if raw else 3,
        )
    axes.autoscale(False)  # the line may leave what recall can be
    slope, offset = np.polyfit([one.single for one in points], [one.recall for one in points], 1)
    ends = np.array([min(one.single for one in points), max(one.single for one in points)])
    axes.plot(ends, slope * ends + offset, color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.set_xlabel(
        f"one image added in, {study.column.replace('recall_', 'Recall@')}", color=INK, fontsize=9.5
    )
    axes.set_ylabel(f"recall@{size:,} of the set", color=INK, fontsize=9.5)
    keys = [Key(short(encoder, NAMED), "o", colour, colour) for encoder, colour in colours.items()]
    add_keys(figure, [*keys, Key("raw", "o", fill=PAPER)], columns=2)
    return svg_text(figure, name, "Scatter plot of one image added in against sets; values are in the table")
