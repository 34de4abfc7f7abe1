"""The view `metrics` against a bare `select count(*), sum(rank)` of one table: 1, 3 and 10 million ranks.

    python benchmarks/metrics_sql.py [--small]

The store has the shape of the published test cases: 593 models of one exemplar, 250 of 4 to 12, 255 of up to
67, each with 40 samples by each of two schemes: half a million ranks an encoder and mapper. More ranks are
more encoders and mappers. Rows go to the table as evaluation writes them (64-digit ids, a fragment a shard of
8192 samples), only without the search for keys that are there already. Both queries read through the
connection that users get; rounds alternate and the ratio is of medians. `compacted` is the ratio after
`attribase compact`; `per_sample` the seconds of averaging that view. Writes to a temporary folder only.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime

import attribase
import lance
import numpy as np
import pyarrow as pa
from attribase.store import Store, run_number
from attribase.store.schema import RANKS
from rich.console import Console
from rich.table import Table

POOL = 1_000_000
SHARD = 8192
ROUNDS = 7
CASES = (("observed_imagenet", 593, 1, 1), ("bamfg", 250, 4, 12), ("artchive", 255, 1, 67))
"""(case, models, fewest and most exemplars of one) of the real index; sizes between are log-uniform here."""

BARE = "select count(*), sum(rank) from ranks"


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a tenth of everything")
    sizes = [size // (10 if parser.parse_args().small else 1) for size in (1_000_000, 3_000_000, 10_000_000)]
    shown = Table(title="metrics over ranks, seconds (median of 7, alternating)")
    for name in ("ranks", "runs", "files", "sum(rank)", "metrics", "ratio", "compacted", "per_sample"):
        shown.add_column(name, justify="right", no_wrap=True)
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            shown.add_row(*measure(Store.create(folder), size))
    Console(width=110).print(shown)


def measure(store: Store, size: int) -> list[str]:
    """One line of the table."""
    expected = fill(store, size)
    table = store.dataset("ranks")
    count, fragments = table.count_rows(), len(table.get_fragments())
    check(store, expected)
    bare, view = medians(store, BARE, "from metrics")
    table.optimize.compact_files()
    small, tight = medians(store, BARE, "from metrics")
    (samples,) = medians(store, "select avg(ap) from per_sample", rounds=1)
    cells = [f"{count:,}", str(len(expected)), str(fragments), f"{bare:.3f}", f"{view:.3f}"]
    return [*cells, f"{view / bare:.2f}", f"{tight / small:.2f}", f"{samples:.2f}"]


def medians(store: Store, *statements: str, rounds: int = ROUNDS) -> list[float]:
    """Seconds of each statement; one uncounted round first, then each in turn."""
    took: list[list[float]] = [[] for _ in statements]
    with attribase.connect(store.uri) as con:
        for _ in range(rounds + 1):
            for at, statement in enumerate(statements):
                clock = time.perf_counter()
                con.execute(statement).fetchall()
                took[at].append(time.perf_counter() - clock)
    return [statistics.median(one[1:]) for one in took]


def check(store: Store, expected: dict[tuple[str, ...], tuple[float, ...]]) -> None:
    """The view must say what the samples' own metrics average to, or its time means nothing."""
    columns = "encoder, mapper, case_name, scheme, samples, recall_5, recall_10, recall_100, map"
    with attribase.connect(store.uri) as con:
        found = con.execute(f"select {columns} from metrics").fetchall()
    assert len(found) == len(expected)
    for encoder, mapper, case, scheme, *numbers in found:
        np.testing.assert_allclose(numbers, expected[encoder, mapper, case, scheme], rtol=1e-12)


def fill(store: Store, size: int) -> dict[tuple[str, ...], tuple[float, ...]]:
    """Write models, samples, runs and at least `size` ranks; what `metrics` must answer, by its keys."""
    rng = np.random.default_rng(0)
    cases = [write_case(store, rng, *case) for case in CASES]
    expected, written, pair = {}, 0, 0
    while written < size:
        encoder, mapper = f"encoder{pair // 4}", ("none", "object", "style", "tuned")[pair % 4]
        for (case, *_), groups in zip(CASES, cases, strict=True):
            for scheme, (samples, images, counts) in groups.items():
                key = (encoder, mapper, case, scheme)
                rank = ranks(rng, counts)
                add_run(store, key, len(counts))
                for rows in shards(key, samples, images, counts, rank):
                    lance.write_dataset(rows, store.layout.table("ranks"), mode="append")
                expected[key] = averages(counts, rank)
                written += len(rank)
        pair += 1
    return expected


