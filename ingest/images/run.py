"""One run over the items of a source: what is read is written shard by shard, and failures are noted."""

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field

from ...runtime.formats import EXTRA
from ...store import Failure, Job, Shard, Step, Store
from .read import Accepted, Checked, RecordWriter, ShardReader
from .sources.source import ImageSource, Unreadable

COMMIT_BYTES = 64 << 20
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


@dataclass
class SourceRun:
    """One run over the shards that are not done; `stage` names its failures."""

    store: Store
    stage: str
    source: ImageSource
    writer: RecordWriter
    reader: ShardReader
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    _failed_before: set[str] = field(default_factory=set)

    def run(self, job: Job, items: Sequence[str]) -> Generator[Step, None, int]:
        """Do the shards; returns how many items were read. A shard is done when all of it is committed."""
        shards = job.pending()
        if not shards:
            return 0
        self._forget_gone(items)
        done, read, left = job.done_items, 0, len(shards)
        yield Step(self.stage, done, job.total_items)
        waiting: list[Shard] = []
        for some, checked in self.reader.read(shards):
            self._write([item for shard in some for item in shard.items], checked)
            read += sum(len(shard.items) for shard in some)
            waiting += some
            left -= len(some)
            if waiting and (not self.writer.waiting or self.writer.full or not left):
                self.writer.flush()
                job.finish_all(waiting)
                done += sum(len(one.items) for one in waiting)
                waiting.clear()
            yield Step(self.stage, done, job.total_items, self._note(waiting))
        return read

    def _note(self, waiting: Sequence[Shard]) -> str:
        ahead = sum(len(shard.items) for shard in waiting)
        failed = sum(self.failures.values())
        parts = [f"{ahead:,} more read" if ahead else "", f"{failed} left out" if failed else ""]
        return ", ".join(part for part in [*parts, self.reader.note] if part)

    def _forget_gone(self, items: Sequence[str]) -> None:
        """Strike off the failures of items that the source no longer has."""
        before = self.store.failed_items(self.stage, self.source.location)
        gone = before.difference(items) if before else before
        self.store.forget_failures(self.stage, gone, source=self.source.location)
        self._failed_before = (before - gone) | self.store.failed_items(self.stage)

    def _write(self, items: Sequence[str], checked: Iterable[Checked]) -> None:
        """Write the images of some items and their failures. Holds about COMMIT_BYTES."""
        images: list[Accepted] = []
        failures: list[Failure] = []
        held = 0
        for item, result in checked:
            if isinstance(result, Unreadable):
                remedy = result.remedy or REMEDIES.get(result.reason, "")
                failures.append(Failure(item, result.reason, result.detail, remedy))
                continue
            images.append(result)
            held += len(result.record.data or b"")
            if held > COMMIT_BYTES:
                failures += self.writer.write(images)
                images, held = [], 0
        if images:
            failures += self.writer.write(images)
        if items:
            self._record(items, failures)

    def _record(self, items: Sequence[str], failures: Sequence[Failure]) -> None:
        location = self.source.location
        self.store.record_failures(self.stage, failures, source=location)
        self.failures.update((failure.reason, failure.remedy) for failure in failures)
        worked = self._failed_before.intersection(items) - {failure.item for failure in failures}
        if worked:
            self.store.forget_failures(self.stage, worked, source=location)
