"""The job that ingests the images of a source into a collection, shard by shard, and records failures."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from ...runtime.decode import PIXEL_LIMIT, BadImageError, decode_image
from ...runtime.devices import core_count
from ...store import Failure, Step, Store, content_id
from .source import ImageRecord, ImageSource, Unreadable

STAGE = "images"
COMMIT_BYTES = 64 << 20
READ_AHEAD = 64
REMEDIES = {
    "empty": "copy or download it again: it has no bytes",
    "not-an-image": "convert it to PNG or JPEG, or take it out of the source",
    "truncated": "copy or download it again: its end is missing",
    "too-many-pixels": "ingest with a higher --pixel-limit, or make it smaller",
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
) -> Iterator[Step]:
    """Ingest the images that are not in the store yet; each is decoded once, to be sure that it can be.

    An image that cannot be used is left out and recorded in `failures` with its reason: 'empty',
    'not-an-image', 'truncated', 'too-many-pixels', 'unreadable'.

    Args:
        store: gets one row per image, keyed by its content: of two equal images the first is kept.
        source: see `open_source`.
        collection: the collection of the images. The same image can be in several.
        pixel_limit: larger images are refused by their header, before decoding.
        shard_size: images between two points to resume at.
    """
    spec = {"source": dict(source.describe()), "collection": collection, "pixel_limit": pixel_limit}
    job = store.jobs.plan(STAGE, spec, source.items(), shard_size)
    shards = job.pending()
    if not shards:
        return
    done, failed = job.done_items, 0
    yield Step(STAGE, done, job.total_items)
    with ThreadPoolExecutor(max_workers=core_count()) as pool:
        for shard in shards:
            failures = _commit(store, source, shard.items, collection, pixel_limit, pool)
            job.finish(shard)
            failed += len(failures)
            done += len(shard.items)
            yield Step(STAGE, done, job.total_items, f"{failed} left out" if failed else "")


def _commit(
    store: Store,
    source: ImageSource,
    items: Sequence[str],
    collection: str,
    pixel_limit: int,
    pool: ThreadPoolExecutor,
) -> list[Failure]:
    """Write one shard's rows, memberships and failures. Holds about COMMIT_BYTES of images, at least one."""
    rows: list[dict[str, Any]] = []
    failures: list[Failure] = []
    held = 0

    def write() -> None:
        store.upsert("images", rows)
        store.upsert("members", [{"collection": collection, "image_id": row["image_id"]} for row in rows])
        rows.clear()

    records = source.read(items)
    while ahead := list(islice(records, READ_AHEAD)):
        results = pool.map(lambda record: _row(record, pixel_limit), [record for _, record in ahead])
        for (item, _), result in zip(ahead, results, strict=True):
            if isinstance(result, Unreadable):
                remedy = result.remedy or REMEDIES.get(result.reason, "")
                failures.append(Failure(item, result.reason, result.detail, remedy))
                continue
            rows.append(result)
            held += len(result["bytes"] or b"")
            if held > COMMIT_BYTES:
                write()
                held = 0
    if rows:
        write()
    store.record_failures(STAGE, failures, source=source.location)
    return failures


def _row(record: ImageRecord | Unreadable, pixel_limit: int) -> dict[str, Any] | Unreadable:
    """The image's row, or why there is none."""
    if isinstance(record, Unreadable):
        return record
    width = height = None
    if record.data is not None:
        try:
            width, height = decode_image(record.data, pixel_limit).size
        except BadImageError as error:
            return Unreadable(error.reason, str(error))
    return {
        "image_id": content_id(record.uri.encode() if record.data is None else record.data),
        "uri": record.uri,
        "caption": record.caption,
        "category": record.category or record.subfolder,
        "creator": record.creator,
        "license": record.license,
        "width": width,
        "height": height,
        "bytes": record.data,
        "metadata": json.dumps(dict(record.metadata), sort_keys=True) if record.metadata else None,
    }
