"""The inner loops of searching vectors of 8 bits a number, compiled. Importing this loads numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..evaluation.kernels import compile_kernel, dot
from .topk import Floats

LARGEST = 127
"""What the largest number of a row, or of a query, becomes."""


@compile_kernel
def encode(raw: Floats, places: NDArray[np.int64], codes: NDArray[np.int8], factors: Floats) -> None:
    """Writes rows (n, dim) to `places` (n,) of `codes`, and to `factors` what makes them of unit length."""
    for i in range(raw.shape[0]):
        largest, squares, place = np.float32(0), dot(raw[i], raw[i]), places[i]
        for k in range(raw.shape[1]):
            largest = max(largest, abs(raw[i, k]))
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
def estimate(
    codes: NDArray[np.int8],
    factors: Floats,
    query: NDArray[np.int16],
    factor: float,
    places: NDArray[np.int64],
    found: Floats,
) -> None:
    """Estimates the similarities of the rows at some places of `codes`.

    Args:
        codes: (rows, dim).
        factors: (rows,) what makes a row of `codes` one of unit length.
        query: (dim,) as codes.
        factor: what makes it of unit length.
        places: (n,) which rows.
        found: (n,) their similarities, written.
    """
    for i in range(places.shape[0]):
        code, total = codes[places[i]], np.int32(0)
        for k in range(query.shape[0]):  # casts keep the sums in 32 bits: numba widens integers
            total = np.int32(total + np.int32(np.int32(code[k]) * np.int32(query[k])))
        found[i] = np.float32(total) * factors[places[i]] * np.float32(factor)
