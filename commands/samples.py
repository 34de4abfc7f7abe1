"""`attribase ingest samples`: pictures that somebody else generated."""

from typing import Any

import click

from .console import open_or_create_store, ray_option, run_to_result, say


@click.command()
@click.argument("source")
@click.option("--generator", metavar="NAME", help="The base model of pictures for which nothing names one.")
@click.option("--update", is_flag=True, help="Replace stored values that differ; else only fill empty ones.")
@click.option(
    "--pixel-limit", type=click.IntRange(1), help="Refuse pictures with more pixels, before decoding them."
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="PART=COLUMN",
    help="Which column holds image, uri or caption (the prompt): image=img. Repeatable.",
)
@ray_option
@click.pass_context
def samples(
    ctx: click.Context, /, source: str, columns: tuple[str, ...], ray: str | None, **settings: Any
) -> None:
    """Ingest SOURCE as generated pictures: a folder, a picture, a table, a tar or zip, as for `images`.

    Prompt, seed, steps, guidance and generator come from columns, DiffusionDB's files, or what A1111 and
    ComfyUI write into pictures. With a column `exemplars` (ids, uris or file names of stored images) they
    are evaluated.

    \b
    Example: attribase -s my.store ingest samples outputs/
             attribase -s my.store ingest samples diffusiondb/part-000001.zip --generator "SD 1.4"
             attribase -s my.store ingest samples mine.jsonl
             attribase -s /shared/my.store ingest samples /shared/diffusiondb/ --ray auto
    """
    from ..ingest.generated import ingest_samples
    from ..ingest.images import SourceOnNodes, SourceRequest, list_items, parse_columns

    request = SourceRequest(source, parse_columns(columns))
    opened = request.open()
    nodes = SourceOnNodes(request, ray) if ray is not None else None
    store = open_or_create_store(ctx, lambda: list_items(opened))
    options = {name: value for name, value in settings.items() if value is not None}
    for line in run_to_result(ingest_samples(store, opened, nodes=nodes, **options)).lines(source):
        say(line)
