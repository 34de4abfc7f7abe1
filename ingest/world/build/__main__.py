"""Rebuild the world step by step: `python -m attribase.ingest.world.build STEP --work DIR`.

Steps, each resumable: fetch, rasterise, tokenizer, vae, unet, export; `sheets` draws contact sheets.
"""

from __future__ import annotations

from collections.abc import Iterator
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


def _print_progress(steps: Iterator[Step]) -> None:
    for step in steps:
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
def rasterise_command(work: Path) -> None:
    """Select and draw the icons: world.parquet and icons.npy.

    Example: python -m attribase.ingest.world.build rasterise --work world
    """
    from .rasterise import rasterise

    _print_progress(rasterise(work / "packages", work / "world.parquet", work / "icons.npy"))


@build.command("tokenizer")
@_work
def tokenizer_command(work: Path) -> None:
    """Build the tokenizer from every word of the captions.

    Example: python -m attribase.ingest.world.build tokenizer --work world
    """
    import pyarrow.parquet as pq

    from .corpus import count_words
    from .tokenizer import build_tokenizer

    names = pq.read_table(work / "world.parquet", columns=["name"])["name"].to_pylist()
    tokenizer = build_tokenizer(count_words(names), work / "tokenizer")
    click.echo(f"{len(tokenizer)} tokens", err=True)


@build.command("vae")
@_work
@click.option("--minutes", type=float, default=8.0, show_default=True, help="Training time in all.")
@_steps
def vae_command(work: Path, minutes: float, steps: int | None) -> None:
    """Train the autoencoder, then encode the gallery.

    Example: python -m attribase.ingest.world.build vae --work world --minutes 8
    """
    from diffusers import AutoencoderKL

    from .corpus import load_corpus
    from .latents import encode_gallery
    from .train_vae import VaeConfig, train_vae
    from .training import Budget

    corpus = load_corpus(work / "world.parquet", work / "icons.npy")
    _print_progress(train_vae(corpus, work / "vae", work / "vae.pt", VaeConfig(Budget(minutes, steps))))
    _print_progress(encode_gallery(corpus, AutoencoderKL.from_pretrained(work / "vae").eval(), work))


@build.command("unet")
@_work
@click.option("--minutes", type=float, default=95.0, show_default=True, help="Training time in all.")
@_steps
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Training processes, of one thread.",
)
def unet_command(work: Path, minutes: float, steps: int | None, workers: int) -> None:
    """Train the UNet and the text encoder; run again to resume; a larger budget trains further.

    Example: python -m attribase.ingest.world.build unet --work world --minutes 95 --workers 2
    """
    from .train_unet import UnetConfig, train_unet
    from .training import Budget

    _print_progress(train_unet(work, UnetConfig(Budget(minutes, steps), workers=workers)))


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

    export_images(work, target)
    numbers = export_model(work, target / "model")
    click.echo(f"exported step {numbers['step']:.0f}: {numbers['images']:.0f} images seen", err=True)


@build.command("sheets")
@click.option(
    "--to", "target", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder."
)
def sheets_command(target: Path) -> None:
    """Draw the packaged sets and base samples as contact sheets.

    Example: python -m attribase.ingest.world.build sheets --to docs
    """
    from .. import images_path, model_path
    from .contact_sheet import base_sheet, sets_sheet

    target.mkdir(parents=True, exist_ok=True)
    for name, page in (("sets", sets_sheet(images_path())), ("base", base_sheet(model_path()))):
        page.quantize(256).save(target / f"world-{name}.png", optimize=True)


if __name__ == "__main__":
    build()
