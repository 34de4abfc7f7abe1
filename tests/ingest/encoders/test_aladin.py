import warnings

import pytest
import torch
from attribase.ingest.encoders import get_encoder
from attribase.store.errors import InvalidInputError


class Style(torch.nn.Module):
    """Statistics of feature maps, as ALADIN's descriptor is made of."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 6, 3, stride=4), torch.nn.InstanceNorm2d(6), torch.nn.ReLU()
        )

    def forward(self, images):
        maps = self.layers(images)
        return torch.cat([maps.mean((2, 3)), maps.std((2, 3))], dim=1)


def test_its_weights_were_never_published_says_the_error():
    spec = get_encoder("aladin")
    with pytest.raises(InvalidInputError, match="never published") as error:
        spec.load(None)
    assert "TorchScript (.pt) or ONNX (.onnx) file" in error.value.hint
    assert "--weights FILE" in error.value.hint
    assert "never published" in spec.source


def test_a_torchscript_file_of_the_users_becomes_onnx(tmp_path, parity):
    network = Style().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(network).save(tmp_path / "aladin.pt")
    assert parity(get_encoder("aladin").load(tmp_path / "aladin.pt"), 64, network) >= 0.9999


@pytest.mark.filterwarnings("ignore")  # the exporter's, about itself
def test_an_onnx_file_of_the_users_is_taken_as_it_is(tmp_path):
    torch.onnx.export(
        Style().eval(), (torch.zeros(2, 3, 256, 256),), tmp_path / "aladin.onnx", dynamo=False,
        dynamic_axes={"x": {0: "n"}}, input_names=["x"],
    )  # fmt: skip
    assert get_encoder("aladin").load(tmp_path / "aladin.onnx") == tmp_path / "aladin.onnx"
    with pytest.raises(InvalidInputError, match="takes 256 pixels, not 512") as error:
        get_encoder("aladin", {"size": 512}).load(tmp_path / "aladin.onnx")
    assert "--size 256" in error.value.hint


def test_its_input_is_assumed_and_flags_change_it():
    assert get_encoder("aladin").size == 256
    changed = get_encoder("aladin", {"size": 512, "mean": (0.5, 0.5, 0.5)}).preprocessing
    assert (changed.size, changed.resize, changed.mean) == (512, 512, (0.5, 0.5, 0.5))


def test_a_state_dict_is_refused(tmp_path):
    torch.save(Style().state_dict(), tmp_path / "aladin.pt")
    with pytest.raises(InvalidInputError, match="no TorchScript archive"):
        get_encoder("aladin").load(tmp_path / "aladin.pt")
    with pytest.raises(InvalidInputError, match="no ONNX file"):
        get_encoder("aladin").load(tmp_path / "gone.onnx")
