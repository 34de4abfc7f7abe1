import io

import numpy as np
import pytest
import torch
from attribase.ingest.customize import customize
from attribase.ingest.customize.pipeline import load_pipeline
from attribase.ingest.sample.config import SampleConfig, sample_defaults_for
from attribase.ingest.sample.ddim import draw
from attribase.ingest.sample.job import sample
from attribase.ingest.specs import SampleSpec
from attribase.ingest.world import model_path
from attribase.store import ConflictError, InvalidInputError, NotFoundError
from PIL import Image

SETTINGS = SampleConfig(steps=4, guidance=3.0, batch_size=4, resolution=8)


@pytest.fixture
def pipeline(tiny_base):
    return load_pipeline(tiny_base, "<new1>")


def samples_of(store):
    names = [
        "sample_id",
        "model_id",
        "scheme",
        "prompt",
        "seed",
        "steps",
        "guidance",
        "scheduler",
        "width",
        "bytes",
    ]
    return {
        (row["model_id"], row["prompt"], row["seed"]): row for row in store.read("samples", names).to_pylist()
    }


@pytest.mark.parametrize("base", ["tiny_base", "velocity_base"])
@pytest.mark.parametrize("guidance", [5.0, 1.0])
def test_a_sample_is_what_the_diffusers_pipeline_draws(request, base, guidance):
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
    (ours,) = draw(load_pipeline(folder, "<new1>"), ["a cat"], [11], config)
    difference = np.abs(np.asarray(Image.open(io.BytesIO(ours)), int) - np.asarray(expected, int))
    assert difference.max() <= 1
    assert np.asarray(expected).std() > 0


def test_bytes_do_not_depend_on_what_else_is_drawn(pipeline):
    prompts = [f"V* cat number {i % 5}" for i in range(7)]
    together = draw(pipeline, prompts, list(range(7)), SETTINGS)
    assert len(set(together)) == 7
    assert [draw(pipeline, [prompt], [i], SETTINGS)[0] for i, prompt in enumerate(prompts)] == together
    backwards = draw(pipeline, prompts[::-1], list(range(7))[::-1], SETTINGS)
    assert backwards[::-1] == together


@pytest.mark.skipif(not model_path().is_dir(), reason="the world's model is not packaged yet")
def test_the_world_draws_a_sample_the_same_alone_and_in_company():
    world, settings = (
        load_pipeline(model_path(), "<new1>"),
        sample_defaults_for("world").with_changes(steps=3),
    )
    together = draw(world, ["a red heart", "a cat", "a tree"], [1, 2, 3], settings)
    assert draw(world, ["a tree"], [3], settings) == together[2:]


def test_prompt_seed_and_token_all_count(pipeline):
    drawn = draw(pipeline, ["V* cat", "V* cat", "V* dog"], [1, 2, 1], SETTINGS)
    assert len(set(drawn)) == 3
    plain = draw(pipeline, ["a cat"], [1], SETTINGS)
    pipeline.token_row.neg_()
    assert draw(pipeline, ["V* cat"], [1], SETTINGS)[0] != drawn[0]
    assert draw(pipeline, ["a cat"], [1], SETTINGS) == plain


def test_samples_are_stored_once_with_what_made_them(store, make_spec, config):
    control = make_spec(
        method="none", split="control", training_prompts=(), samples=(SampleSpec("gpt", "a cat 0", 0),)
    )
    specs = [make_spec(), control]
    list(customize(store, specs, config, workers=0))
    steps = list(sample(store, specs, config, SETTINGS, workers=0))
    assert [(step.done, step.total) for step in steps] == [(0, 4), (3, 4), (4, 4)]
    rows = samples_of(store)
    assert len(rows) == 4
    for row in rows.values():
        assert (row["scheme"], row["steps"], row["guidance"], row["scheduler"]) == ("gpt", 4, 3.0, "ddim")
        image = Image.open(io.BytesIO(row["bytes"]))
        assert (image.format, image.size, row["width"]) == ("PNG", (8, 8), 8)
    (plain,) = (row for row in rows.values() if row["prompt"] == "a cat 0")
    assert plain["bytes"] == draw(load_pipeline(config.base, "<new1>"), ["a cat 0"], [0], SETTINGS)[0]
    assert list(sample(store, specs, config, SETTINGS, workers=0)) == []

    longer = make_spec(samples=(*specs[0].samples, SampleSpec("gpt", "V* cat", 9)))
    assert [step.done for step in sample(store, [longer, control], config, SETTINGS, workers=0)] == [4, 5]
    assert {key: row["bytes"] for key, row in rows.items()}.items() <= {
        key: row["bytes"] for key, row in samples_of(store).items()
    }.items()
    assert store.jobs.unfinished() == []


def test_models_are_found_by_their_base_alone_unless_there_are_several(store, make_spec, config):
    base = config.base
    with pytest.raises(NotFoundError, match="tom"):
        list(sample(store, [make_spec()], base, SETTINGS, workers=0))
    with pytest.raises(NotFoundError, match="tom"):
        list(sample(store, [make_spec()], config, SETTINGS, workers=0))
    list(customize(store, [make_spec()], config.with_changes(iterations=2), workers=0))
    assert list(sample(store, [make_spec()], base, SETTINGS, workers=0))[-1].done == 3
    list(customize(store, [make_spec()], config, workers=0))
    with pytest.raises(ConflictError, match="2 different settings"):
        list(sample(store, [make_spec()], base, SETTINGS, workers=0))


@pytest.mark.slow
def test_a_fresh_process_makes_the_same_models_and_samples(store, make_spec, config, tmp_path):
    from attribase.store import Store

    list(customize(store, [make_spec()], config, workers=0))
    list(sample(store, [make_spec()], config, SETTINGS, workers=0))
    other = Store.create(tmp_path / "other")
    other.upsert("images", store.read("images", ["image_id", "bytes"]))
    list(customize(other, [make_spec()], config, workers=1))
    list(sample(other, [make_spec()], config, SETTINGS, workers=1))
    weights = [
        {row["model_id"]: row["weights"] for row in each.read("models", ["model_id", "weights"]).to_pylist()}
        for each in (store, other)
    ]
    assert weights[0] == weights[1]
    assert samples_of(store) == samples_of(other)


@pytest.mark.parametrize(
    "changes",
    [{"steps": 0}, {"guidance": -1.0}, {"batch_size": 0}, {"scheduler": "euler"}, {"resolution": 0}],
)
def test_settings_that_cannot_work_are_refused(changes):
    with pytest.raises(InvalidInputError):
        SampleConfig(**changes)


def test_the_world_has_settings_of_its_own():
    assert sample_defaults_for("world").resolution == 32
    assert sample_defaults_for("some/base").resolution == 512
    assert sample_defaults_for("world").with_changes(steps=3).steps == 3
