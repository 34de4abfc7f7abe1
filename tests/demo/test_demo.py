"""The whole demo, small: it finishes, does nothing when run again, and resumes after kills."""

import importlib.util
import json
from pathlib import Path

import pytest
from attribase.store import Store

spec = importlib.util.spec_from_file_location("killing", Path(__file__).parent / "killing.py")
killing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(killing)

SIZE = (12, 1)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    killing.finish(folder, *SIZE)
    return folder


def test_the_report_is_self_contained(undisturbed):
    page = (undisturbed / "report.html").read_text()
    assert "<svg" in page
    assert page.count("data:image/png;base64,") > 50
    assert 'src="http' not in page


def test_again_there_is_nothing_to_do(undisturbed):
    before = Store.open(undisturbed / "store").versions()
    again = killing.finish(undisturbed, *SIZE)
    assert "nothing to do" in again.stderr
    assert Store.open(undisturbed / "store").versions() == before


def test_without_its_marker_the_same_command_finds_every_stage_done(undisturbed):
    store = Store.open(undisturbed / "store")
    before = store.versions()
    (undisturbed / "demo.json").unlink()
    killing.finish(undisturbed, *SIZE)
    assert store.versions() == before


def test_the_store_fits_together(undisturbed):
    from attribase.store.checks import check

    assert check(Store.open(undisturbed / "store")) == []


def test_after_kills_and_restarts_the_tables_are_the_same(undisturbed, tmp_path):
    for table, rows in (("models", 3), ("samples", 5), ("vectors_efficientnet_lite0", 1)):
        assert killing.kill_at(table, rows, tmp_path, *SIZE)
    killing.finish(tmp_path, *SIZE)
    assert killing.differences(undisturbed, tmp_path) == {}
    assert json.loads((tmp_path / "demo.json").read_text())["settings"]["models"] == SIZE[0]
