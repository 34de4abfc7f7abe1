"""The job that ingests pictures that somebody else generated as samples, shard by shard."""

from collections.abc import Generator
from functools import partial

from ...runtime.decode import PIXEL_LIMIT
from ...store import Step, Store
from ...store.check_items import OF_NO_MODEL
from ..images.job import list_items, open_run, plan_job
from ..images.merge import outdated_vectors
from ..images.request import SourceOnNodes
from ..images.run import SourceRun
from ..images.sources.source import ImageSource, Unreadable
from ..images.sources.table import TableSource
from .models import COLUMNS, ModelOf, read_model
from .summary import SampleSummary
from .writer import SampleWriter

STAGE = "samples"


def ingest_samples(
    store: Store,
    source: ImageSource,
    *,
    generator: str | None = None,
    pixel_limit: int = PIXEL_LIMIT,
    shard_size: int = 512,
    update: bool = False,
    nodes: SourceOnNodes | None = None,
) -> Generator[Step, None, SampleSummary]:
    """Store the pictures of a source as samples, with the settings that the source or their files state.

    A picture has no model (`model_id` is null) unless its source names its exemplars, images of the store:
    then a row of `models` is made, and the picture is evaluated as any other sample. Of pictures that are
    stored already, what is empty is filled.

    A picture that cannot be used is left out and recorded in `failures` with its reason: those of
    `ingest_images`, 'not-downloaded', 'prompt-too-long' and 'metadata-too-long'.

    Args:
        store: gets a row a picture, keyed by its content.
        source: see `open_source`.
        generator: the base model of pictures for which nothing else names one.
        pixel_limit: larger pictures are refused by their header, before decoding.
        shard_size: pictures between two points to resume at.
        update: also replace stored values that differ.
        nodes: read on a cluster, as for `ingest_images`. Pictures with exemplars are written by this process.

    Returns:
        What this run did, as the value of the generator.

    Raises:
        InvalidInputError: a source without pictures; an exemplar whose name several images have; a split or a
            kind that there is not; rows that give one model different exemplars.
        NotFoundError: an exemplar that is not stored.
    """
    items = list_items(source)
    make_writer = partial(SampleWriter, update=update, generator=generator)
    writer, reader = open_run(store, source, "samples", make_writer, pixel_limit, nodes)
    writer.models.check(_table_models(source))
    spec = {
        "source": dict(source.describe()),
        "generator": generator,
        "pixel_limit": pixel_limit,
        "removals": int(store.dataset("tombstones").version),  # what was removed may be wanted back
    }
    job = plan_job(store, STAGE, spec | {"update": True} if update else spec, items, shard_size)
    run = SourceRun(store, STAGE, source, writer, reader)
    read = yield from run.run(job, items)
    return SampleSummary(
        source=source.location,
        items=read,
        total=len(items),
        written=writer.counts,
        models=writer.models.made,
        merged=writer.merged,
        failures=run.failures,
        elsewhere=store.count("samples", OF_NO_MODEL),
        unread=0 if read else len(store.failed_items(STAGE, source.location)),
        outdated=outdated_vectors(store, writer.merged),
    )


def _table_models(source: ImageSource) -> list[ModelOf]:
    """The models that the rows of a table name, read without its pictures; none for other sources."""
    if not isinstance(source, TableSource):
        return []
    table = source.table
    wanted = [name for name in table.columns if any(name in names for names in COLUMNS.values())]
    if not set(COLUMNS["exemplars"]) & set(wanted):
        return []
    models = (
        read_model(f"{source.name}#{number}", row)
        for number, row in enumerate(table.rows(0, table.count(), wanted))
        if not isinstance(row, Unreadable)
    )
    return list(dict.fromkeys(model for model in models if model is not None))
