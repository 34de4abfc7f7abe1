"""Models as others trained them, and what stock diffusers draws with their files."""

import io
from pathlib import Path

import numpy as np
import pytest
from attribase.ingest.model_files import Options, Said, ingest_models, list_models
from attribase.ingest.sample import SampleConfig, sample
from PIL import Image

DRAWING = SampleConfig(steps=4, guidance=15.0, batch_size=1, resolution=8)
OPTIONS = Options(samples=2)


@pytest.fixture
def training(tmp_path, make_picture):
    """A training folder of three pictures."""
    folder = tmp_path / "cat-photos"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(make_picture(40 + number))
    return folder


@pytest.fixture
def ingest(store, tiny_base, training):
    """The summary of ingesting a file or folder, by default of the tiny base and the training folder."""

    def ingest(source, *, options=OPTIONS, **said):
        said = {"base": str(tiny_base), "exemplars": (str(training),), "category": "cat", **said}
        steps = ingest_models(store, str(source), list_models(Path(source), Said(**said)), options)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value

    return ingest


@pytest.fixture
def stock(tiny_base):
    """Stock diffusers with the tiny base, and what it draws."""
    import torch
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(tiny_base, safety_checker=None).to(torch.float32)
    pipeline.set_progress_bar_config(disable=True)

    def draw(prompt, seed):
        options = {"num_inference_steps": 4, "guidance_scale": 15.0, "height": 8, "width": 8}
        seeded = torch.Generator().manual_seed(seed)
        return np.asarray(pipeline(prompt, generator=seeded, **options).images[0], int)

    pipeline.draw = draw
    return pipeline


@pytest.fixture
def same_pixels(store, tiny_base, stock):
    """Our samples are what stock diffusers draws; `load` puts the model into it, `word` is V*."""

    def check(specs, load, word):
        list(sample(store, specs, str(tiny_base), DRAWING, workers=0))
        rows = store.read("samples", ["prompt", "seed", "bytes"]).to_pylist()
        assert rows
        plain = [stock.draw(row["prompt"].replace("V*", "cat"), row["seed"]) for row in rows]
        load(stock)
        for row, without in zip(rows, plain, strict=True):
            assert "V*" in row["prompt"]
            ours = np.asarray(Image.open(io.BytesIO(row["bytes"])), int)
            theirs = stock.draw(row["prompt"].replace("V*", word), row["seed"])
            assert np.abs(ours - theirs).max() <= 1
            assert np.abs(without - theirs).max() > 1

    return check
