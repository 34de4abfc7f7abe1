"""Tables 3 and 4 of the paper with the study's numbers: in-domain and out-of-domain cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...query.report.case_pairs import domain_of_case
from ...query.report.data import METRICS, CaseScheme, FeatureSpace, Score
from ...train.variants import VARIANTS
from .data import StudyData

TITLES = {
    True: ("Table 3", "Cases whose concepts mappers learned from (in-domain)"),
    False: ("Table 4", "Cases of concepts that no mapper has seen (out-of-domain)"),
    None: ("Further cases", "Cases of unknown domain"),
}
"""By whether mappers were trained on the concepts of a case."""


@dataclass(frozen=True)
class TableCell:
    """A metric of some features in a case and scheme; `score` is None where it was not measured.

    Attributes:
        score: the mean over samples, with its interval.
        best: whether it is the best of its column.
        published: the paper's number, where the paper has this case, scheme, encoder and mapper.
    """

    score: Score | None
    best: bool = False
    published: float | None = None


@dataclass(frozen=True)
class PaperRow:
    """The cells of an encoder with one mapper, METRICS for each case and scheme in their order."""

    encoder: str
    mapper: str
    title: str
    cells: tuple[TableCell, ...]

    @property
    def is_published(self) -> bool:
        """Whether the paper has a number for any cell."""
        return any(cell.published is not None for cell in self.cells)


@dataclass(frozen=True)
class PaperTable:
    """One table: groups of columns, a case and scheme each, and a row for each features."""

    name: str
    title: str
    columns: tuple[CaseScheme, ...]
    rows: tuple[PaperRow, ...]
    models: dict[str, int | None]

    @property
    def slug(self) -> str:
        """Its name as part of a file name."""
        return self.name.lower().replace(" ", "-")


def paper_tables(study: StudyData) -> list[PaperTable]:
    """The tables that have cases, in the paper's order."""
    data = study.data
    tables = []
    for seen, (name, title) in TITLES.items():
        columns = [key for key in data.case_schemes() if _seen(study, key.case) is seen]
        if columns:
            columns.sort(key=lambda key: (_kind(study, key.case), key.case, key.scheme))
            rows = _rows(study, columns)
            models = {key.case: _models(study, key) for key in columns}
            tables.append(PaperTable(name, title, tuple(columns), tuple(rows), models))
    return tables


def _seen(study: StudyData, case: str) -> bool | None:
    domain = domain_of_case(study.data, case)
    return domain.seen if domain else None


def _kind(study: StudyData, case: str) -> str:
    domain = domain_of_case(study.data, case)
    return domain.kind if domain else "~"  # after those of a known kind


def _models(study: StudyData, key: CaseScheme) -> int | None:
    found = [one.models for (_, other), one in study.data.measured.items() if other == key]
    return max((count for count in found if count is not None), default=None)


def _rows(study: StudyData, columns: Sequence[CaseScheme]) -> list[PaperRow]:
    measured = study.data.measured
    best: dict[tuple[CaseScheme, str], float] = {}
    for key in columns:
        mine = [one for (_, other), one in measured.items() if other == key]
        best |= {(key, metric): max(one.scores[metric].value for one in mine) for metric in METRICS if mine}
    rows = []
    for features in study.features:
        space = FeatureSpace(features.encoder, features.mapper)
        known = study.data.published_as(space)
        cells = []
        for key in columns:
            one = measured.get((space, key))
            published = study.data.published.get((known, key), {}) if known else {}
            for metric in METRICS:
                score = one.scores[metric] if one else None
                is_best = score is not None and score.value == best[key, metric]
                cells.append(TableCell(score, is_best, published.get(metric)))
        title = variant_title(features.mapper)
        rows.append(PaperRow(features.encoder, features.mapper, title, tuple(cells)))
    return rows


def variant_title(mapper: str) -> str:
    """A mapper as a row of the paper's tables calls it."""
    return VARIANTS[mapper].title if mapper in VARIANTS else mapper


def groups(rows: Sequence[PaperRow]) -> list[tuple[str, list[PaperRow]]]:
    """The rows by encoder, in their order."""
    found: dict[str, list[PaperRow]] = {}
    for row in rows:
        found.setdefault(row.encoder, []).append(row)
    return list(found.items())
