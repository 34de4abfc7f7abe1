"""Recall of an index against exact search, and the least effort that reaches a target."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .index import SearchEffort
from .pool import Pool
from .space import SearchSpace
from .topk import Floats

QUERIES = 200
NOISE = 0.5  # length of the noise on a unit vector where there are no samples to query with
MAX_REFINE = 64
EQUAL = 1e-6  # similarities this close are equal


@dataclass(frozen=True)
class RecallMeasurement:
    """Recall and the median time of a query at one effort, for `k` answers."""

    k: int
    effort: SearchEffort
    recall: float
    milliseconds: float


class RecallBenchmark:
    """Queries of a space, with their exact answers among all its images."""

    def __init__(self, space: SearchSpace, queries: int = QUERIES) -> None:
        self.space = space
        self.pool = Pool(np.ones(len(space), bool), len(space), 0, "every image")
        self.queries = benchmark_queries(space, queries)
        self.max_k = min(1000, len(space))
        space.open_index().leave_codes()
        self._truth = space.search(self.queries, self.max_k, self.pool, method="exact").similarities

    def measure(self, k: int, effort: SearchEffort) -> RecallMeasurement:
        """Recall at `k`: the share of each query's answers that are as similar as the exact k-th.

        Each query is searched alone, as users do; fewer queries where each has many answers.
        """
        wanted, k = k, min(k, self.max_k)
        seconds, recalls = [], []
        step = 4 if wanted > 100 else 1
        for query, exact in zip(self.queries[::step], self._truth[::step], strict=True):
            start = time.perf_counter()
            _, found = self.space.search_with_effort(query[None], k, self.pool, effort)
            seconds.append(time.perf_counter() - start)
            recalls.append(np.count_nonzero(found >= exact[k - 1] - EQUAL) / k)
        recall = float(np.mean(recalls))
        return RecallMeasurement(wanted, effort, recall, 1000 * float(np.median(seconds)))

    def tune(
        self, k: int, target: float, partitions: int, start: SearchEffort
    ) -> Iterator[RecallMeasurement]:
        """Raise the effort from `start` until recall at `k` is `target`, then lower it while that holds.

        Each step doubles what gains more recall for the time: the partitions probed, or the rows compared.
        The last measurement is the result: it reaches the target, or no effort does.
        """
        best = self.measure(k, start)
        yield best
        while best.recall < target:
            raised = [self.measure(k, effort) for effort in _raise(best.effort, partitions)]
            if not raised:
                return
            before = best.recall  # the first of equals: more partitions
            best = max(raised, key=lambda one: (one.recall - before) / one.milliseconds)
            yield best
        for effort in _lower(best.effort, start):
            lowered = self.measure(k, effort)
            if lowered.recall >= target:
                best = lowered
                break
        yield best


def _raise(effort: SearchEffort, partitions: int) -> list[SearchEffort]:
    nprobes, refine = effort.nprobes, effort.refine
    wider = [SearchEffort(min(2 * nprobes, partitions), refine)] if nprobes < partitions else []
    return wider + ([SearchEffort(nprobes, 2 * refine)] if refine < MAX_REFINE else [])


def _lower(effort: SearchEffort, least: SearchEffort) -> list[SearchEffort]:
    """The least work first: comparing a row in full takes far longer than estimating its similarity."""
    nprobes = max(least.nprobes, 3 * effort.nprobes // 4)
    refines = [max(least.refine, share * effort.refine) for share in (0.5, 0.625, 0.75, 0.875)]
    tries = [SearchEffort(probed, refine) for refine in refines for probed in (nprobes, effort.nprobes)]
    tries.append(SearchEffort(nprobes, effort.refine))
    return [one for one in dict.fromkeys(tries) if one != effort]


def benchmark_queries(space: SearchSpace, most: int) -> Floats:
    """(queries, dim) unit rows: stored samples, evenly chosen; images with noise where there are none."""
    names = space.rows.sample_ids
    if len(names):
        chosen = np.unique(np.linspace(0, len(names) - 1, most).astype(int))
        return space.sample_vectors([names[int(at)].as_py() for at in chosen])
    rows = np.unique(np.linspace(0, len(space) - 1, most).astype(int))
    noise = np.random.default_rng(0).standard_normal((len(rows), space.dim), np.float32)
    mixed = space.unit_rows(rows) + NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), np.float32)
