"""`attribase ingest images` and `update`: real images into a collection, and what is known of them."""

from pathlib import Path
from typing import Any

import click

from .console import open_or_create_store, open_store, ray_option, run_to_result, say

METADATA_HELP = "A table of owners, a row an image: CSV, xlsx, Parquet or JSON."
metadata_file = click.Path(dir_okay=False, path_type=Path)
match_option = click.option(
    "--match", metavar="COLUMN", help="The column of FILE that names the images, by file name, uri or sha256."
)
update_option = click.option(
    "--update", is_flag=True, help="Replace stored values that differ; without, only fill empty ones."
)


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
@click.option("--metadata", type=metadata_file, metavar="FILE", help=METADATA_HELP)
@match_option
@update_option
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
@ray_option
@click.pass_context
def images(
    ctx: click.Context,
    /,
    source: str,
    collection: str,
    columns: tuple[str, ...],
    metadata: Path | None,
    match: str | None,
    ray: str | None,
    **settings: Any,
) -> None:
    """Ingest SOURCE: a folder of pictures, or one; a Parquet, Lance, CSV or JSON table, a tar or zip, or a
    folder of these; `hf://datasets/USER/NAME`; `wikiart:FOLDER`; `world:gallery` or `world:exemplars`.

    Images that are stored already get what SOURCE says of them where nothing is stored yet.

    \b
    Example: attribase -s my.store ingest images photos/ --collection gallery
             attribase -s my.store ingest images art/ --collection exemplars --subfolder creator
             attribase -s my.store ingest images a.parquet --collection gallery --column image=img
             attribase -s my.store ingest images photos/ --collection gallery --metadata owners.csv
             attribase -s /data/my.store ingest images /data/laion/ --collection gallery --ray auto
    """
    from ..ingest.images import (
        OwnedSource,
        SourceOnNodes,
        SourceRequest,
        check_collection,
        ingest_images,
        list_items,
        parse_columns,
    )
    from ..query.catalog import GALLERY

    check_collection(collection, source)
    request = SourceRequest(source, parse_columns(columns), metadata, match)
    opened = request.open()
    nodes = SourceOnNodes(request, ray) if ray is not None else None
    store = open_or_create_store(ctx, lambda: list_items(opened))
    options = {name: value for name, value in settings.items() if value is not None}
    summary = run_to_result(ingest_images(store, opened, collection, nodes=nodes, **options))
    if collection != GALLERY:
        say(
            f"only the collection {GALLERY!r} is compared as a whole; images of {collection!r} are compared "
            f"once a model was customized on them (ingest plan --collection {collection})"
        )
    owners = opened.lines() if isinstance(opened, OwnedSource) else ()
    for line in (*owners, *summary.lines(source)):
        say(line)


@click.command()
@click.option("--metadata", required=True, type=metadata_file, metavar="FILE", help=METADATA_HELP)
@click.option("--collection", metavar="NAME", help="Only its images; left out, all.")
@match_option
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="PART=COLUMN",
    help="Which column holds caption, category, creator or license: creator=artist. Repeatable.",
)
@update_option
@click.option("--dry-run", is_flag=True, help="Say what would change, and write nothing.")
@click.pass_context
def update(
    ctx: click.Context, /, metadata: Path, match: str | None, columns: tuple[str, ...], **given: Any
) -> None:
    """Bring what a table says of stored images into the store: creators, licences, captions and the like.

    What is empty is filled, what differs is counted. All other columns go into `metadata`.

    \b
    Example: attribase -s my.store ingest update --metadata owners.xlsx --collection gallery --dry-run
    """
    from ..ingest.images import parse_columns, read_owners, update_images

    table = read_owners(metadata, match=match, columns=parse_columns(columns))
    for line in run_to_result(update_images(open_store(ctx), table, **given)).lines():
        say(line)
