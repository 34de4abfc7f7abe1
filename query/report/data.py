"""The data of a report, read once from the views: measured and published metrics, and how they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ...runtime.mapper import RAW
from ..sql.statements import load_sql

if TYPE_CHECKING:
    import duckdb

Rows = list[dict[str, Any]]

METRICS = {"recall_5": "R@5", "recall_10": "R@10", "recall_100": "R@100", "map": "mAP"}
"""The columns of Tables 3 and 4 of arXiv:2306.09345, in their order, and their headings."""

MAIN = "object+style"
"""The name of the paper's final mapper, trained on objects and styles."""

ALSO_CALLED = {
    "tuned": MAIN,
    **{name: f"{MAIN}/{name}" for name in ("no-reg", "channel", "mlp", "strong-aug")},
}
"""Names of mappers, in the authors' released weights and of `train.VARIANTS`, that the paper's tables name
differently."""


class FeatureSpace(NamedTuple):
    """An encoder's features, raw (mapper `none`) or mapped."""

    encoder: str
    mapper: str


class CaseScheme(NamedTuple):
    """A test case and the scheme of its prompts (may be ''): one column group of the paper's tables."""

    case: str
    scheme: str


@dataclass(frozen=True)
class Score:
    """A mean over samples in [0, 1], and its 95% interval where there is one."""

    value: float
    low: float | None = None
    high: float | None = None

    def agrees(self, published: float) -> bool:
        """Whether it is the published figure, which has three decimals."""
        return abs(self.value - published) <= 0.0005 + 1e-9

    def holds(self, published: float) -> bool:
        """Whether the published figure is the same or lies in the interval."""
        if self.agrees(published):
            return True
        return self.low is not None and self.high is not None and self.low <= published <= self.high


@dataclass(frozen=True)
class Measurement:
    """The scores of a feature space in a case and scheme, by metric.

    `models` counts different sets of exemplars, None when unknown.
    """

    samples: int
    models: int | None
    scores: dict[str, Score] = field(default_factory=dict)


Measurements = dict[tuple[FeatureSpace, CaseScheme], Measurement]


@dataclass(frozen=True)
class CaseInfo:
    """The concept kind of a case's models, None where they differ; `trained`: it has training models."""

    kind: str | None
    trained: bool


@dataclass(frozen=True)
class ReportData:
    """All data of a report.

    Attributes:
        split: the split that the report is about.
        measured: its measurements.
        other_splits: the measurements of the other splits.
        published: the paper's metrics.
        source_cases: the cases of each source of published metrics.
        gains: rows of report_gains of `split`.
        cases: by name.
        stored_samples: how many samples of `split` the store has, measured or not.
        spaces: rows of report_spaces.
        runs: rows of report_runs.
        counts: the row of counts.
    """

    split: str
    measured: Measurements
    other_splits: dict[str, Measurements]
    published: dict[tuple[FeatureSpace, CaseScheme], dict[str, float]]
    source_cases: dict[str, list[str]]
    gains: Rows
    cases: dict[str, CaseInfo]
    stored_samples: dict[CaseScheme, int]
    spaces: Rows
    runs: Rows
    counts: dict[str, Any]

    def published_as(self, space: FeatureSpace) -> FeatureSpace | None:
        """The published feature space that `space` is compared with: its own name, or its other name."""
        known = {name for name, _ in self.published}
        also = FeatureSpace(space.encoder, ALSO_CALLED.get(space.mapper, space.mapper))
        return next((name for name in (space, also) if name in known), None)

    def encoders(self) -> list[str]:
        """Encoders with measurements, those of the paper first, in its order."""
        published = list(dict.fromkeys(space.encoder for space, _ in self.published))
        mine = {space.encoder for space, _ in self.measured}
        return [name for name in published if name in mine] + sorted(mine - set(published))

    def mappers(self, encoder: str) -> list[str]:
        """Measured mappers of `encoder`: raw features, then those of the paper, then others by name."""
        mine = {space.mapper for space, _ in self.measured if space.encoder == encoder}
        paper = [space.mapper for space, _ in self.published if space.encoder == encoder]
        order = {name: number for number, name in enumerate(dict.fromkeys([RAW, *paper]))}

        def sort_key(name: str) -> tuple[int, str]:
            return order.get(ALSO_CALLED.get(name) or name, len(order)), name

        return sorted(mine, key=sort_key)

    def ordered_spaces(self) -> list[FeatureSpace]:
        """Measured feature spaces in the order of the tables."""
        return [
            FeatureSpace(encoder, mapper) for encoder in self.encoders() for mapper in self.mappers(encoder)
        ]

    def case_schemes(self) -> list[CaseScheme]:
        """Measured cases and schemes: those of the paper in its order, then the others by name."""
        paper = list(dict.fromkeys(key for _, key in self.published))
        mine = {key for _, key in self.measured}
        return [key for key in paper if key in mine] + sorted(mine - set(paper))

    def main_mapper(self, encoder: str) -> str | None:
        """The mapper that represents `encoder` in plots: the paper's final one, else the newest."""
        mine = [name for name in self.mappers(encoder) if name != RAW]
        if MAIN in mine:
            return MAIN
        for name in mine:
            known = self.published_as(FeatureSpace(encoder, name))
            if known is not None and known.mapper == MAIN:
                return name
        rows = [row for row in self.spaces if row["encoder"] == encoder and row["mapper"] in mine]
        newest = max((row for row in rows if row["created"]), key=lambda row: row["created"], default=None)
        return newest["mapper"] if newest else next(iter(mine), None)

    def select(self, spaces: Sequence[FeatureSpace], cases: Sequence[str]) -> ReportData:
        """The same, with the measurements of these spaces and cases alone."""

        def keep(measured: Measurements) -> Measurements:
            wanted = {key for key in measured if key[0] in spaces and key[1].case in cases}
            return {key: one for key, one in measured.items() if key in wanted}

        others = {split: keep(measured) for split, measured in self.other_splits.items()}
        return replace(self, measured=keep(self.measured), other_splits=others)


