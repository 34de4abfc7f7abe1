"""How names and numbers are written, the same on the page, in Markdown and in plots."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...runtime.mapper import RAW
from .facts import Facts, Place, Score, Space

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


def missing(facts: Facts) -> list[str]:
    """A sentence for each kind of thing that is not there; empty where nothing is missing."""
    found = [
        _never_ranked(facts),
        _not_measured(facts),
        _in_some_places(facts),
        _without_interval(facts),
        _not_reproduced(facts),
        _no_calibration(facts),
    ]
    return [sentence for sentence in found if sentence]


def _never_ranked(facts: Facts) -> str:
    """Places that have samples and no number."""
    have = set(facts.places())
    gaps = [f"{place_text(place)} ({count:,})" for place, count in facts.waiting.items() if place not in have]
    return f"Samples that nothing was measured on: {listed(gaps)}." if gaps else ""


def _not_measured(facts: Facts) -> str:
    """Feature spaces of the store that have no number at all."""
    have = {space for space, _ in facts.measured}
    spaces = [Space(row["encoder"], row["mapper"]) for row in facts.spaces]
    names = [space_text(space) for space in spaces if space not in have]
    return f"In the store, but not measured: {listed(names)}." if names else ""


def _in_some_places(facts: Facts) -> str:
    """Feature spaces that are measured in some places but not in all."""
    places = facts.places()
    gaps = []
    for space in facts.ordered_spaces():
        for case in dict.fromkeys(place.case for place in places):
            mine = [place for place in places if place.case == case]
            lacks = [place for place in mine if (space, place) not in facts.measured]
            where = [case_text(case)] if lacks == mine else [place_text(place) for place in lacks]
            gaps += [f"{space_text(space)} in {name}" for name in where]
    return f"Measured in other cases, but not in these: {listed(gaps)}." if gaps else ""


def _without_interval(facts: Facts) -> str:
    """Numbers without an interval."""
    bare = [
        f"{space_text(space)} in {place_text(place)}"
        for (space, place), cell in facts.measured.items()
        if any(score.low is None for score in cell.scores.values())
    ]
    return f"Without an interval, for want of several models: {listed(bare)}." if bare else ""


def _not_reproduced(facts: Facts) -> str:
    """Published rows that nothing here was measured against."""
    ours = {(facts.published_as(space), place) for space, place in facts.measured}
    rest = [(space, place) for space, place in facts.published if (space, place) not in ours]
    if not rest or not facts.measured:
        return ""
    if len(rest) == len(facts.published):
        return (
            f"Nothing here can be compared with the paper: none of its {len(rest)} rows is of an encoder, a"
            " mapper and a case that were measured in this store."
        )
    encoders = listed(dict.fromkeys(space.encoder for space, _ in rest))
    return (
        f"Not measured here: {len(rest)} of the paper's {len(facts.published)} rows (an encoder and a mapper"
        f" in a case and scheme), of {encoders}."
    )


def _no_calibration(facts: Facts) -> str:
    """Measured feature spaces whose similarities cannot be turned into influence."""
    have = {space for space, _ in facts.measured}
    known = {Space(row["encoder"], row["mapper"]): row["tau"] for row in facts.spaces}
    bare = [space_text(space) for space, tau in known.items() if tau is None and space in have]
    return f"Not calibrated, so they rank but tell no influence: {listed(bare)}." if bare else ""


UNKNOWN = "not recorded"


@dataclass(frozen=True)
class SpaceOrigin:
    """How one measured feature space came to its numbers, in words."""

    space: Space
    features: str
    mapping: str
    calibration: str
    ranked: str
    when: str
    code: str
    tables: str


def origins(facts: Facts) -> list[SpaceOrigin]:
    """A line for each feature space with a run, in the order of the tables."""
    known = {Space(row["encoder"], row["mapper"]): row for row in facts.spaces}
    runs = {Space(row["encoder"], row["mapper"]): row for row in facts.runs}
    order = [Space(encoder, mapper) for encoder in facts.encoders() for mapper in facts.mappers(encoder)]
    order += sorted(set(runs) - set(order))
    return [_origin(space, known.get(space, {}), runs[space]) for space in order if space in runs]


def _origin(space: Space, how: Mapping[str, Any], run: Mapping[str, Any]) -> SpaceOrigin:
    return SpaceOrigin(
        space=space,
        features=", ".join(
            _known([how.get("dim") and f"{how['dim']:,} dimensions", how.get("source"), how.get("license")])
        ),
        mapping=_mapping(space, how),
        calibration=_calibration(how),
        ranked=_ranked(run),
        when=_when(run["first"], run["last"]),
        code=", ".join(run["code_versions"] or []) or UNKNOWN,
        tables="; ".join(_versions(text) for text in run["table_versions"] or []) or UNKNOWN,
    )


def _ranked(run: Mapping[str, Any]) -> str:
    asked, runs = plural(run["samples"] or 0, "sample"), plural(run["runs"], "run")
    return f"{asked} in {runs} of all splits, {run['seconds'] or 0:,.1f} s"


def _known(parts: Iterable[Any]) -> list[str]:
    return [str(part) for part in parts if part] or [UNKNOWN]


def _mapping(space: Space, how: Mapping[str, Any]) -> str:
    if mapper_text(space.mapper) == "raw":
        return "none"
    created = how.get("created")
    return ", ".join(_known([how.get("kind"), isinstance(created, datetime) and f"of {_day(created)}"]))


def _calibration(how: Mapping[str, Any]) -> str:
    if how.get("tau") is None:
        return "none"
    return f"τ {how['tau']:.4g}, λ {how['lambda']:.4g}"


def _when(first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return UNKNOWN
    return _moment(first) if _moment(first) == _moment(last) else f"{_moment(first)} to {_moment(last)}"


def _moment(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d}"


def _versions(text: str) -> str:
    """`{"models": 3}` as `models 3`; what is no JSON object as it is."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return (
        ", ".join(f"{name} {number}" for name, number in sorted(found.items()))
        if isinstance(found, dict)
        else text
    )


def splits_text(facts: Facts) -> str:
    """Which split the numbers are of, and which others were measured."""
    others = sorted(name or "(none)" for name in facts.elsewhere)
    told = f"Numbers are of the split {facts.split!r}." if facts.split else "Models have no split here."
    rest = f" Also measured, and not shown: {', '.join(others)}." if others else ""
    return told + rest
