"""Measuring an index against exact search, and finding how deep it must look for a wanted recall."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .index import Depth
from .pool import Pool
from .space import SearchSpace
from .topk import Places, Reals

QUERIES = 200
PERTURBED = 0.5  # length of the noise on a unit vector where there are no samples to ask with
MOST_REFINED = 16
SAME = 1e-6  # similarities as close as this are equal


@dataclass(frozen=True)
class Measured:
    """Recall and the median time of a question at one depth, for one number of answers."""

    k: int
    depth: Depth
    recall: float
    milliseconds: float


class RecallBenchmark:
    """Held-out questions of a space, with their exact answers among all its images."""

    def __init__(self, space: SearchSpace, queries: int = QUERIES) -> None:
        self.space = space
        self.pool = Pool(np.ones(len(space), bool), len(space), 0, "every image")
        self.queries = questions(space, queries)
        self.deepest = min(1000, len(space))
        self._truth = space.search(self.queries, self.deepest, self.pool, method="exact").similarities

    def measure(self, k: int, depth: Depth) -> Measured:
        """Recall at `k`: of the answers to each question, how many are as similar as the exact k-th is.

        Each question is asked alone, as users do; fewer of them where there are many answers to each.
        """
        wanted, k = k, min(k, self.deepest)
        seconds, recalls = [], []
        step = 4 if wanted > 100 else 1
        for query, exact in zip(self.queries[::step], self._truth[::step], strict=True):
            start = time.perf_counter()
            _, found = self.space.search_at(query[None], k, self.pool, depth)
            seconds.append(time.perf_counter() - start)
            recalls.append(np.count_nonzero(found >= exact[k - 1] - SAME) / k)
        recall = float(np.mean(recalls))
        return Measured(wanted, depth, recall, 1000 * float(np.median(seconds)))

    def deepen(self, k: int, target: float, partitions: int, start: Depth) -> Iterator[Measured]:
        """Deeper from `start` until recall at `k` is `target`, then back where that went too far.

        Each step goes where more is gained for the time: into twice the partitions, or comparing twice the
        rows. The last one yielded counts: it reaches the target, or is as deep as it gets.
        """
        best = self.measure(k, start)
        yield best
        while best.recall < target:
            further = [self.measure(k, depth) for depth in _deeper(best.depth, partitions)]
            if not further:
                return
            before = best.recall  # the first of equals: more partitions
            best = max(further, key=lambda one: (one.recall - before) / one.milliseconds)
            yield best
        for depth in _shallower(best.depth, start):
            less = self.measure(k, depth)
            if less.recall >= target:
                best = less
                break
        yield best


def _deeper(depth: Depth, partitions: int) -> list[Depth]:
    nprobes, refine = depth.nprobes, depth.refine
    wider = [Depth(min(2 * nprobes, partitions), refine)] if nprobes < partitions else []
    return wider + ([Depth(nprobes, 2 * refine)] if refine < MOST_REFINED else [])


def _shallower(depth: Depth, least: Depth) -> list[Depth]:
    """Less work first: comparing a row in full takes far longer than estimating one."""
    fewer, once = max(least.nprobes, 3 * depth.nprobes // 4), max(least.refine, depth.refine / 2)
    tries = [Depth(fewer, once), Depth(depth.nprobes, once), Depth(fewer, depth.refine)]
    return [one for one in dict.fromkeys(tries) if one != depth]


def questions(space: SearchSpace, most: int) -> Reals:
    """(queries, dim) unit rows: stored samples, evenly chosen; pictures with noise where there are none."""
    names = space.sample_ids
    if len(names):
        chosen = np.unique(np.linspace(0, len(names) - 1, most).astype(int))
        return space.sample_vectors([names[int(at)].as_py() for at in chosen])
    rows: Places = np.unique(np.linspace(0, len(space) - 1, most).astype(int))
    noise = np.random.default_rng(0).standard_normal((len(rows), space.dim), np.float32)
    mixed = space.unit_rows(rows) + PERTURBED * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), np.float32)
