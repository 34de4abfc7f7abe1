"""What a report does not show, and why, in plain sentences."""

from __future__ import annotations

from .facts import Facts, Space
from .words import case_text, listed, place_text, space_text


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
