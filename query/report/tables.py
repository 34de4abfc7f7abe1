"""The tables of a report, free of any format: the page and the Markdown file show the same cells."""

from __future__ import annotations

from dataclasses import dataclass

from ...runtime.mapper import RAW
from .data import MAIN, METRICS, CaseScheme, FeatureSpace, Measurement, ReportData, Score
from .text import mapper_text, sample_count_text, short_interval, signed

SAME, WITHIN, OUTSIDE = "same", "within", "outside"
"""Marks of a published number: ours is the same to three decimals, or it is inside our interval, or not."""


@dataclass(frozen=True)
class Cell:
    """A number with three decimals and the text under it.

    Attributes:
        value: in full, None when missing.
        under: an interval or a difference.
        best: the best of its column.
        mark: SAME, WITHIN or OUTSIDE; `up` or `down` for a difference whose interval excludes zero.
    """

    value: float | None
    under: str = ""
    best: bool = False
    mark: str = ""

    @property
    def text(self) -> str:
        """The number as it is shown."""
        return "–" if self.value is None else f"{self.value:.3f}"


@dataclass(frozen=True)
class TableRow:
    """A feature space in the table of a case and scheme. `published`: the paper's numbers, not ours."""

    name: str
    cells: tuple[Cell, ...]
    published: bool = False
    note: str = ""


@dataclass(frozen=True)
class CaseSchemeTable:
    """The measured and published numbers of a case and scheme; `groups` are an encoder and its rows."""

    case_scheme: CaseScheme
    samples: str
    groups: tuple[tuple[str, tuple[TableRow, ...]], ...]


@dataclass(frozen=True)
class PublishedTable:
    """One of the paper's tables: its column groups, and all its rows with METRICS cells for each group."""

    source: str
    case_schemes: tuple[CaseScheme, ...]
    rows: tuple[tuple[FeatureSpace, tuple[Cell, ...]], ...]


def case_scheme_tables(data: ReportData) -> list[CaseSchemeTable]:
    """A table for each measured case and scheme, in their order."""
    return [_case_scheme_table(data, case_scheme) for case_scheme in data.case_schemes()]


def _case_scheme_table(data: ReportData, case_scheme: CaseScheme) -> CaseSchemeTable:
    measured = {space: one for (space, key), one in data.measured.items() if key == case_scheme}
    best = {metric: max(one.scores[metric].value for one in measured.values()) for metric in METRICS}
    counts = {(one.samples, one.models) for one in measured.values()}
    groups = []
    for encoder in _encoders(data, case_scheme):
        rows: list[TableRow] = []
        for space in (FeatureSpace(encoder, mapper) for mapper in data.mappers(encoder)):
            if measurement := measured.get(space):
                note = "" if len(counts) == 1 else sample_count_text(measurement.samples, measurement.models)
                rows.append(_measured_row(space, measurement, best, note))
                rows += _published_row(data, space, case_scheme, measurement)
        rows += _published_only(data, encoder, case_scheme)
        if rows:
            groups.append((encoder, tuple(rows)))
    samples = "numbers of samples differ, see the rows"
    if len(counts) == 1:
        samples = sample_count_text(*counts.pop())
    return CaseSchemeTable(case_scheme, samples, tuple(groups))


def _encoders(data: ReportData, case_scheme: CaseScheme) -> list[str]:
    """Encoders of a table: the measured ones, then those that only the paper has."""
    mine = data.encoders()
    paper = dict.fromkeys(space.encoder for space, key in data.published if key == case_scheme)
    return mine + [name for name in paper if name not in mine]


def _measured_row(
    space: FeatureSpace, measurement: Measurement, best: dict[str, float], note: str
) -> TableRow:
    scores = [(metric, measurement.scores[metric]) for metric in METRICS]
    cells = tuple(
        Cell(score.value, short_interval(score), best=score.value == best[metric]) for metric, score in scores
    )
    return TableRow(mapper_text(space.mapper), cells, note=note)


def _published_row(
    data: ReportData, space: FeatureSpace, case_scheme: CaseScheme, measurement: Measurement
) -> list[TableRow]:
    """The published row under a measured one; empty where the paper has none."""
    known = data.published_as(space)
    published = data.published.get((known, case_scheme)) if known else None
    if not published:
        return []
    name = "published" if known == space else f"published as {known.mapper}" if known else ""
    cells = tuple(against_published(measurement.scores[metric], published[metric]) for metric in METRICS)
    return [TableRow(name, cells, published=True)]


def _published_only(data: ReportData, encoder: str, case_scheme: CaseScheme) -> list[TableRow]:
    """The paper's raw and final features that are not measured in this case and scheme."""
    ours = {data.published_as(space) for space, key in data.measured if key == case_scheme}
    rows = []
    for space in (FeatureSpace(encoder, RAW), FeatureSpace(encoder, MAIN)):
        if space not in ours and (published := data.published.get((space, case_scheme))):
            cells = tuple(Cell(published[metric]) for metric in METRICS)
            rows.append(TableRow(mapper_text(space.mapper), cells, published=True, note="published only"))
    return rows


def against_published(score: Score, published: float) -> Cell:
    """A published number, and under it ours minus the published one; nothing where they are the same."""
    if score.agrees(published):
        return Cell(published, mark=SAME)
    mark = WITHIN if score.holds(published) else OUTSIDE
    return Cell(published, signed(score.value - published), mark=mark)


def published_tables(data: ReportData) -> list[PublishedTable]:
    """All published numbers, in the layout of Tables 3 and 4."""
    tables = []
    for source, cases in data.source_cases.items():
        rows = {key: row for key, row in data.published.items() if key[1].case in cases}
        case_schemes = tuple(dict.fromkeys(case_scheme for _, case_scheme in rows))
        lines = []
        for space in dict.fromkeys(space for space, _ in rows):
            found = [rows.get((space, case_scheme), {}) for case_scheme in case_schemes]
            lines.append((space, tuple(Cell(row.get(metric)) for row in found for metric in METRICS)))
        tables.append(PublishedTable(source, case_schemes, tuple(lines)))
    return tables
