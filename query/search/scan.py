"""Similarities of queries to vectors that are read in blocks: one is read while others are compared."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from ...runtime.blas_threads import single_thread_products
from ...runtime.devices import core_count
from .topk import Floats, Positions, row_lengths

STREAMED_BYTES = 8 << 20
"""A block of a scan of the table: 4096 vectors of 512 numbers."""

MOST_THREADS = 8
"""Blocks compared at once: more than so many are not read in the meantime."""


def compare_blocks(
    queries: Floats, blocks: Iterable[tuple[Positions, Floats]]
) -> Iterator[tuple[Positions, Floats]]:
    """(rows (n,), similarities (queries, n)) of `blocks`: rows (n,) and vectors (n, dim), in their order.

    A few blocks are in memory at once: one more than there are threads.
    """

    def compare(vectors: Floats) -> Floats:
        similarities = queries @ vectors.T
        similarities /= row_lengths(vectors)
        return similarities

    count = min(core_count(), MOST_THREADS)
    waiting: deque[tuple[Positions, Future[Floats]]] = deque()
    with single_thread_products(), ThreadPoolExecutor(count) as threads:
        for rows, vectors in blocks:
            waiting.append((rows, threads.submit(compare, vectors)))
            del vectors  # so that it is not in memory beside the next one
            if len(waiting) > count:
                mine, future = waiting.popleft()
                yield mine, future.result()
        for mine, future in waiting:
            yield mine, future.result()
