"""Where the numbers of a report come from: encoders, mappers, calibrations, runs, table versions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...runtime.mapper import RAW
from .data import FeatureSpace, ReportData
from .text import plural

UNKNOWN = "not recorded"


@dataclass(frozen=True)
class SpaceProvenance:
    """How the numbers of one feature space were made, in words."""

    space: FeatureSpace
    features: str
    mapping: str
    calibration: str
    ranked: str
    when: str
    code: str
    tables: str


def space_provenances(data: ReportData) -> list[SpaceProvenance]:
    """One for each feature space with a run, in the order of the tables."""
    made = {FeatureSpace(row["encoder"], row["mapper"]): row for row in data.spaces}
    runs = {FeatureSpace(row["encoder"], row["mapper"]): row for row in data.runs}
    order = data.ordered_spaces()
    order += sorted(set(runs) - set(order))
    return [_space_provenance(space, made.get(space, {}), runs[space]) for space in order if space in runs]


def splits_text(data: ReportData) -> str:
    """Which split the numbers are of, and which others were measured."""
    others = sorted(name or "(none)" for name in data.other_splits)
    text = f"Numbers are of the split {data.split!r}." if data.split else "Models have no split here."
    rest = f" Also measured, and not shown: {', '.join(others)}." if others else ""
    return text + rest


def _space_provenance(
    space: FeatureSpace, made: Mapping[str, Any], run: Mapping[str, Any]
) -> SpaceProvenance:
    dim = made.get("dim") and f"{made['dim']:,} dimensions"
    return SpaceProvenance(
        space=space,
        features=_join([dim, made.get("source"), made.get("license")]),
        mapping=_mapping_text(space, made),
        calibration=_calibration_text(made),
        ranked=_ranked_text(run),
        when=_when_text(run["first"], run["last"]),
        code=", ".join(run["code_versions"] or []) or UNKNOWN,
        tables="; ".join(_versions_text(text) for text in run["table_versions"] or []) or UNKNOWN,
    )


def _join(parts: Iterable[Any]) -> str:
    return ", ".join(str(part) for part in parts if part) or UNKNOWN


def _mapping_text(space: FeatureSpace, made: Mapping[str, Any]) -> str:
    if space.mapper == RAW:
        return "none"
    created = made.get("created")
    return _join([made.get("kind"), isinstance(created, datetime) and f"of {created:%Y-%m-%d}"])


def _calibration_text(made: Mapping[str, Any]) -> str:
    if made.get("tau") is None:
        return "none"
    return f"τ {made['tau']:.4g}, λ {made['lambda']:.4g}"


def _ranked_text(run: Mapping[str, Any]) -> str:
    samples, runs = plural(run["samples"] or 0, "sample"), plural(run["runs"], "run")
    return f"{samples} in {runs} of all splits, {run['seconds'] or 0:,.1f} s"


def _when_text(first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return UNKNOWN
    texts = [f"{when:%Y-%m-%d %H:%M} UTC" for when in (first, last)]
    return " to ".join(dict.fromkeys(texts))


def _versions_text(text: str) -> str:
    """`{"models": 3}` as `models 3`; text that is no JSON object as it is."""
    try:
        versions = json.loads(text)
    except ValueError:
        return text
    if not isinstance(versions, dict):
        return text
    return ", ".join(f"{table} {version}" for table, version in sorted(versions.items()))
