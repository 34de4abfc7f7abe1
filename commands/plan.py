"""`attribase ingest plan`."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import open_store, run_to_result, say
from .ingest import METHODS

if TYPE_CHECKING:
    from ..ingest.specs import ModelSpec
    from ..store import Store

PAPERS = ("imagenet", "bamfg", "artchive")
"""Those of `ingest.paper.PAPERS`, named here so that `--help` loads nothing."""

OF_KINDS = {
    "collection": ("object", "style", "set"),
    "prompts_file": ("object", "style", *PAPERS),
    "samples": ("object", "style"),
    "sizes": ("set",),
    "models": ("set",),
    "per_caption": ("set",),
    "captions": ("set",),
    "categories": ("imagenet",),
    "scale": PAPERS,
    "per_prompt": PAPERS,
}
"""The kinds, or sources of the paper, that an option is of where it is not of all."""


def parse_sizes(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Numbers from 1, separated by commas."""
    if value is None:
        return None
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", value):
        raise click.BadParameter(f"{value!r} is not numbers from 1, such as 1 10 100")
    return tuple(int(number) for number in value.split(","))


class PlanCommand(click.Command):
    """Takes several values after `--sizes`, which click's own options do not."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse `--sizes 1 10 100` as `--sizes 1,10,100`."""
        return super().parse_args(ctx, join_numbers(args, "--sizes"))


def join_numbers(args: Sequence[str], option: str) -> list[str]:
    """The arguments with the numbers that follow `option` as one, separated by commas."""
    if option not in args:
        return list(args)
    start = end = args.index(option) + 1
    while end < len(args) and re.fullmatch(r"[\d,]+", args[end]):
        end += 1
    numbers = [",".join(part.strip(",") for part in args[start:end])] if end > start else []
    return [*args[:start], *numbers, *args[end:]]


