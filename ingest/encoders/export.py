"""Export an encoder into a store, held to its torch original on real images."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...runtime import BadImageError, OnnxEncoder, decode_image, normalise
from ...store import Store
from ...store.errors import ConflictError, InvalidInputError
from ...store.schema import safe_name, vectors_table
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


def export_encoder(
    store: Store, spec: EncoderSpec, weights: Path | None, sample_images: Sequence[Image.Image]
) -> Parity:
    """Write the ONNX file and the `encoders` row of `spec`, unless ONNX and torch disagree.

    Raises:
        InvalidInputError: no sample images, weights that do not fit, or parity below `MIN_COSINE`.
        ConflictError: the store holds features of other weights under this name.
    """
    from .onnx_export import OPSET, to_onnx

    if not sample_images:
        raise InvalidInputError(
            f"no image to compare torch and ONNX of {spec.name} on", hint="ingest images first"
        )
    module = spec.load(weights)
    data = to_onnx(module, spec.size)
    digest = hashlib.sha256(data).hexdigest()
    _refuse_mixing(store, spec.name, digest)
    encoder = OnnxEncoder(data, spec.preprocessing)
    if encoder.dim != spec.dim:
        raise InvalidInputError(
            f"{spec.name} returns {encoder.dim} dimensions, not {spec.dim}", hint="check the weights file"
        )
    parity = compare(module, encoder, sample_images)
    if not parity.min_cosine >= MIN_COSINE:  # also when it is NaN
        raise InvalidInputError(
            f"ONNX and torch disagree on {spec.name}: cosine {parity.min_cosine:.6f}, least {MIN_COSINE}",
            hint="report this with the versions of torch and onnxruntime; no feature was written",
        )
    path = ("encoders", f"{safe_name(spec.name)}-{digest[:12]}.onnx")
    store.write_file(path, data)
    row = {
        "encoder": spec.name,
        "dim": spec.dim,
        "size": spec.size,
        "preprocessing": spec.preprocessing.to_json(),
        "source": spec.source if weights is None else f"{spec.source}; weights from {weights.name}",
        "license": spec.license,
        "onnx_file": "/".join(path),
        "onnx_sha256": digest,
        "opset": OPSET,
        "parity_max_abs": parity.max_abs,
        "parity_min_cosine": parity.min_cosine,
    }
    store.upsert("encoders", [row], update=True)
    return parity


def ensure_encoder(store: Store, name: str, weights: Path | None = None) -> None:
    """Export the encoder `name` when the store does not have it, or when `weights` are given."""
    from . import get_encoder

    if weights is None and name in store.existing("encoders", [name]):
        return
    export_encoder(store, get_encoder(name), weights, stored_images(store, SAMPLE_IMAGES))


def compare(module: torch.nn.Module, encoder: OnnxEncoder, images: Sequence[Image.Image]) -> Parity:
    """Features of the same preprocessed pixels from both."""
    import torch

    pixels = encoder.preprocessing.batch(images)
    with torch.inference_mode():
        expected = module(torch.from_numpy(pixels)).float().numpy()
    found = encoder.run(pixels)
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


def _refuse_mixing(store: Store, name: str, digest: str) -> None:
    """Features of two models in one vector table could never be told apart again."""
    rows = [row for row in store.read("encoders").to_pylist() if row["encoder"] == name]
    table = vectors_table(name)
    if rows and rows[0]["onnx_sha256"] != digest and table in store.tables() and store.count(table):
        raise ConflictError(
            f"the store holds features of other weights of {name}",
            hint="embed into another store, or export under another encoder name",
        )
