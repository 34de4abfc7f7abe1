"""`attribase query abstention`: how often "none of these" is right, over models whose exemplars are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .console import open_store, say
from .output import Output, print_rows, rows_options

if TYPE_CHECKING:
    from ..query import AbstentionRow

RATES = ("false_attributions", "power", "coverage")


@click.command("abstention")
@click.option("--encoder", help="Which features; left out, the first encoder by name.")
@click.option("--mapper", help="Which mapper, or `none`; left out, the newest one.")
@click.option("--split", default="test", show_default=True, help="Of the models that are measured.")
@click.option(
    "--by",
    type=click.Choice(["kind", "case"]),
    default="kind",
    show_default=True,
    help="What rows are of.",
)
@click.option(
    "--alpha",
    "levels",
    multiple=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=(0.05, 0.1, 0.2),
    show_default=True,
    help="A level; may be given several times.",
)
@click.option("--pooled", is_flag=True, help="Judge by models of all kinds, as for pictures of unknown kind.")
@rows_options
@click.pass_context
def abstention_command(
    ctx: click.Context,
    /,
    encoder: str | None,
    mapper: str | None,
    split: str,
    by: str,
    levels: tuple[float, ...],
    pooled: bool,
    out: Output,
) -> None:
    """Measure false attributions, power and the set of each level, with 95% binomial intervals over models.

    False attributions: samples that are attributed though their exemplars are left out of the pool. Power:
    samples that are attributed with them in it. Coverage: exemplars in the set.

    \b
    Example: attribase -s my.store query abstention --mapper tuned
             attribase -s my.store query abstention --by case --alpha 0.1
    """
    from ..query import abstention_table

    rows = abstention_table(
        open_store(ctx), encoder, mapper, split=split, by=by, levels=levels, pooled=pooled
    )
    print_rows([_shown(row) if out.is_table else row.to_dict() for row in rows], out)
    say("a model of the split that the abstention was trained on is judged by the others")


def _shown(row: AbstentionRow) -> dict[str, Any]:
    """A row to read: rates as percent with their interval."""
    rates = {name: getattr(row, name) for name in RATES}
    return {
        "group": row.group,
        "alpha": row.alpha,
        "models": row.models,
        "judged_by": row.validation_models,
        **{
            name: f"{100 * rate.value:.1f} ({100 * rate.low:.0f} to {100 * rate.high:.0f})"
            for name, rate in rates.items()
        },
        "set_size": row.set_size,
        "of": row.pool_size,
    }
