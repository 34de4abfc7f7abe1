"""The data of the plots: feature spaces as points of two cases, and as bars of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...runtime.mapper import RAW
from .case_pairs import CasePair
from .data import MAIN, CaseScheme, FeatureSpace, ReportData, Score

METRIC = "recall_10"
FEW = 2
"""Encoders, up to which all mappers of each are drawn."""

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

    def points(self) -> list[XY]:
        """All points that are known."""
        return [point for point in (self.raw, self.mapped, *(at for _, at in self.others)) if point]


@dataclass(frozen=True)
class Bar:
    """A feature space in a case and scheme: measured, published, or both."""

    space: FeatureSpace
    score: Score | None
    published: float | None

    def end(self) -> float:
        """The largest of its value, the end of its interval and the published value."""
        ends = (self.score.value, self.score.high or 0.0) if self.score else (0.0,)
        return max(*ends, self.published or 0.0)


@dataclass(frozen=True)
class BarGroup:
    """Raw beside mapped for one encoder and scheme."""

    scheme: str
    encoder: str
    colour: int
    raw: Bar | None
    mapped: Bar | None


def encoder_colours(data: ReportData) -> dict[str, int]:
    """A number for each encoder, the same in every plot."""
    names = [space.encoder for space, _ in data.published] + data.encoders()
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def arrows_of(data: ReportData, pair: CasePair) -> list[Arrow]:
    """Every encoder that is measured or published in both cases: means over each case's schemes.

    Mappers besides the main one are drawn only while encoders are few, so that a plot stays readable.
    """
    few = len(data.encoders()) <= FEW
    measured = {key: one.scores[METRIC].value for key, one in data.measured.items()}
    published = {key: row[METRIC] for key, row in data.published.items()}
    arrows = []
    for encoder, colour in encoder_colours(data).items():
        main = data.main_mapper(encoder)
        raw, mapped = (_point(measured, FeatureSpace(encoder, name or ""), pair) for name in (RAW, main))
        others = tuple(
            (name, point)
            for name in (data.mappers(encoder) if few else ())
            if name not in (RAW, main) and (point := _point(measured, FeatureSpace(encoder, name), pair))
        )
        if raw or mapped or others:
            arrows.append(Arrow(encoder, colour, True, raw, mapped, main or MAIN, others))
        raw, mapped = (_point(published, FeatureSpace(encoder, name), pair) for name in (RAW, MAIN))
        if raw or mapped:
            arrows.append(Arrow(encoder, colour, False, raw, mapped))
    return arrows


def _point(
    values: Mapping[tuple[FeatureSpace, CaseScheme], float], space: FeatureSpace, pair: CasePair
) -> XY | None:
    """The means of `space` over the schemes of both cases; None unless it has every scheme there is."""
    means = []
    for case in (pair.x, pair.y):
        schemes = {case_scheme for _, case_scheme in values if case_scheme.case == case}
        known = [values[space, case_scheme] for case_scheme in schemes if (space, case_scheme) in values]
        if not known or len(known) < len(schemes):
            return None
        means.append(sum(known) / len(known))
    return means[0], means[1]


def bar_groups(data: ReportData, case: str) -> list[BarGroup]:
    """What is measured or published in `case`, by scheme and then by encoder, measured ones first."""
    colours, mine = encoder_colours(data), data.encoders()
    keys = [key for _, key in (*data.measured, *data.published)]
    groups = []
    for scheme in sorted({key.scheme for key in keys if key.case == case}):
        case_scheme = CaseScheme(case, scheme)
        for encoder in (*mine, *(name for name in colours if name not in mine)):
            raw = _bar(data, FeatureSpace(encoder, RAW), case_scheme)
            mapped = _bar(data, FeatureSpace(encoder, data.main_mapper(encoder) or MAIN), case_scheme)
            if raw or mapped:
                groups.append(BarGroup(scheme, encoder, colours[encoder], raw, mapped))
    return groups


def _bar(data: ReportData, space: FeatureSpace, case_scheme: CaseScheme) -> Bar | None:
    """None where the space is neither measured nor published."""
    measurement, known = data.measured.get((space, case_scheme)), data.published_as(space)
    published = data.published.get((known, case_scheme)) if known else None
    if measurement is None and published is None:
        return None
    score = measurement.scores[METRIC] if measurement else None
    return Bar(space, score, published[METRIC] if published else None)


def left_out(data: ReportData, drawn: Sequence[Arrow]) -> list[str]:
    """Measured encoders that are not among `drawn`."""
    encoders = {arrow.encoder for arrow in drawn if arrow.measured}
    return [name for name in data.encoders() if name not in encoders]
