"""The job that ingests the images of a source into a collection, shard by shard, and records failures."""

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any, TypeVar

from ...runtime.decode import PIXEL_LIMIT
from ...store import InvalidInputError, Job, Step, Store
from ...store.lookup import quote
from ...store.removal_plan import missing_members
from .cluster import ClusterReader, SourceWork, source_state
from .merge import outdated_vectors
from .read import ItemCheck, LocalReader, RecordWriter, ShardReader
from .request import SourceOnNodes
from .run import SourceRun
from .sources.source import ImageSource
from .staging import StagedSink
from .summary import IngestSummary
from .writer import SUBFOLDERS, ImageWriter

Writer = TypeVar("Writer", bound=RecordWriter)

STAGE = "images"
GENERATED = "samples"
"""No name of a collection: pictures in it would neither be compared nor be questions."""


def ingest_images(
    store: Store,
    source: ImageSource,
    collection: str,
    *,
    pixel_limit: int = PIXEL_LIMIT,
    shard_size: int = 512,
    update: bool = False,
    subfolder: str = SUBFOLDERS[0],
    nodes: SourceOnNodes | None = None,
) -> Generator[Step, None, IngestSummary]:
    """Ingest the images of a source; those that are new are decoded once, to be sure that they can be.

    Of images that are stored already, what is empty is filled: caption, category, rights and fields of the
    metadata. Every change of rights is logged (store/rights.py). A stored reference (a uri without bytes)
    gives way to its picture.

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
        nodes: read on a cluster, whose nodes open the source as this says.

    Returns:
        What this run did, as the value of the generator.

    Raises:
        InvalidInputError: another `subfolder`, a collection called `samples`, or a source without images;
            a node that does not have the source. ConflictError: a node where it is another. See
            `runtime.cluster.connect` for `nodes`.
    """
    if subfolder not in SUBFOLDERS:
        raise InvalidInputError(
            f"subfolders cannot be taken as {subfolder!r}", hint=f"use {', '.join(SUBFOLDERS)}"
        )
    check_collection(collection, source.location)
    items = list_items(source)
    spec = {
        "source": dict(source.describe()),
        "collection": collection,
        "pixel_limit": pixel_limit,
        "subfolder": subfolder,
        "removals": int(store.dataset("tombstones").version),  # what was removed may be wanted back
    }
    job = plan_job(store, STAGE, spec | {"update": True} if update else spec, items, shard_size)
    make_writer = partial(
        ImageWriter, collection=collection, update=update, subfolder=subfolder, origin=source.location
    )
    writer, reader = open_run(store, source, "images", make_writer, pixel_limit, nodes)
    run = SourceRun(store, STAGE, source, writer, reader)
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


def open_run(
    store: Store,
    source: ImageSource,
    table: str,
    make_writer: Callable[..., Writer],
    pixel_limit: int,
    nodes: SourceOnNodes | None,
) -> tuple[Writer, ShardReader]:
    """The writer of a run into `table`, and what reads its shards: this process, or the nodes of a cluster.

    `make_writer` takes the store, and a sink where rows are staged.
    """
    if nodes is None:
        writer = make_writer(store)
        return writer, LocalReader(ItemCheck(source, writer, pixel_limit))
    sink = StagedSink(store)
    work = SourceWork(store, nodes.request, source_state(source), table, make_writer, pixel_limit)
    return make_writer(store, sink=sink), ClusterReader(nodes, source, sink, work)


def check_collection(collection: str, source: str) -> None:
    """Raise InvalidInputError for a collection of generated pictures."""
    if collection == GENERATED:
        raise InvalidInputError(
            "a collection holds real images; pictures that a generator drew are samples",
            hint=f"attribase ingest samples {source}",
        )


def list_items(source: ImageSource) -> Sequence[str]:
    """The items of a source. Raises InvalidInputError where there are none."""
    items = source.items()
    if not items:
        raise InvalidInputError(f"there are no images in {source.location}", hint="is it the right one?")
    return items


def plan_job(store: Store, stage: str, spec: Mapping[str, Any], items: Sequence[str], shard_size: int) -> Job:
    """The job, a new one where an update was done before: what is stored may have changed since."""
    job = store.jobs.plan(stage, spec, items, shard_size)
    for again in count(1):
        if not spec.get("update") or job.done_items < job.total_items:
            break
        job = store.jobs.plan(stage, {**spec, "again": again}, items, shard_size)
    return job
