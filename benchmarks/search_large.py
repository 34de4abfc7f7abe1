"""Search among so many vectors that they stay on disk: float16, an index, recall, time and memory.

    python benchmarks/search_large.py FOLDER [--rows 10000000] [--queries 100]

The store is made and indexed where FOLDER has none, as `attribase index` does; 10,000,000 rows take 11 GB.
Stored samples are searched one after another, k = 10, and compared with a scan of everything. `first`:
opening the space, its pool and one search, in a process that has imported everything. A service reads the
whole index when it starts.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from attribase.query import Session
from attribase.query.search import Pool, SearchSpace
from attribase.query.search.index_build import IndexTarget, index_space
from attribase.query.search.topk import Floats
from attribase.store import Store
from rich.console import Console
from search_inputs import ENCODER, fill

DIM = 512


def peak() -> float:
    """The largest resident set of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def build(folder: Path, rows: int, queries: int, console: Console) -> Store:
    """The store of so many rows, made and indexed where it is not."""
    store = Store.open(folder) if folder.exists() else fill(folder, rows, DIM, queries, half=True)
    began, cpu = time.perf_counter(), time.process_time()
    for step in index_space(store, ENCODER, "none", IndexTarget(min_rows=1)):
        spent = f"{time.perf_counter() - began:.0f} s, {time.process_time() - cpu:.0f} of processors"
        console.print(f"{step.stage} {step.done}/{step.total} {step.note}: {spent}, peak {peak():.2f} GB")
    return store


def measure(store: Store, queries: int, console: Console) -> None:
    """Search one sample after another."""
    began, cpu = time.perf_counter(), time.process_time()
    space = Session(store).snapshot().space(ENCODER, "none")
    pool = space.pool()
    vectors = space.item_vectors(space.rows.samples[-queries:])
    space.search(vectors[:1], 10, pool, method="index")
    first, first_cpu = time.perf_counter() - began, time.process_time() - cpu
    console.print(f"first {first:.2f} s, {first_cpu:.2f} of processors")
    search_each(space, pool, vectors, console, "partitions read as they are needed")
    began = time.perf_counter()
    space.open_index().warm()
    state = f"whole index read before, {time.perf_counter() - began:.1f} s"
    found = search_each(space, pool, vectors, console, state)
    exact = space.search(vectors, 10, pool, method="exact").similarities
    console.print(f"recall@10 {np.mean(found >= exact[:, -1:] - 1e-6):.4f}")


def search_each(space: SearchSpace, pool: Pool, vectors: Floats, console: Console, state: str) -> Floats:
    """(vectors, 10) similarities of what is found for one vector after another."""
    spent, found, cpu = [], [], time.process_time()
    for vector in vectors:
        began = time.perf_counter()
        found.append(space.search(vector[None], 10, pool, method="index").similarities[0])
        spent.append(1000 * (time.perf_counter() - began))
    each = 1000 * (time.process_time() - cpu) / len(vectors)
    p50, p99 = np.percentile(spent, [50, 99])
    times = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {each:.1f} ms of processors"
    console.print(f"{state}: {times}, peak so far {peak():.2f} GB")
    return np.stack(found)


def main() -> None:
    """Make, index, search, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--queries", type=int, default=100)
    given = parser.parse_args()
    console = Console(width=150)
    place = given.folder / f"{given.rows}x{DIM}.half.store"
    measure(build(place, given.rows, given.queries, console), given.queries, console)


if __name__ == "__main__":
    main()
