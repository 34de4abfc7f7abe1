"""`attribase init`, `info` and `check`: the store itself."""

import click

from ..store import Store, check_store, store_info
from .shared import format_option, open_store, print_rows, say, store_uri


@click.command()
@click.pass_context
def init(ctx: click.Context) -> None:
    """Make an empty store: all tables, no rows. Doing it twice changes nothing.

    Example: attribase -s my.store init
    """
    store = Store.create(store_uri(ctx))
    say(f"store ready: {store.uri}")


@click.command()
@format_option
@click.pass_context
def info(ctx: click.Context, fmt: str) -> None:
    """Tables with rows, versions and sizes, and jobs that were not finished.

    Example: attribase -s my.store info
    """
    store = open_store(ctx)
    tables = [
        {"table": t.table, "rows": t.rows, "version": t.version, "megabytes": round(t.bytes / 2**20, 2)}
        for t in store_info(store)
    ]
    print_rows(tables, fmt, title=f"{store.uri}")
    for job in store.jobs.unfinished():
        say(f"unfinished: {job.kind} {job.done_shards}/{job.total_shards} shards; run the same command again to go on")


@click.command()
@format_option
@click.pass_context
def check(ctx: click.Context, fmt: str) -> None:
    """Look for orphans, missing vectors and bytes whose hash is not their id; exit 1 when there are any.

    Example: attribase -s my.store check
    """
    problems = check_store(open_store(ctx))
    if not problems:
        say("no problems found")
        return
    print_rows([{"table": p.table, "problem": p.problem, "item": p.item, "detail": p.detail} for p in problems], fmt)
    ctx.exit(1)
