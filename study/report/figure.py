"""A figure of a report: drawn panels with the numbers that they show, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Panel:
    """One drawing. `name` is unique in a report and safe as a file name."""

    name: str
    title: str
    svg: str = field(repr=False)
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure that is drawn.

    Attributes:
        name: as a file name: `figure-5`.
        title: `Figure 5. Objects or styles`.
        text: how to read it, in full.
        panels: its drawings, in reading order.
        rows: every number that is drawn, as rows with the same columns.
        html: what stands in place of drawings where pictures are shown, as HTML that is safe.
        wide: whether a panel takes the whole width of the page.
    """

    name: str
    title: str
    text: str
    panels: tuple[Panel, ...]
    rows: Rows = field(repr=False)
    html: str = field(default="", repr=False)
    wide: bool = False


@dataclass(frozen=True)
class NotDrawn:
    """A figure that cannot be drawn from this store, and why, in one sentence."""

    name: str
    title: str
    reason: str
