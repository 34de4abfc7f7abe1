"""The job that ingests the images of a source into a collection, shard by shard, and records failures."""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from ...runtime.decode import PIXEL_LIMIT, BadImageError, decode_image
from ...runtime.devices import core_count
from ...runtime.formats import EXTRA
from ...store import Failure, InvalidInputError, Job, Shard, Step, Store, content_id
from ...store.lookup import quote
from ...store.removal_plan import missing_members
from .embedded_rights import read_embedded_rights
from .merge import outdated_vectors
from .sources.source import ImageRecord, ImageSource, Unreadable
from .summary import IngestSummary
from .writer import SUBFOLDERS, ImageWriter, Incoming

STAGE = "images"
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


def ingest_images(
    store: Store,
    source: ImageSource,
    collection: str,
    *,
    pixel_limit: int = PIXEL_LIMIT,
    shard_size: int = 512,
    update: bool = False,
    subfolder: str = SUBFOLDERS[0],
) -> Generator[Step, None, IngestSummary]:
    """Ingest the images of a source; those that are new are decoded once, to be sure that they can be.

    Of images that are stored already, what is empty is filled: caption, category, creator, license and fields
    of the metadata. A stored reference (a uri without bytes) gives way to its picture.

    An image that cannot be used is left out and recorded in `failures` with its reason: 'empty',
    'not-an-image', 'truncated', 'too-many-pixels', 'pixel-type', 'unreadable', 'removed' (by `ingest remove`)
    and those of the source. Its row goes when the item goes in, or is no longer in the source.

    Args:
        store: gets one row per image, keyed by its content: of two equal images the first is kept.
        source: see `open_source`.
        collection: the collection of the images. The same image can be in several.
        pixel_limit: larger images are refused by their header, before decoding.
        shard_size: images between two points to resume at.
        update: also replace stored values that differ.
        subfolder: what the name of an image's subfolder is: 'category', 'creator' or 'none'.

    Returns:
        What this run did, as the value of the generator.

    Raises:
        InvalidInputError: another `subfolder`, or a source without images.
    """
    if subfolder not in SUBFOLDERS:
        raise InvalidInputError(
            f"subfolders cannot be taken as {subfolder!r}", hint=f"use {', '.join(SUBFOLDERS)}"
        )
    items = list_items(source)
    spec = {
        "source": dict(source.describe()),
        "collection": collection,
        "pixel_limit": pixel_limit,
        "subfolder": subfolder,
        "removals": int(store.dataset("tombstones").version),  # what was removed may be wanted back
    }
    job = _plan(store, spec | {"update": True} if update else spec, items, shard_size)
    writer = ImageWriter(store, collection, update=update, subfolder=subfolder)
    run = _Run(store, source, writer, pixel_limit)
    read = yield from run.run(job, items)
    return IngestSummary(
        source=source.location,
        collection=collection,
        items=read,
        total=len(items),
        written=writer.counts,
        merged=writer.merged,
        failures=run.failures,
        distinct=store.count("members", f"collection = {quote(collection)}"),
        subfolder=subfolder,
        unread=0 if read else len(store.failed_items(STAGE, source.location)),
        outdated=outdated_vectors(store, writer.merged),
        gone=len(missing_members(store, collection, source.location)),
    )


def list_items(source: ImageSource) -> Sequence[str]:
    """The items of a source. Raises InvalidInputError where there are none."""
    items = source.items()
    if not items:
        raise InvalidInputError(f"there are no images in {source.location}", hint="is it the right one?")
    return items


def _plan(store: Store, spec: Mapping[str, Any], items: Sequence[str], shard_size: int) -> Job:
    """The job, a new one where an update was done before: what is stored may have changed since."""
    job = store.jobs.plan(STAGE, spec, items, shard_size)
    for again in count(1):
        if not spec.get("update") or job.done_items < job.total_items:
            break
        job = store.jobs.plan(STAGE, {**spec, "again": again}, items, shard_size)
    return job


@dataclass
class _Run:
    """One run over the shards that are not done."""

    store: Store
    source: ImageSource
    writer: ImageWriter
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
        yield Step(STAGE, done, job.total_items)
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
                yield Step(STAGE, done, job.total_items, self._note(waiting))
        return read

    def _note(self, waiting: Sequence[Shard]) -> str:
        ahead = sum(len(shard.items) for shard in waiting)
        failed = sum(self.failures.values())
        parts = [f"{ahead:,} more read" if ahead else "", f"{failed} left out" if failed else ""]
        return ", ".join(part for part in parts if part)

    def _forget_gone(self, items: Sequence[str]) -> None:
        """Strike off the failures of items that the source no longer has."""
        before = self.store.failed_items(STAGE, self.source.location)
        gone = before.difference(items) if before else before
        self.store.forget_failures(STAGE, gone, source=self.source.location)
        self._failed_before = (before - gone) | self.store.failed_items(STAGE)

    def _write(self, items: Sequence[str], pool: ThreadPoolExecutor) -> None:
        """Write the images of some items and their failures. Holds about COMMIT_BYTES and READ_BYTES."""
        images: list[Incoming] = []
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
        self.store.record_failures(STAGE, failures, source=location)
        self.failures.update((failure.reason, failure.remedy) for failure in failures)
        worked = self._failed_before.intersection(items) - {failure.item for failure in failures}
        if worked:
            self.store.forget_failures(STAGE, worked, source=location)

    def _check(
        self, ahead: Sequence[tuple[str, ImageRecord | Unreadable]], pool: ThreadPoolExecutor
    ) -> Iterator[tuple[str, Incoming | Unreadable]]:
        """Each item as an image with its id, or why there is none. What is stored is not decoded again."""
        ids = list(pool.map(_image_id, [record for _, record in ahead]))
        held = self.writer.held([image_id for image_id in ids if image_id])

        def check(
            named: tuple[tuple[str, ImageRecord | Unreadable], str],
        ) -> tuple[str, Incoming | Unreadable]:
            (item, record), image_id = named
            if isinstance(record, Unreadable):
                return item, record
            if record.data is None or image_id in held:
                return item, Incoming(item, image_id, record, None)
            try:
                size = decode_image(record.data, self.pixel_limit).size
                return item, Incoming(item, image_id, record, size, read_embedded_rights(record.data))
            except BadImageError as error:
                return item, Unreadable(error.reason, str(error))

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
