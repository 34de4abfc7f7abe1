"""The findings of a report: best features of each case, gains of mappers, agreement with the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...runtime.mapper import RAW
from .data import METRICS, CaseScheme, FeatureSpace, ReportData, Score
from .tables import OUTSIDE, SAME, WITHIN, Cell, against_published
from .text import case_scheme_text, signed, space_text


@dataclass(frozen=True)
class Agreement:
    """How many measured numbers agree with the published ones.

    `furthest` describes the number with the largest difference; empty where all are the same.
    """

    same: int
    within: int
    outside: int
    furthest: str

    @property
    def compared(self) -> int:
        """How many measured numbers have a published one."""
        return self.same + self.within + self.outside


@dataclass(frozen=True)
class BestSpace:
    """The feature space with the highest Recall@10 in a case and scheme, and the second."""

    case_scheme: CaseScheme
    space: FeatureSpace
    score: Score
    second: FeatureSpace | None = None
    second_score: Score | None = None


@dataclass(frozen=True)
class GainRow:
    """The difference that a mapper makes to raw features in a case and scheme.

    Attributes:
        main: whether the mapper is the one that represents its encoder.
        cells: for Recall@10 and then for mAP: the raw mean, the mapped one, the difference.
    """

    space: FeatureSpace
    case_scheme: CaseScheme
    main: bool
    cells: tuple[tuple[Cell, Cell, Cell], ...]


def count_agreement(data: ReportData) -> Agreement:
    """Compare every measured number that has a published one."""
    counts = {SAME: 0, WITHIN: 0, OUTSIDE: 0}
    largest, furthest = 0.0, ""
    for (space, case_scheme), measurement in data.measured.items():
        known = data.published_as(space)
        row = data.published.get((known, case_scheme), {}) if known else {}
        for metric, published in row.items():
            score = measurement.scores[metric]
            counts[against_published(score, published).mark] += 1
            distance = abs(score.value - published)
            if not score.agrees(published) and distance > largest:
                where = f"{space_text(space)}, {case_scheme_text(case_scheme)}, {METRICS[metric]}"
                furthest = f"{score.value:.3f} where {published:.3f} is published ({where})"
                largest = distance
    return Agreement(counts[SAME], counts[WITHIN], counts[OUTSIDE], furthest)


def best_spaces(data: ReportData) -> list[BestSpace]:
    """Best and second by Recall@10 in each case and scheme; of equal ones the first in the tables."""
    best = []
    for case_scheme in data.case_schemes():
        spaces = [space for space in data.ordered_spaces() if (space, case_scheme) in data.measured]
        scored = [(space, data.measured[space, case_scheme].scores["recall_10"]) for space in spaces]
        scored.sort(key=lambda item: -item[1].value)
        second = scored[1] if len(scored) > 1 else (None, None)
        best.append(BestSpace(case_scheme, *scored[0], *second))
    return best


def gain_rows(data: ReportData) -> list[GainRow]:
    """A row for each mapper, case and scheme, main mappers and others alike, in the order of the tables."""
    gains: dict[tuple[CaseScheme, FeatureSpace], dict[str, dict[str, Any]]] = {}
    for row in data.gains:
        key = (
            CaseScheme(row["case_name"] or "", row["scheme"]),
            FeatureSpace(row["encoder"], row["mapper"]),
        )
        gains.setdefault(key, {})[row["metric"]] = row
    cases = {case_scheme: number for number, case_scheme in enumerate(data.case_schemes())}
    spaces = {space: number for number, space in enumerate(data.ordered_spaces())}
    rows = []
    order = sorted(gains, key=lambda key: (cases.get(key[0], 0), spaces.get(key[1], 0), key))
    for case_scheme, space in order:
        by_metric = gains[case_scheme, space]
        cells = tuple(_gain_cells(by_metric[metric]) for metric in ("recall_10", "ap") if metric in by_metric)
        main = space.mapper == data.main_mapper(space.encoder)
        rows.append(GainRow(space, case_scheme, main, cells))
    return rows


def _gain_cells(row: dict[str, Any]) -> tuple[Cell, Cell, Cell]:
    low, high = row["low"], row["high"]
    known = low is not None and high is not None
    mark = "" if not known or low <= 0 <= high else "up" if low > 0 else "down"
    under = f"{signed(low)} to {signed(high)}" if known else ""
    return Cell(row["raw"]), Cell(row["mapped"]), Cell(row["difference"], under, mark=mark)


def finding_sentences(data: ReportData, gains: Sequence[GainRow]) -> list[str]:
    """The findings, one sentence each."""
    sentences = [_mapper_sentence(data, gains), _paper_sentence(data), _extremes_sentence(data)]
    return [sentence for sentence in sentences if sentence]


def _mapper_sentence(data: ReportData, gains: Sequence[GainRow]) -> str:
    """In how many comparisons by Recall@10 the main mappers are clearly above or below raw features."""
    marks = [row.cells[0][2].mark for row in gains if row.main]
    if not marks:
        only_raw = data.measured and all(space.mapper == RAW for space, _ in data.measured)
        return "Only raw features were measured; no mapper is compared." if only_raw else ""
    return (
        f"Mapping raises Recall@10 in {marks.count('up')} of {len(marks)} comparisons with raw features on"
        f" the same samples and lowers it in {marks.count('down') or 'none'}, counting differences whose 95%"
        " interval excludes zero."
    )


def _paper_sentence(data: ReportData) -> str:
    counted = count_agreement(data)
    if not counted.compared:
        return ""
    if not counted.furthest:
        return f"All {counted.compared:,} numbers that the paper also has are the same to three decimals."
    return (
        f"Of {counted.compared:,} numbers that the paper also has, {counted.same:,} are the same to three"
        f" decimals; for {counted.within:,} more the published number is inside the 95% interval, for"
        f" {counted.outside:,} outside. Largest difference: {counted.furthest}."
    )


def _extremes_sentence(data: ReportData) -> str:
    """Where exemplars are found best and worst, by the best feature space of each case and scheme."""
    best = sorted(best_spaces(data), key=lambda one: one.score.value)
    if len(best) < 2:
        return ""
    easiest, hardest = (
        f"{case_scheme_text(one.case_scheme)} ({one.score.value:.3f}, {space_text(one.space)})"
        for one in (best[-1], best[0])
    )
    return (
        "With the best features of each case and scheme, exemplars are easiest to find in"
        f" {easiest} and hardest in {hardest}."
    )
