"""`attribase bench` and `attribase plan-cost`: what parts of the work take here, and what a project takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .console import run_to_result, say
from .output import Output, print_rows, rows_options

SHOWN = (
    "stage",
    "amount",
    "gpu_hours",
    "core_hours",
    "wall_hours",
    "bound_by",
    "storage_gb",
    "network_gb",
    "dollars",
)


@click.command()
@click.option(
    "--seconds", type=click.FloatRange(0.1), default=3.0, show_default=True, help="For each measurement."
)
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A disk to measure: a temporary store is written there.  [default: the system's temporary folder]",
)
@click.option("--base", help="Also count the operations of a base generator: `world`, a folder, a hub id.")
@click.option("--gpu", metavar="CARD", help="The card that --base runs on; its share of it is measured.")
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.json",
    help="Write the unit costs for `plan-cost --costs`.",
)
@rows_options
def bench(
    seconds: float, folder: Path | None, base: str | None, gpu: str | None, save: Path | None, out: Output
) -> None:
    """Measure what decoding, hashing, writing, reading, indexing and ranking take on this machine.

    Needs no store: it writes a temporary one of about 600 MB and removes it.

    \b
    Example: attribase bench
             attribase bench --folder /data --save costs.json
    """
    from ..costs import find_card, measure_unit_costs

    found = run_to_result(measure_unit_costs(seconds, folder, base, find_card(gpu) if gpu else None))
    if save is not None:
        found.write(save)
        say(f"wrote {save}; next: attribase plan-cost --costs {save} ...")
    rows = [
        {"cost": one.name, "value": float(f"{one.value:.3g}"), "unit": one.unit, "from": one.source}
        for one in found
    ]
    print_rows(rows, out, title=found.machine)


@click.command("plan-cost")
@click.option("--models", type=click.IntRange(0), required=True, help="Models to customize.")
@click.option("--samples", type=click.IntRange(0), required=True, help="Images to draw.")
@click.option("--gallery", type=click.IntRange(1), required=True, help="Images to attribute to.")
@click.option(
    "--gpu", default="h100", show_default=True, metavar="CARD", help="a100, h100, h200, l40s or t4."
)
@click.option("--gpus", type=click.IntRange(1), default=8, show_default=True, help="Cards at work at once.")
@click.option("--cores", type=click.IntRange(1), default=16, show_default=True, help="Beside each card.")
@click.option("--exemplars", type=click.FloatRange(1), default=1.0, show_default=True, help="Of a model.")
@click.option("--iterations", type=click.IntRange(1), default=125, show_default=True, help="Of a model.")
@click.option("--steps", type=click.IntRange(1), default=50, show_default=True, help="Of the sampler.")
@click.option("--encoders", type=click.IntRange(1), default=1, show_default=True, help="Of ViT-B/16's cost.")
@click.option("--mappers", type=click.IntRange(0), default=1, show_default=True, help="Of each encoder.")
@click.option("--dim", type=click.IntRange(1), default=768, show_default=True, help="Numbers of a vector.")
@click.option(
    "--evaluated", type=click.IntRange(0), default=20_000, show_default=True, help="Samples ranked."
)
@click.option(
    "--ranked-gallery", type=click.IntRange(1), default=1_000_000, show_default=True, help="Ranked among."
)
@click.option(
    "--costs",
    "costs_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.json",
    help="Unit costs that `attribase bench --save` measured, in place of those for reference.",
)
@click.option(
    "--gpu-share", type=click.FloatRange(0, 1, min_open=True), help="Of a card's throughput reached."
)
@click.option("--gpu-price", type=click.FloatRange(0), help="Dollars an hour for a machine with one card.")
@click.option("--storage-price", type=float, help="Dollars a GB and month.")
@click.option("--image-bytes", type=float, help="Of an image of the gallery.")
@rows_options
def plan_cost(
    costs_file: Path | None,
    gpu: str,
    gpu_share: float | None,
    gpu_price: float | None,
    storage_price: float | None,
    image_bytes: float | None,
    out: Output,
    **size: Any,
) -> None:
    """Estimate hours, money, storage and network of a project, stage by stage.

    Times are unit costs times amounts of work. Unit costs are counted on Stable Diffusion 1.x and ViT-B/16,
    measured by this project or, where a row says so, assumed; `attribase bench` measures them here.

    \b
    Example: attribase plan-cost --models 18000 --samples 4000000 --gallery 400000000 --gpu h100
             attribase plan-cost --models 100 --samples 10000 --gallery 1000000 --costs costs.json
    """
    from dataclasses import replace

    from ..costs import Scale, estimate_costs, find_card, read_unit_costs, stated_unit_costs

    card, costs = find_card(gpu), stated_unit_costs()
    if gpu_price is not None:
        card = replace(card, dollars_an_hour=gpu_price)
    if costs_file is not None:
        costs = costs.updated(read_unit_costs(costs_file))
    costs = costs.with_values(
        gpu_share=gpu_share, storage_price=storage_price, gallery_image_bytes=image_bytes
    )
    found = estimate_costs(Scale(**size), card, costs)
    rows = [stage.to_dict() for stage in (*found.stages, found.total)]
    if out.is_table:
        rows = [{name: row[name] for name in SHOWN} for row in rows]
    print_rows(rows, out, title=f"{size['gpus']} x {card.name}, {size['cores']} cores beside each")
    for line in found.layout:
        say(line)
    say(f"storage: {found.storage_month:,.0f} dollars a month at {costs['storage_price']:g} a GB")
    for one in costs:
        if one.kind == "assumed":
            say(f"assumed: {one.name}, {one.value:g} {one.unit}")
