"""A base in a single file, its tensors named as the original Stable Diffusion names them."""

import re
import shutil

import pytest
import torch
from attribase.ingest.customize import customize, defaults_for
from attribase.ingest.customize.base import BaseGenerator
from attribase.ingest.customize.single_file import pipeline_class_name
from attribase.ingest.diffusion import load_pipeline
from attribase.store import DataError, InvalidInputError
from safetensors.torch import save_file

BLOCKS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "down_blocks.0.resnets.0": "input_blocks.1.0",
    "down_blocks.0.downsamplers.0.conv": "input_blocks.2.0.op",
    "down_blocks.1.resnets.0": "input_blocks.3.0",
    "down_blocks.1.attentions.0": "input_blocks.3.1",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
    "up_blocks.0.resnets.0": "output_blocks.0.0",
    "up_blocks.0.attentions.0": "output_blocks.0.1",
    "up_blocks.0.resnets.1": "output_blocks.1.0",
    "up_blocks.0.attentions.1": "output_blocks.1.1",
    "up_blocks.0.upsamplers.0.conv": "output_blocks.1.2.conv",
    "up_blocks.1.resnets.0": "output_blocks.2.0",
    "up_blocks.1.resnets.1": "output_blocks.3.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
"""The blocks of the tiny UNet, in diffusers and in the original."""

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet_name(name: str) -> str:
    block = max((one for one in BLOCKS if name.startswith(f"{one}.")), key=len)
    rest = name.removeprefix(f"{block}.")
    if ".resnets." in name:
        layer, _, kind = rest.partition(".")
        rest = f"{RESNET[layer]}.{kind}"
    return f"model.diffusion_model.{BLOCKS[block]}.{rest}"


def vae_name(name: str) -> str:
    name = re.sub(r"encoder\.down_blocks\.(\d)\.resnets\.(\d)", r"encoder.down.\1.block.\2", name)
    name = re.sub(r"encoder\.down_blocks\.(\d)\.downsamplers\.0", r"encoder.down.\1.downsample", name)
    up = {"resnets": "block.", "upsamplers": "upsample"}
    name = re.sub(
        r"decoder\.up_blocks\.(\d)\.(resnets|upsamplers)\.(\d)",
        lambda m: f"decoder.up.{1 - int(m[1])}.{up[m[2]]}{m[3] if m[2] == 'resnets' else ''}",
        name,
    )
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if "mid_block.attentions.0" in name:
        name = name.replace("mid_block.attentions.0", "mid.attn_1")
        for ours, theirs in ATTENTION.items():
            name = name.replace(f"attn_1.{ours}.", f"attn_1.{theirs}.")
    name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    return f"first_stage_model.{name}"


def original_tensors(pipeline) -> dict:
    """The tensors of a tiny pipeline as the original code names and shapes them."""
    found = {unet_name(name): value for name, value in pipeline.unet.state_dict().items()}
    for name, value in pipeline.vae.state_dict().items():
        linear = "attentions" in name and value.ndim == 2  # a convolution of one pixel, there
        found[vae_name(name)] = value[..., None, None] if linear else value
    for name, value in pipeline.text_encoder.state_dict().items():
        found[f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}"] = value
    return {name: value.contiguous() for name, value in found.items()}


@pytest.fixture
def single(make_pipeline, tiny_base, tmp_path, monkeypatch):
    """A single file and, beside it, its configuration."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "tiny.safetensors"
    save_file(original_tensors(make_pipeline()), path)
    shutil.copytree(tiny_base, tmp_path / "tiny", ignore=shutil.ignore_patterns("*.safetensors"))
    return path


@pytest.mark.parametrize("ending", [".safetensors", ".ckpt"])
def test_a_single_file_is_the_base_that_it_was_made_of(single, tiny_base, make_pipeline, ending):
    if ending == ".ckpt":
        torch.save({"state_dict": original_tensors(make_pipeline())}, single.with_suffix(ending))
    base = BaseGenerator.find(str(single.with_suffix(ending)))
    found, expected = load_pipeline(base.folder), load_pipeline(tiny_base)
    for part in ("unet", "vae", "text_encoder"):
        ours, theirs = (getattr(one, part).state_dict() for one in (found, expected))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert found.tokenizer("a cat").input_ids == expected.tokenizer("a cat").input_ids
    again = BaseGenerator.find(str(single.with_suffix(ending)))
    assert again == base


def test_a_single_file_is_customized(store, single, make_spec):
    settings = {"iterations": 2, "lr": 1e-2, "token_lr": 1e-2, "batch_size": 1, "augment": "none"}
    config = defaults_for(str(single)).with_changes(**settings)
    assert config.resolution == 8
    list(customize(store, [make_spec()], config, workers=0))
    assert store.read("models", ["base_model"]).to_pylist() == [{"base_model": str(single)}]


def test_without_a_configuration_the_error_says_where_to_put_it(single):
    shutil.rmtree(single.with_suffix(""))
    with pytest.raises(
        InvalidInputError, match="cannot be loaded as a Stable Diffusion in a single file"
    ) as error:
        BaseGenerator.find(str(single))
    assert "tiny/ beside it" in error.value.hint
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ("conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias",),
            "StableDiffusionXLPipeline",
        ),
        (("joint_blocks.37.x_block.mlp.fc1.weight",), "StableDiffusion3Pipeline"),
        (
            ("double_blocks.0.img_attn.norm.key_norm.scale", "guidance_in.in_layer.bias", "img_in.weight"),
            "FluxPipeline",
        ),
        (("model.diffusion_model.input_blocks.0.0.weight",), "StableDiffusionPipeline"),
    ],
)
def test_the_class_of_a_single_file_is_recognised_by_its_tensors(tmp_path, names, expected):
    save_file({name: torch.zeros(1, 64) for name in names}, tmp_path / "base.safetensors")
    assert pipeline_class_name(tmp_path / "base.safetensors") == expected


def test_a_configuration_beside_the_file_says_its_class(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "base.safetensors")
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    assert pipeline_class_name(tmp_path / "base.safetensors") == "FluxPipeline"


def test_a_cut_file_and_a_pointer_are_named(single):
    data = single.read_bytes()
    single.write_bytes(data[:-100])
    with pytest.raises(DataError, match=r"tiny\.safetensors is cut off"):
        BaseGenerator.find(str(single))
    single.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DataError, match=r"tiny\.safetensors is a pointer of Git LFS"):
        BaseGenerator.find(str(single))
