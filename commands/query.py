"""`attribase query`: evaluate, attribute and ask in SQL."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from .shared import counted, format_option, open_store, print_rows, say, store_uri


@click.group()
def query() -> None:
    """Ask the store: metrics, attribution, SQL."""


@query.command("eval")
@click.option("--encoder", help="One encoder; left out, all there are.")
@click.option("--mapper", help="One mapper, or `none`; left out, all there are.")
@click.option("--case", "case_name", help="One test case; left out, all there are.")
@click.option("--force", is_flag=True, help="Compute again even where nothing changed.")
@format_option
@click.pass_context
def evaluate_command(
    ctx: click.Context, encoder: str | None, mapper: str | None, case_name: str | None, force: bool, fmt: str
) -> None:
    """Rank every exemplar of every sample in its pool, then print recall and mAP.

    Example: attribase -s my.store query eval --case object_unseen
    """
    from ..query import connect, evaluate, load_sql

    store = open_store(ctx)
    steps, _ = counted(evaluate(store, encoder, mapper, case_name, force=force))
    if not steps:
        say("ranks are up to date: the tables have not changed since (--force computes again)")
    params = {"encoder": encoder, "mapper": mapper, "case_name": case_name}
    rows = connect(store.uri).sql(load_sql("metrics_of"), params=params)
    print_rows(rows.to_arrow_table().to_pylist(), fmt)


@query.command()
@click.argument("item")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="How many images to name.")
@click.option("--encoder", help="Which features; left out, the store's own.")
@click.option("--mapper", help="Which mapper, or `none`; left out, the newest one.")
@click.option(
    "--pool",
    type=click.Choice(["all", "gallery"]),
    default="all",
    show_default=True,
    help="The gallery and every exemplar, or the gallery alone.",
)
@format_option
@click.pass_context
def attribute(
    ctx: click.Context, item: str, k: int, encoder: str | None, mapper: str | None, pool: str, fmt: str
) -> None:
    """Name the training images that influenced ITEM (an image file or a sample), best first.

    Example: attribase -s my.store query attribute sunset.png -k 5
    """
    from ..query import attribute as ask

    answer = ask(open_store(ctx), item, encoder=encoder, mapper=mapper, k=k, pool=pool)
    if fmt == "json":
        click.echo(json.dumps(answer.to_dict(), sort_keys=True))
        return
    shown = ("rank", "influence", "similarity", "creator", "license", "caption", "image_id")
    print_rows([{name: row.get(name) for name in shown} for row in answer.to_dict()["results"]], fmt)
    for line in answer.notes:
        say(line)


@query.command()
@click.argument("statement", required=False)
@click.option(
    "--file",
    "-f",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the statement from a file.",
)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Bound to $NAME.")
@click.option(
    "--format", "fmt", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True
)
@click.option(
    "--max-rows", type=click.IntRange(1), default=100, show_default=True, help="Rows a table shows."
)
@click.pass_context
def sql(
    ctx: click.Context,
    statement: str | None,
    file: Path | None,
    params: tuple[str, ...],
    fmt: str,
    max_rows: int,
) -> None:
    """Run STATEMENT (or a file, or standard input) over all tables and views.

    Example: attribase -s my.store query sql "from metrics"
    """
    from ..query import format_table, run_sql

    text = statement or (file.read_text() if file else sys.stdin.read())
    bound: dict[str, Any] = dict(_name_and_value(param) for param in params)
    click.echo(format_table(run_sql(store_uri(ctx), text, bound), fmt, max_rows), nl=False)


def _name_and_value(param: str) -> tuple[str, str]:
    name, separator, value = param.partition("=")
    if not separator or not name:
        raise click.BadParameter(f"{param!r} is not NAME=VALUE", param_hint="--param")
    return name, value
