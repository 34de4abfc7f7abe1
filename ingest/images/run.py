"""One run over the items of a source: read ahead, decode what is new, write shard by shard, note failures."""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from ...runtime.decode import BadImageError, decode_image
from ...runtime.devices import core_count
from ...runtime.formats import EXTRA
from ...store import Failure, Job, Shard, Step, Store, content_id
from .sources.source import ImageRecord, ImageSource, Unreadable

COMMIT_BYTES = 64 << 20
READ_BYTES = 32 << 20
READ_ITEMS = 512
REMEDIES = {
    "empty": "copy or download it again: it has no bytes",
    "not-an-image": "convert it to PNG or JPEG, or take it out of the source",
    "unsupported-format": f"{EXTRA}, or convert it to PNG",
    "truncated": "copy or download it again: its end is missing",
    "too-many-pixels": "ingest with a higher --pixel-limit, or make it smaller",
    "pixel-type": "save it with 8 or 16 bits a channel, or as floats from 0 to 1",
    "unreadable": "check that it is there and may be read",
}
"""What to do about an item that was left out, by reason."""

Size: TypeAlias = tuple[int, int]


class Accepted(Protocol):
    """An item that its writer can store."""

    @property
    def record(self) -> ImageRecord:
        """As its source has it."""


class RecordWriter(Protocol):
    """Where the items go."""

    @property
    def waiting(self) -> bool:
        """Whether values of stored rows wait to be written."""

    @property
    def full(self) -> bool:
        """Whether so many wait that it is time to write them."""

    def flush(self) -> None:
        """Write what waits."""

    def held(self, ids: Sequence[str]) -> set[str]:
        """Those of `ids`, the hashes of pictures, that are stored already."""

    def accept(self, item: str, image_id: str, record: ImageRecord, size: Size | None) -> Any:
        """The item as `write` takes it, or Unreadable. `size` is None for what was not decoded.

        Called from several threads.
        """

    def write(self, accepted: Sequence[Any]) -> list[Failure]:
        """Store some items. Returns those that cannot be stored."""


@dataclass
class SourceRun:
    """One run over the shards that are not done; `stage` names its failures."""

    store: Store
    stage: str
    source: ImageSource
    writer: RecordWriter
    pixel_limit: int
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    _failed_before: set[str] = field(default_factory=set)

    def run(self, job: Job, items: Sequence[str]) -> Generator[Step, None, int]:
        """Do the shards; returns how many items were read. A shard is done when all of it is committed."""
        shards = job.pending()
        if not shards:
            return 0
        self._forget_gone(items)
        done, read = job.done_items, 0
        yield Step(self.stage, done, job.total_items)
        waiting: list[Shard] = []
        with ThreadPoolExecutor(max_workers=core_count()) as pool:
            for shard in shards:
                self._write(shard.items, pool)
                read += len(shard.items)
                waiting.append(shard)
                if not self.writer.waiting or self.writer.full or shard is shards[-1]:
                    self.writer.flush()
                    for one in waiting:
                        job.finish(one)
                        done += len(one.items)
                    waiting.clear()
                yield Step(self.stage, done, job.total_items, self._note(waiting))
        return read

    def _note(self, waiting: Sequence[Shard]) -> str:
        ahead = sum(len(shard.items) for shard in waiting)
        failed = sum(self.failures.values())
        parts = [f"{ahead:,} more read" if ahead else "", f"{failed} left out" if failed else ""]
        return ", ".join(part for part in parts if part)

    def _forget_gone(self, items: Sequence[str]) -> None:
        """Strike off the failures of items that the source no longer has."""
        before = self.store.failed_items(self.stage, self.source.location)
        gone = before.difference(items) if before else before
        self.store.forget_failures(self.stage, gone, source=self.source.location)
        self._failed_before = (before - gone) | self.store.failed_items(self.stage)

    def _write(self, items: Sequence[str], pool: ThreadPoolExecutor) -> None:
        """Write the images of some items and their failures. Holds about COMMIT_BYTES and READ_BYTES."""
        images: list[Accepted] = []
        failures: list[Failure] = []
        held = 0
        records = self.source.read(items)
        for ahead in _batches(records):
            for item, result in self._check(ahead, pool):
                if isinstance(result, Unreadable):
                    remedy = result.remedy or REMEDIES.get(result.reason, "")
                    failures.append(Failure(item, result.reason, result.detail, remedy))
                    continue
                images.append(result)
                held += len(result.record.data or b"")
                if held > COMMIT_BYTES:
                    failures += self.writer.write(images)
                    images, held = [], 0
        failures += self.writer.write(images)
        self._record(items, failures)

    def _record(self, items: Sequence[str], failures: Sequence[Failure]) -> None:
        location = self.source.location
        self.store.record_failures(self.stage, failures, source=location)
        self.failures.update((failure.reason, failure.remedy) for failure in failures)
        worked = self._failed_before.intersection(items) - {failure.item for failure in failures}
        if worked:
            self.store.forget_failures(self.stage, worked, source=location)

    def _check(
        self, ahead: Sequence[tuple[str, ImageRecord | Unreadable]], pool: ThreadPoolExecutor
    ) -> Iterator[tuple[str, Any]]:
        """Each item as an image with its id, or why there is none. What is stored is not decoded again."""
        ids = list(pool.map(_image_id, [record for _, record in ahead]))
        held = self.writer.held([image_id for image_id in ids if image_id])

        def check(
            named: tuple[tuple[str, ImageRecord | Unreadable], str],
        ) -> tuple[str, Any]:
            (item, record), image_id = named
            if isinstance(record, Unreadable):
                return item, record
            if record.data is None or image_id in held:
                return item, self.writer.accept(item, image_id, record, None)
            try:
                size = decode_image(record.data, self.pixel_limit).size
            except BadImageError as error:
                return item, Unreadable(error.reason, str(error))
            return item, self.writer.accept(item, image_id, record, size)

        return pool.map(check, zip(ahead, ids, strict=True))


def _batches(
    records: Iterable[tuple[str, ImageRecord | Unreadable]],
) -> Iterator[list[tuple[str, ImageRecord | Unreadable]]]:
    """The records in order, some at a time: up to READ_ITEMS, and no further one beyond READ_BYTES."""
    batch: list[tuple[str, ImageRecord | Unreadable]] = []
    size = 0
    for item, record in records:
        batch.append((item, record))
        size += len(record.data or b"") if isinstance(record, ImageRecord) else 0
        if size > READ_BYTES or len(batch) == READ_ITEMS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _image_id(record: ImageRecord | Unreadable) -> str:
    """The hash of the bytes, or of the uri where there are none; empty for what cannot be read."""
    if isinstance(record, Unreadable):
        return ""
    return content_id(record.uri.encode() if record.data is None else record.data)
