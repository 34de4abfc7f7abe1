"""`attribase init`, `info`, `check` and `compact`: the store itself."""

import click

from ..store import Store
from ..store import tags as store_tags
from .console import draw_progress, format_option, open_store, print_rows, say, store_uri


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
    from ..store.checks import check as check_store

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

    draw_progress(compact_store(open_store(ctx)))
    say("compacted")


@click.command()
@click.argument("name")
@click.option(
    "--delete", is_flag=True, help="Drop the tag instead; its versions go with the next compaction."
)
@click.pass_context
def tag(ctx: click.Context, name: str, delete: bool) -> None:
    """Call the store as it is now NAME, to ask and compare later; compaction keeps it.

    \b
    Example: attribase -s my.store tag before_cleaning
             attribase -s my.store query sql "from metrics" --at before_cleaning
             attribase -s my.store query sql "from before_cleaning.metrics"
    """
    store = open_store(ctx)
    if delete:
        store_tags.delete_tag(store, name)
        say(f"dropped the tag {name}")
    else:
        made = store_tags.create_tag(store, name)
        say(f"tagged {len(made.versions)} tables: query sql ... --at {name}, or `from {name}.metrics`")


@click.command()
@format_option
@click.pass_context
def tags(ctx: click.Context, fmt: str) -> None:
    """The tags there are, oldest first.

    Example: attribase -s my.store tags
    """
    found = store_tags.list_tags(open_store(ctx))
    rows = [
        {"tag": tag.name, "created": tag.created.isoformat(), "tables": len(tag.versions)} for tag in found
    ]
    if not found and fmt == "table":
        say("no tags yet: attribase tag NAME")
        return
    print_rows(rows, fmt)
