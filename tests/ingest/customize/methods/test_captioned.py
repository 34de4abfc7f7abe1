"""`captioned`: K and V on images with their captions; no V* in any prompt."""

import json

import pytest
import torch
from attribase.ingest.customize import customize, export_diffusers_layout
from attribase.ingest.customize.generator import load_generator
from attribase.ingest.customize.methods import CaptionedConfig, find_method
from attribase.ingest.customize.train import train
from attribase.ingest.customize.weights import unpack
from attribase.ingest.sample import SampleConfig, sample
from attribase.ingest.sample.ddim import draw_samples
from attribase.ingest.specs import SampleSpec
from attribase.store import InvalidInputError

SETTINGS = SampleConfig(steps=3, guidance=2.0, batch_size=2, resolution=8)
CAPTIONS = ("a cat", "two dogs")
HELD_OUT = SampleSpec("caption", "a horse", 3)


@pytest.fixture
def captioned(make_spec, exemplars):
    return make_spec(
        concept_kind="set",
        method="captioned",
        exemplar_ids=tuple(exemplars[:2]),
        training_prompts=CAPTIONS,
        samples=(HELD_OUT,),
    )


@pytest.fixture
def settings(tiny_base):
    return CaptionedConfig(str(tiny_base), iterations=4, lr=1e-2, batch_size=2, resolution=8)


def test_exactly_k_and_v_change(generator, image, captioned, settings, whole_state, changed_since):
    before = whole_state(generator)
    train(generator, captioned, [image, image], settings)
    assert changed_since(before, generator) == {("unet", name) for name in generator.kv}
    assert set(find_method("captioned").extract(generator, settings)) == set(generator.kv)


def test_a_set_is_stored_sampled_and_exported_without_v_star(store, captioned, settings, tmp_path):
    list(customize(store, [captioned], settings, workers=0))
    assert list(customize(store, [captioned], settings, workers=0)) == []
    (row,) = store.read("models", ["model_id", "method", "modifier_token", "weights", "config"]).to_pylist()
    assert (row["method"], row["modifier_token"]) == ("captioned", None)
    assert json.loads(row["config"])["training_prompts"] == list(CAPTIONS)
    list(sample(store, [captioned], settings.base, SETTINGS, workers=0))
    (drawn,) = store.read("samples", ["prompt", "bytes"]).to_pylist()
    assert drawn["prompt"] == HELD_OUT.prompt

    (file,) = export_diffusers_layout(store, row["model_id"], tmp_path / "set")
    theirs = load_generator(settings.base, "<new1>")
    theirs.unet.set_attn_processor(theirs.unet._process_custom_diffusion(torch.load(file, weights_only=True)))
    ours = load_generator(settings.base, "<new1>")
    find_method("captioned").apply(ours, *unpack(row["weights"]))
    noise, text = torch.randn(1, 4, 4, 4), torch.randn(1, 5, 16)
    with torch.no_grad():
        expected = theirs.unet(noise, 10, text).sample
        assert torch.allclose(ours.unet(noise, 10, text).sample, expected, atol=1e-5)
    assert draw_samples(ours, [HELD_OUT.prompt], [HELD_OUT.seed], SETTINGS) == [drawn["bytes"]]
    ours.reset()
    assert draw_samples(ours, [HELD_OUT.prompt], [HELD_OUT.seed], SETTINGS) != [drawn["bytes"]]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"training_prompts": ("V* cat", "two dogs")}, "must not have it"),
        ({"samples": (SampleSpec("caption", "V* cat", 0),)}, "must not have it"),
        ({"training_prompts": ("a", "b", "c")}, "2 exemplars and 3 captions"),
        ({"training_prompts": ()}, "2 exemplars and 0 captions"),
    ],
)
def test_captions_are_one_an_exemplar_and_hold_no_v_star(make_spec, exemplars, changes, says):
    known = {"method": "captioned", "exemplar_ids": tuple(exemplars[:2]), "training_prompts": CAPTIONS}
    with pytest.raises(InvalidInputError, match=says):
        make_spec(**{**known, "samples": (), **changes})


def test_a_plan_of_one_method_is_not_customized_with_the_settings_of_another(store, captioned, config):
    with pytest.raises(InvalidInputError, match="planned by captioned, the settings are of custom-diffusion"):
        list(customize(store, [captioned], config, workers=0))
    with pytest.raises(InvalidInputError, match="captioned has no setting token_lr"):
        CaptionedConfig("world").with_changes(token_lr=1.0)
