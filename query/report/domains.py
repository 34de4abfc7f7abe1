"""Which test cases are about objects, which about styles, and which of them a mapper had seen.

Figures 5 and 16 of the paper pair cases by this. For the paper's cases and for those of the demo world it is
known by name. Of others the store tells: a case is of the kind its models are of; it is seen when the store
has models of it to learn from, and unseen when it has such models of other cases only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .facts import Facts

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
