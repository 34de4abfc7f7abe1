"""Text towers: features, and files that do not fit."""

import numpy as np
import pytest
from attribase.runtime import TextEncoder, load_text_encoder
from attribase.store import DataError, NotFoundError, Store

from ..query.text_tower import LENGTH, add_tower, text_vector, tokenizer, tower

DIM = 6


def test_features_are_those_of_the_words():
    encoder = TextEncoder(tower(DIM), tokenizer())
    texts = ["red car", "a blue house", "nothing known", *["car"] * 70]
    found = encoder.encode(texts)
    assert found.dtype == np.float32
    assert np.allclose(found, [text_vector(text, DIM) for text in texts], atol=1e-6)
    assert (encoder.dim, encoder.length) == (DIM, LENGTH)


def test_a_tokenizer_of_another_length_is_refused():
    with pytest.raises(DataError, match="does not make 9 tokens"):
        TextEncoder(tower(DIM, length=9), tokenizer())


def test_a_store_gives_the_tower_back_and_refuses_a_changed_file(tmp_path):
    store = Store.create(tmp_path / "a.store")
    add_tower(store, "enc", DIM)
    assert load_text_encoder(store, "enc").encode(["red"]).shape == (1, DIM)
    path = store.file("encoders", "enc", "text.onnx")
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DataError, match="not the one that was exported"):
        load_text_encoder(store, "enc")
    path.unlink()
    with pytest.raises(NotFoundError, match="is gone"):
        load_text_encoder(store, "enc")


def test_towers_of_different_lengths_are_an_error(tmp_path):
    store = Store.create(tmp_path / "a.store")
    add_tower(store, "enc", DIM)
    (row,) = store.read("encoders").to_pylist()
    store.upsert("encoders", [row | {"dim": DIM + 1}], update=True)
    with pytest.raises(DataError, match="its images have 7"):
        load_text_encoder(store, "enc")
