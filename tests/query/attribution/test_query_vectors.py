"""Questions as query vectors: features, files and samples without a vector."""

import io

import numpy as np
import pytest
from attribase.query import Request, Session, answer_all, attribute, attribute_many
from attribase.store import InvalidInputError, NotFoundError
from PIL import Image


def test_a_raw_feature_is_asked_about_as_its_sample(small):
    real, synth = small.rng.normal(size=(2, 16, 16))
    small.mapper("tuned", real, synth)
    sample = attribute(small.store, "m1-s0", mapper="none", k=5)
    vector = attribute(small.store, small.vectors["m1-s0"], mapper="none", k=5)
    assert vector.query.startswith("vector ")
    assert [(r.image_id, r.similarity) for r in vector.results] == [
        (r.image_id, pytest.approx(r.similarity, abs=1e-6)) for r in sample.results
    ]


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        (np.ones(15, np.float32), "16 numbers"),
        (np.ones((2, 16), np.float32), "16 numbers"),
        (np.zeros(16, np.float32), "zeros"),
        (np.full(16, np.nan, np.float32), "NaN"),
        (np.array(["a"] * 16), "no number"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(small, vector, message):
    with pytest.raises(InvalidInputError, match=message):
        attribute(small.store, vector)


def test_untrusted_clients_cannot_name_files(small, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    snapshot = Session(small.store).snapshot()
    with pytest.raises(NotFoundError):
        answer_all(snapshot, [str(tmp_path / "secret.png")], Request(files=False))
    with pytest.raises(InvalidInputError, match="files"):
        answer_all(snapshot, [tmp_path / "secret.png"], Request(files=False))
    assert answer_all(snapshot, ["m0-s0"], Request(files=False))[0].results


def test_a_sample_without_a_vector_is_encoded_with_its_prompt(small, monkeypatch):
    import attribase.runtime as runtime

    seen = []

    class Captioned:
        captions = True

        def encode(self, images, captions):
            seen.extend(captions)
            return np.ones((len(images), 16), np.float32)

    monkeypatch.setattr(runtime, "load_encoder", lambda *_, **__: Captioned())
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    new = {"sample_id": "fresh", "model_id": "m0", "prompt": "a cat", "bytes": out.getvalue()}
    small.store.upsert("samples", [new])
    attribute_many(small.store, [out.getvalue(), "m0-s0", "fresh"])
    assert seen == ["", "a cat"]
