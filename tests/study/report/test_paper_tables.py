"""Tables 3 and 4 of a study of an official release are what the published protocol gives on its files."""

import csv

import pytest
from attribase.ingest.release import ingest_release
from attribase.store import Store
from attribase.study.folder import StudyFolder
from attribase.study.plan import StudyPlan
from attribase.study.report import write_study_report
from attribase.study.run import run_study

from ...ingest.release.official import ENCODERS, KINDS, Official, write
from ...ingest.release.protocol import published

METRICS = {"recall_5": 1, "recall_10": 2, "recall_100": 3, "map": 4}
"""Their places in a row of `published`."""

FEATURES = [*((encoder, "none") for encoder in ENCODERS), *KINDS]


@pytest.fixture(scope="module")
def official(tmp_path_factory) -> Official:
    return write(tmp_path_factory.mktemp("official") / "release")


@pytest.fixture(scope="module")
def tables(official, tmp_path_factory) -> list[dict[str, str]]:
    """The rows of the tables that `study report` writes for all features of the release."""
    root = tmp_path_factory.mktemp("study")
    list(ingest_release(root / "store", official.folder))
    store = Store.open(root / "store")
    plan = StudyPlan(variants=("none",), mappers=("tuned", "channel", "mlp"), checks=())
    folder = StudyFolder(root / "dir")
    list(run_study(folder, store, plan))
    list(write_study_report(folder, store))
    found = []
    for path in folder.report.glob("tables/*.csv"):
        if path.stem in ("table-3", "table-4", "further-cases"):
            with path.open(newline="") as file:
                found += list(csv.DictReader(file))
    return found


@pytest.mark.parametrize(("encoder", "mapper"), FEATURES)
def test_the_numbers_are_those_of_the_published_protocol(official, tables, encoder, mapper):
    mine = [row for row in tables if (row["encoder"], row["mapper"]) == (encoder, mapper)]
    wanted = published(official, encoder, mapper)
    found = {
        (row["case_name"], row["scheme"], row["metric"]): float(row["value"]) for row in mine if row["value"]
    }
    assert found.keys() == {(*key, metric) for key in wanted for metric in METRICS}
    for (case, scheme, metric), value in found.items():
        assert value == pytest.approx(wanted[case, scheme][METRICS[metric]], abs=2e-5)


def test_both_tables_have_the_cases_that_the_paper_has_in_them(tables):
    by_table = {(row["table"], row["case_name"]) for row in tables}
    assert by_table == {("Table 3", "observed_imagenet"), ("Table 4", "artchive")}
