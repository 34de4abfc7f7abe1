"""The charts of a report: bars of Recall@10 in one case, and a scatter plot of one case against another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .case_pairs import CasePair
from .labels import Label, add_labels
from .plot_data import Arrow, Bar, BarGroup
from .svg import (
    COLOURS,
    INK,
    LINE,
    PAPER,
    SOFT,
    Key,
    add_keys,
    ignore_missing_glyphs,
    new_figure,
    short,
    svg_text,
    two_lines,
)

BAR_HEIGHT = 0.19
"""Inches, with the space between bars."""

RAW_ALPHA = 0.42
DOTTED = (0, (1.5, 2))
DASHED = (0, (4, 3))


def bars_figure(name: str, case: str, groups: Sequence[BarGroup], most: float | None = None) -> str:
    """Raw above mapped for each encoder, by scheme (figure 6 of the paper).

    Bars have their 95% intervals and values; published numbers are diamonds, alone where nothing is measured.
    `most`: what the axis reaches at least, so that figures that are compared have the same one.
    """
    positions, headings = _bar_positions(groups)
    figure, axes = new_figure(1.0 + BAR_HEIGHT * (positions[-1] + 3))
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    bars = [bar for group in groups for bar in (group.raw, group.mapped) if bar]
    axes.set_xlim(0, 1.17 * max(most or 0.0, *(bar.end() for bar in bars)) or 1)
    axes.locator_params(axis="x", nbins=6)
    for group, y in zip(groups, positions, strict=True):
        colour = COLOURS[group.colour % len(COLOURS)]
        if group.raw:
            _draw_bar(axes, group.raw, y, colour, RAW_ALPHA)
        if group.mapped:
            _draw_bar(axes, group.mapped, y + 1, colour, 1.0)
    _name_bars(axes, groups, positions, headings)
    axes.set_xlabel("Recall@10", color=INK, fontsize=9.5)
    _add_bar_keys(figure, bars)
    description = f"Bars of Recall@10 in the case {case}, raw and mapped, by scheme; values are in the tables"
    return svg_text(figure, name, description)


def _bar_positions(groups: Sequence[BarGroup]) -> tuple[list[float], list[tuple[str, float]]]:
    """The y of each group's first bar and of each scheme's heading, downwards; a bar is 1 high."""
    positions: list[float] = []
    headings: list[tuple[str, float]] = []
    y, scheme = -1.0, None
    for group in groups:
        if group.scheme != scheme:
            y += 0.6 if positions else 0.0
            scheme = group.scheme
            headings.append((scheme or "all prompts", y + 0.1))
            y += 1.3
        positions.append(y)
        y += 2.7
    return positions, headings


def _name_bars(
    axes: Any, groups: Sequence[BarGroup], positions: Sequence[float], headings: Sequence[tuple[str, float]]
) -> None:
    names = [two_lines(group.encoder, 17) for group in groups]
    axes.set_yticks([y + 0.5 for y in positions], names, parse_math=False)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(positions[-1] + 1.8, headings[0][1] - 0.9)
    axes.spines["left"].set_visible(False)
    style = {"fontsize": 9, "fontweight": "bold", "color": SOFT, "va": "center", "parse_math": False}
    for scheme, y in headings:
        axes.text(0, y, scheme, transform=axes.get_yaxis_transform(), **style)


def _draw_bar(axes: Any, bar: Bar, y: float, colour: str, alpha: float) -> None:
    score = bar.score
    if score:
        for ground, shade in (
            (PAPER, 1.0),
            (colour, alpha),
        ):  # the ground hides grid lines under a pale bar
            axes.barh(y, score.value, 0.86, color=ground, alpha=shade, linewidth=0, zorder=2)
        if score.low is not None and score.high is not None:
            for ink, width in ((PAPER, 2.8), (INK, 1.1)):  # a wide pale line below, to be seen on dark bars
                axes.plot([score.low, score.high], [y, y], color=ink, linewidth=width, zorder=3)
        text = {"xytext": (6, 0), "textcoords": "offset points", "va": "center", "fontsize": 8, "color": INK}
        axes.annotate(f"{score.value:.3f}", (bar.end(), y), **text)
    if bar.published is not None:
        if score is None:
            axes.plot([0, bar.published], [y, y], color=colour, alpha=alpha, linewidth=1.2, zorder=2)
        edge = {"markerfacecolor": PAPER, "markeredgecolor": INK, "markeredgewidth": 1.0}
        axes.plot(bar.published, y, "D", markersize=4.8, zorder=4, **edge)


def _add_bar_keys(figure: Any, bars: Sequence[Bar]) -> None:
    """The legend of the marks that are drawn."""
    ours = any(bar.score for bar in bars)
    intervals = any(bar.score and bar.score.low is not None for bar in bars)
    keys = [Key("raw", "s", fill=SOFT, alpha=RAW_ALPHA), Key("mapped", "s", fill=SOFT)] if ours else []
    keys += [Key("95% interval", "_")] if intervals else []
    text = "published" if ours else "published: raw, mapped"
    keys += [Key(text, "D", fill=PAPER, size=5)] if any(bar.published is not None for bar in bars) else []
    add_keys(figure, keys)


def scatter_figure(name: str, pair: CasePair, arrows: Sequence[Arrow]) -> str:
    """One arrow per encoder, from raw to mapped (figures 5 and 16 of the paper); diamonds are published."""
    figure, axes = new_figure(4.2)
    axes.grid(color=LINE, linewidth=0.7)
    _set_ranges(axes, pair, arrows)
    measured = {arrow.encoder for arrow in arrows if arrow.measured}
    for arrow in arrows:
        if arrow.measured:
            _draw_measured(axes, arrow)
        else:
            _draw_published(axes, arrow, alone=arrow.encoder not in measured)
    for setter, label in ((axes.set_xlabel, pair.x_label), (axes.set_ylabel, pair.y_label)):
        setter(f"Recall@10, {short(label, 40)}", color=INK, fontsize=9.5, parse_math=False)
    _add_arrow_keys(figure, arrows)
    lines = [[arrow.raw, arrow.mapped] for arrow in arrows if arrow.raw and arrow.mapped]
    points = [(point, 5.0 if arrow.measured else 6.5) for arrow in arrows for point in arrow.points()]
    with ignore_missing_glyphs():
        add_labels(axes, _labels(arrows, measured), points, lines)
    description = (
        f"Scatter plot of Recall@10: {pair.x_label} against {pair.y_label}; values are in the tables"
    )
    return svg_text(figure, name, description)


def _set_ranges(axes: Any, pair: CasePair, arrows: Sequence[Arrow]) -> None:
    """Leave room around all points for their names; draw the diagonal where both axes have one meaning."""
    points = [point for arrow in arrows for point in arrow.points()]
    if pair.alike:
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
    """Draw diamonds, connected only where the encoder is not measured."""
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
    """The legend of the marks that are drawn."""
    mine = [arrow for arrow in arrows if arrow.measured]
    keys = [Key("raw", "o", fill=PAPER)] if any(arrow.raw for arrow in mine) else []
    keys += [Key("mapped", "o", fill=SOFT)] if any(arrow.mapped for arrow in mine) else []
    keys += [Key("other mappers", "o", fill=SOFT, size=4.5)] if any(arrow.others for arrow in mine) else []
    keys += [Key("published", "D", fill="none", size=7.5)] if len(mine) < len(arrows) else []
    add_keys(figure, keys)


def _labels(arrows: Sequence[Arrow], measured: set[str]) -> list[Label]:
    """The name of each encoder at its mapped end; of a single encoder, the names of its mappers."""
    labels = []
    for arrow in arrows:
        at = arrow.mapped or arrow.raw
        if at and (arrow.measured or arrow.encoder not in measured):
            alone = len(measured) == 1 and arrow.measured and arrow.mapped
            text = arrow.mapper if alone else arrow.encoder
            labels.append(Label(text, at, _colour(arrow), arrow.measured))
        labels += [Label(name, point, _colour(arrow), strong=False) for name, point in arrow.others]
    return labels
