"""`attribase ingest embed` and `attribase encoders`: compute features, and list the encoders."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from .console import open_store, print_failures, ray_option, run_job, say
from .output import Output, print_rows, rows_options

F = TypeVar("F", bound=Callable[..., Any])
PREPROCESSING = ("size", "resize", "interpolation", "mean", "std", "profiles")


def preprocessing_options(command: F) -> F:
    """Add the options that override the preprocessing of the encoder's library."""
    triple: dict[str, Any] = {"type": float, "nargs": 3, "metavar": "R G B"}
    options = (
        click.option("--size", type=click.IntRange(1), help="Side of the encoder's square input."),
        click.option(
            "--resize",
            callback=_parse_side,
            metavar="PIXELS|none",
            help="Shorter side before the centre crop; none stretches.",
        ),
        click.option(
            "--interpolation",
            type=click.Choice(["bicubic", "bilinear", "lanczos", "nearest"]),
            help="Filter of the resize.",
        ),
        click.option("--mean", **triple, help="Subtracted from values in 0..1."),
        click.option("--std", **triple, help="Divides them after that."),
        click.option(
            "--profiles",
            type=click.Choice(["srgb", "ignore"]),
            help="ICC profiles of images: converted to sRGB, or ignored as in published code.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _parse_side(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | str | None:
    """A number of pixels, or 'none'; None when the option is not given."""
    if value is None or value == "none":
        return value
    if not value.isdecimal() or not int(value):
        raise click.BadParameter("give a number of pixels, or none")
    return int(value)


@click.command()
@click.option(
    "--encoder",
    default="efficientnet-lite0",
    show_default=True,
    help="A name that `attribase encoders` lists, timm:NAME, open_clip:ARCH/TAG or onnx:FILE; several "
    "joined by + become one encoder.",
)
@click.option(
    "--weights",
    type=click.Path(exists=True, path_type=Path),
    help="A weights file, instead of the hub; for sd-unet a folder.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "int8"]),
    help="fp16 for GPUs, int8 for CPUs: a variant of its own, NAME@fp16 or NAME@int8.  [default: fp32]",
)
@click.option(
    "--where",
    metavar="SQL",
    help="Only rows that satisfy this condition, on columns of images, of samples or of both.",
)
@click.option("--retry-failed", is_flag=True, help="Try failed items again.")
@click.option(
    "--pixel-limit", type=click.IntRange(1), help="Refuse images with more pixels, before decoding them."
)
@click.option(
    "--batch", type=click.IntRange(1), help="Images at once through the network; at most 8 on a CPU."
)
@click.option(
    "--workers", type=click.IntRange(0), help="Decoding processes, 0 for none; by default chosen by cores."
)
@click.option(
    "--device",
    "devices",
    type=click.IntRange(0),
    multiple=True,
    help="Number of a GPU; by default all GPUs.",
)
@ray_option
@preprocessing_options
@click.pass_context
def embed(ctx: click.Context, /, encoder: str, weights: Path | None, **given: Any) -> None:
    """Embed every image and sample that has no vector yet.

    A stopped run is resumed, new images are added, and what cannot be embedded is listed in the table
    `failures` with its reason.

    \b
    Example: attribase -s my.store ingest embed --encoder efficientnet-lite0
             attribase -s my.store ingest embed --encoder vit-b16 --precision int8
             attribase -s my.store ingest embed --encoder efficientnet-lite0+thumbnail
             attribase -s my.store ingest embed --encoder clip-vit-b16 --where "creator = 'Hokusai'"
             attribase -s /shared/my.store ingest embed --ray auto
    """
    from ..ingest.embed import embed as run
    from ..ingest.encoders import ensure_encoder
    from ..runtime import encoder_parts

    store = open_store(ctx)
    settings = {key: value for key, value in given.items() if value not in (None, ())}
    changes = {key: settings.pop(key) for key in PREPROCESSING if key in settings}
    if changes.get("resize") == "none":
        changes["resize"] = None
    precision = settings.pop("precision", None)
    name = ensure_encoder(store, encoder, weights, precision=precision, changes=changes or None, announce=say)
    _, last = run_job(run(store, name, **settings))
    done = last is not None and last.note
    say(f"vectors are ready: {last.note}" if last and done else "nothing to do: everything is embedded")
    for part in encoder_parts(store, name):
        print_failures(store, f"embed:{part.name}")


@click.command()
@rows_options
@click.pass_context
def encoders(ctx: click.Context, out: Output) -> None:
    """List the encoders: size, source, licence, whether the weights are here and what the store has ready.

    With a store, its other encoders are listed, too. `ready` names precisions (fp32, fp16, int8).

    \b
    Example: attribase encoders
             attribase -s my.store encoders --format json
    """
    from ..ingest.encoders import FAMILIES
    from ..ingest.encoders.listing import list_encoders

    store = open_store(ctx) if ctx.find_root().obj else None
    rows: list[dict[str, Any]] = [asdict(found) for found in list_encoders(store)]
    if not out.is_table:
        print_rows(rows, out)
        return
    shown = [
        "encoder",
        "dim",
        "size",
        "source",
        "license",
        "weights",
        *(["ready", "vectors"] if store else []),
    ]
    print_rows([{name: _format_cell(row[name]) for name in shown} for row in rows], out)
    say(f"also {', '.join(FAMILIES)}, several as A+B: attribase -s STORE ingest embed --encoder NAME")


def _format_cell(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, tuple) else value
