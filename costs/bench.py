"""Unit costs measured on this machine: each part of a job for a few seconds, by the code that runs it."""

from __future__ import annotations

import io
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from ..ingest.embed.decode import ImageDecoder
from ..ingest.images import ingest_images, open_source
from ..query.evaluation.counting import CpuCounter, Thresholds
from ..query.search.index_build import IndexTarget, index_space
from ..runtime import PIXEL_LIMIT, Preprocessing
from ..runtime.devices import core_count
from ..runtime.mapper import vector_array
from ..store import InvalidInputError, Step, Store, content_id
from .base_operations import measure_base
from .cards import Card
from .unit_costs import UnitCost, UnitCosts, stated_unit_costs

SIDE = 512
PICTURES = 48
"""Distinct JPEG files that are decoded and hashed, of 512 x 512 pixels."""
ROWS, DIM = 200_000, 512
"""Vectors that are written, read and indexed."""
QUESTIONS, GALLERY, NUMBERS = 1024, 16_384, 768
"""Ranks that are counted: samples, images and numbers of a vector."""
ENCODER = "bench"


def measure_unit_costs(
    seconds: float = 3.0,
    folder: Path | None = None,
    base: str | None = None,
    card: Card | None = None,
    rows: int = ROWS,
) -> Generator[Step, None, UnitCosts]:
    """Measure each unit cost for about `seconds`; yields steps, returns the costs.

    Args:
        seconds: a measurement is repeated until it has taken so long.
        folder: where a temporary store is written, and removed; left out, the system's temporary folder.
        base: a base generator whose operations are counted: `world`, a folder in diffusers' layout, a hub id.
        card: the GPU that it runs on; its share of the card's throughput is measured.
        rows: vectors that are written, read and indexed.

    Raises InvalidInputError for a base that cannot be loaded, and for a card without a base.
    """
    if card is not None and base is None:
        raise InvalidInputError(
            f"nothing to measure on {card.name} was named", hint="name a generator with --base"
        )
    found: dict[str, UnitCost] = {}
    place = Path(tempfile.mkdtemp(prefix="attribase-bench-", dir=folder))
    parts: dict[str, Iterator[UnitCost]] = {
        "decode": _decode(seconds),
        "ingest": _hash(place, seconds),
        "write, read and index": _tables(place, rows),
        "rank": _ranks(seconds),
    }
    if base is not None:
        parts[f"run the base {base}"] = measure_base(base, seconds, card)
    try:
        for done, (what, part) in enumerate(parts.items()):
            yield Step("bench", done, len(parts), what)
            found |= {cost.name: cost for cost in part}
    finally:
        shutil.rmtree(place, ignore_errors=True)
    yield Step("bench", len(parts), len(parts))
    return UnitCosts(found, describe_machine())


def describe_machine() -> str:
    """The machine and the day: "2 cores of x86_64, Linux, 2026-11-27"."""
    return f"{core_count()} cores of {platform.machine()}, {platform.system()}, {datetime.now(UTC):%Y-%m-%d}"


def _measured(name: str, value: float, what: str) -> UnitCost:
    return UnitCost(name, value, stated_unit_costs().costs[name].unit, f"measured: {what}")


def _rate(work: Callable[[], int], seconds: float) -> float:
    """Items a processor second of `work`, which returns how many it did; once more before the clock.

    Processor seconds of all threads, so that other work on the machine changes little.
    """
    work()
    start, items, clock = time.process_time(), 0, time.perf_counter()
    while time.perf_counter() - clock < seconds or not items:
        items += work()
    return items / (time.process_time() - start)


def _decode(seconds: float) -> Iterator[UnitCost]:
    """JPEG to the pixels of a network of 224 pixels, one thread a core."""
    pictures, cores = [jpeg(seed) for seed in range(PICTURES)], core_count()
    decoder = ImageDecoder(Preprocessing(size=224, resize=256), PIXEL_LIMIT)
    out = np.empty((PICTURES, 3, 224, 224), np.float32)
    with ThreadPoolExecutor(cores) as pool:

        def decode() -> int:
            failures = list(pool.map(decoder.write, pictures, out))
            return len(failures) - sum(failure is not None for failure in failures)

        rate = _rate(decode, seconds)
    yield _measured("decode", rate, f"JPEGs of {SIDE} pixels, {cores} threads")


