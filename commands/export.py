"""`attribase query export`: a store as Parquet files."""

from pathlib import Path

import click

from .console import at_option, draw_progress, open_store, say
from .paths import LocalPath


@click.command()
@click.argument("folder", metavar="DIR", type=LocalPath(file_okay=False, path_type=Path))
@at_option
@click.pass_context
def export(ctx: click.Context, folder: Path, at: str | None) -> None:
    """Write every table and view as a Parquet file into DIR, for programs that read no Lance.

    Pictures and weights are left out. After a kill, run it again: it goes on. In DIR, `duckdb -init load.sql`
    has all of them as views.

    \b
    Example: attribase -s my.store query export my-export
             attribase -s my.store query export as-published --at before_cleaning
    """
    from ..query.sql.export import LOAD, export_store

    last = draw_progress(export_store(open_store(ctx), folder, at))
    say(f"{last.total if last else 0} tables and views in {folder}; in stock DuckDB: duckdb -init {LOAD}")
