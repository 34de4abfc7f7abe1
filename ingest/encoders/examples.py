"""Pictures of the store to compare and to calibrate on: real images and samples, with their captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...runtime import BadImageError, OnnxEncoder, decode_image
from ...runtime.encoder import TOKENS
from ...runtime.tokens import FILE, caption_tokens
from ...store import Store

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
    kinds = (("images", "image_id", "caption"), ("samples", "sample_id", "prompt"))
    streams = [_decoded(store, *kind, count) for kind in kinds]
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
        where += f" and {key} < '{int(16**8 * FEW / total):08x}'"
    rows = sorted(store.read(table, [key, caption], where).to_pylist(), key=lambda row: str(row[key]))
    texts = {row[key]: row[caption] or "" for row in rows[: READ_AHEAD * count]}
    for item, data in store.blobs(table, "bytes", list(texts)) if texts else ():
        try:
            yield Example(decode_image(data or b""), texts[item])
        except BadImageError:
            continue
