"""How names and numbers are written, the same on the page, in Markdown and in plots."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..features import RAW
from .facts import Place, Score, Space

SHOWN = 6


def mapper_text(mapper: str) -> str:
    """What a table calls a mapper."""
    return "raw" if mapper == RAW else mapper


def space_text(space: Space) -> str:
    """What running text calls a feature space."""
    return f"{space.encoder} {mapper_text(space.mapper)}"


def case_text(case: str) -> str:
    """What running text calls a test case."""
    return case or "no case"


def place_text(place: Place) -> str:
    """What running text calls a case with the scheme of its prompts."""
    return f"{case_text(place.case)}, {place.scheme}" if place.scheme else case_text(place.case)


def interval_text(score: Score) -> str:
    """The 95% interval, or nothing."""
    if score.low is None or score.high is None:
        return ""
    return f"{score.low:.3f}–{score.high:.3f}"


def short_interval(score: Score) -> str:
    """The 95% interval as it stands under a number, without leading zeros, or nothing."""
    return re.sub(r"\b0\.", ".", interval_text(score))


def signed(value: float) -> str:
    """A difference with its sign and three decimals."""
    return f"{value:+.3f}".replace("-", "−")


def counted(samples: int, models: int | None) -> str:
    """How much was asked about."""
    return (
        f"{plural(samples, 'sample')} of {plural(models, 'model')}" if models else plural(samples, "sample")
    )


def plural(count: int, name: str) -> str:
    """A count and what it counts."""
    return f"{count:,} {name}" + ("" if count == 1 else "s")


def listed(names: Iterable[str]) -> str:
    """Names in a row; many are cut and counted."""
    every = list(names)
    if len(every) <= SHOWN:
        return "; ".join(every)
    return "; ".join(every[:SHOWN]) + f"; and {len(every) - SHOWN} more"
