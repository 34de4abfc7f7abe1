"""`attribase query report`: the measured figures beside the published ones, to read and to pass on."""

from pathlib import Path

import click

from .shared import store_uri


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.pass_context
def report(ctx: click.Context, out: Path) -> None:
    """Write tables and plots of all metrics to OUT: a folder, or a file ending in .html or .md.

    Example: attribase -s my.store query report my-report
    """
    from ..query.report import write_report

    for path in write_report(store_uri(ctx), out):
        click.echo(path)
