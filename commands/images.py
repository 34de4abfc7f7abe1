"""`attribase ingest images`: real images of a folder or table into a collection."""

from typing import Any

import click

from .console import open_or_create_store, run_to_result, say


@click.command()
@click.argument("source")
@click.option(
    "--collection", required=True, metavar="NAME", help="Which collection the images belong to, e.g. gallery."
)
@click.option(
    "--subfolder",
    type=click.Choice(["category", "creator", "none"]),
    default="category",
    show_default=True,
    help="What the names of subfolders are.",
)
@click.option(
    "--update", is_flag=True, help="Replace stored values that differ; without, only fill empty ones."
)
@click.option(
    "--pixel-limit", type=click.IntRange(1), help="Refuse images with more pixels, before decoding them."
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="PART=COLUMN",
    help="Which column holds image, uri, caption, category, creator or license: image=img. Repeatable.",
)
@click.pass_context
def images(
    ctx: click.Context, /, source: str, collection: str, columns: tuple[str, ...], **settings: Any
) -> None:
    """Ingest SOURCE: a folder of pictures, or one; a Parquet, Lance, CSV or JSON table, a tar or zip, or a
    folder of these; `hf://datasets/USER/NAME`; `world:gallery` or `world:exemplars`.

    Images that are stored already get what SOURCE says of them where nothing is stored yet.

    \b
    Example: attribase -s my.store ingest images photos/ --collection gallery
             attribase -s my.store ingest images art/ --collection exemplars --subfolder creator
             attribase -s my.store ingest images a.parquet --collection gallery --column image=img
    """
    from ..ingest.images import ingest_images, list_items, open_source, parse_columns
    from ..query.catalog import GALLERY

    opened = open_source(source, parse_columns(columns))
    store = open_or_create_store(ctx, lambda: list_items(opened))
    given = {name: value for name, value in settings.items() if value is not None}
    summary = run_to_result(ingest_images(store, opened, collection, **given))
    if collection != GALLERY:
        say(
            f"only the collection {GALLERY!r} is compared as a whole; images of {collection!r} are compared "
            f"once a model was customized on them (ingest plan --collection {collection})"
        )
    for line in summary.lines(source):
        say(line)
