"""The inner loops of searching vectors of 8 bits a number, compiled. Importing this loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..evaluation.kernels import compile_kernel
from .topk import Floats

LARGEST = 127
"""What the largest number of a row, or of a query, becomes."""


@compile_kernel
def encode(raw: Floats, places: NDArray[np.int64], codes: NDArray[np.int8], factors: Floats) -> None:
    """Writes rows (n, dim) to `places` (n,) of `codes`, and to `factors` what makes them of unit length."""
    for i in range(raw.shape[0]):
        largest, squares, place = np.float32(0), 0.0, places[i]
        for k in range(raw.shape[1]):
            largest = max(largest, abs(raw[i, k]))
            squares += np.float64(raw[i, k]) * np.float64(raw[i, k])
        scale = np.float32(LARGEST) / largest if largest > 0 else np.float32(0)
        for k in range(raw.shape[1]):
            codes[place, k] = np.int8(np.rint(raw[i, k] * scale))
        factors[place] = np.float32(largest / (LARGEST * np.sqrt(squares))) if largest > 0 else np.float32(0)


@compile_kernel
def similarities_of(rows: Floats, query: Floats, found: Floats) -> None:
    """Writes the inner products of `rows` (n, dim) with `query` (dim,) to `found` (n,)."""
    for i in range(rows.shape[0]):
        total = np.float32(0)
        for k in range(rows.shape[1]):
            total += rows[i, k] * query[k]
        found[i] = total


@compile_kernel
def product(code: NDArray[np.int8], query: NDArray[np.int16]) -> np.float32:
    """The inner product of two rows (dim,) of codes."""
    total = np.int32(0)
    for k in range(query.shape[0]):  # casts keep the sums in 32 bits: numba widens integers
        total = np.int32(total + np.int32(np.int32(code[k]) * np.int32(query[k])))
    return np.float32(total)


@compile_kernel
def estimate(
    codes: NDArray[np.int8],
    factors: Floats,
    query: NDArray[np.int16],
    factor: float,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    places: NDArray[np.int64],
    found: Floats,
) -> int:
    """Estimates the similarities of the rows in some pieces of `codes`. Returns how many (n).

    Args:
        codes: (rows, dim).
        factors: (rows,) what makes a row of `codes` one of unit length.
        query: (dim,) as codes.
        factor: what makes it of unit length.
        starts: (pieces,) the first place of each.
        ends: (pieces,) the one after its last.
        allowed: (rows,) which places count; of no length where all do.
        places: (n or more,) the places of rows, written.
        found: (n or more,) their similarities, written.
    """
    count = 0
    for piece in range(starts.shape[0]):
        for place in range(starts[piece], ends[piece]):
            if allowed.shape[0] > 0 and not allowed[place]:
                continue
            places[count] = place
            found[count] = product(codes[place], query) * factors[place] * np.float32(factor)
            count += 1
    return count


@compile_kernel
def estimate_places(
    codes: NDArray[np.int8],
    factors: Floats,
    query: NDArray[np.int16],
    factor: float,
    places: NDArray[np.int64],
    found: Floats,
) -> None:
    """Writes the similarities of the rows at `places` (n,) to `found` (n,), else as `estimate`."""
    for i in range(places.shape[0]):
        found[i] = product(codes[places[i]], query) * factors[places[i]] * np.float32(factor)
