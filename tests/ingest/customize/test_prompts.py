"""V* in prompts: where the text encoder does not see it, nothing is trained or sampled."""

import json

import pytest
from attribase.ingest.customize import CustomizeConfig, customize
from attribase.ingest.customize.base import BaseGenerator, check_base, free_token
from attribase.ingest.customize.config import defaults_for
from attribase.ingest.customize.layout import native_resolution
from attribase.ingest.customize.prompts import check_prompts
from attribase.ingest.sample import SampleConfig, sample, sample_defaults_for
from attribase.ingest.specs import SampleSpec
from attribase.store import InvalidInputError

FITS = 48 - 2  # letters of the tiny tokenizer: its length without the two marks


def check(base, spec, **options):
    check_prompts(base, [spec], "<new1>", **options)


def test_the_last_place_is_read_and_the_next_is_not(tiny_base, make_spec):
    check(tiny_base, make_spec(training_prompts=("a" * (FITS - 1) + " V*",)))
    with pytest.raises(
        InvalidInputError, match=r"training prompt 'a+ V\*' of 'tom' has V\* behind the 48 tokens"
    ):
        check(tiny_base, make_spec(training_prompts=("a" * FITS + " V*",)))


def test_one_v_star_in_reach_is_enough(tiny_base, make_spec):
    check(tiny_base, make_spec(training_prompts=("V* cat" + " a" * FITS + " V*",)))


def test_the_words_of_augmentation_push_v_star_back(tiny_base, make_spec):
    spec = make_spec(training_prompts=("a" * (FITS - 1) + " V*",))
    check(tiny_base, spec, augment="shift")
    with pytest.raises(InvalidInputError, match="behind the 48 tokens"):
        check(tiny_base, spec, augment="resize")


def test_controls_have_none_on_purpose(tiny_base, make_spec):
    check(tiny_base, make_spec(method="none", samples=(SampleSpec("gpt", "a cat", 0),)))


def test_a_sample_without_v_star_names_prompt_and_model(make_spec):
    with pytest.raises(InvalidInputError, match=r"prompt 'a cat' of 'tom' has no V\*"):
        make_spec(samples=(SampleSpec("gpt", "a V* cat", 0), SampleSpec("gpt", "a cat", 1)))


def test_nothing_is_trained_or_sampled_before_every_prompt_is_checked(store, config, make_spec):
    good = make_spec()
    late = SampleSpec("gpt", "a" * FITS + " V*", 0)
    bad = make_spec(concept="late", seed=1, samples=(late,))
    with pytest.raises(InvalidInputError, match="of 'late' has V"):
        list(customize(store, [good, bad], config, workers=0))
    assert store.count("models") == 0
    list(customize(store, [good, make_spec(concept="late", seed=1)], config, workers=0))
    with pytest.raises(InvalidInputError, match="of 'late' has V"):
        list(sample(store, [good, bad], config, SampleConfig(steps=1, resolution=8), workers=0))
    assert store.count("samples") == 0


@pytest.fixture
def known_token_base(make_pipeline, tmp_path):
    """A base whose vocabulary has <new1>, as after Custom Diffusion."""
    pipeline = make_pipeline()
    pipeline.tokenizer.add_tokens(["<new1>"])
    pipeline.text_encoder.resize_token_embeddings(len(pipeline.tokenizer))
    pipeline.save_pretrained(tmp_path / "known")
    return tmp_path / "known"


def test_a_free_name_for_v_star_is_chosen(known_token_base, tiny_base):
    assert free_token(tiny_base) == defaults_for(str(tiny_base)).modifier_token == "<new1>"
    assert free_token(known_token_base) == defaults_for(str(known_token_base)).modifier_token == "<new2>"


def test_a_base_that_knows_the_token_is_customized_and_sampled(store, known_token_base, make_spec):
    settings = {"iterations": 2, "lr": 1e-2, "token_lr": 1e-2, "batch_size": 1, "augment": "none"}
    mine = defaults_for(str(known_token_base)).with_changes(**settings, modifier_token="<mine>")
    list(customize(store, [make_spec()], mine, workers=0))
    drawn = sample_defaults_for(str(known_token_base)).with_changes(steps=1)
    list(sample(store, [make_spec()], mine, drawn, workers=0))
    assert store.count("samples") == 3
    assert store.read("models", ["modifier_token"]).to_pylist() == [{"modifier_token": "<mine>"}]
    with pytest.raises(InvalidInputError, match="already has the token <new1>") as error:
        list(customize(store, [make_spec()], mine.with_changes(modifier_token="<new1>"), workers=0))
    assert "--modifier-token" in error.value.hint


def test_the_default_resolution_is_the_base_s_own(tiny_base, tmp_path):
    assert native_resolution(tiny_base) == defaults_for(str(tiny_base)).resolution == 8
    assert sample_defaults_for(str(tiny_base)).resolution == 8
    for part, about in (("unet", {"sample_size": 96}), ("vae", {"block_out_channels": [128, 256, 512, 512]})):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(json.dumps(about))
    assert native_resolution(tmp_path) == 768
    assert CustomizeConfig("any").resolution == 512


def test_a_resolution_that_cells_do_not_divide_is_refused(tiny_base):
    check_base(BaseGenerator.find(str(tiny_base)), 10)
    with pytest.raises(InvalidInputError, match="a resolution of 9 is no multiple of 2"):
        check_base(BaseGenerator.find(str(tiny_base)), 9)
