"""`attribase ingest remove` and `ingest readmit`: taking images out of a store, and letting them back in."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from ..store import InvalidInputError
from .console import draw_progress, open_store, say
from .output import Output, print_rows, rows_options

if TYPE_CHECKING:
    from ..store import Store
    from ..store.removal_plan import RemovalPlan

ids_option = click.option(
    "--ids",
    "ids_file",
    type=click.File("r", encoding="utf-8", errors="replace"),
    help="Only these images: a file of ids or uris, one a line; - is stdin.",
)


@click.command()
@click.option("--collection", metavar="NAME", help="Only members of this collection.")
@click.option("--where", metavar="SQL", help="Only images that satisfy this condition on the table `images`.")
@ids_option
@click.option(
    "--missing-from",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Only members of the collection that came from this folder and are no longer in it.",
)
@click.option("--reason", metavar="TEXT", help="Kept with the id and the time of what was removed.")
@click.option(
    "--models", is_flag=True, help="Also remove models customized on the images, with their samples."
)
@click.option(
    "--erase", is_flag=True, help="Also delete old versions that hold what was removed, now or before."
)
@click.option("--delete-tags", is_flag=True, help="With --erase: also the tags of such versions.")
@click.option(
    "--exclusive", is_flag=True, help="With --erase: nothing else writes; delete unfinished writes."
)
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@rows_options
@click.pass_context
def remove(ctx: click.Context, /, out: Output, **settings: Any) -> None:
    """Remove images with their bytes, memberships, vectors, ranks and all that was made from them.

    An image of --collection that is in another one too only leaves this one. Later ingests leave out what
    was removed (ingest readmit lets it in again). After a kill, run it again: it goes on.

    \b
    Example: attribase -s my.store ingest remove --where "creator = 'Goya'" --reason opt-out --erase
             attribase -s my.store ingest remove --ids opt_outs.txt --dry-run
             attribase -s my.store ingest remove --collection gallery --missing-from photos/
    """
    from ..store.removal import remove as remove_images

    store = open_store(ctx)
    plan = _plan(store, settings)
    _show(store, plan, out)
    if settings["dry_run"]:
        return
    if not (plan.empty or settings["yes"]):
        _confirm(plan)
    chosen = {name: settings[name] for name in ("reason", "models", "erase")}
    draw_progress(remove_images(store, plan, **chosen))
    if settings["erase"]:
        _erase(store, delete_tags=settings["delete_tags"], exclusive=settings["exclusive"])
    elif plan.images:
        say("older versions still hold the bytes: attribase ingest remove --erase deletes those")
    say(f"removed {len(plan.images)} images, {len(plan.models)} models and {len(plan.samples)} samples")


def _plan(store: "Store", settings: dict[str, Any]) -> "RemovalPlan":
    """The selected images; none where only old versions are to be erased."""
    from ..store.removal_plan import RemovalPlan, plan_removal

    names = _lines(settings["ids_file"])
    chosen = {name: settings[name] for name in ("collection", "where", "missing_from")}
    if settings["erase"] and names is None and not any(chosen.values()):
        return RemovalPlan({})
    return plan_removal(store, ids=names, **chosen)


def _lines(file: TextIO | None) -> list[str] | None:
    """The lines of a file without those that are empty; None without a file."""
    return None if file is None else [line.strip() for line in file if line.strip()]


def _show(store: "Store", plan: "RemovalPlan", out: Output) -> None:
    """Print the rows that go, and what was computed with them and stays."""
    if plan.empty and plan.collection is not None:
        known = sorted(set(store.read("members", ["collection"])["collection"].to_pylist()))
        if plan.collection not in known:
            say(f"no image is in the collection {plan.collection!r}: there is {', '.join(known) or 'none'}")
    if plan.unknown:
        say(f"not in the store: {len(plan.unknown)} of the ids or uris, the first is {plan.unknown[0]}")
    if plan.memberships:
        say(f"in another collection too, only leaving {plan.collection!r}: {len(plan.memberships)} images")
    if plan.models:
        say(f"made from these images: {len(plan.models)} models with {len(plan.samples)} samples")
    if any(table.startswith("vectors_") for table in plan.rows):
        counts = {table: store.count(table) for table in ("runs", "mappers", "calibrations", "abstentions")}
        kept = ", ".join(f"{count} {table}" for table, count in counts.items() if count)
        if kept:
            say(f"computed before this removal, and kept: {kept} (docs/removing.md says how to renew them)")
    print_rows([{"table": table, "rows": count} for table, count in plan.rows.items()], out)


def _confirm(plan: "RemovalPlan") -> None:
    """Ask before images are removed. Raises InvalidInputError where there is no terminal."""
    if not sys.stdin.isatty():
        raise InvalidInputError(
            "removing images needs a confirmation, and this is no terminal", hint="add --yes, or --dry-run"
        )
    count = len(plan.images) + len(plan.memberships)
    click.confirm(f"remove {count} images?", abort=True, err=True)


def _erase(store: "Store", *, delete_tags: bool, exclusive: bool) -> None:
    from ..store.erasure import GRACE, erase

    grace = timedelta(0) if exclusive else GRACE
    draw_progress(erase(store, delete_tags=delete_tags, grace=grace))
    say("erased: no file of the store holds the bytes or vectors of what was removed")


@click.command()
@click.argument("names", nargs=-1, metavar="[ID]...")
@ids_option
@click.pass_context
def readmit(ctx: click.Context, names: tuple[str, ...], ids_file: TextIO | None) -> None:
    """Let images that were removed come back with their next ingest. ID is an image id or a uri.

    Example: attribase -s my.store ingest readmit photos/cat.png
    """
    from ..store.removal import readmit as readmit_images

    wanted = [*names, *(_lines(ids_file) or [])]
    if not wanted:
        raise InvalidInputError("no image is named", hint="give image ids or uris, or --ids FILE")
    images = readmit_images(open_store(ctx), wanted)
    say(f"{len(images)} images may come back: ingest their source again")
