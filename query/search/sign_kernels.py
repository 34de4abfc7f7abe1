"""The inner loops of comparing a query with the signs of rows, 1 bit a number, compiled.

Signs are of what is left of a row once the centre of its partition is subtracted and the rest is rotated:
RaBitQ (Gao and Long 2024, arXiv:2405.12497). Importing this loads numba.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..evaluation.kernels import compile_kernel, dot
from .topk import Floats

WORD_BITS = 64
"""Signs in a number of `signs`, and numbers that a round of a rotation mixes: vectors are padded to these."""

PLANES = 4
"""Bits of a number of a query that is compared with signs."""


@compile_kernel
def rotate(vector: Floats, order: NDArray[np.int32], flips: Floats, rotated: Floats) -> None:
    """Writes an orthogonal transformation of `vector` (dim,) to `rotated` (padded,), dim <= padded.

    In each round numbers change their order, by `order` (rounds, padded), and their signs, by `flips`
    (rounds, padded), 1 or -1; then each WORD_BITS of them go through a Hadamard transform.
    """
    padded = rotated.shape[0]
    words = padded // WORD_BITS
    before = np.zeros(padded, np.float32)
    before[: vector.shape[0]] = vector
    for turn in range(order.shape[0]):
        for k in range(padded):
            rotated[k] = before[order[turn, k]] * flips[turn, k]
        half = 1
        while half < WORD_BITS:
            for first in range(0, WORD_BITS, 2 * half):
                for k in range(first * words, (first + half) * words):
                    one, other = rotated[k], rotated[k + half * words]
                    rotated[k], rotated[k + half * words] = one + other, one - other
            half *= 2
        for k in range(padded):
            rotated[k] *= np.float32(WORD_BITS**-0.5)
        before[:] = rotated


@compile_kernel
def ones_of(word: np.uint64) -> np.uint64:
    """How many bits of a word are set. Compilers know these lines, and make one instruction of them."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@compile_kernel
def encode_signs(
    raw: Floats,
    places: NDArray[np.int64],
    centres: Floats,
    order: NDArray[np.int32],
    flips: Floats,
    signs: NDArray[np.uint64],
    terms: Floats,
) -> None:
    """Writes rows (n, dim) to `places` (n,) of `signs` and `terms`, which `estimate_by_signs` reads.

    `centres`: (n, dim) of the partition of each, unit rows, or zeros. For `order` and `flips` see `rotate`.
    """
    dim, padded = raw.shape[1], order.shape[1]
    rest, rotated = np.empty(dim, np.float32), np.empty(padded, np.float32)
    for i in range(raw.shape[0]):
        place, norm = places[i], np.sqrt(dot(raw[i], raw[i]))
        scale = 1 / norm if norm > 0 else 0.0
        squares, across, total, ones = np.float32(0), np.float32(0), np.float32(0), np.uint64(0)
        for k in range(dim):
            rest[k] = np.float32(raw[i, k] * scale) - centres[i, k]
            squares += rest[k] * rest[k]
            across += rest[k] * centres[i, k]
        rotate(rest, order, flips, rotated)
        for w in range(signs.shape[1]):
            word = np.uint64(0)
            for k in range(WORD_BITS):
                total += abs(rotated[w * WORD_BITS + k])
                if rotated[w * WORD_BITS + k] > 0:
                    word |= np.uint64(1) << np.uint64(k)
            signs[place, w] = word
            ones += ones_of(word)
        terms[place, 0] = across
        terms[place, 1] = squares / total if total > 0 else np.float32(0)
        terms[place, 2] = np.float32(ones)


@compile_kernel
def planes_of(rest: Floats, planes: NDArray[np.uint64]) -> tuple[np.float32, np.float32, np.float32]:
    """Writes `rest` (padded,) in PLANES bits a number to `planes` (PLANES, words), the lowest bits first.

    Returns the least number, the width of a step, and the sum of all numbers as they are written.
    """
    low, high = rest.min(), rest.max()
    step = max((high - low) / np.float32((1 << PLANES) - 1), np.float32(1e-12))
    planes[:], total = 0, np.float32(0)
    for w in range(planes.shape[1]):
        for k in range(WORD_BITS):
            number = np.uint64((rest[w * WORD_BITS + k] - low) / step + np.float32(0.5))
            total += np.float32(number)
            for b in range(PLANES):
                planes[b, w] |= ((number >> np.uint64(b)) & np.uint64(1)) << np.uint64(k)
    return low, step, total * step + low * np.float32(rest.shape[0])


@compile_kernel
def estimate_by_signs(
    signs: NDArray[np.uint64],
    terms: Floats,
    rotated: Floats,
    near: Floats,
    centres: Floats,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    places: NDArray[np.int64],
    found: Floats,
) -> int:
    """Estimates similarities by signs. Returns how many (n).

    Args:
        signs: (rows, words).
        terms: (rows, 3) of each row what `encode_signs` wrote.
        rotated: (padded,) the query.
        near: (pieces,) its similarity to the centre of each piece.
        centres: (pieces, padded) these, rotated.
        starts: (pieces,) the first place of each.
        ends: (pieces,) the one after its last.
        allowed: (rows,) which places count; of no length where all do.
        places: (n or more,) the places of rows, written.
        found: (n or more,) their similarities, written.
    """
    words, count = signs.shape[1], 0
    planes = np.empty((PLANES, words), np.uint64)
    for piece in range(starts.shape[0]):
        low, step, total = planes_of(rotated - centres[piece], planes)
        for place in range(starts[piece], ends[piece]):
            if allowed.shape[0] > 0 and not allowed[place]:
                continue
            held = np.uint64(0)
            for w in range(words):
                word = signs[place, w]
                held += (
                    ones_of(word & planes[0, w])
                    + (ones_of(word & planes[1, w]) << np.uint64(1))
                    + (ones_of(word & planes[2, w]) << np.uint64(2))
                    + (ones_of(word & planes[3, w]) << np.uint64(3))
                )
            inner = np.float32(2) * (step * np.float32(held) + low * terms[place, 2]) - total
            places[count] = place
            found[count] = near[piece] + terms[place, 0] + terms[place, 1] * inner
            count += 1
    return count
