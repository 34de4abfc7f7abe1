"""The plots: feature spaces as arrows between two cases (figures 5, 16), and as bars in one (figure 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .domains import Pairing
from .labels import Label, add_labels
from .points import XY, Arrow, Bar, BarGroup
from .svg import COLOURS, INK, LINE, PAPER, SOFT, new_figure, svg_text

WIDTH = 4.5  # inches: readable on a phone, and two beside each other on a page
MANY = 2  # encoders, from which on only one mapper of each is drawn


def scatter_figure(name: str, pairing: Pairing, arrows: Sequence[Arrow]) -> str:
    """Recall@10 in one case against another, an arrow an encoder from raw to mapped."""
    figure, axes = new_figure(WIDTH, 4.2)
    axes.grid(color=LINE, linewidth=0.7)
    _limits(axes, pairing, arrows)
    measured = [arrow for arrow in arrows if arrow.measured]
    published = [arrow for arrow in arrows if not arrow.measured]
    there = {arrow.encoder for arrow in measured}
    for arrow in published:
        _draw_published(axes, arrow, alone=arrow.encoder not in there)
    for arrow in measured:
        _draw_measured(axes, arrow, all_mappers=len(measured) <= MANY)
    axes.set_xlabel(f"Recall@10, {pairing.x_label}", color=INK, fontsize=9.5, parse_math=False)
    axes.set_ylabel(f"Recall@10, {pairing.y_label}", color=INK, fontsize=9.5, parse_math=False)
    lines = [[arrow.raw, arrow.mapped] for arrow in arrows if arrow.raw and arrow.mapped]
    points = [point for arrow in arrows for point in _points(arrow)]
    add_labels(axes, _labels(measured, published), points, lines)
    told = f"Scatter plot of Recall@10: {pairing.x_label} against {pairing.y_label}; values are in the tables"
    return svg_text(figure, name, told)


def bars_figure(name: str, case: str, groups: Sequence[BarGroup]) -> str:
    """Recall@10 in one case: raw above mapped for each encoder, by scheme."""
    places, heads = _rows(groups)
    height = 0.8 + 0.185 * (places[-1] + 3)
    figure, axes = new_figure(WIDTH, height)
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    top = max(_reach(bar) for group in groups for bar in (group.raw, group.mapped) if bar)
    axes.set_xlim(0, 1.17 * top if top else 1)
    for group, place in zip(groups, places, strict=True):
        colour = COLOURS[group.colour % len(COLOURS)]
        for bar, at in ((group.raw, place), (group.mapped, place + 1)):
            if bar:
                _draw_bar(axes, bar, at, colour, mapped=bar is group.mapped)
    axes.set_yticks([place + 0.5 for place in places], [group.encoder for group in groups], parse_math=False)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    for scheme, place in heads:
        axes.text(
            0, place, scheme, transform=axes.get_yaxis_transform(), fontsize=9, color=SOFT,
            fontweight="bold", va="center", parse_math=False,
        )  # fmt: skip
    axes.set_ylim(places[-1] + 1.8, heads[0][1] - 0.9)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("Recall@10", color=INK, fontsize=9.5)
    told = f"Bars of Recall@10 in the case {case}, raw and mapped, by scheme; values are in the tables"
    return svg_text(figure, name, told)


def _points(arrow: Arrow) -> list[XY]:
    return [point for point in (arrow.raw, arrow.mapped, *(at for _, at in arrow.others)) if point]


def _limits(axes: Any, pairing: Pairing, arrows: Sequence[Arrow]) -> None:
    """Room around all points for their names; one scale and a diagonal where both axes mean the same."""
    points = [point for arrow in arrows for point in _points(arrow)]
    ranges = [_range([point[axis] for point in points]) for axis in (0, 1)]
    if pairing.alike:
        ranges = [_range([value for point in points for value in point])] * 2
        axes.plot(*ranges, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        axes.set_aspect("equal")
    axes.set_xlim(ranges[0])
    axes.set_ylim(ranges[1])


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The range of `values` and an eighth more at both ends, not below 0."""
    room = max(0.02, (max(values) - min(values)) / 7)
    return max(0.0, min(values) - room), max(values) + room


