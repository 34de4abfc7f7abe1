"""Figure 7: what the regulariser, the augmentation and the architecture change, over raw features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...query import Features, PairedRow
from ...query.evaluation.paired import compare_samples
from ...query.report.svg import (
    COLOURS,
    INK,
    LINE,
    PAPER,
    SOFT,
    Key,
    add_keys,
    new_figure,
    svg_text,
    two_lines,
)
from ...runtime.mapper import RAW
from ..grid import MAIN_VARIANT
from .data import StudyData
from .figure import Figure, NotDrawn, Panel
from .paper_tables import variant_title

NAME, TITLE = "figure-7", "Figure 7. Ablations"
TEXT = (
    "Each mark is a mapper's gain over the raw features of the same encoder on the same samples, in "
    "percentage points, mean of all cases and schemes; lines are 95% intervals over models. The filled "
    "dot is the paper's choice in all three panels; left of the line at 0 a mapper is worse than none."
)
PANELS = (
    ("Regulariser", "no-reg"),
    ("Augmentation", "strong-aug"),
    ("Architecture", "channel", "mlp"),
)
"""The title of a panel and the variants that are compared with the main one."""

MARKS = ("s", "^")
ROW = 0.42
"""Inches of an encoder."""


@dataclass(frozen=True)
class Gain:
    """A variant's gain over raw features of one encoder: the mean of the rows of cases and schemes."""

    encoder: str
    mapper: str
    row: PairedRow


def ablations(study: StudyData) -> Figure | NotDrawn:
    """A panel for each of PANELS that some encoder has both sides of."""
    panels: list[Panel] = []
    rows: list[dict[str, Any]] = []
    for title, *others in PANELS:
        gains = _gains(study, (MAIN_VARIANT, *others))
        if len({gain.mapper for gain in gains}) > 1:
            panel = f"{NAME}{chr(ord('a') + len(panels))}"
            panels.append(Panel(panel, title, _draw(panel, gains, (MAIN_VARIANT, *others))))
            rows += [_gain_row(panel, study.plan.metric, gain) for gain in gains]
    if not panels:
        return NotDrawn(
            NAME, TITLE, "It needs raw features, `object+style` and a variant to compare it with."
        )
    return Figure(NAME, TITLE, TEXT, tuple(panels), rows)


def _gains(study: StudyData, mappers: Sequence[str]) -> list[Gain]:
    found = []
    for encoder in study.encoders:
        raw = Features(encoder, RAW)
        for mapper in mappers:
            mapped = Features(encoder, mapper)
            if study.has(raw, mapped) and len(samples := study.paired(raw, mapped)):
                found.append(Gain(encoder, mapper, compare_samples(samples)[-1]))
    return found


def _gain_row(panel: str, metric: str, gain: Gain) -> dict[str, Any]:
    row = gain.row
    return {
        "panel": panel,
        "encoder": gain.encoder,
        "mapper": gain.mapper,
        "metric": metric,
        "raw": row.first,
        "mapped": row.second,
        "gain": row.difference,
        "low": row.low,
        "high": row.high,
        "models": row.models,
    }


def _draw(name: str, gains: Sequence[Gain], mappers: Sequence[str]) -> str:
    encoders = list(dict.fromkeys(gain.encoder for gain in gains))
    figure, axes = new_figure(1.0 + ROW * len(encoders))
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    axes.axvline(0, color=SOFT, linewidth=0.9, zorder=1)
    space = 0.7 / len(mappers)
    for gain in gains:
        at = mappers.index(gain.mapper)
        y = encoders.index(gain.encoder) + (at - (len(mappers) - 1) / 2) * space
        _draw_gain(axes, gain, y, COLOURS[at], MARKS[at - 1] if at else "o")
    axes.set_yticks(range(len(encoders)), [two_lines(one, 17) for one in encoders], parse_math=False)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(len(encoders) - 0.45, -0.55)
    axes.set_xlabel("gain over raw features, percentage points", color=INK, fontsize=9.5)
    shown = {gain.mapper for gain in gains}
    keys = [
        Key(_key(mapper), MARKS[at - 1] if at else "o", PAPER if at else COLOURS[at], COLOURS[at])
        for at, mapper in enumerate(mappers)
        if mapper in shown
    ]
    add_keys(figure, keys)
    return svg_text(figure, name, "Gains of mappers over raw features by encoder; values are in the table")


def _draw_gain(axes: Any, gain: Gain, y: float, colour: str, mark: str) -> None:
    row = gain.row
    if row.low is not None and row.high is not None:
        axes.plot([100 * row.low, 100 * row.high], [y, y], color=colour, linewidth=1.4, zorder=2)
    face = {"color": colour} if mark == "o" else {"markerfacecolor": PAPER, "markeredgecolor": colour}
    axes.plot(100 * row.difference, y, mark, markersize=6.5, markeredgewidth=1.5, zorder=3, **face)


def _key(mapper: str) -> str:
    title = variant_title(mapper)
    if mapper == MAIN_VARIANT:
        return "the paper's choice"
    return title if title[:2].isupper() else title[:1].lower() + title[1:]
