"""`attribase cluster` and `attribase query leakage`: copies of one work, and where they lie."""

from __future__ import annotations

from typing import Any

import click

from .console import open_store, run_job, say
from .output import Output, print_rows, rows_options

SUSPICIOUS = 0.02
"""A cluster with more than this share of the images is hardly one work."""


@click.command()
@click.option(
    "--by",
    "method",
    type=click.Choice(["vectors", "phash"]),
    default="vectors",
    show_default=True,
    help="Compare the vectors of an encoder, or perceptual hashes of the pictures, which need no encoder.",
)
@click.option(
    "--encoder",
    help="Whose vectors; left out, SSCD's where the store has them. With --by phash, links count only where "
    "this encoder agrees.",
)
@click.option("--mapper", help="A mapper on top of it; left out, raw features.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="COSINE",
    help="Images at least this similar are copies; left out, 0.75 for SSCD and 0.95 for other encoders.",
)
@click.option(
    "--bits",
    type=click.IntRange(0, 12),
    help="With --by phash: copies differ in at most so many of 64 bits; left out, 4.",
)
@click.option(
    "--rule",
    type=click.Choice(["star", "chain"]),
    default="star",
    show_default=True,
    help="star: every image is a copy of the one that stands for its cluster; chain: all that links connect.",
)
@click.option("--force", is_flag=True, help="Compare again even where nothing changed.")
@rows_options
@click.pass_context
def cluster(ctx: click.Context, /, out: Output, force: bool, **options: Any) -> None:
    """Group all images that are copies of each other; answers with --fold then take each group as one work.

    \b
    Example: attribase -s my.store cluster
             attribase -s my.store cluster --encoder sscd --threshold 0.8 --rule chain
             attribase -s my.store cluster --by phash
    """
    from ..query.clusters.cluster import cluster_images
    from ..query.clusters.settings import ClusterSettings

    store = open_store(ctx)
    steps, _ = run_job(cluster_images(store, ClusterSettings(**options), force=force))
    if not steps:
        say("clusters are up to date: neither images nor settings have changed (--force compares again)")
    row = max(store.read("cluster_runs").to_pylist(), key=lambda one: one["started"])
    missing = store.count("images") - row["images"]
    if missing > 0:
        what = "hash, which only pictures with bytes have" if row["method"] == "phash" else "vector"
        say(f"{missing:,} images were not compared: they have no {what}")
    for line in _remarks(row):
        say(line)
    print_rows([row], out) if not out.is_table else print_rows([{name: row[name] for name in SHOWN}], out)


SHOWN = (
    "method",
    "encoder",
    "threshold",
    "bits",
    "rule",
    "images",
    "linked",
    "clusters",
    "largest",
    "chained",
    "recall",
)


def _remarks(row: dict[str, Any]) -> list[str]:
    """What to know of a run: its largest cluster, chains, and links that were not looked for."""
    lines = [f"{row['linked']:,} of {row['images']:,} images have copies, in {row['clusters']:,} clusters"]
    if row["largest"] > max(10, SUSPICIOUS * row["images"]):
        lines.append(
            f"the largest cluster has {row['largest']:,} images, which is hardly one work: raise --threshold"
            if row["method"] == "vectors"
            else f"the largest cluster has {row['largest']:,} images: lower --bits, or confirm with --encoder"
        )
    if row["chained"]:
        lines.append(
            f"{row['chained']:,} images are connected with the one that stands for their cluster only by way "
            "of others: --rule star takes these apart"
        )
    if row["recall"] is None:
        lines.append("no image of those compared with all others had a copy, so the recall is not known")
    elif row["recall"] < 1:
        lines.append(
            f"{100 * row['recall']:.1f}% of the copies of images compared with all others were found"
        )
    lines.append('look: attribase query sql "from clusters order by size desc"')
    return lines


@click.command()
@click.option("--fail", is_flag=True, help="Exit with 1 where two splits of models share a work.")
@rows_options
@click.pass_context
def leakage(ctx: click.Context, fail: bool, out: Output) -> None:
    """Works that two collections, or the exemplars of two splits of models, share: same images and copies.

    Copies are those of the newest `attribase cluster`.

    \b
    Example: attribase -s my.store query leakage
             attribase -s my.store query leakage --fail
    """
    from ..query import connect
    from ..store import ConflictError

    store = open_store(ctx)
    if not store.count("cluster_runs"):
        raise ConflictError(
            "the copies in this store are not known", hint="find them: attribase -s STORE cluster"
        )
    with connect(store.uri) as con:
        rows = con.sql("from leakage order by first, second").to_arrow_table().to_pylist()
    if not rows and out.is_table:
        say("no two collections or splits share a work")
    else:
        print_rows(rows, out)
    if fail and any(row["first"].startswith("split ") and row["second"].startswith("split ") for row in rows):
        ctx.exit(1)
