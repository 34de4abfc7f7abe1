import warnings
import zipfile

import pytest
import torch
from attribase.ingest.encoders import get_encoder, sscd, torchscript, weights
from attribase.store.errors import InvalidInputError
from torchvision.models.resnet import Bottleneck, ResNet

SMALL = {"blocks": (1, 1, 1, 1), "width_per_group": 8}
SIZE = 64


class Cubic(torch.nn.Module):
    """Pooling as the publisher scripted it: sizes taken from the input."""

    def __init__(self):
        super().__init__()
        self.power = 3.0

    def forward(self, x):
        n, c, h, w = x.size()
        return x.reshape(n, c, h * w).clamp(min=1e-6).pow(self.power).mean(dim=2).pow(1.0 / self.power)


class Unit(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.normalize(x)


class Published(torch.nn.Module):
    """The publisher's layout: torchvision's ResNet as `backbone`, then unit length."""

    def __init__(self, dim=512):
        super().__init__()
        self.backbone = ResNet(Bottleneck, list(SMALL["blocks"]), dim, width_per_group=8)
        self.backbone.avgpool = Cubic()
        self.embeddings = Unit()

    def forward(self, x):
        return self.embeddings(self.backbone(x))


@pytest.fixture
def network(random_network):
    return random_network(Published())


@pytest.fixture
def descriptor(network):
    """What the publisher's code computes: torchvision's layers, cubic mean over places, unit length."""

    def expected(pixels):
        trunk = network.backbone
        maps = trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(pixels))))
        maps = trunk.layer4(trunk.layer3(trunk.layer2(trunk.layer1(maps))))
        pooled = (maps.clamp(min=1e-6) ** 3).mean(dim=(2, 3)) ** (1 / 3)
        found = pooled @ trunk.fc.weight.T + trunk.fc.bias
        return found / found.norm(dim=1, keepdim=True)

    return expected


def save_script(network, path, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = (
            torch.jit.trace(network, torch.rand(2, 3, SIZE, SIZE))
            if "trace" in kind
            else torch.jit.script(network)
        )
        (torch.jit.freeze(made) if "frozen" in kind else made).save(path)


@pytest.mark.parametrize("kind", ["script", "trace", "frozen script", "frozen trace"])
def test_the_published_torchscript_becomes_onnx(network, descriptor, tmp_path, parity, kind):
    path = tmp_path / "sscd_disc_mixup.torchscript.pt"
    save_script(network, path, kind)
    assert parity(sscd.load(path, size=SIZE), SIZE, descriptor) >= 0.9999


def test_the_published_plain_weights_become_onnx(network, descriptor, tmp_path, parity, monkeypatch):
    torch.save(network.state_dict(), tmp_path / "sscd_disc_mixup.torchvision.pt")
    monkeypatch.setattr(sscd, "build", lambda dim, build=sscd.build: build(dim, **SMALL))
    module = sscd.load(tmp_path / "sscd_disc_mixup.torchvision.pt", size=SIZE)
    assert parity(module, SIZE, descriptor) >= 0.9999


def test_the_full_size_is_resnet50():
    from torchvision.models import resnet50

    with torch.device("meta"):
        theirs, ours = resnet50(num_classes=512), sscd.build()
    names = {f"backbone.{name}": value.shape for name, value in theirs.state_dict().items()}
    assert {name: value.shape for name, value in ours.state_dict().items()} == names


def test_sizes_are_the_publishers():
    small, skew = get_encoder("sscd").preprocessing, get_encoder("sscd-320").preprocessing
    assert (small.size, small.resize) == (288, 288)
    assert (skew.size, skew.resize) == (320, None)


def test_other_networks_and_broken_files_are_refused(network, tmp_path, monkeypatch):
    monkeypatch.setattr(sscd, "build", lambda dim, build=sscd.build: build(dim, **SMALL))
    save_script(Published(1024).eval(), tmp_path / "large.pt", "script")
    with pytest.raises(InvalidInputError, match="1024 dimensions, not 512"):
        sscd.load(tmp_path / "large.pt", size=SIZE)
    save_script(torch.nn.Conv2d(3, 5, 3), tmp_path / "maps.pt", "script")
    with pytest.raises(InvalidInputError, match=r"makes \(3, 5, 62, 62\)"):
        sscd.load(tmp_path / "maps.pt", size=SIZE)
    torch.save(
        {name.replace("fc", "head"): value for name, value in network.state_dict().items()}, tmp_path / "x.pt"
    )
    with pytest.raises(InvalidInputError, match=r"lacks backbone\.fc"):
        sscd.load(tmp_path / "x.pt", size=SIZE)
    save_script(network, tmp_path / "whole.pt", "script")
    data = (tmp_path / "whole.pt").read_bytes()
    for kept in (0, len(data) // 2, len(data) - 30):
        (tmp_path / "cut.pt").write_bytes(data[:kept])
        with pytest.raises(InvalidInputError, match="holds no weights"):
            sscd.load(tmp_path / "cut.pt", size=SIZE)


class Writes(torch.nn.Module):
    def forward(self, images):
        torch.save(images, "written")
        return images.mean((2, 3))


class Reads(torch.nn.Module):
    def forward(self, images):
        return images.mean((2, 3)) + torch.from_file("/etc/hostname", None, 3)


@pytest.mark.parametrize("evil", [Writes, Reads])
def test_torchscript_that_touches_the_disk_is_refused_before_it_is_loaded(evil, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_script(evil(), tmp_path / "evil.pt", "script")
    monkeypatch.setattr(torch.jit, "load", None)  # would fail if it were called
    with pytest.raises(InvalidInputError, match="which no encoder needs"):
        sscd.load(tmp_path / "evil.pt", size=SIZE)
    assert not (tmp_path / "written").exists()


def test_torchscript_that_runs_while_loading_is_refused(network, tmp_path):
    save_script(network, tmp_path / "good.pt", "script")
    with zipfile.ZipFile(tmp_path / "good.pt") as good, zipfile.ZipFile(tmp_path / "bad.pt", "w") as bad:
        for name in good.namelist():
            data = good.read(name)
            bad.writestr(
                name, data + b"  def __setstate__(self, x: int): pass\n" if name.endswith(".py") else data
            )
    with pytest.raises(InvalidInputError, match="__setstate__"):
        sscd.load(tmp_path / "bad.pt", size=SIZE)


def test_a_feature_that_depends_on_its_neighbours_is_refused():
    class Mixed(torch.nn.Module):
        def forward(self, images):
            return images.mean((2, 3)) - images.mean((0, 2, 3))

    with pytest.raises(ValueError, match="depends on the others"):
        torchscript.feature_width(Mixed(), 16)


def test_offline_the_error_names_the_file_and_the_flag(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "_offline", lambda: True)
    with pytest.raises(InvalidInputError, match="not here") as error:
        get_encoder("sscd-320").load(None)
    assert "sscd_disc_mixup.torchscript.pt" in error.value.hint
    assert "--weights FILE" in error.value.hint
