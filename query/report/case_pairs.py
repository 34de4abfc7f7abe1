"""Which cases are plotted against each other: objects against styles, seen against unseen concepts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .data import ReportData

KINDS = ("object", "style")


@dataclass(frozen=True)
class CaseDomain:
    """The concepts of a case.

    Attributes:
        case: its name.
        kind: one of KINDS.
        seen: whether mappers were trained on its concepts; None where that is unknown.
        world: only cases of one world are paired; empty for cases that are not known by name.
    """

    case: str
    kind: str
    seen: bool | None
    world: str = ""


KNOWN = (
    CaseDomain("observed_imagenet", "object", seen=True, world="paper"),
    CaseDomain("bamfg", "style", seen=True, world="paper"),
    CaseDomain("unobserved_imagenet", "object", seen=False, world="paper"),
    CaseDomain("artchive", "style", seen=False, world="paper"),
    CaseDomain("object_seen", "object", seen=True, world="demo"),
    CaseDomain("style_seen", "style", seen=True, world="demo"),
    CaseDomain("object_unseen", "object", seen=False, world="demo"),
    CaseDomain("style_unseen", "style", seen=False, world="demo"),
)


@dataclass(frozen=True)
class CasePair:
    """Two cases, one an axis. `alike`: both axes have the same meaning, so the diagonal is drawn."""

    title: str
    x: str
    y: str
    x_label: str
    y_label: str
    alike: bool = False


def domain_of_case(data: ReportData, case: str) -> CaseDomain | None:
    """The domain of `case`, by its name or by its models; None when these are of neither kind, or of both."""
    known = next((domain for domain in KNOWN if domain.case == case), None)
    if known:
        return known
    info = data.cases.get(case)
    if info is None or info.kind not in KINDS:
        return None
    any_trained = any(other.trained for other in data.cases.values())
    return CaseDomain(case, info.kind, info.trained if any_trained else None)


def objects_and_styles(data: ReportData, cases: Iterable[str]) -> list[CasePair]:
    """Object cases against style cases: seen with seen, unseen with unseen (figure 5 of the paper)."""
    titles = {True: "Concepts seen in training", False: "Concepts not seen in training", None: ""}
    domains = _domains(data, cases)
    return [
        CasePair(title, x.case, y.case, f"objects ({x.case})", f"styles ({y.case})")
        for seen, title in titles.items()
        for x, y in _pairs(_select(domains, "object", seen), _select(domains, "style", seen))
    ]


def seen_and_unseen(data: ReportData, cases: Iterable[str]) -> list[CasePair]:
    """Cases of concepts seen in training against those of unseen ones, by kind (figure 16 of the paper)."""
    domains = _domains(data, cases)
    return [
        CasePair(
            f"{kind}s".capitalize(), x.case, y.case, f"seen ({x.case})", f"unseen ({y.case})", alike=True
        )
        for kind in KINDS
        for x, y in _pairs(_select(domains, kind, True), _select(domains, kind, False))
    ]


def _domains(data: ReportData, cases: Iterable[str]) -> list[CaseDomain]:
    return [domain for case in cases if (domain := domain_of_case(data, case))]


def _select(domains: Sequence[CaseDomain], kind: str, seen: bool | None) -> list[CaseDomain]:
    return [domain for domain in domains if domain.kind == kind and domain.seen is seen]


def _pairs(first: Sequence[CaseDomain], second: Sequence[CaseDomain]) -> list[tuple[CaseDomain, CaseDomain]]:
    return [(x, y) for x in first for y in second if x.world == y.world]
