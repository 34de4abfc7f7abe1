"""What a search finds, and putting it in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Places = NDArray[np.int64]
Reals = NDArray[np.float32]


@dataclass(frozen=True)
class Found:
    """The best rows of a pool for each query.

    `rows` (queries, k') int64, best first, ties by image id, -1 where there are no more; `similarities`
    (queries, k') float32 as computed from the stored vectors, -inf there. `method` is 'exact' or 'index',
    `recall` that of the index as measured, `searched` (queries,) how many images the answer was chosen
    from: all of the pool, or those that the index gave.
    """

    rows: Places
    similarities: Reals
    method: str
    recall: float | None
    searched: Places


def in_order(ids: pa.Array, rows: Places, similarities: Reals) -> Places:
    """(n,) the order of `rows`: by similarity, largest first, then by image id."""
    order = np.argsort(-similarities, kind="stable")
    if not (np.diff(similarities[order]) == 0).any():
        return order
    names = np.asarray(ids.take(pa.array(rows)).to_pylist(), dtype=str)
    return np.lexsort((names, -similarities))


def stacked(answers: Sequence[tuple[Places, Reals]], k: int) -> tuple[Places, Reals]:
    """Rows and similarities of each query as one table, as `Found` has them."""
    rows = np.full((len(answers), k), -1, np.int64)
    similarities = np.full((len(answers), k), -np.inf, np.float32)
    for at, (mine, values) in enumerate(answers):
        rows[at, : len(mine)], similarities[at, : len(mine)] = mine, values
    return rows, similarities
