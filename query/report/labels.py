"""Placement of the labels of a scatter plot: each at the nearest free position around its point.

All boxes are in points (1/72 inch). Candidate positions are tried in a fixed order, so that the same plot
gives the same labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, hypot, pi, sin
from typing import Any

from .svg import short

XY = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""

MAX_TEXT = 26
"""Characters of a label."""

DISTANCES = (8.0, 11.0, 16.0, 24.0, 34.0, 46.0)
DIRECTIONS = (0, 4, 2, 6, 1, 7, 3, 5)
"""Eighths of a turn, counterclockwise from the right."""

LEADER_DISTANCE = 12.0
"""From which a thin line connects a label with its point."""


@dataclass(frozen=True)
class Label:
    """A name for the point `at`, in data coordinates."""

    text: str
    at: XY
    colour: str
    strong: bool = True


def add_labels(
    axes: Any,
    labels: Sequence[Label],
    points: Sequence[tuple[XY, float]],
    lines: Sequence[Sequence[XY]],
) -> None:
    """Draw `labels` clear of `points`, of `lines` and of each other; call it when all else is drawn.

    Args:
        axes: of the plot.
        labels: in the order in which they are placed.
        points: in data coordinates, each with its radius in points.
        lines: each by its ends, in data coordinates.
    """
    figure = axes.get_figure()
    figure.draw_without_rendering()
    scale = 72 / figure.dpi
    to_points = _data_to_points(axes, scale)
    taken = [_square(to_points(point), radius) for point, radius in points]
    for line in lines:
        taken += [_square(point, 1.5) for point in _points_along([to_points(end) for end in line])]
    extent = axes.get_window_extent()
    inside = (extent.x0 * scale, extent.y0 * scale, extent.x1 * scale, extent.y1 * scale)
    for label in labels:
        note = _draw(axes, label)
        size = note.get_window_extent()
        at = to_points(label.at)
        box, offset = _find_free(at, (size.width * scale, size.height * scale), taken, inside)
        note.set_position(offset)
        taken.append((box[0] - 3, box[1] - 2.5, box[2] + 3, box[3] + 2.5))
        if hypot(*_offset_to(box, at)) > LEADER_DISTANCE:
            _draw_leader(axes, label, at, box)


def _draw(axes: Any, label: Label) -> Any:
    note = axes.annotate(
        short(label.text, MAX_TEXT),
        label.at,
        xytext=(0, 0),
        textcoords="offset points",
        color=label.colour,
        fontsize=9 if label.strong else 8,
        fontweight="bold" if label.strong else "normal",
        fontstyle="normal" if label.strong else "italic",
        parse_math=False,
        annotation_clip=False,
        zorder=6,
    )
    note.set_in_layout(False)
    return note


def _draw_leader(axes: Any, label: Label, at: XY, box: Box) -> None:
    axes.annotate(
        "",
        label.at,
        xytext=_offset_to(box, at),
        textcoords="offset points",
        arrowprops={"arrowstyle": "-", "color": label.colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 4},
        zorder=3,
    ).set_in_layout(False)


def _data_to_points(axes: Any, scale: float) -> Callable[[XY], XY]:
    def to_points(point: XY) -> XY:
        x, y = axes.transData.transform(point)
        return float(x * scale), float(y * scale)

    return to_points


def _find_free(at: XY, size: XY, taken: Sequence[Box], inside: Box) -> tuple[Box, XY]:
    """The first free box around `at`, else the one that covers least; and its offset from `at`."""
    candidates: list[tuple[float, Box, XY]] = []
    for left, bottom in _offsets(*size):
        box = (at[0] + left, at[1] + bottom, at[0] + left + size[0], at[1] + bottom + size[1])
        cost = sum(_overlap(box, other) for other in taken) + 5 * _area_outside(box, inside)
        candidates.append((cost, box, (left, bottom)))
        if cost == 0:
            break
    _, box, offset = min(candidates, key=lambda candidate: candidate[0])
    return box, offset


def _offsets(width: float, height: float) -> Iterator[XY]:
    """Offsets of a box's lower left corner from the point: near before far, beside before above."""
    for distance in DISTANCES:
        for direction in DIRECTIONS:
            x, y = cos(direction * pi / 4), sin(direction * pi / 4)
            bottom = y * distance - (0 if y > 0.1 else height if y < -0.1 else height / 2)
            shares = (0.5, 0.85, 0.15) if abs(x) < 0.1 else (0.0,) if x > 0 else (1.0,)
            yield from ((x * distance - share * width, bottom) for share in shares)


def _offset_to(box: Box, at: XY) -> XY:
    """From `at` to the nearest point of `box`."""
    return max(box[0], min(at[0], box[2])) - at[0], max(box[1], min(at[1], box[3])) - at[1]


def _square(point: XY, radius: float) -> Box:
    return point[0] - radius, point[1] - radius, point[0] + radius, point[1] + radius


def _points_along(ends: Sequence[XY]) -> list[XY]:
    """Points on a polyline, 4 apart."""
    points = []
    for (x, y), (to_x, to_y) in pairwise(ends):
        steps = max(1, int(hypot(to_x - x, to_y - y) / 4))
        points += [(x + (to_x - x) * i / steps, y + (to_y - y) * i / steps) for i in range(steps + 1)]
    return points


def _overlap(first: Box, second: Box) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return width * height if width > 0 and height > 0 else 0.0


def _area_outside(box: Box, inside: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1]) - _overlap(box, inside)
