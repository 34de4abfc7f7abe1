"""The views that training draws from."""

import io
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from attribase.ingest.embed import embed_views
from attribase.ingest.embed.augmentation import augment_mildly, augment_strongly, view_generator
from attribase.runtime import OnnxEncoder, Preprocessing
from attribase.store import content_id
from PIL import Image

from .conftest import NAME, SIZE, png


def test_augmentation_is_mild():
    """It keeps at least 70 % of the picture and its shape, and flips half of the time."""
    ramp = np.tile(np.arange(200, dtype=np.uint8), (100, 1))
    image, rng = Image.fromarray(np.stack([ramp] * 3, -1)), np.random.default_rng(0)
    views = [augment_mildly(image, rng) for _ in range(300)]
    kept = np.array([view.width * view.height / (200 * 100) for view in views])
    shape = np.array([view.width / view.height / 2 for view in views])
    assert 0.69 < kept.min() < 0.75
    assert kept.max() <= 1
    assert 0.88 < shape.min() < 0.95
    assert 1.05 < shape.max() < 1.12
    flipped = np.mean([view.getpixel((0, 0))[0] > view.getpixel((view.width - 1, 0))[0] for view in views])
    assert 0.4 < flipped < 0.6


@pytest.fixture
def store(gallery):
    return gallery.store


@pytest.fixture
def trained(gallery, store) -> tuple[list[str], list[str]]:
    """Images and samples of a training model with two samples, and of a validation model with one."""
    images = gallery.images([png(seed) for seed in range(3)])
    samples = gallery.samples([png(seed) for seed in range(10, 13)])
    for model, image, split in (("m", images[0], "train"), ("v", images[1], "val")):
        common = {"model_id": model, "method": "custom-diffusion", "split": split}
        store.upsert("models", [common | {"exemplar_ids": [image, "not-here"]}])
    store.upsert("samples", [{"sample_id": samples[2], "model_id": "v", "bytes": png(12)}], update=True)
    return images, samples


def view_rows(store) -> dict[tuple[str, int], list[float]]:
    return {(row["item_id"], row["view"]): row["base"] for row in store.read(f"views_{NAME}").to_pylist()}


def test_views_are_of_the_items_that_training_draws_from(store, trained):
    images, samples = trained
    steps = list(embed_views(store, NAME, views=3))
    assert (steps[-1].done, steps[-1].total) == (3, 3)
    rows = view_rows(store)
    assert set(rows) == {(item, view) for item in (images[0], *samples[:2]) for view in range(3)}
    assert len({tuple(base) for base in rows.values()}) == len(rows)


@pytest.mark.usefixtures("trained")
def test_a_view_depends_on_seed_item_and_number_alone(store):
    list(embed_views(store, NAME, views=2, batch=1))
    first = view_rows(store)
    list(embed_views(store, NAME, views=3, batch=64))
    more = view_rows(store)
    assert all(more[key] == pytest.approx(base, abs=1e-5) for key, base in first.items())
    list(embed_views(store, NAME, views=3, seed=1))
    assert view_rows(store)[next(iter(first))] != pytest.approx(more[next(iter(first))], abs=1e-5)


class Wordy:
    """An encoder whose feature is the length of the caption."""

    preprocessing, dim, captions, device = Preprocessing(SIZE, SIZE), 2, True, "cpu"

    def pin_memory(self, _):
        return nullcontext()

    def tokens(self, texts):
        return np.array([[len(text)] for text in texts])

    def run(self, pixels, tokens):
        assert len(pixels) == len(tokens)
        return np.concatenate([tokens, 0 * tokens], axis=1).astype(np.float32)


def test_views_of_an_encoder_that_looks_at_captions_get_their_own_items(store, monkeypatch):
    monkeypatch.setattr("attribase.ingest.embed.views.load_networks", lambda *_: [Wordy()])
    image, data = content_id(png(1)), png(1)
    model = {"model_id": "m", "method": "custom-diffusion", "split": "train", "exemplar_ids": [image]}
    store.upsert("models", [model])
    store.upsert("images", [{"image_id": image, "bytes": data, "caption": "five!"}])
    prompts = {"a": "an owl", "b": "a", "broken": "never seen", "c": "a cat on a mat"}
    rows = [
        {"sample_id": key, "model_id": "m", "prompt": prompt, "bytes": b"?" if key == "broken" else png(2)}
        for key, prompt in prompts.items()
    ]
    store.upsert("samples", rows)
    list(embed_views(store, NAME, views=2, batch=3))
    found = store.read(f"views_{NAME}").to_pylist()
    assert {(row["item_id"], row["view"], row["base"][0]) for row in found} == {
        (item, view, length)
        for item, length in ((image, 5.0), ("a", 6.0), ("b", 1.0), ("c", 14.0))
        for view in (0, 1)
    }


@pytest.mark.usefixtures("trained")
def test_views_that_are_there_are_not_made_again(store):
    list(embed_views(store, NAME, views=2))
    version = store.versions()[f"views_{NAME}"]
    list(embed_views(store, NAME, views=2))
    assert store.versions()[f"views_{NAME}"] == version


@pytest.mark.usefixtures("trained")
def test_strong_views_are_kept_apart_from_mild_ones(store):
    list(embed_views(store, NAME, views=2))
    mild = view_rows(store)
    list(embed_views(store, NAME, views=3, augment="strong"))
    strong = store.read(f"views_strong_{NAME}").to_pylist()
    assert view_rows(store) == mild
    assert {row["view"] for row in strong} == {0, 1, 2}
    assert all(row["base"] != mild.get((row["item_id"], row["view"])) for row in strong)


@pytest.mark.usefixtures("trained")
def test_an_encoder_sees_the_whole_of_a_strong_view(store):
    """Its square is the input: the stored feature is that of the view itself, not of a crop of it."""
    cropped = Preprocessing(SIZE, 2 * SIZE)
    (encoder,) = store.read("encoders").to_pylist()
    store.upsert("encoders", [encoder | {"preprocessing": cropped.to_json()}], update=True)
    list(embed_views(store, NAME, views=2, augment="strong"))
    rows = {(r["item_id"], r["view"]): r["base"] for r in store.read(f"views_strong_{NAME}").to_pylist()}
    (item, number), base = next(iter(rows.items()))
    table = "images" if item in store.existing("images", [item]) else "samples"
    ((_, data),) = store.blobs(table, "bytes", [item])
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    view = augment_strongly(picture, view_generator(0, item, number), SIZE, number)
    network = OnnxEncoder(store.file(encoder["onnx_file"]), replace(cropped, resize=None))
    assert base == pytest.approx(network.run(network.preprocessing.batch([view]))[0], abs=1e-5)
