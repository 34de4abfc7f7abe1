"""Fill `vectors_<encoder>`: the raw feature of every image and sample that has bytes and no vector yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from time import monotonic

from ...runtime import PIXEL_LIMIT, MapperPair, OnnxEncoder, load_encoder
from ...runtime.devices import core_count, gpu_count, network_threads
from ...runtime.mapper import fill_column, mapper_names
from ...store import Job, Step, Store, mapped_column
from ...store.schema import ITEM_TABLES
from .captions import Captions
from .commit import Ledger, Place
from .decode import Decoding, DecodingProcesses, InProcessDecoder, Ring
from .pipeline import Pipeline, Tokens, ring_slots
from .plan import KnownIds, Target, count_missing, left_of, new_jobs, open_jobs

TELL_SECONDS = 5.0


@dataclass(frozen=True)
class Work:
    """Jobs that a killed run left open, then what none has planned yet. `done` of `total` items are done."""

    target: Target
    jobs: Iterator[Job]
    known: KnownIds
    done: int
    total: int

    @classmethod
    def of(cls, target: Target, shard_size: int) -> Work:
        """What there is to do. With a condition, jobs that were left open wait for a run without one."""
        found = [] if target.where is not None else open_jobs(target)
        planned = [item.partition(":")[2] for job in found for shard in job.pending() for item in shard.items]
        known = target.known()
        new = target.known(planned) if planned else known
        jobs = chain(found, new_jobs(target, new, shard_size))
        done, total = sum(job.done_items for job in found), sum(job.total_items for job in found)
        return cls(target, jobs, known, done, total + count_missing(target, new))

    @property
    def left(self) -> int:
        """Items to do."""
        return self.total - self.done

    def run(self, pipeline: Pipeline[Place], captions: Captions | None = None) -> Iterator[Step]:
        """Do it, with `captions` of the items where the encoder looks at them.

        Steps come with every commit, and in between where those are far apart.
        """
        ledger = Ledger(self.target)
        tally = Tally(self.target.stage, self.done, self.total, captions)
        with closing(ledger), closing(pipeline.run(self._source(ledger, captions))) as batches:
            for batch in batches:
                ledger.add(batch)
                tally.embedded += len(batch.items)
                for commit in ledger.committed():
                    yield tally.step(commit.items, commit.failed)
                if monotonic() - tally.told > TELL_SECONDS:
                    yield tally.step()
            for commit in ledger.committed(all_=True):
                yield tally.step(commit.items, commit.failed)

    def _source(self, ledger: Ledger, captions: Captions | None) -> Iterator[tuple[Place, bytes]]:
        """Every item with its bytes, in the order of the shards; where bytes are is looked up once a job."""
        for job in self.jobs:
            shards = [(shard, left_of(shard, self.known)) for shard in job.pending()]
            located = {}
            for kind, (table, *_) in ITEM_TABLES.items():
                if ids := [item for _, left in shards for item in left.get(kind, ())]:
                    located[kind] = self.target.store.locate_blobs(table, "bytes", ids)
            for shard, left in shards:
                number = ledger.expect(job, shard, sum(map(len, left.values())))
                for kind, ids in left.items():
                    texts = captions(kind, ids) if captions else [""] * len(ids)
                    for text, (item, data) in zip(texts, located[kind].read(ids), strict=True):
                        yield Place(number, kind, item, text), data or b""


@dataclass
class Tally:
    """How far a run is, and how fast."""

    stage: str
    done: int
    total: int
    captions: Captions | None = None
    failed: int = 0
    embedded: int = 0
    began: float = field(default_factory=monotonic)
    told: float = field(default_factory=monotonic)

    def __post_init__(self) -> None:
        self._left = self.total - self.done

    def step(self, items: int = 0, failed: int = 0) -> Step:
        """So many more items are committed, so many of them without a vector."""
        self.done, self.failed, self.told = self.done + items, self.failed + failed, monotonic()
        speed = self.embedded / max(self.told - self.began, 1e-6)
        parts = [f"{speed:,.0f} images/s" if speed >= 10 else f"{speed:.1f} images/s"]
        if speed and self.done < self.total:
            parts.append(f"{duration((self._left - self.embedded) / speed)} left")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.captions and self.captions.warning:
            parts.append(f"{self.captions.empty} without a caption ({self.captions.warning})")
        return Step(self.stage, self.done, self.total, ", ".join(parts))


def duration(seconds: float) -> str:
    """Seconds as people say them: '40 s', '12 min', '3.5 h'."""
    if seconds < 100:
        return f"{max(seconds, 0):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


SHARD_SIZE, GPU_SHARD = 1024, 1 << 14
CPU_BATCH, GPU_BATCH = 8, 64
FEW = 512  # images: processes and compiled code would take longer to start than they save
LARGE = 400  # pixels a side


def embed(
    store: Store,
    encoder: str,
    *,
    batch: int | None = None,
    workers: int | None = None,
    shard_size: int | None = None,
    where: str | None = None,
    retry_failed: bool = False,
    pixel_limit: int = PIXEL_LIMIT,
    devices: Sequence[int] | None = None,
) -> Iterator[Step]:
    """Embed what is not embedded yet, one committed shard at a time.

    An item that cannot be embedded is recorded in `failures` under the stage `embed:<encoder>` with its
    reason ('empty', 'not-an-image', 'truncated', 'too-many-pixels', 'decoder-error', 'crashed', 'nan') and
    not tried again. Of a file with several frames or pages the first is embedded, and 'animated' noted.
    Columns of mappers that are trained already are filled.

    Args:
        store: the store, with the encoder exported into it.
        encoder: name of the encoder.
        batch: images at once through the network; by default 8 on a CPU (more only fall out of its cache)
            and 64 on a GPU, an eighth of that for encoders of large pictures.
        workers: processes that decode and resize, 0 to do so in this one; by default see `default_workers`.
            A decoder that crashes takes its process with it: only other processes survive such an image.
        shard_size: items a commit; by default what takes some seconds: 1024, more with many cores or a GPU.
        where: SQL condition on columns of `images` or `samples`: only what satisfies it. A table that lacks
            a column of it is left out.
        retry_failed: try again what failed before.
        pixel_limit: refuse images with more pixels, before decoding them.
        devices: numbers of the GPUs to use, -1 for the CPU; by default all GPUs there are, else the CPU.

    Raises:
        NotFoundError: the encoder is not exported. DataError: its file was changed.
        InvalidInputError: `where` fits neither table.
    """
    networks = load_networks(store, encoder, devices)
    table = store.ensure_vectors(encoder, networks[0].dim)
    for mapper in mapper_names(store, encoder):  # one that came before there was any vector has no column
        if mapped_column(mapper) not in store.schema(table).names:
            fill_column(store, encoder, mapper, MapperPair.load(store, encoder, mapper))
    gpu = networks[0].device != "cpu"
    shard_size = shard_size or (GPU_SHARD if gpu else max(SHARD_SIZE, 512 * network_threads()))
    work = Work.of(Target(store, encoder, table, where, retry_failed), shard_size)
    yield Step(work.target.stage, work.done, work.total)
    if work.left:
        batch = batch or default_batch(work.left, networks)
        workers = default_workers(work.left, gpu=gpu) if workers is None else workers
        decoding = Decoding(networks[0].preprocessing, pixel_limit, compiled=work.left > FEW)
        ring = Ring.allocate(ring_slots(len(networks)), batch, networks[0].preprocessing.size)
        captions = Captions(store) if networks[0].captions else None
        decoders = DecodingProcesses(decoding, ring, workers) if workers else InProcessDecoder(decoding, ring)
        with closing(decoders), networks[0].pinned(ring.pixels()):
            yield from work.run(Pipeline(networks, decoders, ring, tokens_for(networks[0])), captions)


def load_networks(store: Store, encoder: str, devices: Sequence[int] | None) -> list[OnnxEncoder]:
    """The encoder, once for everything that is to run a batch by itself: a GPU of `devices`, or a CPU lane.

    On a CPU a batch a thread is faster than all threads on one batch, which wait for each other at every
    layer. They share one copy of the weights. Encoders of large pictures take too much memory for that.
    """
    numbers = list(dict.fromkeys(devices)) if devices is not None else list(range(gpu_count()))
    if any(number >= 0 for number in numbers):
        return [load_encoder(store, encoder, gpu=number) for number in numbers]
    network = load_encoder(store, encoder, threads=1, gpu=-1)
    if network.preprocessing.size > LARGE:
        return [load_encoder(store, encoder, gpu=-1)]
    return [network] * network_threads()


def default_batch(images: int, networks: Sequence[OnnxEncoder]) -> int:
    """Images at once: what keeps a device busy, but no more than spreads `images` over all of them."""
    most = GPU_BATCH if networks[0].device != "cpu" else CPU_BATCH
    if networks[0].preprocessing.size > LARGE:
        most = max(1, most // 8)
    return max(1, min(most, -(-images // len(networks))))


def default_workers(images: int, *, gpu: bool) -> int:
    """Decoding processes for so many images; 0 decodes in the threads of the networks.

    On a CPU the cores are busy with the network anyway, and that costs least; but beyond some the threads
    would wait for the interpreter's lock. A GPU waits for nothing but images.
    """
    count = core_count()
    if images <= FEW or (count <= 16 and not gpu):
        return 0
    return max(1, count - 1 if gpu else count // 4)


def tokens_for(network: OnnxEncoder) -> Callable[[Sequence[Place]], Tokens | None]:
    """What makes the captions of some items tokens, where the network looks at captions."""
    return lambda places: network.tokens([place.caption for place in places])
