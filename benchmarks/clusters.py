"""Clusters of copies among many images: precision, recall, time and memory, in one run.

    python benchmarks/clusters.py [--rows 1000000] [--dim 512] [--folder DIR] [--threshold 0.9] [--rule star]

The store is made in a folder of its own in DIR, which is made where it does not exist, and goes at the end.

The gallery has the clustered vectors of benchmarks/search_inputs.py, as features of images that only look
alike have. One work in WORKS is planted two to MOST_COPIES times, its vector turned by up to LARGEST degrees:
the cosine of a copy with its original is 0.91 to 1, and that of two copies of one original 0.83 to 1.

Pairs of copies are counted: precision is the share of pairs in a cluster that are planted copies of one work;
recall the share of planted pairs that share a cluster. `seconds` is the whole of `cluster_images`, of which
`digest` is reading and hashing all vectors, which says whether anything has changed. Memory is the most above
what the process had before.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from attribase.query.clusters.cluster import cluster_images
from attribase.query.clusters.settings import RULES, ClusterSettings
from attribase.store import Store
from clock import cost_of
from search_inputs import Clusters

ENCODER = "planted"
WORKS = 50  # one in so many works has copies
MOST_COPIES = 40
LARGEST = 24.0  # degrees between a copy and its original
BLOCK = 50_000
SAY_EVERY = 30.0  # seconds, on stderr


def planted(rows: int, dim: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of unit rows (n, dim), and the work that each row is of (n,)."""
    mixture, made = Clusters(dim), 0
    for block in range(0, rows, BLOCK):
        count = min(BLOCK, rows - block)
        rng = np.random.default_rng(block)
        originals = mixture.draw(count, 5000 + block)
        copies = np.zeros(count, np.int64)
        chosen = rng.random(count) < 1 / WORKS
        copies[chosen] = np.minimum(MOST_COPIES, 1 + rng.zipf(1.7, int(chosen.sum())))
        source = np.repeat(np.arange(count), np.maximum(1, copies))[:count]
        first = np.append(True, np.diff(source) != 0)
        unit = originals[source]
        away = rng.standard_normal(unit.shape, np.float32)
        away -= np.einsum("ij,ij->i", away, unit)[:, None] * unit
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        angle = np.radians(np.where(first, 0, rng.uniform(0, LARGEST, count))).astype(np.float32)[:, None]
        yield np.cos(angle) * unit + np.sin(angle) * away, source + made
        made += count


def fill(folder: Path, rows: int, dim: int) -> tuple[Store, np.ndarray]:
    """A store of the gallery, in an order that tells nothing of the copies within a block; (rows,) works."""
    store = Store.create(folder)
    store.upsert("encoders", [{"encoder": ENCODER, "dim": dim}])
    table, works, done = store.ensure_vectors(ENCODER, dim), [], 0
    for vectors, work in planted(rows, dim):
        order = np.random.default_rng(done).permutation(len(vectors))
        ids = [f"{number:012d}" for number in range(done, done + len(order))]
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors[order].astype(np.float32).ravel()), dim)
        kinds = ["image"] * len(ids)
        store.upsert("images", [{"image_id": one} for one in ids])
        store.upsert("members", [{"collection": "gallery", "image_id": one} for one in ids])
        store.upsert(table, pa.table({"item_id": ids, "item_kind": kinds, "base": column}))
        works.append(work[order])
        done += len(order)
    return store, np.concatenate(works)


def pairs(labels: np.ndarray) -> int:
    """Pairs of rows with the same label."""
    counts = np.unique(labels, axis=0, return_counts=True)[1].astype(np.int64)
    return int((counts * (counts - 1) // 2).sum())


def measure(store: Store, works: np.ndarray, settings: ClusterSettings) -> None:
    """Cluster, and print what came of it."""
    steps: list[str] = []

    def work() -> None:
        said = time.monotonic()
        for step in cluster_images(store, settings, force=True):
            steps.append(f"{step.stage} {step.note}")
            if time.monotonic() > said + SAY_EVERY:
                said = time.monotonic()
                print(f"{settings.rule}: {step.stage} {step.done:,} of {step.total:,}", file=sys.stderr)

    cost = cost_of(work, "cpu")
    run = max(store.read("cluster_runs").to_pylist(), key=lambda row: row["started"])
    found = store.read("cluster_members", ["image_id", "cluster_id"], f"run_id = '{run['run_id']}'")
    rows, heads = (np.array(found[name].to_pylist()).astype(np.int64) for name in ("image_id", "cluster_id"))
    together, right = pairs(heads), pairs(np.stack([heads, works[rows]], axis=1))
    print(
        f"{settings.rule}: {run['images']:,} images, {run['clusters']:,} clusters of {run['linked']:,}, "
        f"largest {run['largest']}, chained {run['chained']}\n"
        f"  precision {right / max(1, together):.5f}  recall {right / max(1, pairs(works)):.5f}  "
        f"(of links, as measured by the run: {run['recall']})\n"
        f"  {cost.wall:.0f} s, of the processor {cost.cpu:.0f} s, {cost.memory / 2**20:.0f} MiB; "
        f"{steps[-1] if steps else ''}",
        flush=True,
    )
    start = time.perf_counter()
    assert not list(cluster_images(store, settings))
    print(f"  nothing changed: {time.perf_counter() - start:.1f} s")


def main() -> None:
    """Make the store, and measure the rules."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--threshold", type=float, default=0.9)
    parser.add_argument("--folder", type=Path, help="made where it does not exist")
    parser.add_argument("--rule", choices=RULES, action="append", help="again for another; left out, all")
    options = parser.parse_args()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        store, works = fill(Path(folder, "store"), options.rows, options.dim)
        largest = int(np.bincount(works).max())
        print(
            f"{options.rows:,} x {options.dim}, {pairs(works):,} planted pairs, largest work {largest}",
            flush=True,
        )
        for rule in options.rule or RULES:
            measure(store, works, ClusterSettings(encoder=ENCODER, threshold=options.threshold, rule=rule))


if __name__ == "__main__":
    main()
