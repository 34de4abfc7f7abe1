"""`attribase init`, `info`, `check` and `compact`: the store itself."""

import click

from ..store import Store
from .shared import draw, format_option, open_store, print_rows, say, store_uri


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
    """Tables with rows, versions and sizes on disk, and jobs that were not finished.

    Example: attribase -s my.store info
    """
    from ..store.maintenance import info as store_info

    store = open_store(ctx)
    names = ("table", "rows", "version", "versions", "fragments", "bytes")
    print_rows([{name: getattr(found, name) for name in names} for found in store_info(store)], fmt)
    for job in store.jobs.unfinished():
        say(f"unfinished: {job.kind}, {job.done_items} of {job.total_items}; the same command again goes on")


@click.command()
@click.option("--no-bytes", is_flag=True, help="Leave out the slow part: hashing every image.")
@format_option
@click.pass_context
def check(ctx: click.Context, no_bytes: bool, fmt: str) -> None:
    """Look for orphans, missing vectors, bytes whose hash is not their id; exit 1 when something is wrong.

    Example: attribase -s my.store check
    """
    from ..store.maintenance import check as check_store

    problems = check_store(open_store(ctx), read_bytes=not no_bytes)
    if not problems:
        say("no problems found")
        return
    names = ("check", "table", "count", "message", "hint", "examples")
    print_rows([{name: getattr(problem, name) for name in names} for problem in problems], fmt)
    ctx.exit(1)


@click.command()
@click.pass_context
def compact(ctx: click.Context) -> None:
    """Put small fragments together and drop old versions that no result names.

    Example: attribase -s my.store compact
    """
    from ..store.maintenance import compact as compact_store

    draw(compact_store(open_store(ctx)))
    say("compacted")
