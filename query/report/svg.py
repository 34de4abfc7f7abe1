"""Matplotlib figures as SVG text that is the same every time, follows the page's theme and loads nothing."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

INK, SOFT, LINE, PAPER = "#1d2433", "#5d6679", "#dde2ec", "#fdfdfe"
COLOURS = ("#0b62a8", "#c24a00", "#00805a", "#a8447f", "#8a6100", "#2a8fc2", "#5b4fc0", "#7b4a2d")
"""Of the encoders, in order: distinct in print and with the common kinds of colour blindness."""

VARIABLES = {INK: "--ink", SOFT: "--soft", LINE: "--line", PAPER: "--card"} | {
    colour: f"--c{number}" for number, colour in enumerate(COLOURS)
}
"""Colours that a page may override by a CSS variable."""

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

WIDTH = 4.2
"""Inches: readable on a phone, and narrow enough for two beside each other on a page."""


@dataclass(frozen=True)
class Key:
    """A mark of the legend and its meaning.

    `fill` is its colour inside, `size` in points. `edge` is the colour of its outline; left out, it is INK,
    and squares have none.
    """

    text: str
    mark: str
    fill: str = INK
    edge: str | None = None
    size: float = 7.0
    alpha: float = 1.0


def new_figure(height: float) -> tuple[Any, Any]:
    """An empty figure of WIDTH x `height` inches and its axes, without pyplot's global state."""
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
def ignore_missing_glyphs() -> Iterator[None]:
    """Silence warnings about glyphs that the measuring font lacks: browsers have fonts that have them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        yield


def add_keys(figure: Any, keys: Sequence[Key], columns: int | None = None) -> None:
    """Draw keys under the axes: on one line, or in so many columns."""
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
            markeredgecolor=key.edge or edges.get(key.mark, INK),
            markeredgewidth=1.5 if key.edge else None,
            alpha=key.alpha,
            label=key.text,
        )
        for key in keys
    ]
    if lines:
        figure.legend(
            handles=lines,
            loc="outside lower center",
            ncols=columns or len(lines),
            frameon=False,
            fontsize=8.5,
            labelcolor=SOFT,
            handletextpad=0.2,
            columnspacing=1.2,
        )


def svg_text(figure: Any, name: str, description: str) -> str:
    """`figure` as an <svg> element; its ids start with `name`, screen readers read `description`."""
    import matplotlib as mpl

    out = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), ignore_missing_glyphs():
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"(font: [^;\"]*?px) [^;\"]*", rf"\1 {FONT}", text)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(href="#|url\(#)', rf"\1{name}-", text)
    head = f'<svg role="img" aria-label="{escape(description)}"'
    return text.replace("<svg", head, 1)


def for_page(svg: str) -> str:
    """`svg` for a page: as wide as its container, with the page's colours."""
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable}, {colour})")
    return svg


def for_file(svg: str) -> bytes:
    """`svg` as a file, on a light ground whatever it is shown on."""
    ground = re.sub(r"(<svg[^>]*>)", rf'\1\n <rect width="100%" height="100%" fill="{PAPER}"/>', svg, count=1)
    return ('<?xml version="1.0" encoding="utf-8"?>\n' + ground + "\n").encode()


def short(text: str, limit: int) -> str:
    """`text` on one line of at most `limit` characters."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def two_lines(text: str, width: int) -> str:
    """`text` in at most two lines of about `width` characters, broken after a separator."""
    if len(text) <= width:
        return text
    cut = max((text.rfind(sign, 0, width) for sign in "-_+/ ."), default=-1) + 1 or width
    return f"{text[:cut].rstrip()}\n{short(text[cut:], width + 3)}"