def _draw_measured(axes: Any, arrow: Arrow, *, all_mappers: bool) -> None:
    colour = COLOURS[arrow.colour % len(COLOURS)]
    _connect(axes, arrow, colour, "-")
    if arrow.raw:
        axes.plot(
            *arrow.raw, "o", markersize=7, color=PAPER, markeredgecolor=colour, markeredgewidth=1.6, zorder=4
        )
    if arrow.mapped:
        axes.plot(*arrow.mapped, "o", markersize=7.5, color=colour, zorder=4)
    for _, point in arrow.others if all_mappers else ():
        axes.plot(*point, "o", markersize=4.5, color=colour, alpha=0.6, zorder=4)


def _draw_published(axes: Any, arrow: Arrow, *, alone: bool) -> None:
    """Diamonds; joined only where nothing measured of the same encoder is."""
    colour = COLOURS[arrow.colour % len(COLOURS)]
    if alone:
        _connect(axes, arrow, colour, (0, (1.5, 2)))
    for point in (arrow.raw, arrow.mapped):
        if point:
            axes.plot(
                *point, "D", markersize=9, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=1.0,
                alpha=1.0 if point is arrow.mapped else 0.75, zorder=3,
            )  # fmt: skip


def _connect(axes: Any, arrow: Arrow, colour: str, style: Any) -> None:
    if arrow.raw and arrow.mapped and arrow.raw != arrow.mapped:
        props = {
            "arrowstyle": "-|>",
            "color": colour,
            "linewidth": 1.3,
            "linestyle": style,
            "shrinkA": 4,
            "shrinkB": 4,
        }
        axes.annotate("", arrow.mapped, xytext=arrow.raw, arrowprops=props, zorder=2)


def _labels(measured: Sequence[Arrow], published: Sequence[Arrow]) -> list[Label]:
    """A name for each encoder, at its mapped end; for every mapper where there are few."""
    found = []
    every = len(measured) <= MANY
    for arrow in measured:
        colour = COLOURS[arrow.colour % len(COLOURS)]
        at = arrow.mapped or arrow.raw
        if at:
            found.append(Label(arrow.encoder, at, colour))
        found += [Label(name, point, colour, strong=False) for name, point in arrow.others if every]
    there = {arrow.encoder for arrow in measured}
    for arrow in published:
        at = arrow.mapped or arrow.raw
        if at and arrow.encoder not in there:
            found.append(Label(arrow.encoder, at, COLOURS[arrow.colour % len(COLOURS)], strong=False))
    return found


def _rows(groups: Sequence[BarGroup]) -> tuple[list[float], list[tuple[str, float]]]:
    """Where the groups' first bars and the heads of schemes stand, downwards, a bar being 1 high."""
    places, heads = [], []
    at, scheme = -1.0, None
    for group in groups:
        if group.scheme != scheme:
            at += 0.6 if places else 0.0
            scheme = group.scheme
            heads.append((scheme or "all prompts", at + 0.1))
            at += 1.3
        places.append(at)
        at += 2.7
    return places, heads


def _reach(bar: Bar) -> float:
    score = bar.score
    ends = (score.value, score.high or 0.0) if score else (0.0,)
    return max(*ends, bar.published or 0.0)


def _draw_bar(axes: Any, bar: Bar, place: float, colour: str, *, mapped: bool) -> None:
    if bar.score:
        axes.barh(
            place, bar.score.value, 0.86, color=colour, alpha=1.0 if mapped else 0.42, linewidth=0, zorder=2
        )
        if bar.score.low is not None and bar.score.high is not None:
            axes.plot([bar.score.low, bar.score.high], [place, place], color=INK, linewidth=1.1, zorder=3)
        axes.annotate(
            f"{bar.score.value:.3f}", (_reach(bar), place), xytext=(6, 0), textcoords="offset points",
            va="center", fontsize=7.5, color=INK,
        )  # fmt: skip
    if bar.published is not None:
        axes.plot(
            bar.published,
            place,
            "D",
            markersize=5,
            color=PAPER,
            markeredgecolor=INK,
            markeredgewidth=1,
            zorder=4,
        )
