"""Answers as tables and JSON, and the ways to ask."""

import json
from dataclasses import fields
from pathlib import Path

import attribase
import numpy as np
import polars
import pytest
from attribase.query import Session
from attribase.query.attribution import query_vectors
from attribase.query.attribution.answer_tables import SCHEMA
from attribase.runtime.encode import encode_pixels
from attribase.store import InvalidInputError, Store
from PIL import Image

PIXELS = np.random.default_rng(3).integers(0, 256, (8, 8, 3), dtype=np.uint8)


@pytest.fixture
def _encoder(monkeypatch):
    """Pixels are features: the first 16 numbers of the picture."""
    monkeypatch.setattr(
        query_vectors,
        "_encode",
        lambda images, *_: np.stack(
            [row / np.linalg.norm(row) for row in (np.asarray(i, np.float32).ravel()[:16] for i in images)]
        ),
    )


@pytest.mark.usefixtures("_encoder")
def test_a_path_bytes_a_pil_image_and_an_array_of_one_picture_have_one_answer(small, tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(PIXELS).save(path)
    questions = [
        path,
        str(path),
        path.read_bytes(),
        Image.open(path),
        Image.fromarray(PIXELS),
        PIXELS,
        PIXELS / 255,
    ]
    found = [attribase.attribute(small.store.uri, one, k=4).results for one in questions]
    assert all(results == found[0] for results in found)
    assert attribase.attribute(small.store, PIXELS[::-1].copy(), k=4).results != found[0]


@pytest.mark.usefixtures("_encoder")
def test_a_picture_of_one_colour_has_no_clear_source_whatever_it_is_near_to(small):
    small.calibrate(0.1, 0.05)
    grey = np.full_like(PIXELS, 128)
    plain, busy = attribase.attribute_many(small.store, [grey, PIXELS], k=2)
    assert (plain.state, busy.state) == ("no clear source", "shares")
    assert plain.state_text == "no clear source: the picture is of one colour"
    assert busy.state_text == ""
    assert set(plain.to_arrow()["state"].to_pylist()) == {"no clear source"}
    assert [result.influence is not None for result in plain.results] == [True, True]


def test_a_store_its_path_and_a_session_answer_alike(small):
    one = attribase.attribute(small.store, "m0-s0", k=3)
    assert attribase.attribute(small.store.uri, "m0-s0", k=3) == one
    assert attribase.attribute(Path(small.store.uri), "m0-s0", k=3) == one
    session = Session(small.store.uri)
    assert attribase.attribute(session, "m0-s0", k=3) == one
    assert attribase.attribute_many(session, ["m0-s0"], k=3) == [one]


def test_a_store_opens_by_its_constructor_and_connects_by_path_and_store(small):
    assert attribase.Store(small.store.uri) == small.store == Store.of(Path(small.store.uri))
    for given in (small.store, small.store.uri, Path(small.store.uri)):
        with attribase.connect(given) as con:
            assert con.execute("select count(*) from samples").fetchall() == [(small.store.count("samples"),)]


def test_a_folder_that_is_no_store_is_an_error_of_the_constructor(tmp_path):
    with pytest.raises(attribase.AttribaseError) as caught:
        attribase.Store(tmp_path)
    assert caught.value.hint


@pytest.mark.parametrize("question", [None, 7, ["m0-s0"]])
def test_what_is_no_question_is_one_error(small, question):
    with pytest.raises(InvalidInputError, match="is no question"):
        attribase.attribute(small.store, question)


def test_tables_hold_what_the_answer_does(small):
    small.calibrate(0.1, 0.0)
    answer = attribase.attribute(small.store, "m0-s0", k=3, by="creator")
    table = answer.to_arrow()
    assert table.schema == SCHEMA
    assert table["image_id"].to_pylist() == [result.image_id for result in answer.results]
    frame = answer.to_polars()
    assert isinstance(frame, polars.DataFrame)
    assert frame["influence"].to_list() == [result.influence for result in answer.results]
    shares = answer.to_polars(shares=True)
    assert dict(zip(shares["creator"], shares["influence"], strict=True)) == {
        share.name: share.influence for share in answer.shares
    }


def test_shares_that_were_not_asked_for_are_an_error(small):
    with pytest.raises(InvalidInputError, match="no shares"):
        attribase.attribute(small.store, "m0-s0").to_arrow(shares=True)


def test_names_in_json_are_those_in_python(small):
    small.calibrate(0.1, 0.05)
    answer = attribase.attribute(small.store, "m0-s0", k=2, by="creator")
    plain = json.loads(json.dumps(answer.to_dict()))
    inner = {"compared", "pictures"}
    assert plain.keys() == {field.name for field in fields(answer)} - inner | {"limits"}
    for name in plain.keys() - {"results", "shares", "notes", "evidence", "provenance", "limits"}:
        assert plain[name] == getattr(answer, name) or list(getattr(answer, name)) == plain[name]
    assert plain["evidence"].keys() == {field.name for field in fields(answer.evidence)}
    assert (plain["tau"], plain["lam"]) == (0.1, 0.05)
    assert plain["results"][0].keys() == {field.name for field in fields(answer.results[0])}


def test_pictures_are_read_back_from_any_question(small, tmp_path):
    data = encode_pixels(PIXELS)
    snapshot = Session(small.store).snapshot()
    (tmp_path / "a.png").write_bytes(data)
    found = query_vectors.read_query_images(
        snapshot, [tmp_path / "a.png", data, PIXELS, np.zeros(16), "m0-s0"]
    )
    assert [bool(value) for value in found.values()] == [True, True, False, False]
