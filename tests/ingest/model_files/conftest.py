"""Models as others trained them, and what stock diffusers draws with their files."""

import io
from pathlib import Path

import numpy as np
import pytest
from attribase.ingest.model_files import Options, Said, ingest_models, list_models
from attribase.ingest.sample import SampleConfig, sample
from PIL import Image

DRAWING = SampleConfig(steps=4, guidance=5.0, batch_size=1, resolution=8)
OPTIONS = Options(samples=2)


@pytest.fixture(scope="session")
def base(tmp_path_factory, make_pipeline):
    """The folder of a tiny pipeline in whose pictures each word counts: random ones hardly heed the text."""
    import torch

    pipeline = make_pipeline()
    with torch.no_grad():
        for name, weights in pipeline.unet.named_parameters():
            if "attn2.to_q" in name or "attn2.to_out" in name:
                weights.mul_(20)
    folder = tmp_path_factory.mktemp("heeding") / "base"
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture
def training(tmp_path, make_picture):
    """A training folder of three pictures."""
    folder = tmp_path / "cat-photos"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(make_picture(40 + number))
    return folder


@pytest.fixture
def ingest(store, base, training):
    """The summary of ingesting a file or folder, by default of the base and the training folder."""

    def ingest(source, *, options=OPTIONS, **said):
        said = {"base": str(base), "exemplars": (str(training),), "category": "cat", **said}
        steps = ingest_models(store, str(source), list_models(Path(source), Said(**said)), options)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value

    return ingest


@pytest.fixture
def stock(base):
    """Stock diffusers with the base, and what it draws."""
    import torch
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(base, safety_checker=None).to(torch.float32)
    pipeline.set_progress_bar_config(disable=True)

    def draw(prompt, seed):
        options = {"num_inference_steps": 4, "guidance_scale": 5.0, "height": 8, "width": 8}
        seeded = torch.Generator().manual_seed(seed)
        return np.asarray(pipeline(prompt, generator=seeded, **options).images[0], int)

    pipeline.draw = draw
    return pipeline


@pytest.fixture
def same_pixels(store, base, stock):
    """Our samples are what stock diffusers draws; `load` puts the model into it, `word` is V*."""

    def check(specs, load, word):
        list(sample(store, specs, str(base), DRAWING, workers=0))
        rows = store.read("samples", ["prompt", "seed", "bytes"]).to_pylist()
        assert rows
        plain = [stock.draw(row["prompt"].replace("V*", "cat"), row["seed"]) for row in rows]
        load(stock)
        for row, without in zip(rows, plain, strict=True):
            assert "V*" in row["prompt"]
            ours = np.asarray(Image.open(io.BytesIO(row["bytes"])), int)
            theirs = stock.draw(row["prompt"].replace("V*", word), row["seed"])
            assert np.abs(ours - theirs).max() <= 2
            assert np.abs(without - theirs).max() > 5

    return check
