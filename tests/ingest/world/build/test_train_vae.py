import pytest
import torch
from attribase.ingest.world.build.corpus import load_corpus
from attribase.ingest.world.build.networks import new_vae
from attribase.ingest.world.build.train_vae import VaeConfig, image_pool, standardise, train_vae
from attribase.ingest.world.build.training import Budget

pytestmark = pytest.mark.filterwarnings("ignore")


def test_standardising_leaves_reconstructions_alone_and_makes_latents_unit(work):
    corpus = load_corpus(work / "world.parquet", work / "icons.npy")
    pool = image_pool(corpus, variations=3, seed=0)
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


def test_a_budget_in_steps_is_used_exactly_and_a_finished_training_is_not_repeated(work, tmp_path):
    corpus = load_corpus(work / "world.parquet", work / "icons.npy")
    for _ in range(2):
        config = VaeConfig(Budget(minutes=8, steps=4), batch=4, variations=1)
        list(train_vae(corpus, tmp_path / "vae", tmp_path / "vae.pt", config))
        assert torch.load(tmp_path / "vae.pt", weights_only=True)["step"] == 4
