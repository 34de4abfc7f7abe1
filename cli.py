"""The command line: parses, calls and prints. Errors become exits here, and only here.

stdout is data, stderr is progress and messages. Exit 0 done, 1 an error (what failed, what to do next),
2 wrong usage, 130 interrupted.
"""

import contextlib
import sys
from typing import Any

import click

from .commands import (
    cluster,
    completion,
    costs,
    demo,
    embed,
    evidence,
    export,
    images,
    index,
    ingest,
    models,
    owners,
    picture,
    plan,
    prompts,
    query,
    release,
    rights,
    serve,
    study,
    summary,
    train,
    vectors,
)
from .commands import embed as encoders
from .commands import map as store_map
from .commands import query as report
from .commands import remove as removal
from .commands import samples as generated
from .commands import store as maintain
from .commands import store as tag
from .commands import upgrade as upgrading
from .commands.console import CommandGroup, print_error
from .commands.late_pandas import leave_pandas_out
from .store import AttribaseError
from .store.extras import missing_extra

ingest.ingest.add_command(plan.plan)
ingest.ingest.add_command(prompts.prompts)
ingest.ingest.add_command(images.images)
ingest.ingest.add_command(images.update)
ingest.ingest.add_command(models.models)
ingest.ingest.add_command(generated.samples)
ingest.ingest.add_command(embed.embed)
ingest.ingest.add_command(vectors.vectors)
ingest.ingest.add_command(release.release)
ingest.ingest.add_command(removal.remove)
ingest.ingest.add_command(removal.readmit)
query.query.add_command(report.report)
query.query.add_command(serve.serve)
query.query.add_command(export.export)
query.query.add_command(evidence.evidence)
query.query.add_command(owners.owners)
query.query.add_command(summary.summary)
query.query.add_command(cluster.leakage)
query.query.add_command(store_map.map_command)

MAINTENANCE = (maintain.init, maintain.info, maintain.check, maintain.compact, upgrading.upgrade)


class ErrorsAsExits(CommandGroup):
    """Turns the project's errors and an interrupt into one or two lines on stderr and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; every AttribaseError and every unusable store ends as exit 1 with its hint."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.exceptions.Abort, click.ClickException, SystemExit):
            raise
        except KeyboardInterrupt:
            click.echo(
                "\ninterrupted: what was committed is kept; the same command goes on from there", err=True
            )
            ctx.exit(130)
        except BaseException as error:  # a panic of Lance is no Exception
            from .store.damage import explain

            shown = missing_extra(error) or explain(error, str(ctx.find_root().obj or ""))
            shown = shown or (error if isinstance(error, AttribaseError) else None)
            if shown is None:
                raise
            print_error(shown)
            ctx.exit(1)


ENGINES = ("pylance", "duckdb", "onnxruntime-gpu", "onnxruntime", "polars", "pyarrow", "numpy", "torch")
"""The packages, by the names of their distributions, that decide what is stored and computed."""


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    """Print the versions, a line each, and exit. Engines that are not installed are left out."""
    if not wanted or ctx.resilient_parsing:
        return
    import platform
    from importlib import metadata

    from . import __version__

    click.echo(f"attribase, version {__version__}")
    click.echo(f"python {platform.python_version()}")
    for name in ENGINES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            click.echo(f"{name} {metadata.version(name)}")
    ctx.exit()


@click.group(cls=ErrorsAsExits, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--store",
    "-s",
    envvar="ATTRIBASE_STORE",
    metavar="URI",
    help="The store: a folder, or s3://, gs://, az://. [env: ATTRIBASE_STORE]",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the versions of attribase and of its engines.",
)
@click.pass_context
def cli(ctx: click.Context, store: str | None) -> None:
    """Which training images made this picture, how much did each contribute, and can that be trusted.

    \b
    Example: attribase demo
             attribase -s my.store init
             attribase -s my.store ingest images photos/ --collection gallery
             attribase -s my.store query attribute picture.png -k 5
    """  # noqa: D301 - click takes "\b" for itself only unescaped
    ctx.obj = store


for command in (
    *MAINTENANCE,
    tag.tag,
    tag.tags,
    picture.picture,
    demo.demo,
    encoders.encoders,
    ingest.ingest,
    rights.rights,
    train.train,
    study.study,
    costs.bench,
    costs.plan_cost,
    index.index,
    cluster.cluster,
    query.query,
    evidence.verify,
    evidence.keygen,
    completion.completion,
):
    cli.add_command(command)


def main() -> None:
    """Entry point of the console script."""
    leave_pandas_out()
    sys.exit(cli.main(prog_name="attribase"))
