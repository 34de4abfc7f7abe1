"""The k most similar images of each query, from a stream of similarities; near ties are computed exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Positions: TypeAlias = "NDArray[np.int64]"
Floats: TypeAlias = "NDArray[np.float32]"

RESCORED_ROWS = 16_384
"""Vectors read together to be compared exactly, where BLOCK_BYTES holds so many."""

BLOCK_BYTES = 4 << 20
"""Vectors read at once: the C library keeps what larger blocks took, in each thread that reads."""

COMPARED_BYTES = 512 << 10
"""Vectors that are read, scaled and compared before others are: they stay in the cache of a core."""

SEGMENT = 256
"""Neighbours of which only the largest similarity is used when the k-th largest is narrowed down."""


@dataclass(frozen=True)
class Neighbours:
    """The most similar rows of a pool for each query.

    Attributes:
        rows: (queries, k') int64, best first, ties by image id, -1 where there are no more.
        similarities: (queries, k') float32, computed from the stored vectors; -inf where there are no more.
        method: 'exact' or 'index'.
        recall: that of the index as measured; None for 'exact'.
        searched: (queries,) how many images were compared: all of the pool, or those that the index gave.
    """

    rows: Positions
    similarities: Floats
    method: str
    recall: float | None
    searched: Positions


def rounding_margin(dim: int) -> np.float32:
    """How much closer than this two scanned similarities must be to swap places when computed exactly.

    With u = 2^-24 and unit vectors, the float32 sum of a scan differs from the true dot product by at most
    dim * u, its division by the row's length by another dim/2 * u + 2u, and the exact path by 2u (float64
    sums of rows rounded once). Both of two similarities can err so much, in opposite directions.

    Source: Higham, Accuracy and Stability of Numerical Algorithms, eq. 3.5.
    """
    return np.float32(2 * (1.5 * dim + 4) * 2.0**-24)


def row_lengths(rows: Floats) -> Floats:
    """(n,) the lengths of rows (n, dim), 1 for a row of zeros, which so stays zeros."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.where(lengths > 0, lengths, np.float32(1))


def rows_at_once(dim: int, most: int, held: int = BLOCK_BYTES) -> int:
    """How many vectors (dim,) `held` bytes hold: at least 1, and up to `most`."""
    return max(1, min(most, held // (4 * max(1, dim))))


class StreamingTopK:
    """Of all similarities pushed, those that may be among the `k` largest of each query once computed
    exactly.

    What is within `margin` of the k-th largest is kept too.
    """

    def __init__(self, queries: int, k: int, margin: np.float32) -> None:
        self.queries, self.k, self.margin = queries, k, margin
        self._floor = np.full(queries, -np.inf, np.float32)  # what is below cannot be among the k best
        self._kept: list[tuple[Positions, Positions, Floats]] = []  # query, row, similarity
        self._size = self._pruned_size = 0

    def push(self, rows: Positions, similarities: Floats) -> None:
        """Similarities (queries, n) of the rows (n,)."""
        unset = np.isneginf(self._floor)
        if unset.any() and len(rows) > self.k:
            largest = np.partition(similarities[unset], len(rows) - self.k, axis=1)
            self._floor[unset] = largest[:, len(rows) - self.k] - self.margin
        query, column = np.nonzero(similarities >= self._floor[:, None])
        self._kept.append((query, rows[column], similarities[query, column]))
        self._size += len(query)
        if self._size > 2 * self._pruned_size + 4 * self.queries * self.k:
            self._prune()

    def candidates(self) -> list[Positions]:
        """For each query the rows that its k best are among, in no order."""
        if not self._kept:
            return [np.zeros(0, np.int64) for _ in range(self.queries)]
        self._prune()
        ((query, rows, _),) = self._kept
        return np.split(rows, np.searchsorted(query, np.arange(1, self.queries)))

    def _prune(self) -> None:
        """Raise the floors to the k-th largest so far, and drop what is below."""
        query, rows, values = (np.concatenate(parts) for parts in zip(*self._kept, strict=True))
        order = np.lexsort((-values, query))
        query, rows, values = query[order], rows[order], values[order]
        starts = np.searchsorted(query, np.arange(self.queries))
        counts = np.diff(np.append(starts, len(query)))
        full = counts >= self.k
        self._floor[full] = values[starts[full] + self.k - 1] - self.margin
        kept = values >= self._floor[query]
        self._kept = [(query[kept], rows[kept], values[kept])]
        self._size = self._pruned_size = int(np.count_nonzero(kept))


def top_k_candidates(similarities: Floats, k: int, margin: np.float32) -> Positions:
    """Positions of those of `similarities` (n,) that may be among the `k` largest once computed exactly."""
    if k >= len(similarities):
        return np.arange(len(similarities))
    values = similarities
    if k * SEGMENT * 4 < len(
        similarities
    ):  # the k-th largest of the maxima is a lower bound of the k-th largest
        even = len(similarities) // SEGMENT * SEGMENT
        maxima = similarities[:even].reshape(-1, SEGMENT).max(axis=1)
        bound = np.partition(maxima, len(maxima) - k)[len(maxima) - k]
        values = similarities[similarities >= bound]
    floor = np.partition(values, len(values) - k)[len(values) - k]
    return np.flatnonzero(similarities >= floor - margin)


def rank_order(ids: pa.Array, rows: Positions, similarities: Floats) -> Positions:
    """(n,) the order of `rows`: by similarity, largest first, then by image id, from the `ids` of all."""
    return order_by_similarity(lambda some: ids.take(pa.array(some)).to_pylist(), rows, similarities)


def order_by_similarity(
    ids_of: Callable[[Positions], list[str]], rows: Positions, similarities: Floats
) -> Positions:
    """`rank_order` where `ids_of` gives the ids of rows (n,): only of those that tie."""
    order = np.argsort(-similarities, kind="stable")
    same = np.diff(similarities[order]) == 0
    tied = order[(np.append(same, False) | np.append(False, same))[: len(order)]]
    if not len(tied):
        return order
    names = np.full(len(rows), "", object)
    names[tied] = ids_of(rows[tied])
    return np.lexsort((names.astype(str), -similarities))


def pad_rows(answers: Sequence[tuple[Positions, Floats]], k: int) -> tuple[Positions, Floats]:
    """The rows and similarities of each query as (queries, k) arrays, padded as in `Neighbours`."""
    rows = np.full((len(answers), k), -1, np.int64)
    similarities = np.full((len(answers), k), -np.inf, np.float32)
    for at, (mine, values) in enumerate(answers):
        rows[at, : len(mine)], similarities[at, : len(mine)] = mine, values
    return rows, similarities


def exact_similarities(
    read: Callable[[Positions], Floats], queries: Floats, candidates: Sequence[Positions]
) -> Iterator[tuple[Positions, Floats]]:
    """For each query (dim,) its candidates (n,), rising, and their similarities (n,).

    Sums are in float64 and rounded once: a similarity is the same whatever rows are beside it. The rows of
    several queries are read together: measured, that takes a fifth of the time a row.

    `read` gives the unit vectors (n, dim) of rows (n,) that rise.
    """
    most = rows_at_once(queries.shape[1], RESCORED_ROWS)
    for batch in batch_by_size([len(rows) for rows in candidates], most):
        rows = np.unique(np.concatenate([candidates[at] for at in batch]))
        vectors = read(rows) if len(batch) > 1 else None
        for at in batch:
            mine, query = np.sort(candidates[at]), queries[at].astype(np.float64)
            if vectors is not None:
                yield mine, _dot(vectors[np.searchsorted(rows, mine)], query)
                continue
            step = rows_at_once(len(query), most, COMPARED_BYTES)
            starts = range(0, len(mine), step)
            parts = [_dot(read(mine[start : start + step]), query) for start in starts]
            yield mine, np.concatenate(parts) if parts else np.zeros(0, np.float32)


def batch_by_size(sizes: Sequence[int], most: int) -> Iterator[range]:
    """Ranges of consecutive places whose sizes sum to at most `most`; what is larger by itself is alone."""
    start, total = 0, 0
    for at, size in enumerate(sizes):
        if at > start and total + size > most:
            yield range(start, at)
            start, total = at, 0
        total += size
    if start < len(sizes):
        yield range(start, len(sizes))


def _dot(vectors: Floats, query: NDArray[np.float64]) -> Floats:
    return np.asarray(vectors.astype(np.float64) @ query, np.float32)
