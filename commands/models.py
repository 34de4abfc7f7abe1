"""`attribase ingest models`: models that somebody else trained."""

from pathlib import Path
from typing import Any

import click

from .console import open_or_create_store, run_to_result, say

METHODS = ("textual-inversion", "custom-diffusion", "lora", "dreambooth-lora")
"""Those of which files are read."""


@click.command()
@click.argument("source", metavar="FILE|DIR", type=click.Path(path_type=Path))
@click.option(
    "--method", type=click.Choice(METHODS), help="How they were trained, where their files do not say."
)
@click.option(
    "--exemplars",
    metavar="FOLDER",
    help="The images that the model was trained on; for DIR, the name of that folder in each model's.",
)
@click.option(
    "--base", help="What they were trained on: `world`, a diffusers folder, a single file, a hub id."
)
@click.option("--trigger", metavar="WORD", help="The word that prompts name the concept by: what V* becomes.")
@click.option("--concept", metavar="TEXT", help="A name for it; by default that of the file, or its folder.")
@click.option("--category", metavar="WORD", help="The word that follows V* in prompts, such as dog.")
@click.option(
    "--kind", type=click.Choice(["object", "style"]), help="What they are of; by default an object."
)
@click.option("--split", type=click.Choice(["train", "val", "test"]), help="By default test.")
@click.option("--case", "case_name", metavar="NAME", help="The test case; by default external.")
@click.option(
    "--collection", default="exemplars", show_default=True, help="Where the images of training folders go."
)
@click.option(
    "--plan",
    "plan_file",
    metavar="OUTPUT",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a plan of samples of these models, for `ingest sample`.",
)
@click.option(
    "--prompts",
    "prompts_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Written captions with {concept}, a line each: the scheme `gpt` of the plan.",
)
@click.option(
    "--samples", type=click.IntRange(1), default=16, show_default=True, help="Samples a model in the plan."
)
@click.option("--overwrite", is_flag=True, help="Replace OUTPUT where it is another plan, edits included.")
@click.pass_context
def models(
    ctx: click.Context,
    /,
    source: Path,
    collection: str,
    plan_file: Path | None,
    prompts_file: Path | None,
    samples: int,
    overwrite: bool,
    exemplars: str | None,
    **said: Any,
) -> None:
    """Ingest models that somebody else trained, with the images that they were trained on: a file of LoRA,
    textual inversion or Custom Diffusion, a folder with one a subfolder, or a table of them.

    \b
    Example: attribase -s my.store ingest models cat.safetensors --method lora --exemplars cat-photos/
                 --base sd15/ --trigger sks --category cat --plan cat.jsonl
             attribase -s my.store ingest sample --base sd15/ --plan cat.jsonl
             attribase -s my.store ingest models downloads/ --base sd15/
             attribase -s my.store ingest models models.csv
    """
    from ..ingest.images import check_collection
    from ..ingest.images.sources.source import absolute
    from ..ingest.model_files import Options, Said, check_one_base, ingest_models, list_models
    from ..ingest.plan import write_plan

    check_collection(collection, str(source))
    entries = list_models(source, Said((exemplars,) if exemplars else (), **said))
    if plan_file is not None:
        check_one_base(entries)
    store = open_or_create_store(ctx, lambda: None)
    options = Options(collection, prompts_file, samples)
    summary = run_to_result(ingest_models(store, absolute(str(source)), entries, options))
    for line in summary.lines(str(source)):
        say(line)
    if plan_file is not None and summary.specs:
        write_plan(store, plan_file, summary.specs, overwrite=overwrite)
        drawn = sum(len(spec.samples) for spec in summary.specs)
        say(f"{plan_file}: {len(summary.specs)} models, {drawn} samples")
