"""A small official release, written once a test run; tests that change it get a copy."""

import shutil
from dataclasses import replace

import pytest
from attribase.ingest.release import ingest_release
from attribase.store import Store

from .official import Official, copy_parts, write


@pytest.fixture(scope="session")
def official(tmp_path_factory) -> Official:
    return write(tmp_path_factory.mktemp("official") / "release")


@pytest.fixture
def copy(official, tmp_path) -> Official:
    shutil.copytree(official.folder, tmp_path / "copy")
    return replace(official, folder=tmp_path / "copy")


@pytest.fixture(scope="session")
def full(official, tmp_path_factory) -> Store:
    """A store that has the whole release; not to be changed."""
    uri = tmp_path_factory.mktemp("full") / "store"
    list(ingest_release(uri, official.folder))
    return Store.open(uri)


@pytest.fixture(scope="session")
def indexed(official, tmp_path_factory) -> Store:
    """A store that has the index alone; not to be changed."""
    folder = tmp_path_factory.mktemp("indexed")
    list(ingest_release(folder / "store", copy_parts(official, folder / "part", "dataset/json")))
    return Store.open(folder / "store")
