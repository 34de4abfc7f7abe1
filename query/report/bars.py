"""Recall@10 in one case as bars: raw above mapped for each encoder, by scheme (figure 6 of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .labels import two_lines
from .points import Bar, BarGroup
from .svg import COLOURS, INK, LINE, PAPER, SOFT, Key, add_keys, new_figure, svg_text

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
