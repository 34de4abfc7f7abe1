"""Composite encoders of the runtime: parts, joining, and which part gets a caption."""

import numpy as np
import pytest
from attribase.runtime import (
    CompositeEncoder,
    composite_parts,
    encoder_parts,
    load_encoder,
    load_image_encoder,
)
from attribase.runtime.composite import join_parts, parts_json, scale_parts
from attribase.store import Store
from attribase.store.checks import check
from attribase.store.errors import DataError, InvalidInputError, NotFoundError
from PIL import Image


class Network:
    """Returns `row` for every image and keeps the captions it was given."""

    def __init__(self, row, captions=False):
        self.row, self.captions, self.dim, self.given = np.array(row, np.float32), captions, len(row), []

    def encode(self, images, captions=None, **_):
        self.given.append(captions)
        return np.stack([self.row] * len(images))


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store.create(tmp_path / "store")
    rows = [{"encoder": "a", "dim": 2, "onnx_sha256": "x"}, {"encoder": "b", "dim": 1, "onnx_sha256": "y"}]
    store.upsert("encoders", [*rows, {"encoder": "b+a", "dim": 3, "parts": parts_json(rows[::-1])}])
    return store


PICTURES = [Image.new("RGB", (3, 3))] * 2


def test_the_parts_say_where_they_are_in_the_vector(store):
    assert encoder_parts(store, "b+a") == [("b", 0, 1), ("a", 1, 3)]
    assert encoder_parts(store, "a") == [("a", 0, 2)]
    assert composite_parts({"encoder": "a", "parts": None}) == composite_parts({}) == []
    with pytest.raises(NotFoundError, match="'c'"):
        encoder_parts(store, "c")


def test_parts_are_joined_at_unit_length_and_zeros_stay_zeros():
    joined = join_parts([np.array([[3, 4], [0, 0]], np.float32), np.array([[-2.0], [5.0]], np.float32)])
    assert joined == pytest.approx(np.array([[0.6, 0.8, -1], [0, 0, 1]]))


def test_scaling_what_is_scaled_changes_nothing(store):
    parts = encoder_parts(store, "b+a")
    raw = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32) * 9
    once = scale_parts(raw, parts)
    assert np.abs(once[:, 0]) == pytest.approx(1)
    assert np.linalg.norm(once[:, 1:], axis=1) == pytest.approx(1)
    assert scale_parts(once, parts) == pytest.approx(once, abs=1e-7)


def test_captions_go_to_the_parts_that_read_them():
    blind, reading = Network([3, 4]), Network([2], captions=True)
    encoder = CompositeEncoder([blind, reading])
    assert (encoder.dim, encoder.captions) == (3, True)
    assert encoder.encode(PICTURES, ["one", "two"]) == pytest.approx(np.array([[0.6, 0.8, 1]] * 2))
    assert (blind.given, reading.given) == ([None], [["one", "two"]])
    assert CompositeEncoder([blind]).captions is False


def test_a_composite_is_loaded_from_its_parts_in_order(store):
    networks = {"a": Network([3, 4]), "b": Network([-7])}
    loaded = load_image_encoder(store, "b+a", networks.__getitem__)
    assert loaded.encode(PICTURES[:1]) == pytest.approx(np.array([[-1, 0.6, 0.8]]))
    assert load_image_encoder(store, "a", networks.__getitem__) is networks["a"]


def test_a_part_that_is_another_model_now_is_refused(store):
    store.upsert("encoders", [{"encoder": "a", "dim": 2, "onnx_sha256": "other"}], update=True)
    with pytest.raises(DataError, match="another model"):
        load_image_encoder(store, "b+a", Network)


def test_a_composite_has_no_network_of_its_own(store):
    with pytest.raises(InvalidInputError, match="composite"):
        load_encoder(store, "b+a")


def test_a_store_of_an_earlier_version_that_cannot_be_written_has_no_composites(store):
    store.dataset("encoders").drop_columns(["parts"])
    assert encoder_parts(store, "a") == [("a", 0, 2)]
    with pytest.raises(NotFoundError, match="not the encoder itself"):
        load_encoder(store, "a")
    assert not [one for one in check(store) if one.check not in ("missing-vector",)]
