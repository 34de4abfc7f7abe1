"""Textual Inversion: only V*'s vectors change, and stock diffusers draws the same from the stored file."""

import io

import numpy as np
import pytest
import torch
from attribase.ingest.customize import customize, export_diffusers_layout
from attribase.ingest.customize.methods import TextualInversionConfig, find_method
from attribase.ingest.customize.train import train
from attribase.ingest.sample import SampleConfig, sample
from attribase.store import InvalidInputError
from PIL import Image


@pytest.fixture
def settings(tiny_base):
    return TextualInversionConfig(str(tiny_base), iterations=4, lr=0.1, batch_size=2, resolution=8, vectors=3)


def test_exactly_the_rows_of_v_star_change(generator, image, make_spec, settings, whole_state, changed_since):
    generator.add_vectors(3)
    before = whole_state(generator)
    train(generator, make_spec(method="textual-inversion"), [image], settings)
    (table,) = changed_since(before, generator)
    rows = (before[table] != generator.embedding.weight).any(dim=1).nonzero().flatten().tolist()
    assert generator.tokenizer.convert_tokens_to_ids(["<new1>", "<new1>_1", "<new1>_2"]) == rows
    (vectors,) = find_method("textual-inversion").extract(generator, settings).values()
    assert len(torch.unique(vectors, dim=0)) == 3


@pytest.mark.parametrize("vectors", [1, 3])
def test_stock_diffusers_draws_the_same_pixels_from_the_exported_file(
    store, make_spec, settings, tmp_path, vectors
):
    from diffusers import StableDiffusionPipeline

    settings = settings.with_changes(vectors=vectors)
    spec = make_spec(method="textual-inversion")
    list(customize(store, [spec], settings, workers=0))
    assert list(customize(store, [spec], settings, workers=0)) == []
    drawing = SampleConfig(steps=4, guidance=5.0, batch_size=1, resolution=8)
    list(sample(store, [spec], settings.base, drawing, workers=0))
    rows = store.read("samples", ["model_id", "prompt", "seed", "bytes"]).to_pylist()
    (file,) = export_diffusers_layout(store, rows[0]["model_id"], tmp_path / "tom")
    theirs = StableDiffusionPipeline.from_pretrained(settings.base, safety_checker=None)
    theirs.set_progress_bar_config(disable=True)

    def draw(row, word):
        seeded = torch.Generator().manual_seed(row["seed"])
        prompt = row["prompt"].replace("V*", word)
        options = {"num_inference_steps": 4, "guidance_scale": 5.0, "height": 8, "width": 8}
        return np.asarray(theirs(prompt, generator=seeded, **options).images[0], int)

    plain = [draw(row, "cat") for row in rows]
    theirs.load_textual_inversion(str(file.parent), weight_name=file.name)
    for row, without in zip(rows, plain, strict=True):
        ours, expected = np.asarray(Image.open(io.BytesIO(row["bytes"])), int), draw(row, "<new1>")
        assert np.abs(ours - expected).max() <= 1
        assert np.abs(without - expected).max() > 1


def test_an_embedding_of_another_base_is_refused(generator):
    with pytest.raises(InvalidInputError, match=r"one of \(vectors, 16\) is needed"):
        find_method("textual-inversion").apply(generator, {"<a>": torch.zeros(1, 8)}, {})
