"""LoRA: only its layers change, and stock diffusers draws the same from the stored file."""

import io

import numpy as np
import pytest
import torch
from attribase.ingest.customize import customize, export_diffusers_layout
from attribase.ingest.customize.methods import LoraConfig, find_method
from attribase.ingest.customize.train import train
from attribase.ingest.customize.weights import pack, unpack
from attribase.ingest.sample import SampleConfig, sample
from attribase.ingest.specs import SampleSpec
from attribase.store import AttribaseError, InvalidInputError
from PIL import Image

DRAWING = SampleConfig(steps=4, guidance=5.0, batch_size=1, resolution=8)


@pytest.fixture
def settings(tiny_base):
    return LoraConfig(str(tiny_base), iterations=4, lr=0.1, batch_size=2, resolution=8)


@pytest.fixture
def lora(make_spec):
    return make_spec(method="lora")


@pytest.mark.parametrize(
    ("changes", "projections", "kinds"),
    [
        ({}, {"to_k", "to_v", "to_q", "to_out.0"}, {"lora_A.weight", "lora_B.weight"}),
        ({"targets": "kv", "rank": 2, "alpha": 8.0}, {"to_k", "to_v"}, {"lora_A.weight", "lora_B.weight"}),
        (
            {"dora": True},
            {"to_k", "to_v", "to_q", "to_out.0"},
            {"lora_A.weight", "lora_B.weight", "lora_magnitude_vector"},
        ),
    ],
)
def test_exactly_the_layers_of_the_projections_are_new(
    generator, image, lora, settings, whole_state, changed_since, changes, projections, kinds
):
    settings, before = settings.with_changes(**changes), whole_state(generator)
    train(generator, lora, [image], settings)
    stored = find_method("lora").extract(generator, settings)
    linear = [name for name, part in generator.unet.named_modules() if name.endswith(("attn1", "attn2"))]
    wanted = {
        f"unet.{attention}.{name}.{kind}" for attention in linear for name in projections for kind in kinds
    }
    assert set(stored) == wanted
    assert {tensor.shape[0] for name, tensor in stored.items() if "lora_A" in name} == {settings.rank}
    generator.reset()
    assert changed_since(before, generator) == set()
    assert not any(parameter.requires_grad for parameter in generator.unet.parameters())


@pytest.mark.parametrize("changes", [{}, {"targets": "kv", "rank": 2, "alpha": 8.0}, {"dora": True}])
def test_stock_diffusers_draws_the_same_pixels_from_the_exported_file(
    store, lora, settings, tmp_path, changes
):
    from diffusers import StableDiffusionPipeline

    settings = settings.with_changes(**changes)
    list(customize(store, [lora], settings, workers=0))
    assert list(customize(store, [lora], settings, workers=0)) == []
    list(sample(store, [lora], settings.base, DRAWING, workers=0))
    rows = store.read("samples", ["model_id", "prompt", "seed", "bytes"]).to_pylist()
    (file,) = export_diffusers_layout(store, rows[0]["model_id"], tmp_path / "tom")
    assert file.name == "pytorch_lora_weights.safetensors"
    theirs = StableDiffusionPipeline.from_pretrained(settings.base, safety_checker=None)
    theirs.set_progress_bar_config(disable=True)

    def draw(row):
        seeded = torch.Generator().manual_seed(row["seed"])
        options = {"num_inference_steps": 4, "guidance_scale": 5.0, "height": 8, "width": 8}
        prompt = row["prompt"].replace("V*", "sks")
        return np.asarray(theirs(prompt, generator=seeded, **options).images[0], int)

    plain = [draw(row) for row in rows]
    theirs.load_lora_weights(str(file.parent), weight_name=file.name)
    for row, without in zip(rows, plain, strict=True):
        ours, expected = np.asarray(Image.open(io.BytesIO(row["bytes"])), int), draw(row)
        assert np.abs(ours - expected).max() <= 1
        assert np.abs(without - expected).max() > 1


def test_captions_need_no_word(store, make_spec, exemplars, settings):
    captions = {"training_prompts": ("a cat", "two dogs"), "exemplar_ids": tuple(exemplars[:2])}
    spec = make_spec(method="lora", samples=(SampleSpec("caption", "a horse", 3),), **captions)
    list(customize(store, [spec], settings, workers=0))
    list(sample(store, [spec], settings.base, DRAWING, workers=0))
    assert store.read("models", ["modifier_token"]).to_pylist() == [{"modifier_token": None}]
    assert store.count("samples") == 1


def test_the_same_seed_gives_the_same_file_and_another_does_not(generator, image, make_spec, settings):
    method, files = find_method("lora"), []
    for seed in (1, 2, 1):
        train(generator, make_spec(method="lora", seed=seed), [image], settings)
        tensors = method.extract(generator, settings)
        files.append(pack(tensors, method.metadata(settings, "base", tensors)))
    assert files[0] == files[2] != files[1]
    tensors, metadata = unpack(files[0])
    method.apply(generator, tensors, metadata)
    assert generator.placeholder == "sks"


def test_files_that_do_not_fit_are_refused(generator, image, lora, settings, capfd):
    method = find_method("lora")
    train(generator, lora, [image], settings)
    tensors = method.extract(generator, settings)
    metadata = method.metadata(settings, "base", tensors)
    name = next(iter(tensors))
    for wrong in (
        {**tensors, name: tensors[name][:, :3]},
        {**tensors, name.replace("attn", "nowhere"): tensors[name]},
        {f"other.{name}": tensors[name]},
        {},
    ):
        with pytest.raises(InvalidInputError, match="do not fit this base"):
            method.apply(generator, wrong, metadata)
    assert "Error(s) in loading" not in capfd.readouterr().err
    train(generator, lora, [image], settings.with_changes(lr=1e30))
    with pytest.raises(AttribaseError, match="not finite"):
        method.extract(generator, settings)


@pytest.mark.parametrize(
    "changes", [{"rank": 0}, {"alpha": 0.0}, {"targets": "q"}, {"word": " "}, {"accumulate": 0}]
)
def test_settings_that_cannot_work_are_refused(changes):
    with pytest.raises(InvalidInputError):
        LoraConfig("world", **changes)
