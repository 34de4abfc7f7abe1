"""Feature spaces as points of two cases, and as bars of one: what the plots draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...runtime.mapper import RAW
from .facts import MAIN, Facts, Place, Score, Space

KINDS = ("object", "style")


@dataclass(frozen=True)
class Domain:
    """What a case is about; `seen`: mappers learned from its kind of concepts, None where nobody knows."""

    case: str
    kind: str
    seen: bool | None
    world: str = ""


KNOWN = (
    Domain("observed_imagenet", "object", seen=True, world="paper"),
    Domain("bamfg", "style", seen=True, world="paper"),
    Domain("unobserved_imagenet", "object", seen=False, world="paper"),
    Domain("artchive", "style", seen=False, world="paper"),
    Domain("object_seen", "object", seen=True, world="demo"),
    Domain("style_seen", "style", seen=True, world="demo"),
    Domain("object_unseen", "object", seen=False, world="demo"),
    Domain("style_unseen", "style", seen=False, world="demo"),
)
"""Cases that are known by name; only those of one world are paired."""


@dataclass(frozen=True)
class Pairing:
    """Two cases, one an axis. `alike`: both axes mean the same, so a diagonal says something."""

    title: str
    x: str
    y: str
    x_label: str
    y_label: str
    alike: bool = False


def domain_of(facts: Facts, case: str) -> Domain | None:
    """What `case` is, by name or by what the store holds; None when it is of neither kind, or of both."""
    known = next((domain for domain in KNOWN if domain.case == case), None)
    if known:
        return known
    told = facts.cases.get(case)
    if told is None or told.kind not in KINDS:
        return None
    learned = any(other.trained for other in facts.cases.values())
    return Domain(case, told.kind, told.trained if learned else None)


def objects_and_styles(facts: Facts, cases: Iterable[str]) -> list[Pairing]:
    """Object cases against style cases: seen with seen, unseen with unseen (figure 5)."""
    titles = {True: "Concepts seen in training", False: "Concepts not seen in training", None: ""}
    domains = _domains(facts, cases)
    return [
        Pairing(title, x.case, y.case, f"objects ({x.case})", f"styles ({y.case})")
        for seen, title in titles.items()
        for x, y in _matched(_of(domains, "object", seen), _of(domains, "style", seen))
    ]


def seen_and_unseen(facts: Facts, cases: Iterable[str]) -> list[Pairing]:
    """Cases whose concepts were seen in training against those whose were not, by kind (figure 16)."""
    domains = _domains(facts, cases)
    return [
        Pairing(f"{kind}s".capitalize(), x.case, y.case, f"seen ({x.case})", f"unseen ({y.case})", alike=True)
        for kind in KINDS
        for x, y in _matched(_of(domains, kind, True), _of(domains, kind, False))
    ]


def _domains(facts: Facts, cases: Iterable[str]) -> list[Domain]:
    return [domain for case in cases if (domain := domain_of(facts, case))]


def _of(domains: Sequence[Domain], kind: str, seen: bool | None) -> list[Domain]:
    return [domain for domain in domains if domain.kind == kind and domain.seen is seen]


def _matched(first: Sequence[Domain], second: Sequence[Domain]) -> list[tuple[Domain, Domain]]:
    return [(x, y) for x in first for y in second if x.world == y.world]


METRIC = "recall_10"
FEW = 2  # encoders, up to which all mappers of each are drawn
XY = tuple[float, float]


@dataclass(frozen=True)
class Arrow:
    """An encoder from raw to mapped; either end may be unknown. `others` are its further mappers."""

    encoder: str
    colour: int
    measured: bool
    raw: XY | None
    mapped: XY | None
    mapper: str = MAIN
    others: tuple[tuple[str, XY], ...] = ()


@dataclass(frozen=True)
class Bar:
    """One feature space in one place: measured, published, or both."""

    space: Space
    score: Score | None
    published: float | None


@dataclass(frozen=True)
class BarGroup:
    """Raw beside mapped for one encoder and scheme."""

    scheme: str
    encoder: str
    colour: int
    raw: Bar | None
    mapped: Bar | None


def colours(facts: Facts) -> dict[str, int]:
    """A number for each encoder, the same in every plot."""
    names = [space.encoder for space, _ in facts.published] + facts.encoders()
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def arrows(facts: Facts, pairing: Pairing) -> list[Arrow]:
    """Every encoder that is measured or published in both cases: means over each case's schemes.

    Mappers besides the main one are there only while encoders are few, so that a plot stays readable.
    """
    few = len(facts.encoders()) <= FEW
    mine = {key: cell.scores[METRIC].value for key, cell in facts.measured.items()}
    paper = {key: row[METRIC] for key, row in facts.published.items()}
    found = []
    for encoder, colour in colours(facts).items():
        main = facts.main_mapper(encoder)
        raw, mapped = (_point(mine, Space(encoder, name or ""), pairing) for name in (RAW, main))
        others = tuple(
            (name, point)
            for name in (facts.mappers(encoder) if few else ())
            if name not in (RAW, main) and (point := _point(mine, Space(encoder, name), pairing))
        )
        if raw or mapped or others:
            found.append(Arrow(encoder, colour, True, raw, mapped, main or MAIN, others))
        raw, mapped = (_point(paper, Space(encoder, name), pairing) for name in (RAW, MAIN))
        if raw or mapped:
            found.append(Arrow(encoder, colour, False, raw, mapped))
    return found


def _point(values: Mapping[tuple[Space, Place], float], space: Space, pairing: Pairing) -> XY | None:
    """The means of `space` over the schemes of both cases; None unless it has every scheme there is."""
    ends = []
    for case in (pairing.x, pairing.y):
        places = {place for _, place in values if place.case == case}
        found = [values[space, place] for place in places if (space, place) in values]
        if not found or len(found) < len(places):
            return None
        ends.append(sum(found) / len(found))
    return ends[0], ends[1]


def bar_groups(facts: Facts, case: str) -> list[BarGroup]:
    """What is measured or published in `case`, by scheme and then by encoder, measured ones first."""
    number, mine = colours(facts), facts.encoders()
    schemes = sorted({place.scheme for _, place in (*facts.measured, *facts.published) if place.case == case})
    found = []
    for scheme in schemes:
        place = Place(case, scheme)
        for encoder in (*mine, *(name for name in number if name not in mine)):
            raw = _bar(facts, Space(encoder, RAW), place)
            mapped = _bar(facts, Space(encoder, facts.main_mapper(encoder) or MAIN), place)
            if raw or mapped:
                found.append(BarGroup(scheme, encoder, number[encoder], raw, mapped))
    return found


def _bar(facts: Facts, space: Space, place: Place) -> Bar | None:
    """The bar of `space` in `place`; None where it is neither measured nor published."""
    cell, known = facts.measured.get((space, place)), facts.published_as(space)
    published = facts.published.get((known, place)) if known else None
    if cell is None and published is None:
        return None
    return Bar(space, cell.scores[METRIC] if cell else None, published[METRIC] if published else None)


def left_out(facts: Facts, drawn: Sequence[Arrow]) -> list[str]:
    """Measured encoders that are not among `drawn`."""
    there = {arrow.encoder for arrow in drawn if arrow.measured}
    return [name for name in facts.encoders() if name not in there]
