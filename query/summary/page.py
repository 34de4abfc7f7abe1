"""The training-data summary as one self-contained HTML page."""

from __future__ import annotations

from typing import Any

from .kinds import SOURCE_KINDS, UNSAID
from .summary import TOP_DOMAINS, TrainingSummary

RESERVATIONS = {
    None: "not known",
    "none": "none: nothing is reserved",
    "tdm": "tdm: text and data mining is reserved",
    "opt-out": "opt-out: training is refused",
}


def summary_page(summary: TrainingSummary) -> str:
    """The page. Values are escaped; what the provider has to say and did not is marked."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("attribase.query.summary")
    templates = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    templates.filters |= {"count": lambda number: f"{number:,}", "part": part, "day": day}
    return templates.get_template("summary.html").render(
        s=summary,
        o=summary.overview,
        kinds=SOURCE_KINDS,
        unsaid=summary.sources.get(UNSAID, ()),
        reservations=RESERVATIONS,
        top_domains=TOP_DOMAINS,
    )


def part(share: float) -> str:
    """A share in percent, with two digits where it is small."""
    if 0 < share < 0.0005:
        return "under 0.1%"
    return f"{share:.0%}" if share >= 0.0995 else f"{share:.1%}"


def day(moment: Any) -> str:
    """The day of a time; `not known` for None."""
    return "not known" if moment is None else f"{moment:%Y-%m-%d}"
