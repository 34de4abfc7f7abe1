"""Stable Diffusion XL: two text encoders and the sizes of pictures."""

import pytest
import torch
from attribase.ingest.customize import train as training
from attribase.ingest.customize.generator import load_generator
from attribase.ingest.customize.methods import CustomizeConfig
from PIL import Image


@pytest.fixture
def generator(kind_bases):
    return load_generator(kind_bases("sdxl"), "<new1>")


def record(generator):
    """Let the UNet answer nothing, and keep what it was given."""
    given = []

    def answer(noisy, _times, states, **options):
        given.append({"states": states, **options["added_cond_kwargs"]})
        return (torch.zeros_like(noisy),)

    generator.unet = answer
    return given


def test_the_network_is_given_the_size_of_the_exemplar_and_of_the_view(generator, make_spec):
    """A picture of 20 by 12 pixels is cut to 12 by 12 and resized to 8."""
    config = CustomizeConfig("any", resolution=8, augment="none", init_token="category")
    data = training._build_training_set(generator, make_spec(), [Image.new("RGB", (20, 12))], config)
    given = record(generator)
    drawn = (torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long))
    training._loss(generator, data, drawn, torch.Generator())
    assert given[0]["time_ids"].tolist() == [[12, 12, 0, 0, 8, 8]] * 2
    assert given[0]["states"].shape == (2, 48, 32)
    assert given[0]["text_embeds"].shape == (2, 16)


def test_a_sample_is_said_to_have_its_own_size_and_no_text_is_zeros(generator):
    given, noise = record(generator), torch.zeros(1, *generator.noise_shape(16))
    with torch.no_grad():
        conditions, empty = generator.conditions(["a cat"]), generator.empty_conditions()
        generator.denoise(conditions, empty, noise, steps=1, guidance=2.0)
    assert given[0]["time_ids"].tolist() == [[16, 16, 0, 0, 16, 16]] * 2
    assert not given[0]["states"][0].any()
    assert given[0]["states"][1].equal(conditions[0][0])


def test_a_base_may_want_the_empty_text_instead_of_zeros(generator):
    generator.zero_when_empty = False
    with torch.no_grad():
        assert all(
            one.equal(other)
            for one, other in zip(generator.empty_conditions(), generator.conditions([""]), strict=True)
        )


def test_v_star_is_in_both_vocabularies(generator):
    generator.add_vectors(2)
    for encoder in generator.encoders:
        assert encoder.tokenizer.convert_tokens_to_ids(["<new1>", "<new1>_1"]) == [
            encoder.token_id,
            encoder.token_id + 1,
        ]
        assert len(encoder.embedding.weight) == encoder.token_id + 2
