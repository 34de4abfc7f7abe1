"""Files of larger bases (SDXL, SD 3, Flux): what stock diffusers draws with the same file."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from attribase.ingest.model_files import Options, Said, ingest_models, list_models
from attribase.ingest.sample import sample, sample_defaults_for
from attribase.store import InvalidInputError
from PIL import Image
from safetensors.torch import save_file

from .layers import PARTS_OF_SDXL, kohya

STEPS, GUIDANCE = 4, 3.0
DRAWN = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE, "height": 8, "width": 8}


@pytest.fixture
def stock(kind_bases):
    """A stock pipeline of a kind of base."""
    from diffusers import DiffusionPipeline

    def load(kind):
        pipeline = DiffusionPipeline.from_pretrained(kind_bases(kind)).to(torch.float32)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    return load


@pytest.fixture
def draw(store, kind_bases, training):
    """Ingest a file and draw one picture with it: the row of `models`, the picture, its prompt."""

    def draw(path, kind, **said):
        base = str(kind_bases(kind))
        given = Said((str(training),), base=base, category="cat", **said)
        steps = ingest_models(store, str(path), list_models(Path(path), given), Options(samples=1))
        while True:
            try:
                next(steps)
            except StopIteration as end:
                specs = end.value.specs
                break
        drawing = sample_defaults_for(base).with_changes(
            steps=STEPS, guidance=GUIDANCE, batch_size=1, resolution=8
        )
        list(sample(store, specs, base, drawing, workers=0))
        (row,) = store.read("samples", ["prompt", "bytes"]).to_pylist()
        (model,) = store.read("models").to_pylist()
        return model, np.asarray(Image.open(io.BytesIO(row["bytes"])), int), row["prompt"]

    return draw


def drawn_by(pipeline, prompt):
    drawn = pipeline(prompt, generator=torch.Generator().manual_seed(0), **DRAWN)
    return np.asarray(drawn.images[0], int)


def assert_same(ours, theirs, plain):
    assert np.abs(ours - theirs).max() <= 2
    assert np.abs(plain - theirs).max() > 2


@pytest.mark.parametrize("kind", ["sdxl", "sd3", "flux"])
def test_a_lora_of_diffusers_draws_what_stock_diffusers_draws(tmp_path, draw, stock, kind):
    from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model

    trained, pipeline = stock(kind), stock(kind)
    network = "unet" if kind == "sdxl" else "transformer"
    layers, noise = {}, torch.Generator().manual_seed(3)
    for name, targets in (
        (network, ["to_k", "to_q", "to_v", "to_out.0"]),
        ("text_encoder", ["q_proj", "fc1"]),
    ):
        part = getattr(trained, name)
        inject_adapter_in_model(LoraConfig(r=4, lora_alpha=4, target_modules=targets), part)
        for key, values in part.named_parameters():
            if ".lora_" in key:
                values.data = torch.randn(values.shape, generator=noise)
        layers[f"{name}_lora_layers"] = get_peft_model_state_dict(part)
    type(trained).save_lora_weights(tmp_path / "rex", **layers)
    model, ours, prompt = draw(tmp_path / "rex", kind, trigger="sks")
    assert (model["method"], model["concept"]) == ("lora", "rex")
    plain = drawn_by(pipeline, prompt.replace("V*", "sks"))
    pipeline.load_lora_weights(str(tmp_path / "rex"))
    assert_same(ours, drawn_by(pipeline, prompt.replace("V*", "sks")), plain)


def test_a_lora_of_sdxl_in_kohyas_layout_draws_what_stock_diffusers_draws(tmp_path, draw, stock):
    pipeline = stock("sdxl")
    save_file(kohya(pipeline, PARTS_OF_SDXL), tmp_path / "rex.safetensors")
    _, ours, prompt = draw(tmp_path / "rex.safetensors", "sdxl", trigger="sks")
    plain = drawn_by(pipeline, prompt.replace("V*", "sks"))
    pipeline.load_lora_weights(str(tmp_path), weight_name="rex.safetensors")
    assert_same(ours, drawn_by(pipeline, prompt.replace("V*", "sks")), plain)


@pytest.mark.parametrize("vectors", [1, 2])
def test_an_embedding_for_two_text_encoders_draws_what_stock_diffusers_draws(
    store, tmp_path, draw, stock, ingest, vectors
):
    noise = torch.Generator().manual_seed(4)
    rows = {name: torch.randn(vectors, 16, generator=noise) for name in ("clip_l", "clip_g")}
    save_file(rows, tmp_path / "toy.safetensors")
    with pytest.raises(InvalidInputError, match=r"for 2 text encoders, in .* there is 1"):
        ingest(tmp_path / "toy.safetensors")
    assert store.count("models") == 0
    model, ours, prompt = draw(tmp_path / "toy.safetensors", "sdxl")
    assert model["modifier_token"] == "toy"
    pipeline = stock("sdxl")
    plain = drawn_by(pipeline, prompt.replace("V*", "cat"))
    for name, end in (("clip_l", ""), ("clip_g", "_2")):
        encoder = {part: getattr(pipeline, part + end) for part in ("text_encoder", "tokenizer")}
        pipeline.load_textual_inversion(rows[name], token="<toy>", **encoder)
    assert_same(ours, drawn_by(pipeline, prompt.replace("V*", "<toy>")), plain)


def test_a_file_of_one_kind_of_base_is_refused_for_another(tmp_path, draw):
    save_file({"<toy>": torch.zeros(1, 16)}, tmp_path / "toy.safetensors")
    with pytest.raises(InvalidInputError, match=r"1 text encoders, in .* there are 2"):
        draw(tmp_path / "toy.safetensors", "sdxl")
    with pytest.raises(InvalidInputError, match="its kind is flux, not world or sd or sdxl"):
        draw(tmp_path / "toy.safetensors", "flux")
