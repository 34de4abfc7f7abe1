"""Search under conditions that leave 10 to half of all images: time and recall beside exact search.

    python benchmarks/search_filters.py FOLDER/1000000x512.store

The store is one that `search.py --folder FOLDER` made and indexed. Which images a condition leaves is random.
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np
from attribase.query import Session
from attribase.query.search import Pool, SearchSpace
from attribase.store import Store
from rich.console import Console
from rich.table import Table
from search import EXACT, recall, timed
from search_inputs import ENCODER

QUESTIONS = 20
FILTERS = (10, 100, 1_000, 10_000, 100_000, 2)  # images that a condition leaves; 2: half of all


def asker(space: SearchSpace, pool: Pool, method: str):
    """Rows of the most similar images of `pool` to a vector (1, dim)."""
    return lambda vector, k: space.search(vector, k, pool, method=method).rows


def filtered(space: SearchSpace, vectors: np.ndarray) -> Table:
    """Conditions that leave 10 to half of all images: time and recall beside exact search."""
    pool, rng = space.pool(), np.random.default_rng(0)
    table = Table(title="filters")
    for name in ("images", "auto takes", "ms", "p90", "recall@10", "index ms", "recall@10 of it", "exact ms"):
        table.add_column(name, justify="right")
    for left in FILTERS:
        size = pool.size // 2 if left == 2 else left
        mask = np.zeros(len(space), bool)
        mask[rng.choice(np.flatnonzero(pool.mask), size, replace=False)] = True
        part = Pool(mask, size, 0, "all", f"benchmark of {size}")
        spent, found = {}, {}
        for method in ("auto", "index", "exact"):
            few = vectors[:EXACT] if method == "exact" and size > 10_000 else vectors
            spent[method], found[method] = timed(asker(space, part, method), few, 10, 2)
        told = space.search(vectors[:1], 10, part).method
        whole = found["exact"]
        table.add_row(
            f"{size:,}",
            told,
            f"{statistics.median(spent['auto']):.1f}",
            f"{statistics.quantiles(spent['auto'], n=10)[-1]:.1f}",
            f"{recall(found['auto'][: len(whole)], whole, 10):.4f}",
            f"{statistics.median(spent['index']):.1f}",
            f"{recall(found['index'][: len(whole)], whole, 10):.4f}",
            f"{statistics.median(spent['exact']):.1f}",
        )
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    store = Store.open(parser.parse_args().store)
    space = Session(store).snapshot().space(ENCODER, "none")
    names = store.read("samples", ["sample_id"])["sample_id"].to_pylist()[-QUESTIONS:]
    Console(width=150).print(filtered(space, space.sample_vectors(names)))


if __name__ == "__main__":
    main()
