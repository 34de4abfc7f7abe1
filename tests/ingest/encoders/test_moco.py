import math
from functools import partial

import pytest
import torch
from attribase.ingest.encoders import get_encoder, moco, weights
from attribase.store.errors import InvalidInputError
from timm.models.vision_transformer import VisionTransformer

BASE = "module.base_encoder."
TINY = {"size": 64, "width": 32, "depth": 2, "heads": 2}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(moco, "build", lambda build=moco.build: build(**TINY))


@pytest.fixture
def published(random_network):
    """A training checkpoint as MoCo v3 writes it, and the network whose features it holds."""
    network = VisionTransformer(
        img_size=64, patch_size=16, embed_dim=32, depth=2, num_heads=2, num_classes=7,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
    )  # fmt: skip
    random_network(network)
    network.pos_embed.data.copy_(moco.positions(4, 32))
    base = {f"{BASE}{name}": value for name, value in network.state_dict().items()}
    twin = {f"module.momentum_encoder.{name}": value + 1 for name, value in network.state_dict().items()}
    more = {"module.predictor.0.weight": torch.zeros(3), f"{BASE}head.4.running_mean": torch.zeros(3)}
    groups = [{"lr": 1e-3, "betas": (0.9, 0.95)}]
    checkpoint = {
        "epoch": 300,
        "arch": "vit_base",
        "state_dict": base | twin | more,
        "optimizer": {"state": {0: {"step": 3, "exp_avg": torch.zeros(2)}}, "param_groups": groups},
        "scaler": {"scale": 1.0},
    }
    return network, checkpoint


@pytest.mark.usefixtures("tiny")
def test_the_published_checkpoint_gives_the_base_encoders_class_token(published, tmp_path, parity):
    network, checkpoint = published
    torch.save(checkpoint, tmp_path / "vit-b-300ep.pth.tar")
    module = get_encoder("mocov3-vit-b16").load(tmp_path / "vit-b-300ep.pth.tar")

    def class_token(pixels):
        patches = network.patch_embed(pixels)
        everything = torch.cat([network.cls_token.expand(len(pixels), 1, -1), patches], dim=1)
        return network.norm(network.blocks(everything + network.pos_embed))[:, 0]

    assert parity(module, 64, class_token) >= 0.9999


def test_positions_are_sines_and_cosines_of_row_and_column():
    found = moco.positions(5, 16)[0]
    assert found.shape == (26, 16)
    assert found[0].tolist() == [0.0] * 16
    for row in range(5):
        for column in range(5):
            for k in range(4):
                angle = 10_000 ** (-k / 4)
                wave = found[1 + 5 * row + column]
                assert wave[k] == pytest.approx(math.sin(row * angle), abs=1e-5)
                assert wave[4 + k] == pytest.approx(math.cos(row * angle), abs=1e-5)
                assert wave[8 + k] == pytest.approx(math.sin(column * angle), abs=1e-5)
                assert wave[12 + k] == pytest.approx(math.cos(column * angle), abs=1e-5)


def test_the_full_size_is_vit_b16():
    with torch.device("meta"):
        count = sum(value.numel() for value in VisionTransformer(num_classes=0).parameters())
    assert sum(value.numel() for value in moco.build().parameters()) == count


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda file: file.pop("state_dict"), "no state_dict"),
        (lambda file: file["state_dict"].pop(BASE + "blocks.1.mlp.fc1.weight"), "lacks blocks.1.mlp.fc1"),
        (lambda file: file["state_dict"].update({BASE + "blocks.2.x": torch.zeros(1)}), "also holds"),
        (lambda file: file["state_dict"].update({BASE + "norm.bias": torch.zeros(3)}), "shape"),
        (lambda file: file["state_dict"][BASE + "pos_embed"].add_(0.1), "positions"),
    ],
)
def test_another_file_is_refused_with_what_is_wrong_about_it(published, change, reason, tmp_path):
    change(published[1])
    torch.save(published[1], tmp_path / "file.pth.tar")
    with pytest.raises(InvalidInputError, match=reason) as error:
        get_encoder("mocov3-vit-b16").load(tmp_path / "file.pth.tar")
    assert "file.pth.tar holds no weights for mocov3-vit-b16" in str(error.value)


@pytest.mark.usefixtures("tiny")
def test_a_checkpoint_that_was_cut_off_is_refused(published, tmp_path):
    torch.save(published[1], tmp_path / "whole")
    data = (tmp_path / "whole").read_bytes()
    for kept in (0, 10, len(data) // 2, len(data) - 10):
        (tmp_path / "cut").write_bytes(data[:kept])
        with pytest.raises(InvalidInputError, match="cut holds no weights"):
            get_encoder("mocov3-vit-b16").load(tmp_path / "cut")


def test_offline_the_error_names_the_file_and_the_flag(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "_offline", lambda: True)
    with pytest.raises(InvalidInputError, match="not here") as error:
        get_encoder("mocov3-vit-b16").load(None)
    assert "vit-b-300ep.pth.tar" in error.value.hint
    assert "--weights FILE" in error.value.hint


@pytest.mark.usefixtures("tiny")
def test_a_file_that_torch_hub_downloaded_before_is_used(published, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "_offline", lambda: True)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(published[1], folder / "vit-b-300ep.pth.tar")
    assert get_encoder("mocov3-vit-b16").load(None) is not None
