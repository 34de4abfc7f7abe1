import json
import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest
import torch
from attribase.ingest.encoders import ENCODERS, get_encoder, weights
from attribase.store.errors import InvalidInputError, NotFoundError


def test_names_are_distinct_and_specs_are_frozen():
    assert len({spec.name for spec in ENCODERS}) == len(ENCODERS)
    assert {"efficientnet-lite0", "clip-vit-b16", "clip-vit-b32", "dino-vit-b16"} <= {
        s.name for s in ENCODERS
    }
    assert all(get_encoder(spec.name) is spec for spec in ENCODERS)
    with pytest.raises(FrozenInstanceError):
        ENCODERS[0].dim = 3


def test_an_unknown_encoder_is_answered_with_the_known_ones():
    with pytest.raises(NotFoundError, match="'clip'") as error:
        get_encoder("clip")
    assert all(spec.name in error.value.hint for spec in ENCODERS)


@pytest.mark.parametrize("name", ["timm:no_such_model", "open_clip:ViT-B-32", "open_clip:ViT-Z/openai"])
def test_a_name_that_its_library_does_not_know_is_an_error(name):
    with pytest.raises(NotFoundError):
        get_encoder(name)


def test_the_registry_loads_no_heavy_library():
    heavy = "{'torch', 'timm', 'open_clip'}"
    code = f"import sys, attribase.ingest.encoders; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("clip-vit-b16", "open_clip:ViT-B-16/openai"),
        ("clip-vit-b32", "open_clip:ViT-B-32/openai"),
        ("dino-vit-b16", "timm:vit_base_patch16_224.dino"),
    ],
)
def test_named_specs_say_what_their_library_says(ours, theirs):
    one, other = get_encoder(ours), get_encoder(theirs)
    assert (one.dim, one.preprocessing) == (other.dim, other.preprocessing)
    assert one.source == other.source


@pytest.mark.parametrize("name", ["clip-vit-b32", "dino-vit-b16", "timm:test_vit.r160_in1k"])
def test_offline_without_weights_says_which_file_to_get_and_the_flag(name, monkeypatch):
    monkeypatch.setattr(weights, "_hub_answers", lambda: False)
    with pytest.raises(InvalidInputError, match="not here") as error:
        get_encoder(name).load(None)
    assert "--weights FILE" in error.value.hint
    assert "model.safetensors" in error.value.hint
    assert "timm/" in error.value.hint


def test_weights_that_are_missing_or_of_something_else_are_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="no weights file"):
        get_encoder("efficientnet-lite0").load(tmp_path / "gone.pth")
    other = tmp_path / "other.pth"
    torch.save({"layer": torch.zeros(3)}, other)
    for name in ("efficientnet-lite0", "timm:test_vit.r160_in1k"):
        with pytest.raises(InvalidInputError, match=r"other\.pth holds no weights"):
            get_encoder(name).load(other)


def test_a_pickle_is_not_run(tmp_path):
    """`weights_only` refuses anything but tensors."""
    bad = tmp_path / "bad.pth"
    torch.save({"x": print}, bad)
    with pytest.raises(InvalidInputError, match="no weights"):
        get_encoder("efficientnet-lite0").load(bad)


def test_timm_weights_come_from_a_file(tmp_path):
    import timm

    torch.manual_seed(3)
    original = timm.create_model("test_vit.r160_in1k").eval()
    torch.save(original.state_dict(), tmp_path / "vit.pth")
    spec = get_encoder("timm:test_vit.r160_in1k")
    images = torch.rand(2, 3, spec.size, spec.size)
    with torch.inference_mode():
        found = spec.load(tmp_path / "vit.pth")(images)
        expected = original.forward_head(original.forward_features(images), pre_logits=True)
    assert found.shape == (2, spec.dim)
    assert torch.allclose(found, expected)


def test_open_clip_weights_come_from_a_file(tmp_path, monkeypatch):
    """The image tower with the activation that the tag was trained with, projected and not normalised."""
    import open_clip

    tower = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
    text = {"context_length": 8, "vocab_size": 20, "width": 64, "heads": 1, "layers": 1}
    config = {"embed_dim": 24, "vision_cfg": tower, "text_cfg": text}
    (tmp_path / "Tiny-B-16.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "Tiny-B-16.json")
    tag = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "quick_gelu": True, "hf_hub": "some/where/"}
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: tag)
    torch.manual_seed(0)
    original = open_clip.create_model("Tiny-B-16", force_quick_gelu=True).eval()
    torch.save(original.state_dict(), tmp_path / "clip.pt")
    spec = get_encoder("open_clip:Tiny-B-16/made-up")
    assert (spec.dim, spec.size, spec.preprocessing.mean) == (24, 32, (0.1, 0.2, 0.3))
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(
            spec.load(tmp_path / "clip.pt")(images), original.encode_image(images), atol=1e-5
        )
