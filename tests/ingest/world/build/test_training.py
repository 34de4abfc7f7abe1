"""The training loops on a handful of drawn icons: they learn, average, resume and export."""

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from attribase.ingest.world.build.corpus import load_corpus, words
from attribase.ingest.world.build.export import export_model
from attribase.ingest.world.build.latents import encode_gallery, load_latents
from attribase.ingest.world.build.networks import load_pipeline, new_vae
from attribase.ingest.world.build.tokenizer import build_tokenizer
from attribase.ingest.world.build.train_unet import UnetConfig, train_unet
from attribase.ingest.world.build.train_vae import VaeConfig, image_pool, standardise, train_vae
from attribase.ingest.world.build.training import learning_rate
from attribase.store.errors import ConflictError, DataError, NotFoundError

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A work folder as `rasterise` leaves it: 12 coloured squares."""
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    icons = np.zeros((12, 32, 32, 4), np.uint8)
    icons[:, 8:24, 8:24, :3] = rng.integers(0, 255, (12, 1, 1, 3))
    icons[:, 8:24, 8:24, 3] = 255
    np.save(folder / "icons.npy", icons)
    rows = [{"name": f"tomato {k}", "category": "food", "set": "noto", "role": "gallery"} for k in range(12)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "world.parquet")
    build_tokenizer(words(row["name"] for row in rows), folder / "tokenizer")
    corpus = load_corpus(folder / "world.parquet", folder / "icons.npy")
    list(train_vae(corpus, folder / "vae", folder / "vae.pt", VaeConfig(minutes=0.02, batch=8, looks=1)))
    from diffusers import AutoencoderKL

    list(encode_gallery(corpus, AutoencoderKL.from_pretrained(folder / "vae"), folder, looks=2))
    return folder


def test_latents_hold_every_icon_plain_and_in_looks(work):
    latents = load_latents(work)
    assert tuple(latents.values.shape) == (12, 3, 8, 8, 8)
    assert all(row[0].to_json() == {} and row[1].to_json() for row in latents.looks)


def test_standardising_leaves_reconstructions_alone_and_makes_latents_unit(work):
    corpus = load_corpus(work / "world.parquet", work / "icons.npy")
    pool = image_pool(corpus, looks=3, seed=0)
    torch.manual_seed(0)
    vae = new_vae().eval()
    images = pool.flatten(0, 1).float() / 127.5 - 1
    with torch.no_grad():
        before = vae.decode(vae.encode(images).latent_dist.mean).sample
        standardise(vae, pool)
        latents = vae.encode(images).latent_dist.mean
        after = vae.decode(latents).sample
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(8), atol=1e-4, rtol=0)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(8), atol=1e-3, rtol=0)


@pytest.mark.slow
def test_the_unet_learns_resumes_where_it_stopped_and_exports_a_pipeline_that_draws(work, tmp_path):
    first = UnetConfig(minutes=0.1, batch=8, average_seconds=0.5, rate=3e-3)
    notes = [step.note for step in train_unet(work, first)]
    state = torch.load(work / "unet.pt", weights_only=True)
    numbers = state["numbers"]
    assert notes
    assert math.isfinite(numbers["loss"])
    assert numbers["images"] == numbers["step"] * 8

    again = UnetConfig(minutes=0.2, batch=8, average_seconds=0.5, rate=3e-3)
    list(train_unet(work, again))
    resumed = torch.load(work / "unet.pt", weights_only=True)["numbers"]
    assert resumed["step"] > numbers["step"]
    assert resumed["used"] >= 0.2 * 60
    assert numbers["loss"] < 1.3
    assert resumed["loss"] < numbers["loss"] + 0.02  # a slow machine makes few steps, whose losses are noisy

    exported = export_model(work, tmp_path / "model")
    assert exported["step"] == resumed["step"]
    image = load_pipeline(tmp_path / "model")("tomato", num_inference_steps=2, height=32, width=32).images[0]
    assert image.size == (32, 32)
    weights = next((tmp_path / "model" / "unet").glob("*.safetensors"))
    assert weights.stat().st_size < 10_000_000  # fp16


def test_a_finished_training_changes_nothing_when_run_again(work):
    list(train_unet(work, UnetConfig(minutes=0.01, batch=2, average_seconds=0.1)))
    before = torch.load(work / "unet.pt", weights_only=True)["numbers"]
    assert list(train_unet(work, UnetConfig(minutes=0.01, batch=2, average_seconds=0.1))) == []
    assert torch.load(work / "unet.pt", weights_only=True)["numbers"] == before


def test_the_rate_warms_up_stays_and_falls_to_a_small_rest():
    rates = [learning_rate(1.0, 1000, share, warmup=10, plateau=0.4) for share in (0.0, 0.4, 0.7, 1.0, 1.5)]
    assert rates[:2] == [1.0, 1.0]
    assert rates[2] == pytest.approx(0.03 + 0.97 * 0.5)
    assert rates[3] == rates[4] == pytest.approx(0.03)
    assert learning_rate(1.0, 4, 0.0, warmup=10, plateau=0.4) == pytest.approx(0.5)


def test_missing_and_mismatched_and_broken_files_say_which_step_to_run(work, tmp_path):
    with pytest.raises(NotFoundError) as missing:
        load_corpus(tmp_path / "world.parquet", tmp_path / "icons.npy")
    assert "rasterise" in missing.value.hint
    np.save(tmp_path / "icons.npy", np.zeros((3, 32, 32, 4), np.uint8))
    with pytest.raises(ConflictError):
        load_corpus(work / "world.parquet", tmp_path / "icons.npy")
    with pytest.raises(NotFoundError):
        load_latents(tmp_path)
    (tmp_path / "unet.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(DataError):
        export_model(tmp_path, tmp_path / "model")
    assert json.loads((work / "looks.json").read_text())
