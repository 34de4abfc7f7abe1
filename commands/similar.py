"""`attribase query similar`: the images that a text describes."""

from __future__ import annotations

import click

from .console import open_store, say
from .output import Output, print_rows, rows_options

SHOWN = ("rank", "similarity", "creator", "license", "caption", "uri", "image_id")


@click.command()
@click.option("--text", required=True, help="What the pictures show.")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="How many images to name.")
@click.option("--encoder", help="One with a text tower; left out, the first by name.")
@click.option("--where", metavar="SQL", help="Only images that fulfil a condition over images and members.")
@rows_options
@click.pass_context
def similar(
    ctx: click.Context, text: str, k: int, encoder: str | None, where: str | None, out: Output
) -> None:
    """Find images by words, with an encoder that takes texts (CLIP, SigLIP).

    \b
    Example: attribase -s my.store query similar --text "a red car"
             attribase -s my.store query similar --text "a red car" -k 50 --where "license = 'CC0'"
    """
    from ..query import similar_text

    answer = similar_text(open_store(ctx), text, k=k, encoder=encoder, where=where)
    rows = [{name: getattr(result, name) for name in SHOWN} for result in answer.results]
    print_rows(rows, out)
    compared = f"all {answer.pool_size:,}" if answer.exact else f"{answer.searched:,} of {answer.pool_size:,}"
    say(f"compared with {compared} images by {answer.encoder}")
