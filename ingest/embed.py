"""Fill `vectors_<encoder>`: the raw feature of every image and sample that has bytes and no vector yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..runtime import BadImageError, MapperPair, OnnxEncoder, decode_image, load_encoder
from ..runtime.encoder import cores
from ..runtime.mapping import fill_column
from ..store import Job, Step, Store, mapped_column

KIND = "embed"
SHARD_SIZE = 1024
TABLES = {"image": ("images", "image_id"), "sample": ("samples", "sample_id")}

Item = TypeVar("Item")
Pixels = NDArray[np.float32]
Failure = tuple[str, str, str]


@dataclass
class Embedded:
    """What became of some items: the features of those that worked, the reasons of those that did not."""

    items: list[str] = field(default_factory=list)
    features: list[NDArray[np.float32]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def embed(
    store: Store, encoder: str, *, batch: int = 64, workers: int | None = None, shard_size: int = SHARD_SIZE
) -> Iterator[Step]:
    """Embed what is not embedded yet, one committed shard at a time.

    An item that cannot be embedded is recorded in `failures` under the stage `embed:<encoder>` with its
    reason ('empty', 'not-an-image', 'truncated', 'too-many-pixels', 'nan') and not tried again: its id is
    the hash of its bytes, so it will not get better. Columns of mappers that are trained already are filled.

    Args:
        store: the store, with the encoder exported into it.
        encoder: name of the encoder.
        batch: images at once through the network.
        workers: threads that decode and resize while the network runs; by default one a core.
        shard_size: items a commit.

    Raises:
        NotFoundError: the encoder is not exported. DataError: its file was changed.
    """
    model = load_encoder(store, encoder)
    table = store.ensure_vectors(encoder, model.dim)
    for mapper in mapper_names(store, encoder):  # one that came before there was any vector has no column
        if mapped_column(mapper) not in store.schema(table).names:
            fill_column(store, encoder, mapper, MapperPair.load(store, encoder, mapper))
    stage = f"{KIND}:{encoder}"
    jobs = _jobs(store, encoder, table, stage, shard_size)
    total, done, failed = sum(job.total_items for job in jobs), sum(job.done_items for job in jobs), 0
    yield Step(stage, done, total)
    with ThreadPoolExecutor(workers or cores()) as pool:
        for job in jobs:
            for shard in job.pending():
                for kind in TABLES:
                    ids = [item.partition(":")[2] for item in shard.items if item.startswith(f"{kind}:")]
                    found = _embed_items(store, model, pool, kind, ids, batch)
                    if found.items:
                        store.upsert(table, _rows(store, encoder, kind, found))
                    if found.failures:
                        store.record_failures(stage, found.failures)
                    failed += len(found.failures)
                job.finish(shard)
                done += len(shard.items)
                yield Step(stage, done, total, f"{failed} failed" if failed else "")


def run_batches(
    model: OnnxEncoder,
    pool: ThreadPoolExecutor,
    items: Iterable[Item],
    prepare: Callable[[Item], Pixels],
    batch: int,
) -> Iterator[tuple[Item, NDArray[np.float32] | BadImageError]]:
    """Each item with its feature (dim,), or with the error that `prepare` raised, in order.

    The next batch is prepared in `pool` while the network runs on this one; two are held at a time.
    """

    def attempt(item: Item) -> tuple[Item, Pixels | BadImageError]:
        try:
            return item, prepare(item)
        except BadImageError as error:
            return item, error

    stream = iter(items)
    ready = [pool.submit(attempt, item) for item in islice(stream, batch)]
    while ready:
        ahead = [pool.submit(attempt, item) for item in islice(stream, batch)]
        prepared = [future.result() for future in ready]
        pixels = [value for _, value in prepared if not isinstance(value, BadImageError)]
        features = iter(model.run(np.stack(pixels)) if pixels else ())
        for item, value in prepared:
            yield item, value if isinstance(value, BadImageError) else next(features)
        ready = ahead


def _embed_items(
    store: Store, model: OnnxEncoder, pool: ThreadPoolExecutor, kind: str, ids: Sequence[str], batch: int
) -> Embedded:
    found = Embedded()

    def prepare(item: tuple[str, bytes | None]) -> Pixels:
        return model.preprocessing(decode_image(item[1] or b""))

    source = store.blobs(TABLES[kind][0], "bytes", ids) if ids else ()
    for (item, _), value in run_batches(model, pool, source, prepare, batch):
        if isinstance(value, BadImageError):
            found.failures.append((item, value.reason, str(value)))
        elif not np.isfinite(value).all():
            found.failures.append((item, "nan", "the encoder returned a value that is not finite"))
        else:
            found.items.append(item)
            found.features.append(value)
    return found


def _rows(store: Store, encoder: str, kind: str, found: Embedded) -> pa.Table:
    """Rows for the vector table: `base` and the column of every mapper that this encoder has."""
    base = np.stack(found.features)
    vectors = {"base": base}
    for mapper in mapper_names(store, encoder):
        pair = MapperPair.load(store, encoder, mapper)
        vectors[mapped_column(mapper)] = pair.real(base) if kind == "image" else pair.synth(base)
    columns: dict[str, pa.Array] = {
        "item_id": pa.array(found.items),
        "item_kind": pa.array([kind] * len(found.items)),
    }
    return pa.table(columns | {name: vector_array(rows) for name, rows in vectors.items()})


def vector_array(rows: NDArray[np.float32]) -> pa.FixedSizeListArray:
    """Rows (items, dim) as an Arrow column of float32 vectors."""
    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


def mapper_names(store: Store, encoder: str) -> list[str]:
    """The mappers trained on top of `encoder`, sorted."""
    rows = store.read("mappers", ["encoder", "mapper"]).to_pylist()
    return sorted(row["mapper"] for row in rows if row["encoder"] == encoder)


def _jobs(store: Store, encoder: str, table: str, stage: str, shard_size: int) -> list[Job]:
    """What a killed run left unfinished, then what no run has planned yet."""
    spec = {"encoder": encoder}
    open_jobs = [
        Job(status.job_id, status.kind, status.total_items, store)
        for status in store.jobs.unfinished()
        if status.kind == KIND and dict(status.spec) == spec
    ]
    planned = {item for job in open_jobs for shard in job.pending() for item in shard.items}
    fresh = [item for item in _missing(store, table, stage) if item not in planned]
    return [*open_jobs, store.jobs.plan(KIND, spec, fresh, shard_size)] if fresh else open_jobs


def _missing(store: Store, table: str, stage: str) -> Iterator[str]:
    """`kind:id` of every item with bytes that has neither a vector nor a failure, in a fixed order."""
    there = set(store.read(table, ["item_id"])["item_id"].to_pylist())
    failures = store.read("failures", ["stage", "item"]).to_pylist()
    there.update(row["item"] for row in failures if row["stage"] == stage)

    def of(kind: str) -> Iterator[str]:
        source, key = TABLES[kind]
        ids = store.read(source, [key], "bytes is not null")[key].to_pylist()
        return (f"{kind}:{item}" for item in sorted(ids) if item not in there)

    return chain.from_iterable(of(kind) for kind in TABLES)
