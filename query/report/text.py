"""How names and numbers are written: the same on the page, in Markdown and in plots."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...runtime.mapper import RAW
from .data import CaseScheme, FeatureSpace, Score

MAX_NAMES = 6
"""Names in a list that is cut."""


def mapper_text(mapper: str) -> str:
    """The name of a mapper in a table."""
    return "raw" if mapper == RAW else mapper


def space_text(space: FeatureSpace) -> str:
    """The name of a feature space in running text."""
    return f"{space.encoder} {mapper_text(space.mapper)}"


def case_text(case: str) -> str:
    """The name of a test case in running text."""
    return case or "no case"


def case_scheme_text(case_scheme: CaseScheme) -> str:
    """The name of a case with the scheme of its prompts in running text."""
    case = case_text(case_scheme.case)
    return f"{case}, {case_scheme.scheme}" if case_scheme.scheme else case


def interval_text(score: Score) -> str:
    """The 95% interval, or nothing."""
    if score.low is None or score.high is None:
        return ""
    return f"{score.low:.3f}–{score.high:.3f}"


def short_interval(score: Score) -> str:
    """The 95% interval as it is written under a number, without leading zeros, or nothing."""
    return re.sub(r"\b0\.", ".", interval_text(score))


def signed(value: float) -> str:
    """A difference with its sign and three decimals."""
    return f"{value:+.3f}".replace("-", "−")


def plural(count: int, name: str) -> str:
    """A count and what it counts."""
    return f"{count:,} {name}" + ("" if count == 1 else "s")


def sample_count_text(samples: int, models: int | None) -> str:
    """How many samples were measured, and of how many models."""
    text = plural(samples, "sample")
    return f"{text} of {plural(models, 'model')}" if models else text


def name_list(names: Iterable[str]) -> str:
    """Names separated by semicolons; after MAX_NAMES the rest is only counted."""
    every = list(names)
    if len(every) <= MAX_NAMES:
        return "; ".join(every)
    return "; ".join(every[:MAX_NAMES]) + f"; and {len(every) - MAX_NAMES} more"
