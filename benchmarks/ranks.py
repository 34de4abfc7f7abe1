"""Ranks by counting, beside the bare matrix product, FAISS and the published protocol, as ratios of speed.

    python benchmarks/ranks.py [--small] [--only memory|lance] [--samples 2000] [--folder DIR]

2,000 samples of 250 models against a gallery of 100,000 vectors of length 768 in memory, and of 1,000,000
streamed from a Lance store; half of the models have one exemplar, the others 4 to 12. Vectors come in
clusters; exemplars of one model lie in one cluster or in several, so ranks run from 1 to the gallery's size.

- `product`: the float32 matrix product of the same shape and nothing else, unit rows all in memory, in the
  best of three block sizes with all threads on one block, and of two with a block a thread, as ranks are
  counted. The share of its speed that ranks reach: 1 would be ranks for free. `cpu`: the same share of
  processor seconds, which other load disturbs less.
- `FAISS`: IndexFlatIP, top 100, the index filled before.
- `published`: what the authors' evaluation does with a sample: concatenate gallery and exemplars, one
  matrix-vector product, argsort all of it. Timed on a few samples and multiplied; its ranks must be ours.
- `eval`: `evaluate` from end to end, ids, plans and commits included. `peak`: its memory in a process of its
  own, above what that process had with all libraries loaded and a first small evaluation done.

All take turns in one process, each on all cores; the best of the rounds counts. The store lies in a folder
that is removed at the end, and is read from the page cache.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attribase  # noqa: F401  first, as users do
import faiss
import lance
import numpy as np
import pyarrow as pa
from attribase.query import evaluate
from attribase.query.catalog import gallery_ids
from attribase.query.evaluation.cases import Sample, read_cases
from attribase.query.evaluation.counting import BLOCK
from attribase.query.evaluation.pools import load_pools
from attribase.query.evaluation.ranks import ExemplarRanks
from attribase.query.features import FeatureReader, ImageSet, Pinned
from attribase.runtime.devices import core_count
from attribase.runtime.mapper import normalise
from attribase.store import Store
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

DIM, CLUSTERS = 768, 1000
TOP = 100
PRODUCT_BLOCKS = (512, 2048, 8192)
COLUMNS = ("gallery", "ranks s", "product s", "share", "cpu", "FAISS s", "x FAISS", "published s",
           "x published", "eval s", "peak MB")  # fmt: skip


def main() -> None:
    """Fill a store for each size, measure, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a tenth of everything")
    parser.add_argument("--only", choices=["memory", "lance"])
    parser.add_argument("--samples", type=int, default=2000, help="how many, a multiple of 8")
    parser.add_argument("--folder", help="where the stores go; about 4 GB")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        print(json.dumps(peak_memory(options.peak)))
        return
    part = 10 if options.small else 1
    models = options.samples // 8 // part
    shown = Table(title=f"{8 * models:,} samples, {DIM} dimensions")
    for name in COLUMNS:
        shown.add_column(name, justify="right", no_wrap=True)
    for size, streamed in ((100_000, False), (1_000_000, True)):
        if options.only not in (None, "lance" if streamed else "memory"):
            continue
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            fill(Store.create(f"{folder}/a.store"), size // part, models, 8)
            fill(Store.create(f"{folder}/warm.store"), 1000, 5, 2)
            shown.add_row(*measure(Path(folder), size // part, streamed))
    Console(width=130).print(shown)


# ---- the world ----


def fill(store: Store, size: int, models: int, each: int) -> None:
    """A gallery of `size`, and `models` with their exemplars and `each` samples; in chunks."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLUSTERS, DIM)).astype(np.float32)
    store.upsert("encoders", [{"encoder": "clip", "dim": DIM}])
    table = store.ensure_vectors("clip", DIM)
    rows, samples, exemplars, vectors = [], [], {}, []
    for number in range(models):
        count = 1 if number % 2 == 0 else int(rng.integers(4, 13))
        clusters = rng.integers(0, CLUSTERS, 1 if number % 4 == 1 else count)
        own = centres[np.resize(clusters, count)] + rng.normal(size=(count, DIM)).astype(np.float32)
        ids = [digest("exemplar", number, one) for one in range(count)]
        exemplars |= dict(zip(ids, own, strict=True))
        model = digest("model", number)
        rows.append({"model_id": model, "method": "custom-diffusion", "exemplar_ids": ids,
                     "case_name": "clusters", "split": "test"})  # fmt: skip
        for one in range(each):
            samples.append({"sample_id": digest(model, one), "model_id": model, "scheme": "gpt"})
            near = rng.uniform(0.2, 0.8) * own[rng.integers(0, count)] + rng.normal(size=DIM)
            vectors.append(near.astype(np.float32))
    store.upsert("models", rows)
    store.upsert("samples", samples)

    def batches() -> Iterator[pa.RecordBatch]:
        schema = store.schema(table)
        for start in range(0, size, 16384):
            ids = [digest("image", one) for one in range(start, min(start + 16384, size))]
            mine = centres[rng.integers(0, CLUSTERS, len(ids))]
            mine = mine + rng.standard_normal((len(ids), DIM), dtype=np.float32)
            yield batch(schema, ids, "image", mine)
            lance.write_dataset(
                pa.table({"collection": ["gallery"] * len(ids), "image_id": ids}, store.schema("members")),
                store.layout.table("members"),
                mode="append",
            )
        yield batch(schema, list(exemplars), "image", np.stack(list(exemplars.values())))
        yield batch(schema, [one["sample_id"] for one in samples], "sample", np.stack(vectors))

    lance.write_dataset(batches(), store.layout.table(table), schema=store.schema(table), mode="append")


def batch(schema: pa.Schema, ids: list[str], kind: str, rows: np.ndarray) -> pa.RecordBatch:
    """Rows of a vector table."""
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), DIM)
    return pa.record_batch([pa.array(ids), pa.array([kind] * len(ids)), vectors], schema=schema)


def digest(*parts: object) -> str:
    """64 hexadecimal digits that follow from `parts`, as ids are."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


# ---- the measurements ----


def measure(folder: Path, size: int, streamed: bool) -> list[str]:
    """One line of the table."""
    store = Store.open(folder / "a.store")
    features = FeatureReader(Pinned.now(store), "clip")
    gallery = ImageSet(features, gallery_ids(Pinned.now(store)), BLOCK)
    (case,) = read_cases(Pinned.now(store))
    samples = list(case.samples)
    index, raw = faiss.IndexFlatIP(DIM), []
    for rows in gallery.raw_blocks():
        index.add(rows / np.linalg.norm(rows, axis=1, keepdims=True))
        raw += [] if streamed else [rows.copy()]
    assert index.ntotal == size
    units = faiss.rev_swig_ptr(index.get_xb(), size * DIM).reshape(size, DIM)
    queries = normalise(features.raw([sample.sample_id for sample in samples]))

    def ours() -> ExemplarRanks:
        ranking = ExemplarRanks(load_pools(samples, features, gallery).vectors)
        assert sum(ranking.run(gallery.raw_blocks() if streamed else raw)) == size
        return ranking

    ranking = ours()  # compiled or read from disk before time counts
    few = check_and_time_published(samples, ranking, features, units, queries)
    jobs: dict[str, Callable[[], object]] = {"ranks": ours, "faiss": lambda: index.search(queries, TOP)}
    jobs |= {
        f"product {block}": lambda block=block: product(queries, units, block) for block in PRODUCT_BLOCKS
    }
    jobs |= {
        f"product by thread {block}": lambda block=block: product_by_thread(queries, units, block)
        for block in PRODUCT_BLOCKS[:2]
    }
    jobs["eval"] = lambda: sum(1 for _ in evaluate(store, force=True))
    took, cpu = best_of(jobs, 3 if streamed else 5)
    bare, bare_cpu = (min(v for name, v in of.items() if name.startswith("product")) for of in (took, cpu))
    peak = subprocess.run(
        [sys.executable, __file__, "--peak", str(folder)], capture_output=True, text=True, check=True
    )
    ours, published = took["ranks"], few * len(samples)
    return [
        f"{size:,} {'Lance' if streamed else 'memory'}",
        f"{ours:.2f}",
        f"{bare:.2f}",
        f"{bare / ours:.2f}",
        f"{bare_cpu / cpu['ranks']:.2f}",
        f"{took['faiss']:.2f}",
        f"{took['faiss'] / ours:.2f}",
        f"{published:.0f}",
        f"{published / ours:.0f}",
        f"{took['eval']:.2f}",
        f"{json.loads(peak.stdout):.0f}",
    ]


def best_of(jobs: dict[str, Callable[[], object]], rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Fewest seconds and processor seconds of each job; in every round each has its turn."""
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            clock, cpu = time.perf_counter(), time.process_time()
            job()
            took[name].append((time.perf_counter() - clock, time.process_time() - cpu))
    return tuple({name: min(one[at] for one in all_) for name, all_ in took.items()} for at in (0, 1))


def product(queries: np.ndarray, units: np.ndarray, block: int) -> None:
    """The bare product of all queries with all rows, block by block, nothing kept."""
    scores = np.empty((len(queries), block), np.float32)
    for start in range(0, len(units), block):
        rows = units[start : start + block]
        np.matmul(queries, rows.T, out=scores if len(rows) == block else None)


def product_by_thread(queries: np.ndarray, units: np.ndarray, block: int) -> None:
    """`product` with a thread a core, each multiplying blocks of its own."""
    threads = core_count()

    def multiply(first: int) -> None:
        scores = np.empty((len(queries), block), np.float32)
        for start in range(first * block, len(units), threads * block):
            rows = units[start : start + block]
            np.matmul(queries, rows.T, out=scores if len(rows) == block else None)

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        list(pool.map(multiply, range(threads)))


def check_and_time_published(
    samples: list[Sample],
    ranking: ExemplarRanks,
    features: FeatureReader,
    units: np.ndarray,
    queries: np.ndarray,
) -> float:
    """Seconds a sample of the published protocol, on a few; its ranks must be those that were counted."""
    chosen = np.linspace(0, len(samples) - 1, max(4, 2_000_000 // len(units))).astype(int)
    exemplars = [normalise(features.raw(samples[one].exemplars)) for one in chosen]
    clock = time.perf_counter()
    found = [published(units, own, queries[one]) for own, one in zip(exemplars, chosen, strict=True)]
    seconds = time.perf_counter() - clock
    for ranks, one in zip(found, chosen, strict=True):
        mine = slice(*ranking.pools.offsets[[one, one + 1]])
        # float32 swaps neighbours where a gallery is dense; the counted ranks are the exact ones
        np.testing.assert_allclose(ranks, ranking.ranks[mine], rtol=0.001, atol=1)
    return seconds / len(chosen)


def published(gallery: np.ndarray, exemplars: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Ranks of one sample's exemplars by the published protocol."""
    pool = np.concatenate([exemplars, gallery])
    order = np.argsort(-(pool @ query))
    return 1 + np.argsort(order)[: len(exemplars)] if len(exemplars) > 1 else 1 + np.flatnonzero(order == 0)


def peak_memory(folder: str) -> float:
    """MB that an evaluation takes above a process that has everything loaded. Linux only; else NaN."""
    list(evaluate(Store.open(f"{folder}/warm.store"), force=True))
    if not Path("/proc/self/clear_refs").exists():
        return float("nan")
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    list(evaluate(Store.open(f"{folder}/a.store"), force=True))
    return status("VmHWM") - before


def status(name: str) -> float:
    """A line of /proc/self/status, in MB."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) / 1000


if __name__ == "__main__":
    main()