def _hash(place: Path, seconds: float) -> Iterator[UnitCost]:
    """Ingesting a folder of pictures: hashing, checking and committing them."""
    files, numbers = place / "pictures", iter(range(1 << 30))

    def ingest() -> int:
        turn = next(numbers)
        folder = files / str(turn)
        folder.mkdir(parents=True)
        for number in range(4 * PICTURES):
            data = pictures[number % PICTURES]
            (folder / f"{number}.jpg").write_bytes(data[:-2] + _comment(f"{turn} {number}") + data[-2:])
        start = time.process_time()
        for _ in ingest_images(store, open_source(str(folder)), "bench"):
            pass
        spent.append(time.process_time() - start)
        return 4 * PICTURES

    pictures, store = [jpeg(seed) for seed in range(PICTURES)], Store.create(place / "images")
    spent: list[float] = []
    count, begun = ingest(), time.perf_counter()
    while time.perf_counter() - begun < seconds:
        count += ingest()
    yield _measured("hash", count / sum(spent), f"`ingest images` of JPEGs of {SIDE} pixels")


def _comment(text: str) -> bytes:
    """A comment segment of a JPEG file: pictures that differ in it are different images."""
    return b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text.encode()


def _tables(place: Path, count: int) -> Iterator[UnitCost]:
    """Writing vectors, reading them, and building an index of them."""
    store = Store.create(place / "vectors")
    store.upsert("encoders", [{"encoder": ENCODER, "dim": DIM}])
    table, vectors = store.ensure_vectors(ENCODER, DIM), clustered(count, DIM)
    ids = [content_id(b"image %d" % number) for number in range(count)]
    kinds = ["image"] * (count - 200) + ["sample"] * 200
    store.upsert("members", [{"collection": "gallery", "image_id": one} for one in ids[:-200]])
    start = time.perf_counter()
    store.upsert(table, _vector_rows(ids, kinds, vectors))
    written = vectors.nbytes / (time.perf_counter() - start)
    yield _measured("write", written, f"{count:,} vectors of {DIM} numbers, keys compared")
    extra = (_size(place / "vectors" / f"{table}.lance") - vectors.nbytes) / count
    yield _measured("row_bytes", max(extra, 1.0), f"{count:,} rows")
    start = time.perf_counter()
    size = sum(batch.nbytes for batch in store.scan(table, ["base"], batch_rows=8192))
    yield _measured("read", size / (time.perf_counter() - start), "the same, in the system's cache")
    before, start = _size(place / "vectors"), time.process_time()
    for step in index_space(store, ENCODER, "none", IndexTarget(min_rows=1)):
        if step.stage == "build" and step.done:
            break  # measuring recall takes most of the time of a small index, and little of a large one's
    per_million = (time.process_time() - start) * 1e6 / count * 512 / DIM
    yield _measured("index_seconds", per_million, f"building an index of {count:,}")
    size = _size(place / "vectors") - before
    yield _measured("index_bytes", size / (count * DIM), f"index of {count:,}")


def _ranks(seconds: float) -> Iterator[UnitCost]:
    """Counting ranks, as `query eval` does, of vectors in memory."""
    samples, gallery = clustered(QUESTIONS, NUMBERS, 1), clustered(GALLERY, NUMBERS, 2)
    values = np.sort((samples @ gallery[:1].T).astype(np.float64), axis=1)[:, ::-1]
    thresholds = Thresholds(samples, np.arange(QUESTIONS + 1, dtype=np.int64), values.ravel())
    counter = CpuCounter(thresholds, core_count())
    blocks = np.array_split(gallery, 8)
    rate = _rate(lambda: sum(counter.run(blocks)), seconds) * 2.0 * QUESTIONS * NUMBERS
    yield _measured("product_flops", rate, f"{QUESTIONS:,} samples, {core_count()} threads")


def clustered(count: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    """(count, dim) unit rows around 500 centres, as features are: uniform ones have no neighbours."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).standard_normal((500, dim), np.float32)
    rows = centres[rng.integers(len(centres), size=count)] + rng.standard_normal((count, dim), np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def jpeg(seed: int) -> bytes:
    """A picture of 512 x 512 pixels, smooth with some noise, about as large a file as a photograph."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
    pixels = (smooth + rng.normal(0, 12, smooth.shape)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _vector_rows(ids: list[str], kinds: list[str], vectors: NDArray[np.float32]) -> pa.Table:
    return pa.table({"item_id": ids, "item_kind": kinds, "base": vector_array(vectors)})


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
