"""Small networks of both kinds, with random weights, and stores of smooth pictures to export them into."""

import contextlib
import io
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from attribase.ingest.encoders import EncoderSpec, onnx_export, onnx_files
from attribase.runtime import Preprocessing, decode_image
from attribase.store import Store, content_id
from PIL import Image, ImageFilter

SIZE = 32


class Convolutions(torch.nn.Module):
    """Ten convolutions, depthwise ones among them, with ReLU6: as in a mobile network."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[torch.nn.Module] = [torch.nn.Conv2d(3, 16, 3, stride=2, padding=1), torch.nn.ReLU6()]
        for n in range(9):
            groups = 16 if n % 2 else 1
            layers += [torch.nn.Conv2d(16, 16, 3, padding=1, groups=groups), torch.nn.ReLU6()]
        self.layers = torch.nn.Sequential(*layers)

    def forward(self, images):
        return self.layers(images).mean((2, 3))


class Transformer(torch.nn.Module):
    """Patches, two blocks with attention, the mean token."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = torch.nn.Conv2d(3, 32, 8, stride=8)
        layer = torch.nn.TransformerEncoderLayer(32, 4, 128, 0.0, "gelu", batch_first=True, norm_first=True)
        self.blocks = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, images):
        return self.blocks(self.patches(images).flatten(2).transpose(1, 2)).mean(1)


def build(kind: type[torch.nn.Module], seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    module = kind().eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3 if parameter.ndim > 1 else 0.1)
    return module


DIM = {Convolutions: 16, Transformer: 32}
HOW = Preprocessing(SIZE, 36, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))


def spec_of(kind: type[torch.nn.Module]) -> EncoderSpec:
    name = kind.__name__.lower()
    return EncoderSpec(
        name, DIM[kind], HOW, "made up", "none", lambda path: build(kind, 0 if path is None else 1)
    )


def picture(seed: int) -> bytes:
    """Smooth blotches: real images are not noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 40, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(4)).save(buffer, "PNG")
    return buffer.getvalue()


def new_store(path, count: int = 48) -> Store:
    """Half of the pictures are images, half samples."""
    store = Store.create(path)
    for kind in ("image", "sample"):
        pictures = [picture(seed + (1000 if kind == "sample" else 0)) for seed in range(count // 2)]
        rows = [{f"{kind}_id": content_id(data), "bytes": data} for data in pictures]
        store.upsert(f"{kind}s", [row | ({"model_id": "m"} if kind == "sample" else {}) for row in rows])
    return store


@contextlib.contextmanager
def exported_once():
    """The torch exporter takes a second: run it once for the same weights. Files are written all the same."""
    made: dict[bytes, onnx.ModelProto] = {}

    def cached(module, spec, folder):
        key = b"".join(tensor.numpy().tobytes() for tensor in module.state_dict().values())
        if key not in made:
            with tempfile.TemporaryDirectory() as first:
                made[key] = onnx.load(original(module, spec, Path(first)).model)
        copy = onnx.ModelProto()
        copy.CopyFrom(made[key])
        return onnx_files.save(copy, folder)

    original = onnx_export.to_onnx
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_export, "to_onnx", cached)
        yield


def row_of(store: Store, name: str) -> dict:
    (row,) = (row for row in store.read("encoders").to_pylist() if row["encoder"] == name)
    return row


def pixels(count: int, seed: int = 5000) -> np.ndarray:
    return HOW.batch([decode_image(picture(seed + n)) for n in range(count)])


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = one.astype(np.float64), other.astype(np.float64)
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