def read_report_data(con: duckdb.DuckDBPyConnection, *, gains: bool = True) -> ReportData:
    """Read the data of a report through `con`, which has the tables and views of a store.

    `gains`: compare every mapper with raw features too, which takes longest.
    """
    splits = _by_split(_rows(con, "report_measured"))
    split = _main_split(splits)
    published = _rows(con, "report_published")
    cases = _rows(con, "report_cases")
    return ReportData(
        split=split,
        measured=splits.pop(split, {}),
        other_splits=splits,
        published={
            (FeatureSpace(row["encoder"], row["mapper"]), CaseScheme(row["case_name"], row["scheme"])): {
                metric: row[metric] for metric in METRICS
            }
            for row in published
        },
        source_cases=_source_cases(published),
        gains=[row for row in _rows(con, "report_gains") if row["split"] == split] if gains else [],
        cases={row["case_name"]: CaseInfo(row["kind"], row["trained"]) for row in cases},
        stored_samples={
            CaseScheme(row["case_name"], row["scheme"]): row["samples"]
            for row in cases
            if row["split"] == split
        },
        spaces=_rows(con, "report_spaces"),
        runs=_rows(con, "report_runs"),
        counts=_rows(con, "counts")[0],
    )


def _rows(con: duckdb.DuckDBPyConnection, name: str) -> Rows:
    rows: Rows = con.sql(load_sql(name)).to_arrow_table().to_pylist()
    return rows


def _by_split(rows: Rows) -> dict[str, Measurements]:
    splits: dict[str, Measurements] = {}
    for row in rows:
        space = FeatureSpace(row["encoder"], row["mapper"])
        case_scheme = CaseScheme(row["case_name"] or "", row["scheme"])
        measured = splits.setdefault(row["split"], {})
        one = measured.setdefault((space, case_scheme), Measurement(row["samples"], row["models"]))
        one.scores[row["metric"]] = Score(row["value"], row["low"], row["high"])
    return splits


def _main_split(splits: Mapping[str, object]) -> str:
    """`test`, or the split that replaces it where nothing is measured on test models."""
    return next((name for name in ("test", "", "val") if name in splits), min(splits, default="test"))


def _source_cases(published: Rows) -> dict[str, list[str]]:
    sources: dict[str, list[str]] = {}
    for row in published:
        cases = sources.setdefault(row["source"], [])
        if row["case_name"] not in cases:
            cases.append(row["case_name"])
    return sources
