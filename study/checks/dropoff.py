"""How influence, or similarity, falls after the copied image: means by place, and their plot (figure 12)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...query import Features
from ...query.sql.bootstrap import bounds, too_few
from ...runtime.mapper import RAW

Floats = NDArray[np.float64]

COLOURS = ("#3b5bdb", "#0a8f5b", "#f0b429", "#c2255c", "#6741d9", "#1098ad", "#e8590c", "#868e96")
RAW_COLOUR, INK = "#9aa5b8", "#1d2433"
COLUMNS = 3
LEAST = 1e-7
"""Influence below this is drawn there: the axis is logarithmic."""


@dataclass(frozen=True)
class DropOff:
    """Means over copies for the original (place 0) and for the images after it, best first.

    Attributes:
        features: encoder and mapper.
        mean: (1 + places,) means over copies.
        low: their 95% intervals over originals, the lower ends; None for too few originals.
        high: the upper ends.
    """

    features: Features
    mean: Floats
    low: Floats | None
    high: Floats | None

    @classmethod
    def of(cls, features: Features, values: Floats, groups: NDArray[np.int64]) -> DropOff:
        """From values (copies, 1 + places) of copies that are of the originals `groups` (copies,)."""
        _, codes = np.unique(groups, return_inverse=True)
        counts = np.bincount(codes)
        low, high = None, None
        if not too_few(len(counts)):
            sums = np.zeros((len(counts), values.shape[1]))
            np.add.at(sums, codes, values)
            low, high = bounds(sums, counts)
        return cls(features, values.mean(axis=0), low, high)

    def rows(self, what: str) -> list[dict[str, Any]]:
        """A row a place: encoder, mapper, place, the mean of `what`, low, high."""
        return [
            {
                "encoder": self.features.encoder,
                "mapper": self.features.mapper,
                "place": place,
                what: float(mean),
                "low": None if self.low is None else float(self.low[place]),
                "high": None if self.high is None else float(self.high[place]),
            }
            for place, mean in enumerate(self.mean)
        ]


def dropoff_plot(curves: Sequence[DropOff], what: str) -> str:
    """SVG: a panel an encoder, a line a mapper; the original stands at place 0, apart from the others."""
    from matplotlib.figure import Figure

    encoders = list(dict.fromkeys(curve.features.encoder for curve in curves))
    columns = min(COLUMNS, len(encoders))
    lines = -(-len(encoders) // columns)
    figure = Figure(figsize=(0.8 + 3.3 * columns, 0.6 + 2.9 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    for panel, encoder in zip(panels, encoders, strict=False):
        _draw(panel, [curve for curve in curves if curve.features.encoder == encoder], what)
        panel.set_title(_short(encoder), fontsize=9, color=INK)
    for panel in panels[len(encoders) :]:
        panel.set_visible(False)
    figure.supxlabel("place of the training image: the copied one, then the others, best first", fontsize=9)
    figure.supylabel(f"mean {what}", fontsize=9)
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _draw(panel: Any, curves: Sequence[DropOff], what: str) -> None:
    colours = iter(COLOURS * 4)
    for curve in curves:
        colour = RAW_COLOUR if curve.features.mapper == RAW else next(colours)
        name = "raw" if curve.features.mapper == RAW else curve.features.mapper
        mean = np.maximum(curve.mean, LEAST) if what == "influence" else curve.mean
        places = np.arange(1, len(mean))
        panel.plot(places, mean[1:], color=colour, linewidth=1.5, label=name)
        panel.plot([0.5, 1], mean[:2], color=colour, linewidth=0.8, linestyle=":")
        panel.plot([0.5], mean[:1], color=colour, marker="o", markersize=5)
        if curve.low is not None and curve.high is not None:
            low = np.maximum(curve.low, LEAST) if what == "influence" else curve.low
            panel.fill_between(places, low[1:], curve.high[1:], color=colour, alpha=0.15, linewidth=0)
            panel.vlines([0.5], low[:1], curve.high[:1], color=colour, linewidth=1)
    panel.set_xscale("log")
    if what == "influence":
        panel.set_yscale("log")
    panel.set_xticks([0.5, 1, 10, 100], ["copied", "1", "10", "100"])
    panel.minorticks_off()
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    panel.grid(color="#e3e7ef", linewidth=0.8)
    panel.tick_params(labelsize=8)
    panel.legend(frameon=False, fontsize=7)


def _short(encoder: str) -> str:
    """Long names of composites, cut."""
    parts = encoder.split("+")
    return encoder if len(parts) < 3 else f"{parts[0]} + {len(parts) - 1} more"
