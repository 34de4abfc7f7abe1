"""`attribase ingest vectors`: features that were computed elsewhere."""

from pathlib import Path

import click

from .console import open_store, run_to_result, say


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--encoder", required=True, metavar="NAME", help="What to call the features; a new name.")
@click.option(
    "--ids",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Of a .npy: its ids, one a line, as a JSON list, or as a column of a CSV.",
)
@click.option("--id-column", metavar="COLUMN", help="The column of ids, where its name does not say so.")
@click.option(
    "--vector-column", metavar="COLUMN", help="The column of vectors, where there are several lists."
)
@click.option("--update", is_flag=True, help="Replace stored vectors that differ.")
@click.pass_context
def vectors(
    ctx: click.Context,
    /,
    file: Path,
    encoder: str,
    ids: Path | None,
    id_column: str | None,
    vector_column: str | None,
    update: bool,
) -> None:
    """Store the features in FILE, Parquet or .npy, as those of an encoder without a model.

    Ids are image_ids, sample_ids, uris, or the end of the path of one uri alone. Such features can be mapped,
    evaluated and searched as all others; only a new picture cannot be asked about.

    \b
    Example: attribase -s my.store ingest vectors features.parquet --encoder my-method
             attribase -s my.store ingest vectors features.npy --ids names.txt --encoder my-method
    """
    from ..ingest.vectors import ingest_vectors, open_vectors

    opened = open_vectors(file, ids, id_column=id_column, vector_column=vector_column)
    summary = run_to_result(ingest_vectors(open_store(ctx), opened, encoder, update=update))
    for line in summary.lines():
        say(line)
