import json
import shutil

import numpy as np
import pytest
import torch
from attribase.ingest.encoders import encoder_name, get_encoder, sd_unet, weights
from attribase.ingest.encoders.onnx_export import to_onnx
from attribase.runtime import OnnxEncoder
from attribase.runtime.tokens import CaptionTokenizer
from attribase.store.errors import InvalidInputError, NotFoundError

CAPTIONS = ["a cat", "", "the same words " * 40, "An Éclair, half eaten & 3 forks!"]


@pytest.fixture(scope="module")
def spec(tiny_base):
    return get_encoder(f"sd-unet:{tiny_base}")


@pytest.fixture(scope="module")
def onnx(spec, tmp_path_factory):
    """The exported tiny pipeline, with its tokenizer."""
    files = to_onnx(spec.load(None), spec, tmp_path_factory.mktemp("onnx"))
    return OnnxEncoder(files.model, spec.preprocessing, extra_files=spec.extra_files(None))


def plain(folder, pixels, captions):
    """Paper B.5 with the pipeline's own calls: the whole UNet runs and its mid-block is listened to."""
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(folder).to(torch.float32)
    found = []
    pipe.unet.mid_block.register_forward_hook(lambda *call: found.append(call[2]))
    length = pipe.tokenizer.model_max_length
    tokens = pipe.tokenizer(
        captions, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    ).input_ids
    with torch.inference_mode():
        latents = pipe.vae.encode(pixels).latent_dist.mean * pipe.vae.config.scaling_factor
        noise = torch.randn(latents[:1].shape, generator=torch.Generator().manual_seed(0)).expand_as(latents)
        t = torch.tensor(100)
        noised = pipe.scheduler.add_noise(latents, noise, t[None])
        pipe.unet(noised, t, encoder_hidden_states=pipe.text_encoder(tokens)[0])
    return found[0].mean((2, 3)).numpy()


def check(folder, spec, onnx):
    pixels = np.random.default_rng(0).uniform(-1, 1, (4, 3, spec.size, spec.size)).astype(np.float32)
    tokens = CaptionTokenizer(onnx.extra_files["tokenizer.json"]).encode(CAPTIONS)
    wanted = plain(folder, torch.from_numpy(pixels), CAPTIONS)
    found = np.concatenate([onnx.run(pixels[:1], tokens[:1]), onnx.run(pixels[1:], tokens[1:])])
    assert found.shape == (4, spec.dim)
    assert found == pytest.approx(wanted, abs=1e-3)
    unit = [rows / np.linalg.norm(rows, axis=1)[:, None] for rows in (found, wanted)]
    assert (unit[0] * unit[1]).sum(1).min() >= 0.9999
    return pixels, tokens, found


def test_onnx_gives_the_mid_block_of_the_noised_image_with_its_caption(tiny_base, spec, onnx):
    pixels, tokens, found = check(tiny_base, spec, onnx)
    assert np.abs(onnx.run(pixels, tokens[[1, 1, 1, 1]])[0] - found[0]).max() > 1e-3  # captions matter
    assert onnx.captions


@pytest.mark.slow
def test_the_embedded_worlds_own_pipeline_gives_its_mid_block(tmp_path):
    from attribase.ingest.world import model_path

    spec = get_encoder("sd-unet:world")
    assert (spec.name, spec.dim, spec.size) == ("sd-unet:world", 128, 64)
    files = to_onnx(spec.load(None), spec, tmp_path)
    encoder = OnnxEncoder(files.model, spec.preprocessing, extra_files=spec.extra_files(None))
    check(model_path(), spec, encoder)


def test_a_caption_becomes_the_pipelines_tokens(tiny_base, spec):
    """The same ids as transformers gives, cut and padded, then padded on to 77."""
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(tiny_base / "tokenizer")
    found = CaptionTokenizer(spec.extra_files(None)["tokenizer.json"]).encode(CAPTIONS)
    wanted = tokenizer(CAPTIONS, padding="max_length", max_length=48, truncation=True).input_ids
    assert found.shape == (4, 77)
    assert found.dtype == np.int64
    assert found[:, :48].tolist() == wanted
    assert set(found[:, 48:].flat) == {tokenizer.pad_token_id}


def test_the_named_encoder_takes_a_folder_or_its_index(tiny_base):
    spec = get_encoder("sd-unet")
    assert (spec.dim, spec.size, spec.captions) == (1280, 512, True)
    for given in (tiny_base, tiny_base / "model_index.json"):
        with pytest.raises(InvalidInputError, match="has 8 channels, not 1280") as error:
            spec.load(given)
        assert "sd-unet:base" in error.value.hint
        assert spec.extra_files(given)["tokenizer.json"]
        assert sd_unet.load(given, dim=8, size=8) is not None


def test_a_folder_counts_by_its_name(tiny_base, spec):
    assert spec.name == encoder_name(f"sd-unet:{tiny_base}") == "sd-unet:base"
    assert encoder_name("sd-unet") == "sd-unet"
    with pytest.raises(NotFoundError):
        get_encoder("sd-unet:nowhere at all")


def test_parts_that_are_missing_cut_or_of_another_network_are_refused(tiny_base, tmp_path):
    def broken(name):
        shutil.copytree(tiny_base, tmp_path / name)
        return tmp_path / name

    weights_file = "unet/diffusion_pytorch_model.safetensors"
    gone = broken("gone")
    (gone / weights_file).unlink()
    cut = broken("cut")
    (cut / weights_file).write_bytes((tiny_base / weights_file).read_bytes()[:500])
    short = broken("short")
    from safetensors.torch import load_file, save_file

    state = load_file(tiny_base / weights_file)
    del state["mid_block.resnets.0.conv1.weight"]
    save_file(state, short / weights_file, metadata={"format": "pt"})
    wide = broken("wide")
    config = json.loads((wide / "text_encoder/config.json").read_text())
    (wide / "text_encoder/config.json").write_text(json.dumps(config | {"hidden_size": 32}))
    for folder in (gone, cut, short, wide, tmp_path / "nothing"):
        with pytest.raises(InvalidInputError) as error:
            sd_unet.load(folder, dim=8, size=8)
        assert error.value.hint
    with pytest.raises(InvalidInputError, match=r"unet lacks mid_block\.resnets\.0\.conv1\.weight"):
        sd_unet.load(short, dim=8, size=8)


@pytest.mark.parametrize("kind", ["StableDiffusionXLPipeline", "FluxPipeline"])
def test_a_base_of_another_kind_is_refused(tiny_base, tmp_path, kind):
    base = shutil.copytree(tiny_base, tmp_path / "other")
    for part in ("text_encoder_2", "tokenizer_2", "transformer"):
        shutil.copytree(base / "unet", base / part)
    index = json.loads((base / "model_index.json").read_text())
    (base / "model_index.json").write_text(json.dumps({**index, "_class_name": kind}))
    with pytest.raises(InvalidInputError, match=r"not of Stable Diffusion 1\.x or 2\.x"):
        get_encoder(f"sd-unet:{base}")


def test_offline_the_error_names_the_files_and_the_flag(monkeypatch):
    monkeypatch.setattr(weights, "_hub_answers", lambda: False)
    with pytest.raises(InvalidInputError, match="not here") as error:
        get_encoder("sd-unet").load(None)
    assert "CompVis/stable-diffusion-v1-4" in error.value.hint
    assert "unet/diffusion_pytorch_model.safetensors" in error.value.hint
    assert "--weights FOLDER" in error.value.hint