@click.command(cls=PlanCommand)
@click.option("--collection", help="Where the exemplars are.  [default: exemplars]")
@click.option(
    "--kind",
    type=click.Choice(["object", "style", "set"]),
    help="One exemplar a model, 5-10 by one creator, or unrelated images with captions.",
)
@click.option(
    "--prompts",
    "prompts_file",
    type=click.Path(exists=True, path_type=Path),
    help="Written captions with {concept}, a line each: the scheme `gpt`; with --paper, the table of "
    "`ingest prompts`, or the authors' folder `prompts`.",
)
@click.option(
    "--samples",
    type=click.IntRange(1),
    help="Samples of each object or style, spread evenly over the schemes of its prompts.  [default: 16]",
)
@click.option(
    "--sizes",
    callback=parse_sizes,
    metavar="N ...",
    help="Images a set, several numbers.  [default: 1 10 100 1000]",
)
@click.option("--models", type=click.IntRange(1), help="Sets of each size.  [default: 4]")
@click.option(
    "--per-caption",
    type=click.IntRange(1),
    help="Samples of each held-out caption of a set.  [default: 4; 1 from 1000 images]",
)
@click.option(
    "--captions",
    type=click.IntRange(1),
    help="Held-out captions of each image that a set is sampled with, at most.  [default: all]",
)
@click.option(
    "--paper",
    nargs=2,
    type=(click.Choice(PAPERS), click.Path(exists=True, file_okay=False, path_type=Path)),
    metavar="SOURCE FOLDER",
    help="The paper's models of imagenet, bamfg or artchive, whose pictures are in FOLDER: docs/paper.md.",
)
@click.option(
    "--categories",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="ImageNet's classes with their broad categories: a CSV with `class` and `category`.",
)
@click.option(
    "--scale",
    type=click.FloatRange(0, 1, min_open=True),
    help="Share of the models, and so of the samples, of the paper's Table 1.  [default: 1]",
)
@click.option(
    "--per-prompt", type=click.IntRange(1), help="Samples of each prompt of the paper's models.  [default: 4]"
)
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same plan.")
@click.option(
    "--method",
    metavar="METHOD",
    type=click.Choice((*METHODS, "none")),
    help="How the models are customized (docs/methods.md); `none` is the untouched base on captions.  "
    "[default: custom-diffusion; captioned for sets]",
)
@click.option("--overwrite", is_flag=True, help="Replace OUTPUT where it is another plan, edits included.")
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def plan(
    ctx: click.Context,
    /,
    output: Path,
    overwrite: bool,
    kind: str | None,
    paper: tuple[str, Path] | None,
    **options: Any,
) -> None:
    """Plan models over a collection of exemplars: OUTPUT gets one JSON line a model, to be read and edited.

    A plan that was edited is not overwritten unless asked for.

    \b
    Example: attribase -s my.store ingest plan --kind object plan.jsonl
             attribase -s my.store ingest plan --kind style --method textual-inversion ti.jsonl
             attribase -s my.store ingest plan --kind set --sizes 1 10 100 sets.jsonl
             attribase -s my.store ingest plan --kind object --method none untouched.jsonl
             attribase -s my.store ingest plan --paper artchive artchive/ --scale 0.1 plan.jsonl
    """
    from ..ingest.plan import write_plan

    if (kind is None) == (paper is None):
        raise click.UsageError("give --kind or --paper")
    chosen, title = (kind, f"--kind {kind}") if paper is None else (paper[0], f"--paper {paper[0]}")
    settings = {name: value for name, value in options.items() if value is not None}
    for name in settings:
        if chosen not in OF_KINDS.get(name, (chosen,)):
            option = "--" + name.removesuffix("_file").replace("_", "-")
            raise click.UsageError(f"{option} is not for {title}")
    from ..store.lookup import quote

    store = open_store(ctx)
    collection = settings.setdefault("collection", "exemplars") if paper is None else paper[0]
    specs = _plan(store, kind or "", settings) if paper is None else _plan_paper(store, *paper, settings)
    write_plan(store, output, specs, overwrite=overwrite)
    planned = {image for spec in specs for image in spec.exemplar_ids}
    unplanned = store.count("members", f"collection = {quote(collection)}") - len(planned)
    if unplanned:
        say(f"in no model: {unplanned} images{_why_unplanned(chosen or '')}")
    say(f"{output}: {len(specs)} models, {sum(len(spec.samples) for spec in specs)} samples")


def _plan(store: "Store", kind: str, settings: dict[str, Any]) -> list["ModelSpec"]:
    from ..ingest.plan import SetPlan, plan_models, plan_sets, plan_untouched

    collection = settings.pop("collection")
    if kind == "set":
        named = {{"per_caption": "samples"}.get(name, name): value for name, value in settings.items()}
        return plan_sets(store, collection, SetPlan(**named))
    if settings.get("method") == "none":
        del settings["method"]
        return plan_untouched(store, plan_models(store, collection, kind, **settings))
    return plan_models(store, collection, kind, **settings)


def _plan_paper(store: "Store", source: str, folder: Path, settings: dict[str, Any]) -> list["ModelSpec"]:
    from ..ingest.paper import PaperPlan, own_prompts, plan_paper, read_prompts
    from ..ingest.plan import plan_untouched

    file = settings.pop("prompts_file", None)
    prompts = own_prompts() if file is None else read_prompts(file)
    untouched = settings.get("method") == "none"
    if untouched:
        del settings["method"]
    specs = run_to_result(plan_paper(store, PaperPlan(source, folder, prompts, **settings)))
    return plan_untouched(store, specs) if untouched else specs


def _why_unplanned(kind: str) -> str:
    from ..ingest.plan import STYLE_SIZES

    reasons = {
        "style": f"; a style takes those of creators with at least {STYLE_SIZES[0]}",
        "set": "; those with fewer than two captions cannot be in a set",
    }
    return reasons.get(kind, "")
