"""Perceptual hashes: 64 bits of what a picture looks like from afar, equal for most copies of it.

The hash is `imagehash.phash`: the signs of the low frequencies of the picture in grey at 32 x 32 pixels. It
needs no network and no vectors, only to decode each picture once.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...runtime.decode import BadImageError, decode_image, stored_pixel_limit
from ...runtime.devices import core_count
from ...store import Step, Store
from ..search.topk import Floats, Positions
from .links import Links, join_links

ALGORITHM = "phash"
TOGETHER = 512
"""Images hashed in one commit."""

PAIRS_AT_ONCE = 1 << 22
"""Pairs of hashes compared at once, 64 MB."""


def hash_images(store: Store) -> Iterator[Step]:
    """Hash the stored images that have no hash yet; yields nothing where all have one.

    Images without bytes, and those that do not decode, are left out: `cluster` says how many.
    """
    there = set(store.read("image_hashes", ["image_id"])["image_id"].to_pylist())
    held = store.read("images", ["image_id"], "bytes is not null")["image_id"].to_pylist()
    left = [one for one in held if one not in there]
    limit = stored_pixel_limit(store)
    with ThreadPoolExecutor(core_count()) as threads:
        for start in range(0, len(left), TOGETHER):
            some = left[start : start + TOGETHER]
            found = list(
                threads.map(lambda one: (one[0], _hash(one[1], limit)), store.blobs("images", "bytes", some))
            )
            rows = [
                {"image_id": image, "hash": value, "algorithm": ALGORITHM}
                for image, value in found
                if value is not None
            ]
            if rows:
                store.upsert("image_hashes", rows)
            yield Step("hash", start + len(some), len(left))


def _hash(data: bytes | None, limit: int) -> int | None:
    """The hash as a signed number; None where the bytes are no picture."""
    import imagehash

    if data is None:
        return None
    try:
        bits = imagehash.phash(decode_image(data, limit)).hash
    except BadImageError:
        return None
    return int(np.packbits(bits).view(">i8")[0])


@dataclass(frozen=True)
class Hashes:
    """The hashes of some images: `ids` (n,) and `values` (n,) uint64."""

    ids: pa.Array
    values: NDArray[np.uint64]

    @classmethod
    def read(cls, table: pa.Table) -> Hashes:
        """Those of rows of `image_hashes`, by image id."""
        table = table.sort_by("image_id")
        values = pc.cast(table["hash"], pa.int64()).to_numpy().astype(np.int64)
        return cls(table["image_id"].combine_chunks(), values.view(np.uint64))


@dataclass(frozen=True)
class HashLikeness:
    """By the share of equal bits of hashes (n,)."""

    values: NDArray[np.uint64]

    def held(self, rows: Positions) -> HashLikeness:  # noqa: ARG002 - hashes are in memory
        """The same."""
        return self

    def central(self, rows: Positions) -> Floats:
        """Equal bits with what most of the images have in each bit."""
        bits = np.unpackbits(self.values[rows].astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
        middle = (2 * bits.sum(axis=0) >= len(rows)).astype(np.uint8)
        return np.asarray((bits == middle).mean(axis=1), np.float32)

    def between(self, some: Positions, rows: Positions) -> Floats:
        """Shares of equal bits."""
        return _equal_bits(self.values[some][:, None], self.values[rows][None])


def _equal_bits(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> Floats:
    return np.asarray(1 - np.bitwise_count(first ^ second) / 64, np.float32)


def link_hashes(values: NDArray[np.uint64], bits: int) -> Links:
    """The pairs of hashes (n,) that differ in at most `bits` of 64 bits: all of them, none missed.

    Equal hashes are linked in a row. Of others, cut into bits + 1 pieces, at least one piece is equal: only
    those that share a piece are compared.
    """
    order = np.argsort(values, kind="stable")
    equal = np.flatnonzero(np.diff(values[order]) == 0)
    parts = [_links(order[equal], order[equal + 1], np.ones(len(equal), np.float32))]
    firsts = order[np.append(True, np.diff(values[order]) != 0)[: len(order)]]
    distinct = values[firsts]
    edges = np.linspace(0, 64, bits + 2).astype(int)
    for low, high in pairwise(edges):
        if bits:
            piece = (distinct >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
            parts += [_links(firsts[a], firsts[b], s) for a, b, s in _sharing(distinct, piece, bits)]
    return join_links(parts)


def _sharing(
    values: NDArray[np.uint64], piece: NDArray[np.uint64], bits: int
) -> Iterator[tuple[Positions, Positions, Floats]]:
    """The pairs of `values` (n,) with the same piece that differ in at most `bits`, and their similarity."""
    order = np.argsort(piece, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(piece[order]) != 0))
    for group in np.split(order, starts[1:]):
        at_once = max(1, PAIRS_AT_ONCE // len(group))
        for start in range(0, len(group) if len(group) > 1 else 0, at_once):
            some = group[start : start + at_once]
            similarity = _equal_bits(values[some][:, None], values[group][None])
            at, column = np.nonzero(similarity >= np.float32(1 - bits / 64))
            apart = column > at + start
            yield some[at[apart]], group[column[apart]], similarity[at[apart], column[apart]]


def _links(first: Positions, second: Positions, similarity: Floats) -> Links:
    return Links(np.minimum(first, second), np.maximum(first, second), similarity)
