"""The items of a source, read ahead and checked: those that are new are decoded once, the others are not."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from ...runtime.decode import BadImageError, decode_image
from ...runtime.devices import core_count
from ...store import Failure, Shard, content_id
from .sources.source import ImageRecord, ImageSource, Unreadable

READ_BYTES = 32 << 20
READ_ITEMS = 512

Size: TypeAlias = tuple[int, int]
Read: TypeAlias = "tuple[str, ImageRecord | Unreadable]"
Checked: TypeAlias = tuple[str, Any]
"""An item, and what its writer stores of it, or Unreadable."""


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

    def new_row(self, accepted: Any) -> dict[str, Any]:
        """The row of an item, if nothing else is known of it."""

    def write(self, accepted: Sequence[Any]) -> list[Failure]:
        """Store some items. Returns those that cannot be stored."""


class ShardReader(Protocol):
    """Reads the shards of a job."""

    note: str
    """How it goes, for people."""

    def read(self, shards: Sequence[Shard]) -> Iterator[tuple[Sequence[Shard], Iterable[Checked]]]:
        """The shards in their order, some at a time (none, where it waits), with their items checked."""


@dataclass(frozen=True)
class ItemCheck:
    """Reads items of `source`, as far ahead as READ_BYTES, and decodes those that `writer` does not hold."""

    source: ImageSource
    writer: RecordWriter
    pixel_limit: int

    def run(self, items: Sequence[str], pool: ThreadPoolExecutor) -> Iterator[Checked]:
        """Each item as its writer takes it, or why it cannot be used."""
        for ahead in _batches(self.source.read(items)):
            yield from self._check(ahead, pool)

    def _check(self, ahead: Sequence[Read], pool: ThreadPoolExecutor) -> Iterator[Checked]:
        ids = list(pool.map(_image_id, [record for _, record in ahead]))
        held = self.writer.held([image_id for image_id in ids if image_id])

        def check(named: tuple[Read, str]) -> Checked:
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


@dataclass
class LocalReader:
    """Reads one shard after the other in this process, on all cores."""

    check: ItemCheck
    note: str = ""

    def read(self, shards: Sequence[Shard]) -> Iterator[tuple[Sequence[Shard], Iterable[Checked]]]:
        """See `ShardReader`."""
        with ThreadPoolExecutor(max_workers=core_count()) as pool:
            for shard in shards:
                yield [shard], self.check.run(shard.items, pool)


def _batches(records: Iterable[Read]) -> Iterator[list[Read]]:
    """The records in order, some at a time: up to READ_ITEMS, and no further one beyond READ_BYTES."""
    batch: list[Read] = []
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
