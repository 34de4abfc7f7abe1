"""Vectors of small spaces, kept in memory: a question is then one product of matrices, without reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .search import Pool, SearchSpace

MOST = 128 << 20
"""Bytes of vectors of one space that are worth keeping; larger ones stream."""

ALL = 4 * MOST
"""Bytes of all vectors kept; the next space beyond begins anew."""

_held: WeakKeyDictionary[SearchSpace, NDArray[np.float32]] = WeakKeyDictionary()
_lock = Lock()


def held_rows(space: SearchSpace) -> NDArray[np.float32] | None:
    """Unit rows (images of the space, dim), as long as the space is in use; None where they are too many."""
    if 4 * len(space.ids) * space.dim > MOST:
        return None
    with _lock:
        if space not in _held:
            rows = space.unit_rows(np.arange(len(space.ids)))
            if sum(kept.nbytes for kept in _held.values()) + rows.nbytes > ALL:
                _held.clear()
            _held[space] = rows
        return _held[space]


def rows_at(space: SearchSpace, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Unit rows (rows, dim), from memory where they are."""
    held = _held.get(space)
    return space.unit_rows(rows) if held is None else held[rows]


def cosines_among(
    space: SearchSpace, rows: NDArray[np.int64]
) -> Callable[[NDArray[np.int64]], NDArray[np.float32]]:
    """A function of places (m,) in `rows` (n,): the cosines (m, n) of those images with all of `rows`."""
    held = _held.get(space)
    if held is not None and 4 * len(rows) > len(held):  # gathering the rows would take longer than they do
        return lambda some: (held[rows[some]] @ held.T)[:, rows]
    vectors = rows_at(space, rows)
    return lambda some: vectors[some] @ vectors.T


def all_similarities(
    space: SearchSpace, vectors: NDArray[np.float32], pool: Pool
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """(rows (n,), similarities (questions, n)) over the whole pool, as `SearchSpace.scan`."""
    rows = np.flatnonzero(pool.mask)
    held = held_rows(space)
    if held is None:
        yield from space.scan(vectors, pool)
    elif len(rows) == len(held):
        yield rows, vectors @ held.T
    else:
        yield rows, vectors @ held[rows].T
