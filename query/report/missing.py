"""What a report does not show, and why, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterable

from .facts import Facts, Space
from .tables import place_text, space_text

SHOWN = 6


def missing(facts: Facts) -> list[str]:
    """A sentence for each kind of thing that is not there; empty where nothing is missing."""
    found = [
        _not_measured(facts),
        _in_some_places(facts),
        _without_interval(facts),
        _never_ranked(facts),
        _not_reproduced(facts),
        _no_calibration(facts),
    ]
    return [sentence for sentence in found if sentence]


def _known(facts: Facts) -> list[Space]:
    return [Space(row["encoder"], row["mapper"]) for row in facts.spaces]


def _not_measured(facts: Facts) -> str:
    """Feature spaces of the store that have no figure at all."""
    have = {space for space, _ in facts.measured}
    names = [space_text(space) for space in _known(facts) if space not in have]
    return f"Not measured on any {facts.split or 'such'} case: {_listed(names)}." if names else ""


def _in_some_places(facts: Facts) -> str:
    """Feature spaces that are measured in some places but not in all."""
    places = set(facts.waiting) | {place for _, place in facts.measured}
    gaps = []
    for space in dict.fromkeys(space for space, _ in facts.measured):
        lacks = sorted(place for place in places if (space, place) not in facts.measured)
        measured_somewhere = [place for place in lacks if any(where == place for _, where in facts.measured)]
        gaps += [f"{space_text(space)} in {place_text(place)}" for place in measured_somewhere]
    return f"Measured elsewhere, but not here: {_listed(gaps)}." if gaps else ""


def _without_interval(facts: Facts) -> str:
    """Figures without an interval."""
    bare = [
        f"{space_text(space)} in {place_text(place)}"
        for (space, place), cell in facts.measured.items()
        if any(score.low is None for score in cell.scores.values())
    ]
    return f"Without an interval, because there is one model only: {_listed(bare)}." if bare else ""


def _never_ranked(facts: Facts) -> str:
    """Places that have samples and no figure."""
    have = {place for _, place in facts.measured}
    gaps = [f"{place_text(place)} ({count:,})" for place, count in facts.waiting.items() if place not in have]
    return f"Samples that nothing was measured on: {_listed(gaps)}." if gaps else ""


def _not_reproduced(facts: Facts) -> str:
    """Published figures that nothing here was measured against."""
    there = {(facts.published_as(space), place) for space, place in facts.measured}
    rest = [(space, place) for space, place in facts.published if (space, place) not in there]
    if not rest:
        return ""
    if len(rest) == len(facts.published):
        return (
            f"Nothing here can be compared with the paper: none of its {len(rest)} rows is of an encoder, a mapper"
            " and a case that were measured in this store."
        )
    encoders = _listed(dict.fromkeys(space.encoder for space, _ in rest))
    return (
        f"{len(rest)} of the paper's {len(facts.published)} rows (an encoder and mapper in a case and scheme) were not"
        f" measured here; they are of {encoders}."
    )


def _no_calibration(facts: Facts) -> str:
    """Measured feature spaces whose similarities cannot be turned into influence."""
    have = {space for space, _ in facts.measured}
    bare = [
        space_text(Space(row["encoder"], row["mapper"]))
        for row in facts.spaces
        if row["tau"] is None and Space(row["encoder"], row["mapper"]) in have
    ]
    return f"Not calibrated, so they rank but tell no influence: {_listed(bare)}." if bare else ""


def _listed(names: Iterable[str]) -> str:
    """Names in a row; many are cut and counted."""
    every = list(names)
    if len(every) <= SHOWN:
        return "; ".join(every)
    return "; ".join(every[:SHOWN]) + f"; and {len(every) - SHOWN} more"


def unpaired(facts: Facts, drawn: Iterable[str]) -> list[str]:
    """Measured cases that no pairing of a plot has."""
    there = set(drawn)
    return sorted({place.case for _, place in facts.measured} - there)
