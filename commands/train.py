"""`attribase train`: mappers (eq. 3 and 4), calibrations (eq. 5 and 6), abstentions."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from .console import CommandGroup, open_store, print_left_out, ray_option, run_job, say
from .output import explain_write_errors

F = TypeVar("F", bound=Callable[..., Any])

mapper_option = click.option(
    "--mapper",
    "mapper_name",
    default="tuned",
    show_default=True,
    help="Which mapper, or `none` for raw features.",
)
encoder_option = click.option(
    "--encoder", default="efficientnet-lite0", show_default=True, help="Which raw features."
)


def rung_options(command: F) -> F:
    """Add an option for each rung above the paper's recipe."""
    options = (
        click.option("--learn-temperature/--fixed-temperature", default=None, help="Learn nu too."),
        click.option(
            "--start",
            type=click.Choice(["identity", "whitened", "both"]),
            help="Start at the identity, at a map in closed form, or with one of each side by side.",
        ),
        click.option("--ridge", type=click.FloatRange(0, min_open=True), help="Of the closed form."),
        click.option("--rank", type=click.IntRange(1), help="Leading directions of the gallery to learn in."),
        click.option(
            "--negatives", type=click.IntRange(0), help="Gallery images a step that are no sample's exemplar."
        ),
        click.option("--mined", type=click.FloatRange(0, 1), help="Share of them that is near to samples."),
        click.option(
            "--positives",
            type=click.Choice(["pair", "each", "sum", "mean"]),
            help="A pair of a model, or sets: each positive for itself, their sum, or their mean (SupCon).",
        ),
        click.option(
            "--average", type=click.FloatRange(0, 1, max_open=True), help="Decay of the average of weights."
        ),
        click.option(
            "--blocks/--whole", default=None, help="Maps and a weight for each part of a composite encoder."
        ),
        click.option(
            "--hub-weight", type=click.FloatRange(0), help="Weight of the shift against images near to all."
        ),
        click.option(
            "--keep",
            type=click.Choice(["best", "last"]),
            help="The best epoch on val models, or the last.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group(cls=CommandGroup)
def train() -> None:
    """Train mappers, calibrations and abstentions on what was ingested.

    Example: attribase -s my.store train mapper --name tuned
    """


@train.command()
@encoder_option
@click.option("--name", default="tuned", show_default=True, help="What to call the mapper.")
@click.option(
    "--recipe",
    type=click.Choice(["paper", "world", "best"]),
    default="paper",
    show_default=True,
    help="Where settings that are not given come from: `paper` is C.1 of the paper; `world` is the same loss "
    "tuned for the few dozen models of the embedded world; `best` has every rung that helps. The mapper's "
    "stored config names it.",
)
@click.option(
    "--kinds",
    type=click.Choice(["object", "style", "both"]),
    default="both",
    show_default=True,
    help="Which models to train on.",
)
@click.option(
    "--on",
    type=click.Choice(["customized", "none"]),
    default="customized",
    show_default=True,
    help="Customized models, or the untouched base on captions of exemplars: the baseline (docs/train.md).",
)
@click.option(
    "--pairs",
    type=click.IntRange(1),
    help="Train on so many samples, spread over the models: for comparisons on equal size.",
)
@click.option("--epochs", type=click.IntRange(1), help="Passes over the train models.")
@click.option("--lr", type=click.FloatRange(0, min_open=True), help="Adam's learning rate.")
@click.option("--temperature", type=click.FloatRange(0, min_open=True), help="nu of eq. 3.")
@click.option("--regulariser", type=click.FloatRange(0), help="Weight of eq. 4; 0 leaves it out.")
@click.option("--batch", type=click.IntRange(2), help="Models a step, all different.")
@click.option(
    "--map",
    "kind",
    type=click.Choice(["linear", "channel", "mlp"]),
    default="linear",
    show_default=True,
    help="What h and h~ are: a matrix, one factor a channel, or two layers. What the recipe says of matrices "
    "alone (rank, start, centre) is left out for the others.",
)
@click.option("--views", type=click.IntRange(0), help="Augmented views cached for each image.")
@click.option(
    "--augment",
    type=click.Choice(["mild", "strong"]),
    help="Views are flipped and cropped, or altered as DINO's: colours, blur and solarization, too.",
)
@click.option("--seed", type=int, help="Same seed, same weights.")
@rung_options
@ray_option
@click.pass_context
def mapper(
    ctx: click.Context, /, encoder: str, name: str, recipe: str, ray: str | None, **settings: Any
) -> None:
    """Train h and h~ by contrasting samples with the exemplars of their own models.

    With --ray views are embedded, and vectors are mapped, on the nodes of a cluster.

    \b
    Example: attribase -s my.store train mapper --name tuned --recipe best
             attribase -s my.store train mapper --name untouched --on none --pairs 500
             attribase -s my.store train mapper --name strong-aug --augment strong
             attribase -s my.store train mapper --name channel --map channel
             attribase -s /shared/my.store train mapper --recipe best --ray auto
    """
    from ..ingest.embed import embed_views
    from ..train import RECIPES, count_left_out, train_mapper
    from ..train.variants import batch_for, without_model

    given = {key: value for key, value in settings.items() if value is not None}
    kinds = given.pop("kinds")
    concept_kinds = (kinds,) if kinds != "both" else ("object", "style")
    base = RECIPES[recipe].with_map(given.pop("kind"))
    base = replace(base, batch=batch_for(encoder, base.batch))
    config = replace(base, name=name, kinds=concept_kinds, **given)
    store = open_store(ctx)
    if "views" not in given:
        config, asked = without_model(store, encoder, config), config
        if config != asked:
            say(f"{encoder} has no model here that embeds views: training on the plain features (--views 0)")
    if config.views:
        run_job(embed_views(store, encoder, views=config.views, augment=config.augment, ray=ray))
    _, last = run_job(train_mapper(store, encoder, config, ray=ray))
    left_out = count_left_out(store, encoder, ("train", "val"), config.kinds, config.gallery, config.on)
    print_left_out(left_out.notes())
    say(last.note if last else f"mapper {name!r} is up to date")


@train.command()
@encoder_option
@mapper_option
@click.option(
    "--calibration",
    "law",
    type=click.Choice(["spread", "paper"]),
    default="spread",
    show_default=True,
    help="`spread`: by the picture's own spread of similarities, with a null share for what is not in the "
    "pool; `paper`: eq. 6, one tau and lambda for all.",
)
@click.option("--steps", type=click.IntRange(1), help="Optimiser steps of `paper`.")
@click.pass_context
def calibration(ctx: click.Context, encoder: str, mapper_name: str, law: str, steps: int | None) -> None:
    """Fit what turns similarities into influence, so that that of a validation sample goes to its exemplars.

    \b
    Example: attribase -s my.store train calibration --mapper tuned
             attribase -s my.store train calibration --mapper tuned --calibration paper
    """
    from ..train import CalibrationConfig, count_left_out, train_calibration

    config = CalibrationConfig(law=law) if steps is None else CalibrationConfig(law=law, steps=steps)
    store = open_store(ctx)
    _, last = run_job(train_calibration(store, encoder, mapper_name, config))
    print_left_out(count_left_out(store, encoder, (config.split,), gallery=config.gallery).notes())
    say(last.note if last else "calibration is up to date")


@train.command()
@encoder_option
@mapper_option
@click.pass_context
def abstention(ctx: click.Context, encoder: str, mapper_name: str) -> None:
    """Score validation samples without their exemplars, so that answers can say "none of these".

    To be run again when images come or go and when the mapper is trained again: answers say so.

    Example: attribase -s my.store train abstention --mapper tuned
    """
    from ..train import AbstentionConfig, count_left_out, train_abstention

    config = AbstentionConfig()
    store = open_store(ctx)
    _, last = run_job(train_abstention(store, encoder, mapper_name, config))
    print_left_out(count_left_out(store, encoder, (config.split,), gallery=config.gallery).notes())
    say(last.note if last else "abstention is up to date")


@train.command("export")
@click.argument("mapper_name", metavar="MAPPER")
@encoder_option
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    required=True,
    help="The ONNX file to write.",
)
@click.pass_context
def export_mapper(ctx: click.Context, mapper_name: str, encoder: str, path: Path) -> None:
    """Write MAPPER as an ONNX file, checked against the stored one on stored features.

    It takes `features`, raw and as many as wanted, and returns unit rows: `real` of real images, `synth` of
    generated ones, which are compared by their product.

    Example: attribase -s my.store train export tuned -o tuned.onnx
    """
    from ..runtime.mapper_onnx import export_mapper as export

    exported = export(open_store(ctx), encoder, mapper_name)
    with explain_write_errors(path):
        path.write_bytes(exported.data)
    pair = exported.pair
    shape = f"{pair.dim_in} to {pair.dim_out} dimensions"
    say(f"wrote {path}: {pair.kind}, {shape}; within {exported.difference:.0e} of the stored mapper")
