"""Feature spaces as arrows, from raw to mapped, between two cases (figures 5 and 16 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .domains import Pairing
from .labels import Label, add_labels, short
from .points import XY, Arrow
from .svg import COLOURS, INK, LINE, PAPER, SOFT, Key, add_keys, new_figure, quiet, svg_text

DOTTED = (0, (1.5, 2))
DASHED = (0, (4, 3))


def scatter_figure(name: str, pairing: Pairing, arrows: Sequence[Arrow]) -> str:
    """Recall@10 in one case against another, an arrow an encoder; published ones as diamonds."""
    figure, axes = new_figure(4.2)
    axes.grid(color=LINE, linewidth=0.7)
    _set_ranges(axes, pairing, arrows)
    ours = {arrow.encoder for arrow in arrows if arrow.measured}
    for arrow in arrows:
        if arrow.measured:
            _draw_measured(axes, arrow)
        else:
            _draw_published(axes, arrow, alone=arrow.encoder not in ours)
    for setter, label in ((axes.set_xlabel, pairing.x_label), (axes.set_ylabel, pairing.y_label)):
        setter(f"Recall@10, {short(label, 40)}", color=INK, fontsize=9.5, parse_math=False)
    _add_keys(figure, arrows)
    lines = [[arrow.raw, arrow.mapped] for arrow in arrows if arrow.raw and arrow.mapped]
    points = [(point, 5.0 if arrow.measured else 6.5) for arrow in arrows for point in _points(arrow)]
    with quiet():
        add_labels(axes, _labels(arrows, ours), points, lines)
    told = f"Scatter plot of Recall@10: {pairing.x_label} against {pairing.y_label}; values are in the tables"
    return svg_text(figure, name, told)


def _points(arrow: Arrow) -> list[XY]:
    return [point for point in (arrow.raw, arrow.mapped, *(at for _, at in arrow.others)) if point]


def _set_ranges(axes: Any, pairing: Pairing, arrows: Sequence[Arrow]) -> None:
    """Room around all points for their names; a diagonal where both axes mean the same."""
    points = [point for arrow in arrows for point in _points(arrow)]
    if pairing.alike:
        axes.axline((0, 0), slope=1, color=SOFT, linewidth=0.8, linestyle=DASHED, zorder=1)
    axes.set_xlim(_range([point[0] for point in points]))
    axes.set_ylim(_range([point[1] for point in points]))
    axes.locator_params(nbins=6)


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The range of `values` and a seventh more at both ends, not below 0."""
    room = max(0.01, (max(values) - min(values)) / 7)
    return max(0.0, min(values) - room), max(values) + room


def _colour(arrow: Arrow) -> str:
    return COLOURS[arrow.colour % len(COLOURS)]


def _draw_measured(axes: Any, arrow: Arrow) -> None:
    colour = _colour(arrow)
    _connect(axes, arrow, "-")
    if arrow.raw:
        ring = {"markerfacecolor": PAPER, "markeredgecolor": colour, "markeredgewidth": 1.6}
        axes.plot(*arrow.raw, "o", markersize=7, zorder=4, **ring)
    if arrow.mapped:
        axes.plot(*arrow.mapped, "o", markersize=7.5, color=colour, zorder=5)
    for _, point in arrow.others:
        axes.plot(*point, "o", markersize=4.5, color=colour, alpha=0.6, zorder=4)


def _draw_published(axes: Any, arrow: Arrow, *, alone: bool) -> None:
    """Diamonds; joined only where nothing measured of the same encoder is."""
    if alone:
        _connect(axes, arrow, DOTTED)
    edge = {"markerfacecolor": "none", "markeredgecolor": _colour(arrow), "markeredgewidth": 1.0}
    for point in (arrow.raw, arrow.mapped):
        if point:
            axes.plot(*point, "D", markersize=9, zorder=3, **edge)


def _connect(axes: Any, arrow: Arrow, style: Any) -> None:
    if arrow.raw and arrow.mapped and arrow.raw != arrow.mapped:
        line = {"arrowstyle": "-|>", "color": _colour(arrow), "linewidth": 1.3, "linestyle": style}
        props = line | {"shrinkA": 4, "shrinkB": 4}
        axes.annotate("", arrow.mapped, xytext=arrow.raw, arrowprops=props, zorder=2)


def _add_keys(figure: Any, arrows: Sequence[Arrow]) -> None:
    """What the marks mean, of those that are there."""
    mine = [arrow for arrow in arrows if arrow.measured]
    keys = [Key("raw", "o", fill=PAPER)] if any(arrow.raw for arrow in mine) else []
    keys += [Key("mapped", "o", fill=SOFT)] if any(arrow.mapped for arrow in mine) else []
    keys += [Key("other mappers", "o", fill=SOFT, size=4.5)] if any(arrow.others for arrow in mine) else []
    keys += [Key("published", "D", fill="none", size=7.5)] if len(mine) < len(arrows) else []
    add_keys(figure, keys)


def _labels(arrows: Sequence[Arrow], ours: set[str]) -> list[Label]:
    """A name for each encoder at its mapped end; of a single one, the names of its mappers."""
    found = []
    for arrow in arrows:
        at = arrow.mapped or arrow.raw
        if at and (arrow.measured or arrow.encoder not in ours):
            alone = len(ours) == 1 and arrow.measured and arrow.mapped
            found.append(Label(arrow.mapper if alone else arrow.encoder, at, _colour(arrow), arrow.measured))
        found += [Label(name, point, _colour(arrow), strong=False) for name, point in arrow.others]
    return found
