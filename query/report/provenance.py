"""Where the numbers come from: runs, code, table versions, encoders, mappers, calibrations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .facts import Facts, Space
from .words import mapper_text, plural

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
