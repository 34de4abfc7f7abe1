"""What a report of a study reads, from the versions that the run pinned."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from ...query import Features
from ...query.report.data import FeatureSpace, ReportData, read_report_data
from ...query.session import Session, Snapshot
from ...query.sql.connection import open_connection
from ...query.sql.statements import load_sql
from ...store import Store
from ..check_results import CheckResult, read_results
from ..folder import StudyFolder, StudyRecord
from ..plan import StudyPlan, parse_plan
from .pictures import Pictures

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class StudyData:
    """All that a report shows.

    Attributes:
        record: what ran.
        plan: the plan that ran.
        snapshot: the store at the pinned versions.
        con: SQL at these versions.
        checks: what checks measured.
        pictures: the thumbnails that are shown.
        data: measured and published metrics of the study's features and cases, without models of sets.
        samples: a row for each sample and features of the split that the report is about, ordered by case,
            scheme and sample.
    """

    record: StudyRecord
    plan: StudyPlan
    snapshot: Snapshot
    con: duckdb.DuckDBPyConnection
    checks: tuple[CheckResult, ...]
    pictures: Pictures
    data: ReportData
    samples: pl.DataFrame

    @property
    def features(self) -> tuple[Features, ...]:
        """The features that were evaluated, in the order of the tables."""
        return self.record.features

    @property
    def encoders(self) -> tuple[str, ...]:
        """The encoders of `features`, each once."""
        return tuple(dict.fromkeys(one.encoder for one in self.features))

    @property
    def cases(self) -> tuple[str, ...]:
        """The cases of the study that have been measured, without those of sets."""
        measured = {key.case for _, key in self.data.measured}
        return tuple(case for case in self.record.cases if case in measured)

    @property
    def column(self) -> str:
        """The plan's metric as tables of metrics call it."""
        return "map" if self.plan.metric == "ap" else self.plan.metric

    def has(self, *features: Features) -> bool:
        """Whether all of them were evaluated."""
        return set(features) <= set(self.features)

    def values(self, features: Features, cases: Collection[str] = ()) -> pl.DataFrame:
        """(case_name, scheme, exemplar_set, sample_id, value): the plan's metric of every sample."""
        mine = self.samples.filter(
            (pl.col("encoder") == features.encoder) & (pl.col("mapper") == features.mapper)
        )
        if cases:
            mine = mine.filter(pl.col("case_name").is_in(list(cases)))
        return mine.select("case_name", "scheme", "exemplar_set", "sample_id", value=self.plan.metric)

    def paired(self, first: Features, second: Features, cases: Collection[str] = ()) -> pl.DataFrame:
        """Rows as `compare_samples` takes them: the same samples with both features."""
        both = self.values(first, cases).join(
            self.values(second, cases), on=["case_name", "scheme", "exemplar_set", "sample_id"]
        )
        named = both.rename({"value": "first", "value_right": "second"})
        return named.sort("case_name", "scheme", "exemplar_set", "sample_id")


@contextmanager
def open_study_data(folder: StudyFolder, store: Store) -> Iterator[StudyData]:
    """The data of the study that ran in `folder`. NotFoundError where none did, or its versions are gone."""
    record = folder.read_record()
    checks = read_results(folder, record.checks)
    session = Session(store)
    versions = {table: version for table, version in record.versions.items() if table in store.tables()}
    con = open_connection(store, versions, mentioned_in="", session=session)
    try:
        con.execute("set threads = 1")  # more threads sum in an order that varies, and so do the last bits
        con.execute("create temp table per_sample as from per_sample")  # every view reads it, so once
        spaces = [FeatureSpace(one.encoder, one.mapper) for one in record.features]
        every = read_report_data(con, gains=False)
        cases = [case for case in record.cases if every.cases[case].kind != "set"]
        data = every.select(spaces, cases)
        yield StudyData(
            record,
            parse_plan(record.plan),
            session.snapshot_at(versions),
            con,
            tuple(checks),
            Pictures(store),
            data,
            _read_samples(con, data.split, record.features, cases),
        )
    finally:
        con.close()


def _read_samples(
    con: duckdb.DuckDBPyConnection, split: str, features: Sequence[Features], cases: Sequence[str]
) -> pl.DataFrame:
    rows: pl.DataFrame = con.sql(load_sql("study_samples")).pl()
    wanted = pl.DataFrame(
        [(one.encoder, one.mapper) for one in features], schema=["encoder", "mapper"], orient="row"
    )
    mine = rows.filter((pl.col("split") == split) & pl.col("case_name").is_in(list(cases)))
    return mine.join(wanted, on=["encoder", "mapper"]).sort("case_name", "scheme", "sample_id")
