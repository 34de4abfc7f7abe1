"""A matplotlib figure as SVG text that is the same every time, follows the page's theme and loads nothing."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import cos, hypot, pi, sin
from typing import Any

INK, SOFT, LINE, PAPER = "#1d2433", "#5d6679", "#dde2ec", "#fdfdfe"
COLOURS = ("#0b62a8", "#c24a00", "#00805a", "#a8447f", "#8a6100", "#2a8fc2", "#5b4fc0", "#7b4a2d")
"""Of the encoders, in order: told apart with the common kinds of colour blindness and in print."""

VARIABLES = {INK: "--ink", SOFT: "--soft", LINE: "--line", PAPER: "--card"} | {
    colour: f"--c{number}" for number, colour in enumerate(COLOURS)
}
"""Colours that a page may override by a CSS variable."""

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


WIDTH = 4.2  # inches: readable on a phone, and two beside each other on a page


@dataclass(frozen=True)
class Key:
    """A mark and what it means. `fill` is its colour inside, `size` in points."""

    text: str
    mark: str
    fill: str = INK
    size: float = 7.0
    alpha: float = 1.0


def new_figure(height: float) -> tuple[Any, Any]:
    """An empty figure of WIDTH x `height` inches and its axes, without any global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        axes.spines[side].set_color(SOFT)
    axes.tick_params(colors=SOFT, labelsize=8.5, length=3)
    axes.set_axisbelow(True)
    return figure, axes


@contextmanager
def quiet() -> Iterator[None]:
    """No warning of signs that the measuring font lacks: they are written as text, browsers have others."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        yield


def add_keys(figure: Any, keys: Sequence[Key]) -> None:
    """A line of keys under the axes."""
    from matplotlib.lines import Line2D

    edges = {"s": "none", "_": INK}
    lines = [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=key.mark,
            markersize=key.size,
            markerfacecolor=key.fill,
            markeredgecolor=edges.get(key.mark, INK),
            alpha=key.alpha,
            label=key.text,
        )
        for key in keys
    ]
    if lines:
        figure.legend(
            handles=lines,
            loc="outside lower center",
            ncols=len(lines),
            frameon=False,
            fontsize=8.5,
            labelcolor=SOFT,
            handletextpad=0.2,
            columnspacing=1.2,
        )


def svg_text(figure: Any, name: str, described: str) -> str:
    """`figure` as an <svg> element of its own; ids start with `name`, `described` is read to the blind."""
    import matplotlib as mpl

    out = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), quiet():
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"(font: [^;\"]*?px) [^;\"]*", rf"\1 {FONT}", text)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(href="#|url\(#)', rf"\1{name}-", text)
    head = f'<svg role="img" aria-label="{escape(described)}"'
    return text.replace("<svg", head, 1)


def for_page(svg: str) -> str:
    """`svg` for a page: as wide as its place, with the page's colours."""
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable}, {colour})")
    return svg


def for_file(svg: str) -> bytes:
    """`svg` as a file of its own, on a light ground wherever it is shown."""
    ground = re.sub(r"(<svg[^>]*>)", rf'\1\n <rect width="100%" height="100%" fill="{PAPER}"/>', svg, count=1)
    return ('<?xml version="1.0" encoding="utf-8"?>\n' + ground + "\n").encode()


Box = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True)
class Label:
    """A name for the point `at`, in data coordinates."""

    text: str
    at: tuple[float, float]
    colour: str
    strong: bool = True


