"""`attribase ingest plan`."""

from pathlib import Path
from typing import Any

import click

from ..store.lookup import quote
from .console import open_store, say
from .ingest import METHODS


@click.command()
@click.option("--collection", default="exemplars", show_default=True, help="Where the exemplars are.")
@click.option(
    "--kind",
    type=click.Choice(["object", "style"]),
    required=True,
    help="One exemplar a model, or 5-10 by one creator.",
)
@click.option(
    "--prompts",
    "prompts_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Written captions with {concept}, a line each: the scheme `gpt`.",
)
@click.option(
    "--samples",
    type=click.IntRange(1),
    default=16,
    show_default=True,
    help="Samples of each model, spread evenly over the schemes of its prompts.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same split of the models.")
@click.option(
    "--method",
    metavar="METHOD",
    type=click.Choice(METHODS[:-1]),
    default=METHODS[0],
    show_default=True,
    help="How the models are customized: docs/methods.md.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUTPUT where it is another plan, edits included.")
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def plan(ctx: click.Context, /, output: Path, overwrite: bool, **settings: Any) -> None:
    """Plan models over a collection of exemplars: OUTPUT gets one JSON line a model, to be read and edited.

    A plan that was edited is not overwritten unless asked for.

    \b
    Example: attribase -s my.store ingest plan --kind object plan.jsonl
             attribase -s my.store ingest plan --kind style --method textual-inversion ti.jsonl
    """
    from ..ingest.plan import STYLE_SIZES, plan_models, write_plan

    store = open_store(ctx)
    specs = plan_models(store, **settings)
    write_plan(store, output, specs, overwrite=overwrite)
    planned = {image for spec in specs for image in spec.exemplar_ids}
    unplanned = store.count("members", f"collection = {quote(settings['collection'])}") - len(planned)
    if unplanned:
        say(
            f"in no model: {unplanned} images; a style takes those of creators with at least {STYLE_SIZES[0]}"
        )
    say(f"{output}: {len(specs)} models, {sum(len(spec.samples) for spec in specs)} samples")
