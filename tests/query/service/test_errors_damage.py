"""A request that needs a lost or cut file of the store: one JSON error, its file named in the log alone."""

import logging
import shutil
from pathlib import Path

import pytest
from attribase.query.service import ServiceOptions
from fastapi.testclient import TestClient

from .conftest import HOME, LIMITS, app_in_process


@pytest.fixture
def damaged(world, tmp_path):
    """A client of a store whose images lie in a file that was cut after the service had opened the store."""
    uri = shutil.copytree(world.uri, tmp_path / "a.store")
    with TestClient(
        app_in_process(str(uri), ServiceOptions(sql=False, **LIMITS)),
        base_url=HOME,
        raise_server_exceptions=False,
    ) as client:
        for file in (Path(uri) / "images.lance" / "data").glob("**/*"):
            if file.is_file():
                file.write_bytes(file.read_bytes()[:40])
        yield client


def test_a_cut_file_is_one_json_error_and_the_log_names_it(damaged, caplog):
    with caplog.at_level(logging.ERROR, "attribase.service"):
        response = damaged.get("/v1/images/whole?format=json")
    assert response.status_code == 500
    assert response.json()["error"] == {
        "message": "the store cannot be read",
        "hint": "its operator finds the damaged file: attribase check",
        "status": 500,
    }
    assert "images is damaged: images.lance/data/" in caplog.text


def test_what_does_not_need_the_file_is_answered(damaged):
    assert damaged.get("/healthz").status_code == 200
    assert damaged.post("/v1/table/samples/count_rows/", json={}).status_code == 200
