"""`attribase query retrieval`: whether the nearest images have the same artist, style or genre."""

from __future__ import annotations

import click

from .console import open_store, run_job, say
from .output import Output, print_rows, rows_options


@click.command()
@click.option(
    "--label",
    required=True,
    help="What images should share: artist (their creator), category, license, or a field of their metadata "
    "such as style.",
)
@click.option(
    "--query-collection", metavar="NAME", help="Whose images are queries; left out, all that have the label."
)
@click.option(
    "--gallery", metavar="NAME", help="The collection that is searched; left out, all that have the label."
)
@click.option("--encoder", help="One encoder; left out, all there are.")
@click.option("--mapper", help="One mapper, or `none`; left out, all there are.")
@click.option("--force", is_flag=True, help="Compute again even where nothing changed.")
@rows_options
@click.pass_context
def retrieval(
    ctx: click.Context,
    label: str,
    query_collection: str | None,
    gallery: str | None,
    encoder: str | None,
    mapper: str | None,
    force: bool,
    out: Output,
) -> None:
    """How many of the nearest images have a query's own label: mAP@1, 5, 10 and 100.

    Every labelled image is a query among the others; intervals are 95%, over labels.

    \b
    Example: attribase -s my.store query retrieval --label style
             attribase -s my.store query retrieval --label artist --gallery wikiart
    """
    from ..query import connect, load_sql, retrieve_by_label
    from ..query.evaluation.labelled import label_field

    store = open_store(ctx)
    steps, _ = run_job(
        retrieve_by_label(
            store, label, encoder, mapper, query_collection=query_collection, gallery=gallery, force=force
        )
    )
    if not steps:
        say("retrieval is up to date: neither vectors nor labels have changed (--force computes again)")
    params = {
        "label": label_field(label),
        "query_collection": query_collection,
        "gallery": gallery,
        "encoder": encoder,
        "mapper": mapper,
    }
    with connect(store.uri) as con:
        rows = con.sql(load_sql("label_metrics_of"), params=params).to_arrow_table().to_pylist()
    print_rows(rows, out)
