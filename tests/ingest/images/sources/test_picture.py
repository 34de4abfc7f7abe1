"""One picture as a source."""

import json

import pytest
from attribase.ingest.images import open_source
from attribase.store import InvalidInputError

from ..stored import failures_of, images_of, ingest


@pytest.mark.parametrize("name", ["a.png", "A.JPG", "noending"])
def test_one_picture_is_a_source(store, tmp_path, make_picture, name):
    (tmp_path / name).write_bytes(make_picture(1))
    ingest(store, tmp_path / name)
    assert list(images_of(store)) == [name]
    assert ingest(store, tmp_path / name) == []


def test_what_lies_beside_it_describes_it(store, tmp_path, make_picture):
    (tmp_path / "a.png").write_bytes(make_picture(1))
    before = open_source(str(tmp_path / "a.png")).describe()
    (tmp_path / "a.txt").write_bytes("caf\u00e9".encode("utf-16"))
    (tmp_path / "a.json").write_text(json.dumps({"artist": "Ann"}))
    assert open_source(str(tmp_path / "a.png")).describe() != before
    ingest(store, tmp_path / "a.png")
    (row,) = store.read("images", ["caption", "creator"]).to_pylist()
    assert row == {"caption": "caf\u00e9", "creator": "Ann"}


def test_a_picture_that_cannot_be_decoded_is_a_failure_and_other_files_are_refused(store, tmp_path):
    (tmp_path / "a.png").write_bytes(b"<html>")
    ingest(store, tmp_path / "a.png")
    assert failures_of(store) == {"a.png": "not-an-image"}
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(InvalidInputError, match="is not a source of images") as error:
        open_source(str(tmp_path / "model.safetensors"))
    assert "a folder of images" in error.value.hint