def add_labels(
    axes: Any,
    labels: Sequence[Label],
    points: Sequence[tuple[tuple[float, float], float]],
    lines: Sequence[Sequence[tuple[float, float]]],
) -> None:
    """Write `labels` into `axes` (all else done), clear of `points` (each with its radius) and of `lines`.

    Each goes to the nearest free place around its point; one that had to go far gets a thin line to it.
    """
    figure = axes.get_figure()
    figure.draw_without_rendering()
    scale = 72 / figure.dpi
    where = _to_points(axes, scale)
    taken = [_around(where(point), radius) for point, radius in points]
    for line in lines:
        taken += [_around(point, 1.5) for point in _along([where(end) for end in line])]
    room = axes.get_window_extent()
    inside = (room.x0 * scale, room.y0 * scale, room.x1 * scale, room.y1 * scale)
    for label in labels:
        note = axes.annotate(
            short(label.text, 26),
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
        size = note.get_window_extent()
        box, offset = _free(where(label.at), (size.width * scale, size.height * scale), taken, inside)
        note.set_position(offset)
        taken.append((box[0] - 3, box[1] - 2.5, box[2] + 3, box[3] + 2.5))
        if hypot(*_nearest(box, where(label.at))) > 12:
            _leader(axes, label, where(label.at), box)


def short(text: str, limit: int) -> str:
    """`text` on one line of at most `limit` characters."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def two_lines(text: str, width: int) -> str:
    """`text` in at most two lines of about `width` characters, broken after a sign that joins words."""
    if len(text) <= width:
        return text
    cut = max((text.rfind(sign, 0, width) for sign in "-_+/ ."), default=-1) + 1 or width
    return f"{text[:cut].rstrip()}\n{short(text[cut:], width + 3)}"


def _to_points(axes: Any, scale: float) -> Any:
    def where(point: tuple[float, float]) -> tuple[float, float]:
        x, y = axes.transData.transform(point)
        return float(x * scale), float(y * scale)

    return where


def _free(
    at: tuple[float, float], size: tuple[float, float], taken: Sequence[Box], inside: Box
) -> tuple[Box, tuple[float, float]]:
    """The first box around `at` that is free, else the one that covers least; and its offset from `at`."""
    found: list[tuple[float, Box, tuple[float, float]]] = []
    for left, low in _offsets(*size):
        box = (at[0] + left, at[1] + low, at[0] + left + size[0], at[1] + low + size[1])
        cost = sum(_overlap(box, other) for other in taken) + 5 * _outside(box, inside)
        found.append((cost, box, (left, low)))
        if cost == 0:
            break
    best = min(found, key=lambda item: item[0])
    return best[1], best[2]


def _offsets(width: float, height: float) -> Iterator[tuple[float, float]]:
    """Where the lower left corner of a box may be, from the point: near before far, beside before above."""
    for distance in (8.0, 11.0, 16.0, 24.0, 34.0, 46.0):
        for turn in (0, 4, 2, 6, 1, 7, 3, 5):
            x, y = cos(turn * pi / 4), sin(turn * pi / 4)
            low = y * distance - (0 if y > 0.1 else height if y < -0.1 else height / 2)
            shares = (0.5, 0.85, 0.15) if abs(x) < 0.1 else (0.0,) if x > 0 else (1.0,)
            yield from ((x * distance - share * width, low) for share in shares)


def _leader(axes: Any, label: Label, at: tuple[float, float], box: Box) -> None:
    axes.annotate(
        "",
        label.at,
        xytext=_nearest(box, at),
        textcoords="offset points",
        arrowprops={"arrowstyle": "-", "color": label.colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 4},
        zorder=3,
    ).set_in_layout(False)


def _nearest(box: Box, at: tuple[float, float]) -> tuple[float, float]:
    """From `at` to the nearest place of `box`."""
    return max(box[0], min(at[0], box[2])) - at[0], max(box[1], min(at[1], box[3])) - at[1]


def _around(point: tuple[float, float], radius: float) -> Box:
    return point[0] - radius, point[1] - radius, point[0] + radius, point[1] + radius


def _along(ends: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Places every few points along a line."""
    found = []
    for (x, y), (to_x, to_y) in pairwise(ends):
        steps = max(1, int(hypot(to_x - x, to_y - y) / 4))
        found += [(x + (to_x - x) * i / steps, y + (to_y - y) * i / steps) for i in range(steps + 1)]
    return found


def _overlap(first: Box, second: Box) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return width * height if width > 0 and height > 0 else 0.0


def _outside(box: Box, room: Box) -> float:
    width = max(0.0, min(box[2], room[2]) - max(box[0], room[0]))
    height = max(0.0, min(box[3], room[3]) - max(box[1], room[1]))
    return (box[2] - box[0]) * (box[3] - box[1]) - width * height
