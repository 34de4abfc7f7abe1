"""`attribase demo`: the whole method, offline."""

from pathlib import Path

import click

from .console import say
from .output import Output, print_rows
from .paths import LocalPath


@click.command()
@click.argument("folder", default="attribase-demo", type=LocalPath(file_okay=False, path_type=Path))
@click.option(
    "--models", type=click.IntRange(12), default=168, show_default=True, help="Customized generators."
)
@click.option(
    "--samples",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Samples of each generator by each scheme of prompts (an object has three, a style two).",
)
@click.option("--workers", type=click.IntRange(1), help="Processes; left out, one a core or several a GPU.")
def demo(folder: Path, models: int, samples: int, workers: int | None) -> None:
    """Customize, sample, embed, map, calibrate, evaluate and report, on the embedded world.

    Everything goes to FOLDER (the store is FOLDER/store, the page FOLDER/report.html). Stopped at any
    point, the same command goes on; done, it says so.

    Example: attribase demo
    """
    from ..demo import DemoSettings, is_done, run_demo, summary
    from .console import draw_progress

    settings = DemoSettings(folder=folder, models=models, samples=samples, workers=workers)
    if is_done(settings):
        say(f"nothing to do: {folder} is complete and unchanged")
    else:
        draw_progress(run_demo(settings))
    for title, rows in summary(settings):
        print_rows(rows, Output("table"), title=title)
    say(f"report: {settings.report}")
