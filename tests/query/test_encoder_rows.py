"""An encoder that was exported again as another network reads no picture for a state before that."""

import json

import numpy as np
import pytest
from attribase.query import Request, Session, answer_all
from attribase.runtime.preprocess import Preprocessing
from attribase.store import ConflictError
from attribase.store.tags import create_tag
from PIL import Image

from .conftest import DIM
from .text_tower import add_tower

PICTURE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (8, 8, 3), dtype=np.uint8))


class Network:
    """Stands for an exported encoder: another one by its file's digest."""

    captions, dim = False, DIM

    def __init__(self, sha):
        self.turned = np.random.default_rng(len(sha)).permutation(DIM)

    def encode(self, images, captions=None, *, batch=64):  # noqa: ARG002
        return np.stack([np.asarray(one, np.float32).ravel()[self.turned] for one in images])


@pytest.fixture
def export(small, monkeypatch):
    """Export an encoder under a name, as the network of a digest."""

    def load(store, name, **_):
        (row,) = [row for row in store.read("encoders").to_pylist() if row["encoder"] == name]
        return Network(row["onnx_sha256"])

    def put(name="enc", sha="a", **columns):
        row = {"encoder": name, "dim": DIM, "onnx_sha256": sha, **columns}
        small.store.upsert("encoders", [row], update=True)

    monkeypatch.setattr("attribase.runtime.load_encoder", load)
    put()
    return put


def ask(store, question=PICTURE, **options):
    (answer,) = answer_all(Session(store).snapshot(), [question], Request(k=3, **options))
    return [(one.image_id, one.similarity) for one in answer.results]


def test_a_picture_is_not_read_by_another_network_than_that_of_then(small, export):
    before = ask(small.store)
    create_tag(small.store, "before")
    export(sha="bb")
    assert ask(small.store) != before  # what an answer of then must not become
    with pytest.raises(ConflictError, match="'enc' was exported again since this state") as raised:
        ask(small.store, at="before")
    assert "a stored sample" in raised.value.hint
    assert ask(small.store, "m1-s0", at="before") == ask(small.store, "m1-s0")
    export()  # as it was
    assert ask(small.store, at="before") == before


def test_other_preprocessing_is_another_network(small, export):
    export(preprocessing=Preprocessing(8, None).to_json())
    create_tag(small.store, "before")
    export(preprocessing=Preprocessing(8, 9).to_json())
    with pytest.raises(ConflictError, match="exported again"):
        ask(small.store, at="before")


def test_a_composite_of_other_parts_is_another_network(small, export):
    def export_both(sha):
        export("other", sha)
        parts = [
            {"encoder": name, "dim": DIM, "onnx_sha256": one} for name, one in (("enc", "a"), ("other", sha))
        ]
        export("enc+other", None, parts=json.dumps(parts))

    export_both("x")
    before = small.store.versions()
    assert Session(small.store).snapshot_at(before).network("enc+other").encode([PICTURE]).shape == (
        1,
        2 * DIM,
    )
    export_both("yy")
    now = Session(small.store).snapshot_at(before)
    assert now.network("enc").encode([PICTURE]).shape == (1, DIM)
    for name in ("other", "enc+other"):
        with pytest.raises(ConflictError, match="was exported again"):
            now.network(name)


def test_texts_are_not_read_by_another_tower_than_that_of_then(small):
    add_tower(small.store, "enc", DIM)
    before = Session(small.store).snapshot().pinned.versions
    assert Session(small.store).snapshot_at(before).text_network("enc")
    (row,) = [row for row in small.store.read("encoders").to_pylist() if row["encoder"] == "enc"]
    digest = next(word for word in row["files"].split('"') if len(word) == 64)
    other = row | {"files": row["files"].replace(digest, "0" * 64)}
    small.store.upsert("encoders", [other], update=True)
    with pytest.raises(ConflictError, match="'enc' was exported again"):
        Session(small.store).snapshot_at(before).text_network("enc")
