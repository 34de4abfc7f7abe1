"""The whole demo, small: it ends, it says when there is nothing to do, and a kill changes nothing."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from attribase.store import Store

SETTINGS = ("--models", "12", "--samples", "2", "--workers", "2")
UNTIMED = {
    "images": "image_id",
    "members": "collection, image_id",
    "models": "model_id",
    "samples": "sample_id",
    "vectors_efficientnet_lite0": "item_id",
    "mappers": "mapper_id",
    "calibrations": "calibration_id",
    "ranks": "run_id, sample_id, image_id",
    "runs": "run_id",
}
PATIENCE = 900


def command(folder):
    code = "from attribase.cli import main; main()"
    return [sys.executable, "-c", code, "demo", str(folder), *SETTINGS]


def finish(folder):
    return subprocess.run(command(folder), capture_output=True, text=True, timeout=PATIENCE, check=True)


def keys(folder):
    """The sorted keys of every table whose rows a demo makes."""
    store = Store.open(folder / "store")
    found = {}
    for table, key in UNTIMED.items():
        names = key.split(", ")
        found[table] = sorted(
            tuple(row[name] for name in names) for row in store.read(table, names).to_pylist()
        )
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    finish(folder)
    return folder


@pytest.mark.slow
def test_the_report_is_self_contained(undisturbed):
    page = (undisturbed / "report.html").read_text()
    assert "<svg" in page
    assert page.count("data:image/png;base64,") > 50
    assert 'src="http' not in page
    assert "nan" not in page.lower().split()


@pytest.mark.slow
def test_again_there_is_nothing_to_do(undisturbed):
    before = Store.open(undisturbed / "store").versions()
    again = finish(undisturbed)
    assert "nothing to do" in again.stderr
    assert Store.open(undisturbed / "store").versions() == before


@pytest.mark.slow
def test_without_its_marker_the_same_command_finds_every_stage_done(undisturbed):
    before = keys(undisturbed)
    (undisturbed / "demo.json").unlink()
    finish(undisturbed)
    assert keys(undisturbed) == before


@pytest.mark.slow
def test_the_store_fits_together(undisturbed):
    from attribase.store.maintenance import check

    assert check(Store.open(undisturbed / "store")) == []


@pytest.mark.slow
def test_killed_and_started_again_the_tables_are_the_same(undisturbed, tmp_path):
    for seconds in (9.0, 17.0, 25.0):
        process = subprocess.Popen(
            command(tmp_path), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    finish(tmp_path)
    assert keys(tmp_path) == keys(undisturbed)
    marker = json.loads((tmp_path / "demo.json").read_text())
    assert marker["settings"]["models"] == 12
