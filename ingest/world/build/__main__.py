"""Rebuild the world step by step: `python -m attribase.ingest.world.build STEP --work DIR`.

Steps, each resumable: fetch, rasterise, tokenizer, looks, vae, unet, export; `sheets` draws contact sheets.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from ....store.errors import AttribaseError
from ....store.jobs import Step
from .. import WORLD_DIR


class _BuildGroup(click.Group):
    """Prints Attribase's errors as one line of what failed and one of what to do next."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except AttribaseError as error:
            raise click.ClickException(f"{error}\n{error.hint}".strip()) from error


_work = click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for everything built.",
)
_steps = click.option("--steps", type=click.IntRange(1), help="Training steps in all, instead of --minutes.")
_width = click.option(
    "--width", type=click.IntRange(1), default=1, show_default=True, help="Multiplies all layers' channels."
)
_PRINT_SECONDS = 5.0


def _batch(gpu: int, cpu: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "--batch", type=click.IntRange(1), help=f"Images a step.  [default: {gpu} on a GPU, {cpu} on the CPU]"
    )


def _print_progress(steps: Iterator[Step]) -> None:
    """Print the first and the last step, and one every few seconds between."""
    step, printed = None, -math.inf
    for step in steps:
        if time.monotonic() - printed > _PRINT_SECONDS:
            _print_step(step)
            step, printed = None, time.monotonic()
    if step:
        _print_step(step)


def _print_step(step: Step) -> None:
    click.echo(f"{step.stage} {step.done}/{step.total} {step.note}".rstrip(), err=True)


@click.group(cls=_BuildGroup)
def build() -> None:
    """Rebuild the embedded world from its icon sets."""


@build.command("fetch")
@_work
def fetch_command(work: Path) -> None:
    """Fetch the icon sets with npm.

    Example: python -m attribase.ingest.world.build fetch --work world
    """
    from .fetch import fetch

    _print_progress(fetch(work / "packages"))


@build.command("rasterise")
@_work
@click.option("--size", type=int, default=64, show_default=True, help="Side of the images in pixels.")
def rasterise_command(work: Path, size: int) -> None:
    """Select and draw the icons: world.parquet and icons.npy.

    Example: python -m attribase.ingest.world.build rasterise --work world
    """
    from .rasterise import rasterise

    _print_progress(rasterise(work / "packages", work / "world.parquet", work / "icons.npy", size))


@build.command("tokenizer")
@_work
def tokenizer_command(work: Path) -> None:
    """Build the tokenizer from every word of the captions.

    Example: python -m attribase.ingest.world.build tokenizer --work world
    """
    from .corpus import count_words, read_names
    from .tokenizer import build_tokenizer

    tokenizer = build_tokenizer(count_words(read_names(work / "world.parquet")), work / "tokenizer")
    click.echo(f"{len(tokenizer)} tokens", err=True)


@build.command("looks")
@_work
@click.option(
    "--looks",
    type=click.IntRange(1),
    default=80,
    show_default=True,
    help="Of each icon: media, backgrounds, placements.",
)
@click.option("--workers", type=click.IntRange(1), help="Processes.  [default: one a core]")
def looks_command(work: Path, looks: int, workers: int | None) -> None:
    """Draw the training images, and their captions as tokens.

    Example: python -m attribase.ingest.world.build looks --work world --looks 80
    """
    from .drawing import DrawConfig, draw_looks

    _print_progress(draw_looks(work, DrawConfig(looks, workers=workers)))


@build.command("vae")
@_work
@click.option("--minutes", type=float, default=2.0, show_default=True, help="Training time in all.")
@_steps
@_batch(256, 32)
@_width
def vae_command(work: Path, minutes: float, steps: int | None, batch: int | None, width: int) -> None:
    """Train the autoencoder, on a GPU where there is one, then encode the looks.

    Example: python -m attribase.ingest.world.build vae --work world --minutes 2
    """
    from diffusers import AutoencoderKL

    from ...diffusion import silence_diffusers
    from .latents import encode_looks
    from .train_vae import train_vae, vae_config
    from .training import Budget, training_device

    _print_progress(train_vae(work, vae_config(Budget(minutes, steps), batch), width=width))
    silence_diffusers()
    vae = AutoencoderKL.from_pretrained(work / "vae").eval().to(training_device())
    _print_progress(encode_looks(work, vae))


@build.command("unet")
@_work
@click.option("--minutes", type=float, default=6.5, show_default=True, help="Training time in all.")
@_steps
@_batch(512, 64)
@_width
def unet_command(work: Path, minutes: float, steps: int | None, batch: int | None, width: int) -> None:
    """Train the UNet and the text encoder; run again to resume; a larger budget trains further.

    Example: python -m attribase.ingest.world.build unet --work world --minutes 6.5
    """
    from .train_unet import train_unet, unet_config
    from .training import Budget

    _print_progress(train_unet(work, unet_config(Budget(minutes, steps), batch), width=width))


@build.command("export")
@_work
@click.option(
    "--to", "target", type=click.Path(path_type=Path, file_okay=False), default=WORLD_DIR, help="Package."
)
def export_command(work: Path, target: Path) -> None:
    """Copy images, weights (averaged, fp16) and NOTICE.md into the package.

    Example: python -m attribase.ingest.world.build export --work world
    """
    from .export import export_images, export_model

    numbers = export_model(work, target / "model")
    export_images(work, target)
    click.echo(f"exported step {numbers['step']:.0f}: {numbers['images']:.0f} images seen", err=True)


@build.command("sheets")
@click.option(
    "--to", "target", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder."
)
@click.option("--store", "uri", help="A demo's store: also draw samples of its validation models.")
def sheets_command(target: Path, uri: str | None) -> None:
    """Draw the packaged sets and samples as contact sheets.

    Example: python -m attribase.ingest.world.build sheets --to docs --store attribase-demo/store
    """
    from ....store import Store
    from .. import images_path, model_path
    from .contact_sheet import base_sheet, customized_sheet, sets_sheet

    target.mkdir(parents=True, exist_ok=True)
    pages = {"sets": sets_sheet(images_path()), "base": base_sheet(model_path())}
    if uri:
        store = Store.open(uri)
        pages |= {"samples": customized_sheet(store, "object"), "styles": customized_sheet(store, "style")}
    for name, page in pages.items():
        page.quantize(256).save(target / f"world-{name}.png", optimize=True)


if __name__ == "__main__":
    build()
