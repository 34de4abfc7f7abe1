"""`attribase index`: index large spaces, and measure the recall of searching them."""

import click

from .console import draw_progress, open_store, ray_option, say
from .output import Output, print_rows, rows_options

KINDS = ("IVF_RQ", "IVF_SQ", "IVF_PQ", "IVF_HNSW_SQ")
"""Those of `store.indexes.KINDS`, named here so that `--help` loads no engine; tested to be the same."""

SHOWN = (
    "encoder",
    "mapper",
    "state",
    "kind",
    "rows",
    "recall_10",
    "recall_100",
    "recall_1000",
    "milliseconds",
    "bytes",
)


@click.command()
@click.option("--encoder", help="One encoder; left out, all there are.")
@click.option("--mapper", help="One mapper, or `none`; left out, raw features and every mapper.")
@click.option(
    "--recall",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.99,
    show_default=True,
    help="Search as thoroughly as this takes, for 10, 100 and 1000 answers.",
)
@click.option(
    "--kind", type=click.Choice(["auto", *KINDS]), default="auto", show_default=True, help="What to build."
)
@click.option(
    "--min-rows",
    type=click.IntRange(0),
    default=100_000,
    show_default=True,
    help="Fewer images than this need no index.",
)
@click.option("--force", is_flag=True, help="Build anew, also where there is an index.")
@ray_option
@rows_options
@click.pass_context
def index(
    ctx: click.Context,
    encoder: str | None,
    mapper: str | None,
    recall: float,
    kind: str,
    min_rows: int,
    force: bool,
    ray: str | None,
    out: Output,
) -> None:
    """Index the spaces that are large enough to need it; run again, add the images that are new.

    Recall is measured against exact search with stored samples as questions, and kept in the table indexes.
    What a first question would read of every image is stored too: the pools, and indexes of the ids.

    \b
    Example: attribase -s my.store index
             attribase -s my.store index --encoder clip-vit-b32 --mapper none --recall 0.999
             attribase -s /shared/my.store index --ray auto
    """
    from ..query.search.index_build import IndexTarget, index_space, index_summary, spaces_of
    from ..store.key_indexes import index_all_keys

    store = open_store(ctx)
    draw_progress(index_all_keys(store, min_rows))
    target = IndexTarget(recall=recall, kind=kind, force=force, min_rows=min_rows)
    rows = []
    for space in spaces_of(store, encoder, mapper):
        steps = draw_progress(index_space(store, *space, target, ray=ray))
        row = index_summary(store, *space, target, changed=steps is not None)
        rows.append(row)
        name = f"{space[0]} with {space[1]}"
        if row["state"] == "not needed":
            say(f"{name}: {row['images']} images need no index, comparing all is quick")
        elif min(row["recall_10"], row["recall_100"], row["recall_1000"]) < recall:
            say(f"{name}: a recall of {recall} was not reached; --kind IVF_SQ may come closer")
    print_rows([{name: row[name] for name in SHOWN} for row in rows] if out.is_table else rows, out)
