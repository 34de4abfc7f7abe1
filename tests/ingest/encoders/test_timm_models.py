import pytest
import timm
import torch
from attribase.ingest.encoders import get_encoder, timm_models, weights
from attribase.store.errors import InvalidInputError

SMALL = {"depth": 1, "embed_dim": 48, "num_heads": 2}
NAMED = {
    "dino-vit-b16": "vit_base_patch16_224.dino",
    "vit-b16": "vit_base_patch16_224.augreg_in21k_ft_in1k",
    "vit-b16-384": "vit_base_patch16_384.augreg_in21k_ft_in1k",
    "dinov2-vit-b14": "vit_base_patch14_dinov2.lvd142m",
    "siglip-vit-b16": "vit_base_patch16_siglip_224.webli",
}


@pytest.mark.parametrize(("ours", "theirs"), NAMED.items())
def test_a_named_spec_says_what_timm_says(ours, theirs):
    one, other = get_encoder(ours), get_encoder(f"timm:{theirs}")
    assert (one.dim, one.preprocessing, one.source, one.files) == (
        other.dim, other.preprocessing, other.source, other.files,
    )  # fmt: skip
    assert one.license.lower() == other.license
    assert one.files == (f"timm/{theirs}/model.safetensors",)


@pytest.mark.parametrize(
    ("name", "size", "patch"),
    [("dino-vit-b16", 64, 16), ("vit-b16", 64, 16), ("dinov2-vit-b14", 56, 14), ("siglip-vit-b16", 64, 16)],
)
def test_a_published_file_becomes_onnx(name, size, patch, tmp_path, parity, random_network):
    """The file as published: with its classifier, or its attention pooling, and timm's names."""
    small = SMALL | {"img_size": size}
    original = random_network(timm.create_model(NAMED[name], **small))
    torch.save(original.state_dict(), tmp_path / "file.pth")
    module = timm_models.load(tmp_path / "file.pth", model=NAMED[name], **small)

    def feature(pixels):
        return original.forward_head(original.forward_features(pixels), pre_logits=True)

    assert parity(module, size, feature) >= 0.9999
    assert original.pos_embed.shape[1] - (size // patch) ** 2 == (0 if "siglip" in name else 1)


BIT = {"channels": (128, 128, 128, 128), "stem_chs": 32}
JAX = {
    "vit_base_patch16_224.augreg_in21k_ft_in1k": SMALL | {"img_size": 64},
    "vit_tiny_r_s16_p8_224.augreg_in21k_ft_in1k": SMALL | {"img_size": 64},
    "resnetv2_50x1_bit.goog_in21k_ft_in1k": BIT,
}


@pytest.mark.parametrize(("name", "small"), JAX.items())
def test_a_state_dict_is_loaded_where_a_jax_archive_was_published(name, small, tmp_path, random_network):
    """timm up to 1.0.30 reads every file as one where its own download is one (`custom_load`)."""
    assert timm.get_pretrained_cfg(name).custom_load
    original = random_network(timm.create_model(name, **small))
    torch.save(original.state_dict(), tmp_path / "file.pth")
    module = timm_models.load(tmp_path / "file.pth", model=name, **small)
    pixels = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        wanted = original.forward_head(original.forward_features(pixels), pre_logits=True)
        assert torch.allclose(module(pixels), wanted, atol=1e-4)


@pytest.mark.parametrize("name", JAX)
def test_the_publishers_jax_archive_is_loaded_as_one(name, tmp_path, monkeypatch):
    """timm from 1.0.31 on reads no file as one unless it is asked to."""
    path, read = tmp_path / "file.npz", []
    path.touch()

    def load_pretrained(module, checkpoint_path, *_):
        read.append(checkpoint_path)
        for tensor in module.state_dict().values():
            tensor.fill_(0.5)

    monkeypatch.setattr(type(timm.create_model(name, **JAX[name])), "load_pretrained", load_pretrained)
    module = timm_models.load(path, model=name, **JAX[name])
    assert read == [str(path)] * 2
    assert all((tensor == 0.5).all() for tensor in module.state_dict().values())


def test_dinov2_for_small_pictures_resamples_its_positions(tmp_path, random_network):
    """As timm itself builds it for another size: the same network with positions on a 16 x 16 grid."""
    spec = get_encoder("dinov2-vit-b14-224")
    assert (spec.size, spec.preprocessing.resize, spec.preprocessing.interpolation) == (224, 256, "bicubic")
    original = random_network(timm.create_model(NAMED["dinov2-vit-b14"], **SMALL))
    torch.save(original.state_dict(), tmp_path / "file.pth")
    how = spec.load.keywords
    assert how == {"model": NAMED["dinov2-vit-b14"], "img_size": 224}
    module = timm_models.load(tmp_path / "file.pth", **how, **SMALL)
    original.set_input_size(img_size=224)
    pixels = torch.rand(2, 3, 224, 224)
    with torch.inference_mode():
        wanted = original.forward_head(original.forward_features(pixels), pre_logits=True)
        assert torch.allclose(module(pixels), wanted, atol=1e-4)


def test_the_checkpoint_of_another_architecture_is_refused(tmp_path):
    other = timm.create_model(NAMED["siglip-vit-b16"], img_size=64, **SMALL)
    torch.save(other.state_dict(), tmp_path / "siglip.pth")
    with pytest.raises(InvalidInputError, match=r"siglip\.pth holds no weights for timm vit_base"):
        timm_models.load(tmp_path / "siglip.pth", model=NAMED["dino-vit-b16"], img_size=64, **SMALL)


@pytest.mark.parametrize("name", [*NAMED, "dinov2-vit-b14-224"])
def test_offline_the_error_names_the_file_and_the_flag(name, monkeypatch):
    monkeypatch.setattr(weights, "_hub_answers", lambda: False)
    with pytest.raises(InvalidInputError, match="not here") as error:
        get_encoder(name).load(None)
    repository = NAMED[name.removesuffix("-224")]
    assert (
        f"model.safetensors or pytorch_model.bin of the Hugging Face repository timm/{repository}"
        in error.value.hint
    )
    assert "--weights FILE" in error.value.hint
