"""The plots of the report, as SVG text."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..query.evaluation.reliability import ReliabilityBin

INK, SLATE, GREY, BLUE, GREEN = "#1d2433", "#5d6679", "#9aa5b8", "#3b5bdb", "#0a8f5b"
BAR_COLOURS = (GREY, "#748ffc", BLUE, GREEN, "#f0b429")


@dataclass(frozen=True)
class RecallBars:
    """Recall@10 of one case and scheme, in [0, 1], for each of some features: estimate, low, high.

    The ends of the 95% interval are None where there is none.
    """

    label: str
    values: Sequence[tuple[float, float | None, float | None]]


@dataclass(frozen=True)
class CreatorBar:
    """Mean influence of a creator when an exemplar is theirs, and when none is."""

    creator: str
    own: float
    others: float


def recall_plot(bars: Sequence[RecallBars], names: Sequence[str], chance: float) -> str:
    """Grouped bars, one a feature of `names`; a dashed line at chance."""
    figure, axes = _figure(10.5, 4.2)
    positions, width = np.arange(len(bars)), 0.84 / len(names)
    for number, (name, colour) in enumerate(zip(names, BAR_COLOURS, strict=False)):
        middle = np.array([bar.values[number][0] for bar in bars])
        ends = np.array([bar.values[number][1:] for bar in bars], np.float64)  # NaN draws no interval
        at = positions + (number - (len(names) - 1) / 2) * width
        axes.bar(at, 100 * middle, 0.92 * width, color=colour, label=name, zorder=2)
        spread = 100 * np.abs(middle[:, None] - ends).T
        axes.errorbar(at, 100 * middle, spread, fmt="none", ecolor=INK, elinewidth=0.8, capsize=1.5, zorder=3)
    axes.axhline(
        100 * chance, color=SLATE, linestyle="--", linewidth=1, label=f"chance ({100 * chance:.2f}%)"
    )
    axes.set_xticks(positions, [bar.label for bar in bars])
    axes.set_ylabel("Recall@10 of the exemplars, %")
    axes.legend(frameon=False, ncols=3, loc="upper right")
    axes.margins(y=0.25)
    return _svg(figure)


def reliability_plot(before: Sequence[ReliabilityBin], after: Sequence[ReliabilityBin]) -> str:
    """True share against predicted share, in bins of equal predicted mass; on the diagonal is calibrated."""
    figure, axes = _figure(5.1, 3.7)
    least = 1e-4
    axes.plot([least, 1], [least, 1], color=SLATE, linestyle="--", linewidth=1, zorder=1)
    for bins, colour, name in ((before, GREY, "before calibration"), (after, BLUE, "after calibration")):
        predicted = [max(one.predicted, least) for one in bins]
        true = [max(one.true, least) for one in bins]
        axes.plot(
            predicted, true, color=colour, marker="o", markersize=5, linewidth=1.6, label=name, zorder=2
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("predicted share, mean of the bin")
    axes.set_ylabel("true share, mean of the bin")
    axes.legend(frameon=False, loc="upper left")
    return _svg(figure)


def creator_plot(bars: Sequence[CreatorBar]) -> str:
    """Horizontal bars: mean influence of a creator when an exemplar is theirs, and when none is."""
    figure, axes = _figure(5.1, max(2.2, 0.36 * len(bars) + 1.0))
    positions = np.arange(len(bars))
    axes.barh(
        positions - 0.2,
        [100 * bar.own for bar in bars],
        0.38,
        color=GREEN,
        label="an exemplar is theirs",
        zorder=2,
    )
    axes.barh(
        positions + 0.2,
        [100 * bar.others for bar in bars],
        0.38,
        color=GREY,
        label="no exemplar is theirs",
        zorder=2,
    )
    axes.set_yticks(positions, [bar.creator for bar in bars])
    axes.invert_yaxis()
    axes.set_xlabel("mean influence of the creator, %")
    axes.legend(frameon=False, loc="lower right")
    return _svg(figure)


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="both", color="#e3e7ef", linewidth=0.8, zorder=0)
    axes.tick_params(colors=SLATE, labelsize=9)
    return figure, axes


def _svg(figure: Any) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True)
    text = out.getvalue()
    return text[text.index("<svg") :]
