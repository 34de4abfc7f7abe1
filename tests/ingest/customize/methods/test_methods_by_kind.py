"""Every method on every kind of base that it takes: what changes, and what stock diffusers draws."""

import io

import numpy as np
import pytest
import torch
from attribase.ingest.customize import METHODS, customize, export_diffusers_layout
from attribase.ingest.customize.generator import load_generator
from attribase.ingest.customize.kinds.loaded import LoadedGenerator
from attribase.ingest.customize.layout import base_kind
from attribase.ingest.customize.train import train
from attribase.ingest.sample import sample, sample_defaults_for
from attribase.ingest.specs import SampleSpec
from attribase.store import InvalidInputError
from PIL import Image
from safetensors.torch import load_file

STEPS, GUIDANCE = 4, 3.0
RATES = {"dreambooth": 1e-2, "textual-inversion": 0.5}
PAIRS = [
    (method.name, kind)
    for method in METHODS.values()
    for kind in method.defaults
    if kind != "world" and (kind != "sd" or method.name.startswith("dreambooth"))
]
"""Those of Stable Diffusion 1.x that the methods' own tests leave out."""


@pytest.fixture
def planned(make_spec, kind_bases):
    """A plan's line of a method, and settings with which a tiny base of a kind changes."""

    def plan(name, kind):
        changes = {"samples": (SampleSpec("gpt", "a V* cat", 1),)}
        if name == "captioned":
            changes = {"training_prompts": ("a cat",), "samples": (SampleSpec("caption", "a cat", 1),)}
        method = METHODS[name]
        settings = {
            **method.defaults[kind],
            "iterations": 3,
            "lr": RATES.get(name, 0.1),
            "batch_size": 2,
            "resolution": 8,
        }
        return make_spec(method=name, **changes), method.config(str(kind_bases(kind)), **settings)

    return plan


def read_by_diffusers(pipeline, name, files):
    """Load what was exported into a stock pipeline."""
    folder = files[0].parent
    by_encoder = [
        {
            "text_encoder": getattr(pipeline, f"text_encoder{end}"),
            "tokenizer": getattr(pipeline, f"tokenizer{end}"),
        }
        for end in ("", "_2")
        if hasattr(pipeline, f"text_encoder{end}")
    ]
    if "lora" in name:
        pipeline.load_lora_weights(str(folder), weight_name=files[0].name)
    elif name == "dreambooth":
        pipeline.unet = type(pipeline.unet).from_pretrained(folder)
    elif name == "textual-inversion":
        vectors = load_file(files[0])
        for key, encoder in zip(("clip_l", "clip_g"), by_encoder, strict=True):
            pipeline.load_textual_inversion(vectors[key], token="<new1>", **encoder)
    else:
        # without `_pipeline` diffusers 0.42 reads the file and changes nothing
        pipeline.unet.load_attn_procs(str(folder), weight_name=files[0].name, _pipeline=pipeline)
        for file, encoder in zip(files[1:], by_encoder, strict=False):
            pipeline.load_textual_inversion(str(folder), weight_name=file.name, **encoder)


def draw(pipeline, prompt):
    options = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE, "height": 8, "width": 8}
    drawn = pipeline(prompt, generator=torch.Generator().manual_seed(1), **options)
    return np.asarray(drawn.images[0], int)


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_stock_diffusers_draws_the_same_pixels(store, planned, tmp_path, name, kind):
    from diffusers import DiffusionPipeline

    spec, settings = planned(name, kind)
    list(customize(store, [spec], settings, workers=0))
    drawing = sample_defaults_for(settings.base).with_changes(
        steps=STEPS, guidance=GUIDANCE, batch_size=1, resolution=8
    )
    list(sample(store, [spec], settings.base, drawing, workers=0))
    (row,) = store.read("samples", ["model_id", "prompt", "bytes"]).to_pylist()
    files = export_diffusers_layout(store, row["model_id"], tmp_path / "tom")
    stock = DiffusionPipeline.from_pretrained(settings.base).to(torch.float32)
    stock.set_progress_bar_config(disable=True)
    prompt = row["prompt"].replace("V*", settings.token or "")
    plain = draw(stock, prompt.replace("<new1>", "cat"))
    read_by_diffusers(stock, name, files)
    ours, theirs = np.asarray(Image.open(io.BytesIO(row["bytes"])), int), draw(stock, prompt)
    assert np.abs(ours - theirs).max() <= 1
    assert np.abs(plain - theirs).max() > 1


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_exactly_what_the_method_trains_changes(planned, image, whole_state, changed_since, name, kind):
    spec, settings = planned(name, kind)
    generator = load_generator(settings.base, "<new1>")
    before = whole_state(generator)
    train(generator, spec, [image], settings)
    stored = set(METHODS[name].extract(generator, settings))
    changed = set() if "lora" in name else changed_since(before, generator)
    network = {part for part in changed if part[0] == generator.network_name}
    tables = changed - network
    if "lora" in name:
        projections = ("_k", "_v", "_q", "_k_proj", "_v_proj", "_q_proj", "_out.0", "_add_out")
        assert {key.removeprefix(f"{generator.network_name}.").rpartition(".lora_")[0] for key in stored} == {
            part
            for part, module in generator.network.named_modules()
            if part.endswith(projections) and "attn" in part and hasattr(module, "base_layer")
        }
    elif name == "dreambooth":
        assert {key for _, key in network} == stored - {"sha256"}
    elif name != "textual-inversion":
        assert {key for _, key in network} == set(generator.kv)
    assert len(tables) == len(generator.encoders) * (METHODS[name].learns_token)
    for part, table in tables:
        rows = (before[part, table] != whole_state(generator)[part, table]).any(dim=1).nonzero().flatten()
        assert rows.tolist() == [len(before[part, table]) - 1]
    generator.reset()
    assert {part for part in changed_since(before, generator) if part not in tables} == set()


@pytest.mark.parametrize("kind", ["sd", "sdxl", "sd3", "flux"])
def test_a_base_of_each_kind_is_known_by_its_class(kind_bases, kind):
    assert base_kind(kind_bases(kind)) == kind
    assert isinstance(load_generator(kind_bases(kind), "<new1>"), LoadedGenerator)


def test_a_method_that_does_not_take_a_kind_of_base_says_which_it_takes(store, planned, kind_bases):
    spec, settings = planned("custom-diffusion", "sdxl")
    with pytest.raises(InvalidInputError, match="does not customize a base of the kind sd3") as error:
        list(customize(store, [spec], settings.with_changes(base=str(kind_bases("sd3"))), workers=0))
    assert "sdxl" in error.value.hint


def test_a_scheduler_of_another_kind_is_refused(store, planned):
    spec, settings = planned("lora", "sd3")
    list(customize(store, [spec], settings, workers=0))
    drawing = sample_defaults_for(settings.base).with_changes(scheduler="ddim", resolution=8)
    with pytest.raises(InvalidInputError, match="ddim does not sample a base of the kind sd3"):
        list(sample(store, [spec], settings.base, drawing, workers=0))
