"""Stable Diffusion 3 and Flux: noise on a line at times of a density, and texts encoded once."""

import pytest
import torch
from attribase.ingest.customize import train as training
from attribase.ingest.customize.generator import load_generator
from attribase.ingest.customize.methods import LoraConfig

DRAWS = 4000


@pytest.fixture(params=["sd3", "flux"])
def generator(request, kind_bases):
    return load_generator(kind_bases(request.param), "<new1>")


def test_noise_is_added_on_a_line_whose_direction_is_the_target(generator):
    rng = torch.Generator().manual_seed(0)
    latents, noise = torch.randn(5, 4, 4, 4, generator=rng), torch.randn(5, 4, 4, 4, generator=rng)
    noised = generator.add_noise(latents, noise, rng)
    share = (noised.times / 1000).reshape(-1, 1, 1, 1)
    assert torch.allclose(noised.noisy, share * noise + (1 - share) * latents, atol=1e-5)
    assert torch.allclose(noised.noisy + (1 - share) * noised.target, noise, atol=1e-5)
    assert torch.allclose(noised.noisy - share * noised.target, latents, atol=1e-5)
    assert (noised.weights == 1).all()


@pytest.mark.parametrize(("kind", "shift", "quarter"), [("sd3", 3.0, 0.136), ("flux", 1.0, 0.25)])
def test_times_have_the_density_of_the_kind(kind_bases, kind, shift, quarter):
    """Before the schedule's shift: logit-normal, where 0.136 are below a quarter, or uniform."""
    generator = load_generator(kind_bases(kind), "<new1>")
    nothing = torch.zeros(DRAWS, 1, 1, 1)
    share = generator.add_noise(nothing, nothing, torch.Generator().manual_seed(0)).times / 1000
    plain = share / (shift - (shift - 1) * share)
    assert (plain < 0.25).float().mean().item() == pytest.approx(quarter, abs=0.02)
    assert (plain > 0.75).float().mean().item() == pytest.approx(quarter, abs=0.02)


def test_the_loss_is_zero_for_the_right_answer(generator, image, make_spec, monkeypatch):
    spec, config = make_spec(method="lora"), LoraConfig("any", resolution=8)
    data = training._build_training_set(generator, spec, [image], config)
    drawn = (torch.zeros(3, dtype=torch.long), torch.zeros(3, dtype=torch.long))
    latents = data.latents[drawn[0]]
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(5))
    monkeypatch.setattr(generator, "predict", lambda *_: noise - latents)
    assert training._loss(generator, data, drawn, torch.Generator().manual_seed(5)).item() < 1e-10
    monkeypatch.setattr(generator, "predict", lambda *_: latents - noise)
    assert training._loss(generator, data, drawn, torch.Generator().manual_seed(5)).item() > 1


def test_latents_come_back_as_pictures(generator):
    """The shift and the scale of the VAE are undone."""
    pixels = torch.rand(1, 3, 8, 8) * 2 - 1
    with torch.no_grad():
        latents = generator.encode(pixels)
        own = generator.vae.encode(pixels).latent_dist.mode()
        assert torch.allclose(latents, (own - 0.06) * 1.5, atol=1e-6)
        shown = (generator.vae.decode(own).sample / 2 + 0.5).clamp(0, 1) * 255
        assert (generator.decode(latents).float() - shown.permute(0, 2, 3, 1)).abs().max() <= 0.51


def test_a_text_is_encoded_once_while_the_encoders_are_the_base_s_own(generator, monkeypatch):
    asked, encode = [], generator.pipeline.encode_prompt
    monkeypatch.setattr(
        generator.pipeline,
        "encode_prompt",
        lambda *args, **options: asked.append(args) or encode(*args, **options),
    )
    both = generator.conditions(["a cat", "a dog"])
    again = generator.conditions(["a dog", "a cat"])
    assert len(asked) == 2
    assert all(one.flip(0).equal(other) for one, other in zip(both, again, strict=True))
    generator.pipeline.text_encoder.peft_config = {"layers": None}
    generator.conditions(["a cat"])
    assert len(asked) == 3


@pytest.mark.parametrize("fits", [True, False])
def test_only_some_texts_are_kept(generator, monkeypatch, fits):
    from attribase.ingest.customize.kinds import flow

    monkeypatch.setattr(flow, "TEXTS_KEPT", 2)
    texts = ["a", "b"] if fits else ["a", "b", "c"]
    generator.conditions(texts)
    assert list(generator.cache["texts"]) == texts[-2:]
