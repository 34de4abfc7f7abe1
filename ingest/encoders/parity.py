"""How far an exported encoder is from its source, on the same preprocessed pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...runtime import BadImageError, OnnxEncoder, decode_image, normalise
from ...runtime.tokens import FILE, TOKENS, caption_tokens
from ...store import Store
from ...store.lookup import quote
from ...store.schema import ITEM_TABLES
from .spec import RebuiltOnnx

if TYPE_CHECKING:
    from .spec import Network


READ_AHEAD = 4  # of four images at least one decodes, or there is little to embed
FEW = 20_000  # ids that may be read at once


@dataclass(frozen=True)
class Example:
    """A picture and its caption, '' where there is none."""

    image: Image.Image
    caption: str = ""


def stored_examples(store: Store, count: int) -> list[Example]:
    """`count` pictures that decode, by turns an image and a sample while there are both.

    Ids are hashes: the first ones are as good as drawn at random, and the same on every run.
    """
    streams = [_decoded(store, *items, count) for items in ITEM_TABLES.values()]
    pairs = chain.from_iterable(zip_longest(*streams))
    return list(islice((example for example in pairs if example is not None), count))


def inputs(
    encoder: OnnxEncoder, examples: Sequence[Example]
) -> tuple[NDArray[np.float32], NDArray[np.int64] | None]:
    """What the encoder takes: pixels, and tokens where it looks at captions."""
    pixels = encoder.preprocessing.batch([example.image for example in examples])
    if not encoder.captions:
        return pixels, None
    if FILE in encoder.beside:
        return pixels, caption_tokens(encoder.beside[FILE]).encode([one.caption for one in examples])
    # Without a tokenizer nobody can embed a caption, but any ids will do for a comparison.
    return pixels, np.random.default_rng(0).integers(1, 40, (len(examples), TOKENS), dtype=np.int64)


def _decoded(store: Store, table: str, key: str, caption: str, count: int) -> Iterator[Example]:
    where, total = "bytes is not null", store.count(table)
    if total > FEW:  # ids are hashes: those below a bound are a share of all, and the only ones that are read
        where += f" and {key} < {quote(format(int(16**8 * FEW / total), '08x'))}"
    rows = sorted(store.read(table, [key, caption], where).to_pylist(), key=lambda row: str(row[key]))
    texts = {row[key]: row[caption] or "" for row in rows[: READ_AHEAD * count]}
    for item, data in store.blobs(table, "bytes", list(texts)) if texts else ():
        try:
            yield Example(decode_image(data or b""), texts[item])
        except BadImageError:
            continue


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
