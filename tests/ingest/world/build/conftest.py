"""A work folder with a few icons, as the steps before `unet` leave it."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from attribase.ingest.world.build.corpus import count_words
from attribase.ingest.world.build.drawing import DrawConfig, draw_looks
from attribase.ingest.world.build.latents import encode_looks
from attribase.ingest.world.build.tokenizer import build_tokenizer
from attribase.ingest.world.build.train_vae import train_vae, vae_config
from attribase.ingest.world.build.training import Budget


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Threads of networks this small wait for each other longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)


@pytest.fixture
def icon():
    """A red disc on nothing."""
    yy, xx = np.mgrid[:32, :32]
    out = np.zeros((32, 32, 4), np.float32)
    out[..., 0] = 0.9
    out[..., 3] = np.hypot(xx - 15.5, yy - 15.5) < 10
    return out


@pytest.fixture(scope="session")
def rasterised(tmp_path_factory):
    """A work folder as `rasterise` and `tokenizer` leave it: 12 coloured squares of 32 pixels."""
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    icons = np.zeros((12, 32, 32, 4), np.uint8)
    icons[:, 8:24, 8:24, :3] = rng.integers(0, 255, (12, 1, 1, 3))
    icons[:, 8:24, 8:24, 3] = 255
    np.save(folder / "icons.npy", icons)
    rows = [{"name": f"tomato {k}", "category": "food", "set": "noto", "role": "gallery"} for k in range(12)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "world.parquet")
    build_tokenizer(count_words(row["name"] for row in rows), folder / "tokenizer")
    return folder


@pytest.fixture(scope="session")
def work(rasterised):
    """The same after `looks` and `vae`: 3 looks of each icon, a VAE that was trained for 10 steps."""
    from diffusers import AutoencoderKL

    list(draw_looks(rasterised, DrawConfig(looks=3, captions=2, workers=0)))
    list(train_vae(rasterised, vae_config(Budget(minutes=8, steps=10), batch=8)))
    list(encode_looks(rasterised, AutoencoderKL.from_pretrained(rasterised / "vae").eval()))
    return rasterised
