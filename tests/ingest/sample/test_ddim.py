import io

import numpy as np
import pytest
import torch
from attribase.ingest.customize.generator import load_generator
from attribase.ingest.sample import SampleConfig, sample_defaults_for
from attribase.ingest.sample.ddim import draw_samples
from attribase.ingest.world import model_path
from PIL import Image

SETTINGS = SampleConfig(steps=4, guidance=3.0, batch_size=4, resolution=8)


@pytest.fixture
def generator(tiny_base):
    return load_generator(tiny_base, "<new1>")


@pytest.mark.parametrize("base", ["tiny_base", "velocity_base"])
@pytest.mark.parametrize("guidance", [5.0, 1.0])
def test_a_sample_equals_the_diffusers_pipelines_image(request, base, guidance):
    from diffusers import StableDiffusionPipeline

    folder = request.getfixturevalue(base)
    theirs = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None).to(torch.float32)
    theirs.set_progress_bar_config(disable=True)
    expected = theirs(
        "a cat",
        num_inference_steps=6,
        guidance_scale=guidance,
        height=8,
        width=8,
        generator=torch.Generator().manual_seed(11),
    ).images[0]
    config = SampleConfig(steps=6, guidance=guidance, batch_size=1, resolution=8)
    (ours,) = draw_samples(load_generator(folder, "<new1>"), ["a cat"], [11], config)
    difference = np.abs(np.asarray(Image.open(io.BytesIO(ours)), int) - np.asarray(expected, int))
    assert difference.max() <= 1
    assert np.asarray(expected).std() > 0


def test_bytes_do_not_depend_on_the_other_samples_of_a_call(generator):
    prompts = [f"V* cat number {i % 5}" for i in range(7)]
    together = draw_samples(generator, prompts, list(range(7)), SETTINGS)
    assert len(set(together)) == 7
    assert [
        draw_samples(generator, [prompt], [i], SETTINGS)[0] for i, prompt in enumerate(prompts)
    ] == together
    backwards = draw_samples(generator, prompts[::-1], list(range(7))[::-1], SETTINGS)
    assert backwards[::-1] == together


@pytest.mark.skipif(not model_path().is_dir(), reason="the world's model is not packaged yet")
def test_a_sample_of_the_world_is_the_same_alone_and_in_a_batch():
    world, settings = (
        load_generator(model_path(), "<new1>"),
        sample_defaults_for("world").with_changes(steps=3),
    )
    together = draw_samples(world, ["a red heart", "a cat", "a tree"], [1, 2, 3], settings)
    assert draw_samples(world, ["a tree"], [3], settings) == together[2:]


def test_prompt_seed_and_token_all_count(generator):
    drawn = draw_samples(generator, ["V* cat", "V* cat", "V* dog"], [1, 2, 1], SETTINGS)
    assert len(set(drawn)) == 3
    plain = draw_samples(generator, ["a cat"], [1], SETTINGS)
    generator.token_row.neg_()
    assert draw_samples(generator, ["V* cat"], [1], SETTINGS)[0] != drawn[0]
    assert draw_samples(generator, ["a cat"], [1], SETTINGS) == plain
