"""Parity: how far the features of an exported encoder are from those of its source, on the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ...runtime import BadImageError, OnnxEncoder, decode_image, normalise
from ...runtime.decode import stored_pixel_limit
from ...runtime.tokens import CAPTION_TOKENS, TOKENIZER_FILE, load_tokenizer
from ...store import Store
from ...store.errors import InvalidInputError
from ...store.lookup import quote
from ...store.schema import ITEM_TABLES
from .spec import RebuiltOnnx

if TYPE_CHECKING:
    from .spec import Network


READ_AHEAD = 4
"""Images that are read for each that is needed, as some do not decode."""

FEW = 20_000
"""Ids that are read at once."""

BATCH = 8
MIN_COSINE = 0.9999
"""The least cosine between a feature of the ONNX export and the one of its source."""

REPEATED = 4
"""Pictures that are run several times."""

REPEATED_COSINE = 0.99999
"""The least cosine between two features of one picture.

Batches of other sizes may take other kernels, whose sums differ in the last digits of a float; refused is a
difference of about 0.5% of a feature's length.
"""

Original = Callable[[NDArray[np.float32], NDArray[np.int64] | None], NDArray[np.float32]]
"""Pixels (images, 3, size, size) and tokens (images, 77) to features (images, dim)."""


@dataclass(frozen=True)
class Example:
    """A picture and its caption, '' where there is none."""

    image: Image.Image
    caption: str = ""


def stored_examples(store: Store, count: int) -> list[Example]:
    """`count` images that decode, alternately of `images` and of `samples` while there are both.

    Those with the first ids: ids are hashes, so the choice is as good as random and the same on every run.
    """
    streams = [_decode_first(store, *items, count) for items in ITEM_TABLES.values()]
    pairs = chain.from_iterable(zip_longest(*streams))
    return list(islice((example for example in pairs if example is not None), count))


def inputs(
    encoder: OnnxEncoder, examples: Sequence[Example]
) -> tuple[NDArray[np.float32], NDArray[np.int64] | None]:
    """Pixels (images, 3, size, size), and tokens (images, 77) where the encoder takes captions."""
    pixels = encoder.preprocessing.batch([example.image for example in examples])
    if not encoder.captions:
        return pixels, None
    if TOKENIZER_FILE in encoder.extra_files:
        tokenizer = load_tokenizer(encoder.extra_files[TOKENIZER_FILE])
        return pixels, tokenizer.encode([one.caption for one in examples])
    # Without a tokenizer no caption can be embedded, but any ids will do for a comparison.
    return pixels, np.random.default_rng(0).integers(1, 40, (len(examples), CAPTION_TOKENS), dtype=np.int64)


def _decode_first(store: Store, table: str, key: str, caption: str, count: int) -> Iterator[Example]:
    where, total = "bytes is not null", store.count(table)
    if total > FEW:  # ids are hashes: those below a bound are a known share of all
        where += f" and {key} < {quote(format(int(16**8 * FEW / total), '08x'))}"
    rows = sorted(store.read(table, [key, caption], where).to_pylist(), key=lambda row: str(row[key]))
    texts = {row[key]: row[caption] or "" for row in rows[: READ_AHEAD * count]}
    pixel_limit = stored_pixel_limit(store)
    for item, data in store.blobs(table, "bytes", list(texts)) if texts else ():
        try:
            yield Example(decode_image(data or b"", pixel_limit), texts[item])
        except BadImageError:
            continue


@dataclass(frozen=True)
class Parity:
    """The largest absolute difference and the smallest cosine between features of ONNX and of its source."""

    max_abs: float
    min_cosine: float


def compare(network: Network, encoder: OnnxEncoder, examples: Sequence[Example]) -> Parity | None:
    """The parity of `encoder` and the `network` it was made from; None where that was an ONNX file."""
    original = _original(network)
    if original is None:
        return None
    max_abs, min_cosine = 0.0, 1.0
    for start in range(0, len(examples), BATCH):
        pixels, tokens = inputs(encoder, examples[start : start + BATCH])
        expected, found = original(pixels, tokens), encoder.run(pixels, tokens)
        cosine = (normalise(expected) * normalise(found)).sum(axis=1)
        # Python's max() would drop a NaN, which has to fail the comparison
        max_abs = float(np.max([max_abs, np.abs(expected - found).max()]))
        min_cosine = float(np.min([min_cosine, cosine.min()]))
    return Parity(max_abs, min_cosine)


def check_repeatable(encoder: OnnxEncoder, name: str, examples: Sequence[Example]) -> None:
    """Compare the features of the same pictures asked again, at other places of a batch, and alone.

    Raises InvalidInputError where a picture has features whose cosine is below REPEATED_COSINE: they would
    depend on what else is embedded with it, or on chance.
    """
    few = list(examples[:REPEATED])
    if len(few) == 1:  # beside another picture
        few.append(Example(ImageOps.invert(few[0].image), few[0].caption))
    pixels, tokens = inputs(encoder, few)
    order = np.arange(len(few))

    def run(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return encoder.run(pixels[rows], None if tokens is None else tokens[rows])

    first = run(order)
    others = {
        "when it is asked again": run(order),
        "at another place of a batch": run(order[::-1])[::-1],
        "in a batch of another size": np.concatenate([run(order[at : at + 1]) for at in order]),
    }
    for when, again in others.items():
        cosine = _least_cosine(first, again)
        if not cosine >= REPEATED_COSINE:  # also when it is NaN
            raise InvalidInputError(
                f"{name} answers the same picture differently {when}: cosine {cosine:.6f}, "
                f"least {REPEATED_COSINE}",
                hint="export it for inference: without dropout, noise or statistics of the batch",
            )


def _least_cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """The least cosine between rows of the same number, in float64; 1 for rows that are equal."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return float(np.min(np.where((a == b).all(axis=1), 1.0, cosine)))


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
