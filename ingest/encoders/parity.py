"""How far an exported encoder is from its source, on the same preprocessed pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...runtime import OnnxEncoder, normalise
from .examples import Example, inputs
from .onnx_cut import RebuiltOnnx

if TYPE_CHECKING:
    from .spec import Network

BATCH = 8
MIN_COSINE = 0.9999

Original = Callable[[NDArray[np.float32], NDArray[np.int64] | None], NDArray[np.float32]]


@dataclass(frozen=True)
class Parity:
    """How far ONNX is from its source: the largest absolute difference and the smallest cosine."""

    max_abs: float
    min_cosine: float


def compare(network: Network, encoder: OnnxEncoder, examples: Sequence[Example]) -> Parity | None:
    """The parity of `encoder` and the `network` it was made from; None for what was an ONNX file before."""
    original = _original(network)
    if original is None:
        return None
    furthest, least = 0.0, 1.0
    for start in range(0, len(examples), BATCH):
        pixels, tokens = inputs(encoder, examples[start : start + BATCH])
        expected, found = original(pixels, tokens), encoder.run(pixels, tokens)
        cosine = (normalise(expected) * normalise(found)).sum(axis=1)
        # NaN in any feature must come out: max() of Python would drop it
        furthest = float(np.max([furthest, np.abs(expected - found).max()]))
        least = float(np.min([least, cosine.min()]))
    return Parity(furthest, least)


def _original(network: Network) -> Original | None:
    if isinstance(network, Path):
        return None
    if isinstance(network, RebuiltOnnx):
        rebuilt = network
        return lambda pixels, _: rebuilt.original(pixels)
    import torch

    module = network

    def run(pixels: NDArray[np.float32], tokens: NDArray[np.int64] | None) -> NDArray[np.float32]:
        given = [torch.from_numpy(array) for array in (pixels, tokens) if array is not None]
        with torch.inference_mode():
            features: NDArray[np.float32] = module(*given).float().numpy()
        return features

    return run
