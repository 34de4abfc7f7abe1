"""Export an encoder into a store, held to its torch original on real images."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...runtime import BadImageError, OnnxEncoder, decode_image, normalise
from ...store import Store
from ...store.errors import InvalidInputError
from .onnx_files import OnnxFiles
from .precision import FP32, split_name, variant_name
from .rows import write_row
from .spec import EncoderSpec

if TYPE_CHECKING:
    import torch

MIN_COSINE = 0.9999
SAMPLE_IMAGES = 16


@dataclass(frozen=True)
class Parity:
    """How far ONNX is from torch: the largest absolute difference and the smallest cosine of a feature."""

    max_abs: float
    min_cosine: float


def ensure_encoder(
    store: Store, name: str, weights: Path | None = None, *, precision: str | None = None
) -> str:
    """Export the encoder `name` in `precision` when the store does not have it, or when `weights` are given.

    `precision` is 'fp32', 'fp16' or 'int8'; left out, what the name says (`vit-b16@int8`), else fp32. A
    variant is made of the fp32 encoder, which is exported first. Returns the name that the encoder has now.
    """
    from . import get_encoder

    base, said = split_name(name)
    wanted = variant_name(base, precision or said)
    if weights is not None or not store.existing("encoders", [base]):
        export_encoder(store, get_encoder(base), weights, stored_images(store, SAMPLE_IMAGES))
    if wanted != base and (weights is not None or not store.existing("encoders", [wanted])):
        raise NotImplementedError
    return wanted


def export_encoder(
    store: Store, spec: EncoderSpec, weights: Path | None, sample_images: Sequence[Image.Image]
) -> Parity | None:
    """Write the ONNX files and the `encoders` row of `spec`, unless ONNX and torch disagree.

    Returns how far they differ; None for what was an ONNX file before: there is nothing to compare with.

    Raises:
        InvalidInputError: no sample images, weights that do not fit, or parity below `MIN_COSINE`.
        ConflictError: the store holds features of other weights under this name.
    """
    from .onnx_export import to_onnx
    from .onnx_files import adopt

    if not sample_images:
        raise InvalidInputError(
            f"no image to compare torch and ONNX of {spec.name} on", hint="ingest images first"
        )
    network = spec.load(weights)
    beside = spec.beside(weights) if spec.beside else {}
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(network, Path):
            files = adopt(network, Path(folder), captions=spec.captions)
        else:
            files = to_onnx(network, spec, Path(folder))
        encoder = OnnxEncoder(files.model, spec.preprocessing, beside=beside)
        if encoder.dim != spec.dim:
            raise InvalidInputError(
                f"{spec.name} returns {encoder.dim} dimensions, not {spec.dim}", hint="check the weights file"
            )
        parity = None if isinstance(network, Path) else compare(network, encoder, sample_images)
        if parity and not parity.min_cosine >= MIN_COSINE:  # also when it is NaN
            raise InvalidInputError(
                f"ONNX and torch disagree on {spec.name}: cosine {parity.min_cosine:.6f}, least {MIN_COSINE}",
                hint="report this with the versions of torch and onnxruntime; no feature was written",
            )
        write_row(store, _row(spec, weights, files, parity), files, beside)
    return parity


def compare(module: torch.nn.Module, encoder: OnnxEncoder, images: Sequence[Image.Image]) -> Parity:
    """Features of the same preprocessed pixels from both."""
    import torch

    pixels = encoder.preprocessing.batch(images)
    tokens = _some_tokens(encoder, len(images))
    inputs = [torch.from_numpy(array) for array in (pixels, tokens) if array is not None]
    with torch.inference_mode():
        expected = module(*inputs).float().numpy()
    found = encoder.run(pixels, tokens)
    cosine = (normalise(expected) * normalise(found)).sum(axis=1)
    return Parity(float(np.abs(expected - found).max()), float(cosine.min()))


def stored_images(store: Store, count: int) -> list[Image.Image]:
    """The first `count` images of the store that decode."""
    ids = store.read("images", ["image_id"], "bytes is not null")["image_id"].to_pylist()
    found: list[Image.Image] = []
    for _, data in store.blobs("images", "bytes", sorted(ids)[: 4 * count]):
        try:
            found.append(decode_image(data or b""))
        except BadImageError:
            continue
        if len(found) == count:
            break
    return found


def _some_tokens(encoder: OnnxEncoder, count: int) -> NDArray[np.int64] | None:
    """Captions for a comparison: any will do, and small ids are in every vocabulary."""
    from ...runtime.encoder import TOKENS

    if not encoder.captions:
        return None
    return np.random.default_rng(0).integers(1, 40, (count, TOKENS), dtype=np.int64)


def _row(spec: EncoderSpec, weights: Path | None, files: OnnxFiles, parity: Parity | None) -> dict[str, Any]:
    return {
        "encoder": spec.name,
        "dim": spec.dim,
        "size": spec.size,
        "preprocessing": spec.preprocessing.to_json(),
        "source": spec.source if weights is None else f"{spec.source}; weights from {weights.name}",
        "license": spec.license,
        "opset": files.opset(),
        "parity_max_abs": parity.max_abs if parity else None,
        "parity_min_cosine": parity.min_cosine if parity else None,
        "precision": FP32,
    }
