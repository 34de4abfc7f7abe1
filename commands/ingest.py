"""`attribase ingest`: customized models and their samples; the other commands are added to the group."""

import json
from pathlib import Path
from typing import Any

import click

from .console import CommandGroup, open_store, ray_option, run_job, say

workers_option = click.option(
    "--workers",
    type=click.IntRange(1),
    help="Processes; left out, one a core, or one a GPU (for a small base several a GPU).",
)
plan_option = click.option(
    "--plan",
    "plan_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of JSON lines, one model a line: see docs/plans.md.",
)


METHODS = (
    "custom-diffusion",
    "textual-inversion",
    "lora",
    "dreambooth-lora",
    "dreambooth",
    "captioned",
)
"""Those of `ingest.customize.METHODS`, named here so that `--help` loads nothing."""

method_option = click.option(
    "--method",
    metavar="METHOD",
    type=click.Choice(METHODS),
    help="Of lines that name none; a line that names another is an error: docs/methods.md.",
)


def _parse_settings(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """NAME=VALUE to a dictionary; values are JSON where they can be, else text."""
    settings: dict[str, Any] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
    return settings


@click.group(cls=CommandGroup)
def ingest() -> None:
    """Write rows: real images, customized models, their samples, and embeddings of both.

    Example: attribase -s my.store ingest images photos/ --collection gallery
    """


@ingest.command()
@plan_option
@click.option(
    "--base", required=True, help="`world`, a diffusers folder, a single .safetensors file, or a hub id."
)
@method_option
@click.option("--iterations", type=click.IntRange(1), help="Optimiser steps a model.")
@click.option(
    "--lr", type=click.FloatRange(0, min_open=True), help="Learning rate of what the method trains."
)
@click.option(
    "--token-lr", type=click.FloatRange(0, min_open=True), help="That of V*, where other weights train too."
)
@click.option("--batch-size", type=click.IntRange(1), help="Images at once.")
@click.option("--augment", help="How exemplars are varied: `none`, `shift`, `placed` or `resize`.")
@click.option(
    "--rank",
    type=click.IntRange(1),
    help="Of LoRA's layers; of other methods, store K and V as a difference of this rank.",
)
@click.option("--resolution", type=click.IntRange(1), help="Pixels a side; by default the base's own.")
@click.option(
    "--modifier-token",
    metavar="<NAME>",
    help="The tokenizer's name for V*; by default <new1>, or the next that the base does not have.",
)
@click.option(
    "--init-token",
    metavar="WORD",
    help="Word whose embedding V* starts from; `category` is that of the model.",
)
@click.option(
    "--setting",
    "others",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_parse_settings,
    help="Any setting of the method, such as vectors=4; may be repeated: docs/methods.md.",
)
@workers_option
@ray_option
@click.pass_context
def customize(
    ctx: click.Context,
    /,
    plan_file: Path,
    base: str,
    method: str | None,
    others: dict[str, Any],
    workers: int | None,
    ray: str | None,
    **settings: Any,
) -> None:
    """Customize a generator on the exemplars of every model in the plan, by the methods that it names.

    Settings that are given count for all of them.

    \b
    Example: attribase -s my.store ingest customize --base world --plan plan.jsonl
             attribase -s my.store ingest customize --base sd21/ --plan plan.jsonl --resolution 512
             attribase -s my.store ingest customize --base world --plan ti.jsonl --setting vectors=4
             attribase -s my.store ingest customize --base sdxl/ --plan lora.jsonl --rank 8
             attribase -s /shared/my.store ingest customize --base sd21/ --plan plan.jsonl --ray auto
    """
    from ..ingest.customize import customize as run
    from ..ingest.customize import defaults_for, group_by_method
    from ..ingest.customize.base import resolve_base
    from ..ingest.specs import read_specs

    given = {key: value for key, value in settings.items() if value is not None} | others
    groups = group_by_method(read_specs(plan_file, method))
    resolve_base(base)  # downloads it, where need be: the defaults are its own
    configs = {name: defaults_for(base, name).with_changes(**given) for name in groups}
    store, steps = open_store(ctx), 0
    for name, specs in groups.items():
        steps += run_job(run(store, specs, configs[name], workers=workers, ray=ray))[0]
    say("models are ready" if steps else "nothing to do: every model of the plan is there")


@ingest.command()
@plan_option
@click.option("--base", required=True, help="The base that the models were customized from.")
@method_option
@click.option("--steps", type=click.IntRange(1), help="Steps of the sampler.")
@click.option("--guidance", type=click.FloatRange(0), help="Classifier-free guidance.")
@click.option("--batch-size", type=click.IntRange(1), help="Images at once.")
@click.option(
    "--resolution",
    type=click.IntRange(1),
    help="Pixels a side; by default that of the models.",
)
@click.option(
    "--iterations",
    type=click.IntRange(1),
    help="Of models of several settings, those with so many.",
)
@click.option(
    "--model-config",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_parse_settings,
    help="The same for any setting of a model, such as lr=0.0001; may be repeated.",
)
@workers_option
@ray_option
@click.pass_context
def sample(
    ctx: click.Context,
    /,
    plan_file: Path,
    base: str,
    method: str | None,
    workers: int | None,
    ray: str | None,
    iterations: int | None,
    model_config: dict[str, Any],
    **settings: Any,
) -> None:
    """Sample every prompt of the plan with its model.

    \b
    Example: attribase -s my.store ingest sample --base world --plan plan.jsonl
             attribase -s my.store ingest sample --base world --plan plan.jsonl --iterations 250
             attribase -s /shared/my.store ingest sample --base sd21/ --plan plan.jsonl --ray auto
    """
    from ..ingest.customize.base import BaseGenerator
    from ..ingest.customize.models import find_models, shared_resolution
    from ..ingest.sample import sample as run
    from ..ingest.sample import sample_defaults_for
    from ..ingest.specs import read_specs

    store, specs = open_store(ctx), read_specs(plan_file, method)
    chosen = model_config | ({} if iterations is None else {"iterations": iterations})
    models = find_models(store, specs, base, BaseGenerator.find(base), chosen)
    given = {key: value for key, value in settings.items() if value is not None}
    if "resolution" not in given and (side := shared_resolution(store, list(models))):
        given["resolution"] = side
    config = sample_defaults_for(base).with_changes(**given)
    steps, _ = run_job(run(store, specs, base, config, workers=workers, settings=chosen, ray=ray))
    say("samples are ready" if steps else "nothing to do: every sample of the plan is there")
