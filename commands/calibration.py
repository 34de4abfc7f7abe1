"""`attribase query calibration`: shares of influence against the truth, before and after calibration."""

from dataclasses import asdict

import click

from .console import open_store, say
from .output import Output, print_rows, rows_options

SHOWN = (
    "case_name",
    "kind",
    "samples",
    "nulls",
    "ece_before",
    "ece_after",
    "brier_before",
    "brier_after",
    "kl_before",
    "kl_after",
    "null_share",
    "null_share_of_nulls",
)


@click.command("calibration")
@click.option("--encoder", help="Which features; left out, the first encoder by name.")
@click.option("--mapper", help="Which mapper, or `none`; left out, the newest one.")
@click.option("--case", "case_name", help="One test case; left out, all there are.")
@click.option("--split", default="test", show_default=True, help="Of which models.")
@click.option("--diagram", is_flag=True, help="Print the bins of the reliability diagram instead.")
@click.option("--kind", help="With --diagram: only models of this concept kind.")
@click.option("--bins", type=click.IntRange(2, 100), default=10, show_default=True, help="With --diagram.")
@rows_options
@click.pass_context
def calibration(
    ctx: click.Context,
    /,
    encoder: str | None,
    mapper: str | None,
    case_name: str | None,
    split: str,
    diagram: bool,
    kind: str | None,
    bins: int,
    out: Output,
) -> None:
    """Compare shares of influence with the truth: the part in wrong bins, Brier score, KL divergence.

    The truth of a sample is an equal share on each exemplar of its model; that of the same sample without
    these in the pool, and of the untouched base, is the null. Before is eq. 6 with tau = 1.

    \b
    Example: attribase -s my.store query calibration --mapper tuned
             attribase -s my.store query calibration --diagram --kind style --format json
    """
    from ..query import measure_calibration

    measured = measure_calibration(open_store(ctx), encoder, mapper, case_name, split)
    if diagram:
        found = [("before", False), ("after", True)] if measured.law else [("before", False)]
        rows = [
            {"when": when} | asdict(one)
            for when, after in found
            for one in measured.diagram(kind, after=after, bins=bins)
        ]
        print_rows(rows, out)
    elif out.is_table:
        print_rows([{name: getattr(row, name) for name in SHOWN} for row in measured.rows()], out)
    else:
        print_rows([asdict(row) for row in measured.rows()], out)
    law = f"calibrated by the law {measured.law!r}" if measured.law else "not calibrated"
    say(f"{measured.encoder} with {measured.mapper}: {law}")
