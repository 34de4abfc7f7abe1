import json

import pytest
import torch
from attribase.ingest.diffusion import load_pipeline
from attribase.ingest.world import model_path
from attribase.ingest.world.build.networks import (
    Float32Attention,
    NetworkSize,
    new_scheduler,
    new_text_encoder,
    new_unet,
    new_vae,
)

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def packaged():
    return load_pipeline(model_path())


def config_of(part) -> dict:
    """Its configuration, but for names, versions and the scale that standardising a VAE sets to 1."""
    described = part.config if hasattr(part.config, "to_json_string") else part
    config = json.loads(described.to_json_string())
    apart = {"dtype", "architectures", "scaling_factor"} | {key for key in config if key.startswith("_")}
    return {key: value for key, value in config.items() if key not in apart}


def test_the_packaged_weights_are_of_these_networks(packaged):
    pairs = [
        (new_vae(NetworkSize()), packaged.vae),
        (new_unet(NetworkSize()), packaged.unet),
        (new_text_encoder(packaged.tokenizer, NetworkSize()), packaged.text_encoder),
    ]
    for ours, theirs in pairs:
        ours.load_state_dict(theirs.state_dict())
        assert config_of(ours) == config_of(theirs)
    assert config_of(new_scheduler()) == config_of(packaged.scheduler)


@pytest.mark.parametrize("size", [NetworkSize(64, 1), NetworkSize(128, 2)], ids=str)
def test_larger_networks_have_latents_an_eighth_of_the_images_side(size):
    with torch.device("meta"):
        latents = new_vae(size).encode(torch.zeros(1, 3, size.pixels, size.pixels)).latent_dist.mean
        unet = new_unet(size)
        noise = unet(latents, torch.zeros(1), torch.zeros(1, 20, 128 * size.width)).sample
    assert latents.shape == noise.shape == (1, 16, size.pixels // 8, size.pixels // 8)


def test_attention_in_float32_is_the_attention_of_diffusers(packaged):
    latents, times = torch.randn(2, 16, 8, 8), torch.tensor([10, 900])
    context = torch.randn(2, 20, 128)
    with torch.no_grad():
        expected = packaged.unet(latents, times, context).sample
        unet = new_unet(NetworkSize()).eval()
        unet.load_state_dict(packaged.unet.state_dict())
        unet.set_attn_processor(Float32Attention())
        torch.testing.assert_close(unet(latents, times, context).sample, expected, atol=1e-4, rtol=1e-4)
