"""DreamBooth: the UNet alone changes, and base and stored difference give the network of samples."""

import pytest
import torch
from attribase.ingest.customize import train as training
from attribase.ingest.customize.methods import DreamboothConfig, DreamboothLoraConfig, find_method
from attribase.ingest.customize.prior import draw_prior, prior_texts
from attribase.ingest.customize.train import train
from attribase.store import AttribaseError, InvalidInputError

METHOD = find_method("dreambooth")


@pytest.fixture
def settings(tiny_base):
    return DreamboothConfig(str(tiny_base), iterations=3, lr=1e-2, batch_size=2, resolution=8)


@pytest.fixture
def dreambooth(make_spec):
    return make_spec(method="dreambooth")


def test_exactly_the_unet_changes_and_the_base_comes_back(
    generator, image, dreambooth, settings, whole_state, changed_since
):
    before = whole_state(generator)
    train(generator, dreambooth, [image], settings)
    changed = changed_since(before, generator)
    names = {name for name, _ in generator.unet.named_parameters()}
    assert {part for part, _ in changed} == {"unet"}
    assert len(changed) > 0.9 * len(names)
    stored = METHOD.extract(generator, settings)
    assert {name for _, name in changed} == set(stored) - {"sha256"}
    assert {tensor.dtype for name, tensor in stored.items() if name != "sha256"} == {torch.float16}
    generator.reset()
    assert changed_since(before, generator) == set()


def test_the_network_of_samples_is_the_base_plus_the_stored_difference(
    generator, image, dreambooth, settings, whole_state
):
    base = whole_state(generator)
    train(generator, dreambooth, [image], settings)
    stored = METHOD.extract(generator, settings)
    given = whole_state(generator)
    generator.reset()
    METHOD.apply(generator, stored, METHOD.metadata(settings, "base", stored))
    assert generator.placeholder == "sks"
    for key, value in whole_state(generator).items():
        difference = stored.get(key[1]) if key[0] == "unet" else None
        assert value.equal(base[key] if difference is None else base[key] + difference.float())
        assert value.equal(given[key])


def test_a_difference_to_another_base_is_refused(
    generator, image, dreambooth, settings, whole_state, changed_since
):
    train(generator, dreambooth, [image], settings)
    stored, name = METHOD.extract(generator, settings), "conv_in.weight"
    generator.reset()
    before = whole_state(generator)
    odd = {**stored, name: stored[name] * 2}
    for wrong in (odd, {**stored, name: stored[name][:1]}, {**stored, "other": stored[name]}, {}):
        with pytest.raises(InvalidInputError, match="do not fit this base"):
            METHOD.apply(generator, wrong, {})
        assert changed_since(before, generator) == set()


def test_training_that_diverges_or_changes_nothing_is_an_error(generator, image, dreambooth, settings):
    with pytest.raises(AttribaseError, match="changed no weight"):
        METHOD.extract(generator, settings)
    train(generator, dreambooth, [image], settings.with_changes(lr=1e30))
    with pytest.raises(AttribaseError, match="not finite"):
        METHOD.extract(generator, settings)


def test_the_prior_is_what_the_base_draws_without_v_star(generator, make_spec, settings):
    spec = make_spec(training_prompts=("a photo of V* cat", "V* cat, asleep"))
    settings = settings.with_changes(prior_images=5, prior_steps=3, prior_guidance=2.0)
    latents, texts = draw_prior(generator, spec, settings)
    assert texts == prior_texts(spec) == ["a photo of cat", "cat, asleep"]
    assert len(latents) == 5
    with torch.no_grad():
        for i in range(5):
            noise = torch.randn(4, 4, 4, generator=torch.Generator().manual_seed(i))
            (one,) = generator.denoise(
                generator.conditions([texts[i % 2]]),
                generator.empty_conditions(),
                noise[None],
                steps=3,
                guidance=2.0,
            )
            assert torch.allclose(latents[i], one, atol=1e-4)
    assert draw_prior(generator, spec, settings)[0] is latents
    assert draw_prior(generator, spec, settings.with_changes(prior_images=0)) is None


def test_the_prior_counts_in_the_loss_by_its_weight(generator, image, make_spec, tiny_base, monkeypatch):
    seen = []
    monkeypatch.setattr(training, "_optimise", lambda _generator, _groups, sets, *_: seen.extend(sets))
    config = DreamboothLoraConfig(
        str(tiny_base), resolution=8, prior_images=3, prior_steps=1, prior_weight=0.5
    )
    train(generator, make_spec(method="dreambooth-lora"), [image], config)
    (exemplars, whole), (prior, half) = seen
    assert (whole, half) == (1.0, 0.5)
    assert exemplars.texts == ["sks cat"]
    assert (prior.texts, len(prior.latents), prior.text.tolist()) == (["cat"], 3, [[0], [0], [0]])


@pytest.mark.parametrize("changes", [{"prior_images": -1}, {"prior_weight": 0.0}, {"prior_steps": 0}])
def test_settings_that_cannot_work_are_refused(changes):
    with pytest.raises(InvalidInputError):
        DreamboothConfig("world", **changes)
