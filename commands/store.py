"""`attribase init`, `info`, `check`, `compact`, `tag` and `tags`: a store and its states."""

import click

from ..store import Store
from ..store.tags import create_tag, delete_tag, list_tags
from .console import draw_progress, open_store, say, store_uri
from .output import Output, print_rows, rows_options


@click.command()
@click.pass_context
def init(ctx: click.Context) -> None:
    """Create an empty store, with all tables and no rows. Running it again changes nothing.

    Example: attribase -s my.store init
    """
    store = Store.create(store_uri(ctx))
    say(f"store ready: {store.uri}")


@click.command()
@rows_options
@click.pass_context
def info(ctx: click.Context, out: Output) -> None:
    """Show the tables with their rows, versions and sizes on disk, and the unfinished jobs.

    Example: attribase -s my.store info
    """
    from ..store.maintenance import info as store_info

    store = open_store(ctx)
    names = ("table", "rows", "version", "versions", "fragments", "bytes")
    print_rows([{name: getattr(found, name) for name in names} for found in store_info(store)], out)
    for job in store.jobs.unfinished():
        say(
            f"unfinished: {job.kind}, {job.done_items} of {job.total_items}; run the same command to continue"
        )


@click.command()
@click.option("--no-bytes", is_flag=True, help="Do not hash the images, which is the slow part.")
@rows_options
@click.pass_context
def check(ctx: click.Context, no_bytes: bool, out: Output) -> None:
    """Check the store for orphans, missing vectors and changed images; exit with 1 when there is a problem.

    Example: attribase -s my.store check
    """
    from ..store.checks import check as check_store

    problems = check_store(open_store(ctx), read_bytes=not no_bytes)
    if not problems:
        say("no problems found")
        return
    names = ("check", "table", "count", "message", "hint", "examples")
    print_rows([{name: getattr(problem, name) for name in names} for problem in problems], out)
    ctx.exit(1)


@click.command()
@click.pass_context
def compact(ctx: click.Context) -> None:
    """Merge small fragments and remove old versions, except those that a tag or a stored result needs.

    Example: attribase -s my.store compact
    """
    from ..store.maintenance import compact as compact_store

    draw_progress(compact_store(open_store(ctx)))
    say("compacted")


@click.command()
@click.argument("name")
@click.option("--delete", is_flag=True, help="Delete the tag; the next compaction removes its versions.")
@click.pass_context
def tag(ctx: click.Context, name: str, delete: bool) -> None:
    """Name the present state of the store NAME, to query and compare it later. Compaction keeps it.

    \b
    Example: attribase -s my.store tag before_cleaning
             attribase -s my.store query sql "from metrics" --at before_cleaning
             attribase -s my.store query sql "from before_cleaning.metrics"
    """
    from ..query.sql.statements import schema_name

    store = open_store(ctx)
    if delete:
        delete_tag(store, name)
        say(f"deleted the tag {name}")
    else:
        created = create_tag(store, name)
        schema = schema_name(name)
        say(f"tagged {len(created.versions)} tables: query sql ... --at {name}, or `from {schema}.metrics`")


@click.command()
@rows_options
@click.pass_context
def tags(ctx: click.Context, out: Output) -> None:
    """List the tags, oldest first.

    Example: attribase -s my.store tags
    """
    found = list_tags(open_store(ctx))
    rows = [
        {"tag": tag.name, "created": tag.created.isoformat(), "tables": len(tag.versions)} for tag in found
    ]
    if not found and out.is_table:
        say("no tags yet: attribase tag NAME")
        return
    print_rows(rows, out)
