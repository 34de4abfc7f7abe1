"""`attribase query compare`: two encoders or mappers on the same samples."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

import click

from .console import open_store
from .output import Output, print_rows, rows_options

F = TypeVar("F", bound=Callable[..., Any])

METRICS = ("recall_5", "recall_10", "recall_100", "ap")


def compared_options(command: F) -> F:
    """Add `--case`, `--split` and `--metric`: the samples that are compared, and by what."""
    options = (
        click.option(
            "--case", "cases", multiple=True, help="Only this test case; may be given several times."
        ),
        click.option("--split", default="test", show_default=True, help="Of the models."),
        click.option(
            "--metric",
            type=click.Choice(METRICS),
            default="recall_10",
            show_default=True,
            help="What is compared.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("first")
@click.argument("second")
@compared_options
@rows_options
@click.pass_context
def compare(
    ctx: click.Context,
    first: str,
    second: str,
    cases: tuple[str, ...],
    split: str,
    metric: str,
    out: Output,
) -> None:
    """How far SECOND is above FIRST, by case and scheme and in the mean of these rows.

    Both are ENCODER/MAPPER; ENCODER alone is its raw features (an encoder whose name has a slash needs its
    mapper, which may be `none`). Intervals are 95%, over models: samples of one model are not independent;
    fewer than five models have none.

    \b
    Example: attribase -s my.store query compare efficientnet-lite0 efficientnet-lite0/best
             attribase -s my.store query compare thumbnail efficientnet-lite0/best --case style_seen
    """
    from ..query import Features, compare_features, connect

    store = open_store(ctx)
    with connect(store.uri) as con:
        rows = compare_features(
            con, Features.parse(first), Features.parse(second), split=split, metric=metric, cases=cases
        )
    print_rows([asdict(row) for row in rows], out)
