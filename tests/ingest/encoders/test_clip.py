import json
import warnings

import open_clip
import pytest
import torch
from attribase.ingest.encoders import get_encoder, weights
from attribase.store.errors import InvalidInputError

TOWER = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
TEXT = {"context_length": 8, "vocab_size": 20, "width": 64, "heads": 1, "layers": 1}
TAG = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "quick_gelu": True, "hf_hub": "some/where/"}


@pytest.fixture
def clip(tmp_path, monkeypatch, random_network):
    """A small CLIP as OpenAI's: quick GELU, weights of every kind random."""
    (tmp_path / "Tiny-B-16.json").write_text(
        json.dumps({"embed_dim": 24, "vision_cfg": TOWER, "text_cfg": TEXT})
    )
    open_clip.add_model_config(tmp_path / "Tiny-B-16.json")
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: TAG)
    return random_network(open_clip.create_model("Tiny-B-16", force_quick_gelu=True))


def load(path):
    return get_encoder("open_clip:Tiny-B-16/openai").load(path)


def test_the_hubs_file_becomes_onnx(clip, tmp_path, parity):
    torch.save(clip.state_dict(), tmp_path / "open_clip_pytorch_model.bin")
    assert parity(load(tmp_path / "open_clip_pytorch_model.bin"), 32, clip.encode_image) >= 0.9999


def test_openais_own_torchscript_gives_the_same_network(clip, tmp_path):
    """Half precision, its metadata among the weights, as in ViT-B-16.pt."""

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.visual = clip.visual
            for name, value in (("input_resolution", 32), ("context_length", 8), ("vocab_size", 20)):
                self.register_buffer(name, torch.tensor(value))

        def forward(self, images):
            return self.visual(images)

    pixels = torch.rand(2, 3, 32, 32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clip.half().float()  # to what half precision keeps
        traced = torch.jit.trace(Whole().eval(), pixels)
        traced.half().save(tmp_path / "ViT-B-16.pt")
    clip.float()
    with torch.inference_mode():
        found = load(tmp_path / "ViT-B-16.pt")(pixels)
        assert torch.allclose(found, clip.encode_image(pixels), atol=1e-5)


def test_files_of_other_towers_are_refused(clip, tmp_path):
    state = clip.state_dict()
    del state["visual.proj"]
    torch.save(state, tmp_path / "short.bin")
    torch.save({"x": print}, tmp_path / "code.bin")
    (tmp_path / "text.bin").write_text("not weights")
    for name in ("short.bin", "code.bin", "text.bin"):
        with pytest.raises(InvalidInputError, match=f"{name} holds no weights for open_clip"):
            load(tmp_path / name)


@pytest.mark.parametrize(("name", "patch"), [("clip-vit-b16", 16), ("clip-vit-b32", 32)])
def test_offline_the_error_names_the_file_and_the_flag(name, patch, monkeypatch):
    monkeypatch.setattr(weights, "_hub_answers", lambda: False)
    with pytest.raises(InvalidInputError, match="not here") as error:
        get_encoder(name).load(None)
    assert "open_clip_model.safetensors" in error.value.hint
    assert f"timm/vit_base_patch{patch}_clip_224.openai" in error.value.hint
    assert "--weights FILE" in error.value.hint
