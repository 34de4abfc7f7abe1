"""The report of the study that ran once, and SQL on its store."""

import pytest
from attribase.query import connect
from attribase.study.report import write_study_report


@pytest.fixture(scope="session")
def report(studied_once, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "report"
    list(write_study_report(studied_once.folder, studied_once.store, out))
    return out


@pytest.fixture(scope="session")
def con(studied_once):
    with connect(studied_once.store.uri) as con:
        yield con
