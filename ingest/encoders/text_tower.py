"""Export the text tower of an encoder, after it is compared with its source on texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...runtime import normalise
from ...runtime.text_encoder import TextEncoder
from ...runtime.tokens import CaptionTokenizer
from ...store.errors import InvalidInputError
from .onnx_files import TextFiles
from .parity import MIN_COSINE
from .spec import EncoderSpec, TextTower

TEXTS = (
    "a red car",
    "A photo of two cats, sleeping on a sofa.",
    "l\u2019\u00e9t\u00e9 \u00e0 la mer",
    "\u732b",
    "an icon of a house with a blue roof, flat design, white background " * 8,
)
"""Texts that every tower is compared on, beside captions of the store; the last one is cut."""


def export_text_tower(
    spec: EncoderSpec, weights: Path | None, captions: Sequence[str], folder: Path
) -> TextFiles | None:
    """Write the ONNX files of the text tower of `spec` into `folder`; None where it has none.

    Raises:
        InvalidInputError: ONNX and torch disagree, or weights that hold no text tower.
    """
    tower = spec.load_text(weights) if spec.load_text else None
    if tower is None:
        return None
    from .onnx_export import text_to_onnx

    folder.mkdir()
    files = text_to_onnx(tower, folder)
    texts = [*TEXTS, *dict.fromkeys(text for text in captions if text)]
    cosine = _least_cosine(tower, TextEncoder(files.model, tower.tokenizer), texts)
    if not cosine >= MIN_COSINE:  # also when it is NaN
        raise InvalidInputError(
            f"ONNX and torch disagree on texts of {spec.name}: cosine {cosine:.6f}, least {MIN_COSINE}",
            hint="report this with the versions of torch and onnxruntime; no feature was written",
        )
    return TextFiles(files, tower.tokenizer, cosine)


def _least_cosine(tower: TextTower, encoder: TextEncoder, texts: Sequence[str]) -> float:
    """The least cosine between features of ONNX and of torch, of the same tokens."""
    import torch

    tokens = CaptionTokenizer(tower.tokenizer, tower.length).encode(texts)
    with torch.inference_mode():
        expected = tower.module(torch.from_numpy(tokens)).float().numpy()
    found = encoder.encode(texts)
    return float(np.min((normalise(expected) * normalise(found)).sum(axis=1)))
