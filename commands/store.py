"""`attribase init`, `info`, `check`, `compact`, `tag` and `tags`: a store and its states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from .console import draw_progress, human_size, open_store, say, store_uri
from .output import Output, print_rows, rows_options

if TYPE_CHECKING:
    from ..store.maintenance import TableInfo
    from ..store.space import TableSpace


@click.command()
@click.pass_context
def init(ctx: click.Context) -> None:
    """Create an empty store, with all tables and no rows. Running it again changes nothing.

    Example: attribase -s my.store init
    """
    from ..store import Store

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
    tables = store_info(store)
    if out.is_table:
        print_rows([_table_row(found) for found in tables], out)
    else:
        print_rows([asdict(found) for found in tables], out)
    rows, size = sum(found.rows for found in tables), sum(found.bytes or 0 for found in tables)
    say(f"{len(tables)} tables, {rows:,} rows" + (f", {human_size(size)} on disk" if size else ""))
    for job in store.jobs.unfinished():
        say(
            f"unfinished: {job.kind}, {job.done_items} of {job.total_items}; run the same command to continue"
        )


def _table_row(found: TableInfo) -> dict[str, Any]:
    """A table of the store, to read."""
    size = None if found.bytes is None else human_size(found.bytes)
    return {"table": found.table, "rows": f"{found.rows:,}", "size": size} | {
        name: getattr(found, name) for name in ("version", "versions", "fragments")
    }


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
@click.option("--dry-run", is_flag=True, help="Only say what would be freed, and when.")
@click.option(
    "--keep",
    type=click.FloatRange(0),
    default=24.0,
    show_default=True,
    metavar="HOURS",
    help="Old versions younger than this stay, for programs that still read them; 0 if nothing else uses the "
    "store.",
)
@click.pass_context
def compact(ctx: click.Context, dry_run: bool, keep: float) -> None:
    """Merge small fragments and remove old versions, except those that a tag or a stored result needs.

    Merging writes new files; the old ones are freed once they are older than --keep. So the store is larger
    until it is compacted again.

    \b
    Example: attribase -s my.store compact --dry-run
             attribase -s my.store compact
    """
    from ..store.maintenance import compact as compact_store
    from ..store.space import measure_space

    store, age = open_store(ctx), timedelta(hours=keep)
    before = measure_space(store, keep=age)
    for line in _space_lines(before, keep):
        say(line)
    if dry_run:
        return
    draw_progress(compact_store(store, keep=age))
    after = measure_space(store, keep=age)
    if before[0].total is not None:
        sizes = [human_size(sum(one.total or 0 for one in found)) for found in (before, after)]
        say(f"compacted: {sizes[0]} before, {sizes[1]} now")
    if later := sum(one.later for one in after):
        say(f"{human_size(later)} can be freed {_when(after)}: run compact again then")


def _space_lines(tables: Sequence[TableSpace], keep: float) -> Iterator[str]:
    """What compaction is going to do, and what it keeps and why."""
    total, freed, later, merged, held, tagged, results = (
        sum(getattr(one, name) or 0 for one in tables)
        for name in ("total", "freed", "later", "merged", "held", "tagged", "results")
    )
    names = ", ".join(sorted({name for one in tables for name in one.tags}))
    loose = merged - held
    if tables[0].total is not None:
        yield f"on disk: {human_size(total)}"
    yield f"freed now: {human_size(freed + (0 if keep else loose))}, of old versions"
    if merged:
        yield f"written now: about {human_size(merged)}, small fragments merged into large ones"
    if later:
        young = f"of versions younger than {keep:g} hours"
        yield f"freed by a later compact: {human_size(later)} {young}, {_when(tables)}"
    if loose and keep:
        yield f"freed by a later compact: {human_size(loose)} of the small fragments, in {keep:g} hours"
    if held:
        needed = f"tags ({names}) or results" if names else "results"
        yield f"not freed: {human_size(held)} of the small fragments, which {needed} still need"
    if tagged:
        yield f"kept for tags: {human_size(tagged)} ({names}; attribase tag NAME --delete)"
    if results:
        yield f"kept for runs, mappers and calibrations that were made from it: {human_size(results)}"


def _when(tables: Sequence[TableSpace]) -> str:
    """From when on old versions can be freed: `from 2026-01-31 18:00 on`, or `now`."""
    ready = max((one.ready for one in tables if one.ready is not None), default=None)
    return f"from {ready:%Y-%m-%d %H:%M} on" if ready else "now"


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
    from ..store.tags import create_tag, delete_tag

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
    from ..store.tags import list_tags

    found = list_tags(open_store(ctx))
    rows = [
        {"tag": tag.name, "created": tag.created.isoformat(), "tables": len(tag.versions)} for tag in found
    ]
    if not found and out.is_table:
        say("no tags yet: attribase tag NAME")
        return
    print_rows(rows, out)
