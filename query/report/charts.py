"""Recall@10 in one case as bars: raw above mapped for each encoder, by scheme (figure 6 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .plot_data import XY, Arrow, Bar, BarGroup, Pairing
from .svg import (
    COLOURS,
    INK,
    LINE,
    PAPER,
    SOFT,
    Key,
    Label,
    add_keys,
    add_labels,
    new_figure,
    quiet,
    short,
    svg_text,
    two_lines,
)

HIGH = 0.19  # inches that a bar takes
PALE = 0.42


def bars_figure(name: str, case: str, groups: Sequence[BarGroup]) -> str:
    """Bars with their 95% intervals and values; diamonds are published, alone where nothing is ours."""
    places, heads = _rows(groups)
    figure, axes = new_figure(1.0 + HIGH * (places[-1] + 3))
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    bars = [bar for group in groups for bar in (group.raw, group.mapped) if bar]
    axes.set_xlim(0, 1.17 * max(_reach(bar) for bar in bars) or 1)
    axes.locator_params(axis="x", nbins=6)
    for group, place in zip(groups, places, strict=True):
        colour = COLOURS[group.colour % len(COLOURS)]
        if group.raw:
            _draw(axes, group.raw, place, colour, PALE)
        if group.mapped:
            _draw(axes, group.mapped, place + 1, colour, 1.0)
    _name_rows(axes, groups, places, heads)
    axes.set_xlabel("Recall@10", color=INK, fontsize=9.5)
    _add_keys(figure, bars)
    told = f"Bars of Recall@10 in the case {case}, raw and mapped, by scheme; values are in the tables"
    return svg_text(figure, name, told)


def _rows(groups: Sequence[BarGroup]) -> tuple[list[float], list[tuple[str, float]]]:
    """Where the groups' first bars and the heads of schemes stand, downwards, a bar being 1 high."""
    places: list[float] = []
    heads: list[tuple[str, float]] = []
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


def _name_rows(
    axes: Any, groups: Sequence[BarGroup], places: Sequence[float], heads: Sequence[tuple[str, float]]
) -> None:
    names = [two_lines(group.encoder, 17) for group in groups]
    axes.set_yticks([place + 0.5 for place in places], names, parse_math=False)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(places[-1] + 1.8, heads[0][1] - 0.9)
    axes.spines["left"].set_visible(False)
    style = {"fontsize": 9, "fontweight": "bold", "color": SOFT, "va": "center", "parse_math": False}
    for scheme, place in heads:
        axes.text(0, place, scheme, transform=axes.get_yaxis_transform(), **style)


def _reach(bar: Bar) -> float:
    """How far to the right a bar, its interval or its diamond goes."""
    score = bar.score
    ends = (score.value, score.high or 0.0) if score else (0.0,)
    return max(*ends, bar.published or 0.0)


def _draw(axes: Any, bar: Bar, place: float, colour: str, alpha: float) -> None:
    score = bar.score
    if score:
        for ground, shade in ((PAPER, 1.0), (colour, alpha)):  # no grid line shines through a pale bar
            axes.barh(place, score.value, 0.86, color=ground, alpha=shade, linewidth=0, zorder=2)
        if score.low is not None and score.high is not None:
            for ink, width in ((PAPER, 2.8), (INK, 1.1)):  # seen on dark bars too
                axes.plot([score.low, score.high], [place, place], color=ink, linewidth=width, zorder=3)
        text = {"xytext": (6, 0), "textcoords": "offset points", "va": "center", "fontsize": 8, "color": INK}
        axes.annotate(f"{score.value:.3f}", (_reach(bar), place), **text)
    if bar.published is not None:
        if score is None:
            axes.plot([0, bar.published], [place, place], color=colour, alpha=alpha, linewidth=1.2, zorder=2)
        edge = {"markerfacecolor": PAPER, "markeredgecolor": INK, "markeredgewidth": 1.0}
        axes.plot(bar.published, place, "D", markersize=4.8, zorder=4, **edge)


def _add_keys(figure: Any, bars: Sequence[Bar]) -> None:
    """What the marks mean, of those that are there."""
    ours = any(bar.score for bar in bars)
    sure = any(bar.score and bar.score.low is not None for bar in bars)
    keys = [Key("raw", "s", fill=SOFT, alpha=PALE), Key("mapped", "s", fill=SOFT)] if ours else []
    keys += [Key("95% interval", "_")] if sure else []
    told = "published" if ours else "published: raw, mapped"
    keys += [Key(told, "D", fill=PAPER, size=5)] if any(bar.published is not None for bar in bars) else []
    add_keys(figure, keys)


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
    _add_arrow_keys(figure, arrows)
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


def _add_arrow_keys(figure: Any, arrows: Sequence[Arrow]) -> None:
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
