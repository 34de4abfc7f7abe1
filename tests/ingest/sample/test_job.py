import io

import pytest
from attribase.ingest.customize import customize
from attribase.ingest.customize.generator import load_generator
from attribase.ingest.sample import SampleConfig, sample, sample_defaults_for, sample_id
from attribase.ingest.sample.ddim import draw_samples
from attribase.ingest.specs import SampleSpec
from attribase.store import ConflictError, NotFoundError
from PIL import Image

SETTINGS = SampleConfig(steps=4, guidance=3.0, batch_size=4, resolution=8)


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
    assert (
        plain["bytes"] == draw_samples(load_generator(config.base, "<new1>"), ["a cat 0"], [0], SETTINGS)[0]
    )
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
    ("config", "expected"),
    [
        (sample_defaults_for("world"), "10157cc00580d7ff43ce7bfe720ae670352144cf9d1a0593559ad6a56a289732"),
        (SampleConfig(), "788966327b2afc77f3c4e937ffe5966d07176d31888e3c77121e7d18598e1d59"),
        (
            SampleConfig(steps=3, guidance=1.0),
            "614f3039feab9a133a05016884fb25d3d0890a05e84130b1853892183bdae7ce",
        ),
    ],
)
def test_sample_ids_of_fixed_prompts_and_settings_never_change(fixed_specs, config, expected):
    assert sample_id("1" * 64, fixed_specs["object"].samples[0], config) == expected