def write_case(
    store: Store, rng: np.random.Generator, case: str, models: int, fewest: int, most: int
) -> dict[str, tuple[list[str], list[str], np.ndarray]]:
    """Write a case's models and samples. Per scheme: sample ids, an image id a rank, exemplars a sample."""
    sizes = np.exp(rng.uniform(np.log(fewest), np.log(most + 1), models)).astype(int).clip(fewest, most)
    exemplars = [[digest(case, m, n) for n in range(size)] for m, size in enumerate(sizes)]
    rows = [
        {"model_id": digest(case, m), "method": "custom-diffusion", "exemplar_ids": ids, "case_name": case}
        for m, ids in enumerate(exemplars)
    ]
    store.upsert("models", rows)
    groups = {}
    for scheme in ("gpt", "media" if most == 1 else "object"):
        ids = [digest(case, m, scheme, n) for m in range(models) for n in range(40)]
        made = [
            {"sample_id": one, "model_id": digest(case, n // 40), "scheme": scheme}
            for n, one in enumerate(ids)
        ]
        lance.write_dataset(
            pa.Table.from_pylist(made, schema=store.schema("samples")),
            store.layout.table("samples"),
            mode="append",
        )
        images = [image for m in range(models) for _ in range(40) for image in exemplars[m]]
        groups[scheme] = (ids, images, np.repeat(sizes, 40))
    return groups


def ranks(rng: np.random.Generator, counts: np.ndarray) -> np.ndarray:
    """Ranks from 1 to the pool's size, most small, ascending within each sample and no two the same."""
    owner = np.repeat(np.arange(len(counts)), counts)
    drawn = np.exp(rng.uniform(0, np.log(POOL), len(owner))).astype(np.int64)
    drawn = drawn[np.lexsort((drawn, owner))]
    return drawn + places(counts) - 1


def places(counts: np.ndarray) -> np.ndarray:
    """1, 2, ... within each sample."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + 1


def shards(
    key: tuple[str, ...], samples: list[str], images: list[str], counts: np.ndarray, rank: np.ndarray
) -> Iterator[pa.Table]:
    """Rows of `ranks`, a table a shard of samples, ordered by sample as evaluation orders them."""
    run_id, ends, sample_ids = digest(*key), np.cumsum(counts), pa.array(samples)
    owner, place, image_ids = np.repeat(np.arange(len(counts)), counts), places(counts), pa.array(images)
    for first in range(0, len(counts), SHARD):
        start, stop = ends[first] - counts[first], ends[min(first + SHARD, len(counts)) - 1]
        cut, rows = slice(start, stop), int(stop - start)
        columns = [
            pa.repeat(run_id, rows),
            sample_ids.take(pa.array(owner[cut])),
            image_ids.slice(start, rows),
            pa.array(rank[cut]),
            pa.array((1 / np.sqrt(rank[cut])).astype(np.float32)),
            pa.array(POOL + counts[owner[cut]]),
            pa.repeat(pa.scalar(run_number(run_id), pa.int64()), rows),
            pa.array(place[cut].astype(np.int32)),
            pa.array(counts[owner[cut]].astype(np.int32)),
        ]
        yield pa.Table.from_arrays(columns, schema=RANKS)


def add_run(store: Store, key: tuple[str, ...], samples: int) -> None:
    """The row of a finished run."""
    names = ("encoder", "mapper", "case_name", "scheme")
    run_id = digest(*key)
    row = dict(zip(names, key, strict=True)) | {"run_id": run_id, "run_number": run_number(run_id)}
    store.upsert("runs", [row | {"split": "test", "samples": samples, "started": datetime(2024, 1, 1)}])


def averages(counts: np.ndarray, rank: np.ndarray) -> tuple[float, ...]:
    """samples, recall@5, @10, @100 and mAP: each sample by itself, then the mean."""
    starts = np.cumsum(counts) - counts
    recalls = [np.add.reduceat(rank <= k, starts, dtype=float) / counts for k in (5, 10, 100)]
    precision = np.add.reduceat(places(counts) / rank, starts) / counts
    return (len(counts), *(float(values.mean()) for values in (*recalls, precision)))


def digest(*parts: object) -> str:
    """64 hexadecimal digits that follow from `parts`, as ids are."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


if __name__ == "__main__":
    main()
