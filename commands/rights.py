"""`attribase rights`: who holds rights in stored images, set by hand, and the log of every change."""

from __future__ import annotations

import getpass
from typing import Any, TextIO

import click

from ..store import InvalidInputError
from .console import CommandGroup, open_store, say
from .output import Output, print_rows, rows_options

RESERVATIONS = ("none", "tdm", "opt-out")
"""Those of `store.rights.RESERVATIONS`, named here so that `--help` loads nothing."""

FIELDS = ("creator", "rights_holder", "license", "license_url", "reservation", "source")
"""Those of `store.rights.FIELDS`."""

where_option = click.option("--where", metavar="SQL", help="Only images that satisfy this condition.")
collection_option = click.option("--collection", metavar="NAME", help="Only members of this collection.")
ids_option = click.option(
    "--ids",
    "ids_file",
    type=click.File("r", encoding="utf-8", errors="replace"),
    help="Only these images: a file of ids or uris, one a line; - is stdin.",
)


@click.group(cls=CommandGroup)
def rights() -> None:
    """Who holds rights in the images, what they allow, and how that is known.

    Example: attribase -s my.store rights log --where "creator = 'Ada'"
    """


@rights.command("set")
@click.argument("names", nargs=-1, metavar="[IMAGE]...")
@where_option
@collection_option
@ids_option
@click.option("--creator", help="Who made the images.")
@click.option("--holder", "rights_holder", help="Who holds the rights, where that is not the creator.")
@click.option("--license", "license_", help="The licence, such as CC-BY-4.0.")
@click.option("--license-url", help="Where the licence's text is.")
@click.option("--reservation", type=click.Choice(RESERVATIONS), help="What the holder says of training.")
@click.option("--source", help="The data set, archive or site that the images were taken from.")
@click.option(
    "--clear", type=click.Choice(FIELDS), multiple=True, help="Make this field unknown. Repeatable."
)
@click.option("--by", metavar="WHO", help="Who sets it, for the log; left out, the user of this computer.")
@click.option("--note", metavar="TEXT", help="Why, for the log: a letter, a register, its date.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and write nothing.")
@click.pass_context
def set_(
    ctx: click.Context,
    /,
    names: tuple[str, ...],
    where: str | None,
    collection: str | None,
    ids_file: TextIO | None,
    clear: tuple[str, ...],
    by: str | None,
    note: str | None,
    dry_run: bool,
    **given: Any,
) -> None:
    """Set fields of the rights of some images; each change is a row of `rights_log`.

    IMAGE is an id or a uri. What is stored is replaced.

    \b
    Example: attribase -s my.store rights set --where "creator = 'Ada'" --reservation opt-out
             attribase -s my.store rights set --ids ids.txt --holder "Ada Ltd" --note "letter"
    """
    from ..store.rights import Said, set_rights

    values = {name.rstrip("_"): value for name, value in given.items() if value is not None}
    twice = sorted(set(values) & set(clear))
    if twice:
        raise InvalidInputError(f"{twice[0]} is both set and cleared", hint="say one of them")
    values |= dict.fromkeys(clear)
    if not values:
        raise InvalidInputError("nothing says what to set", hint="give --reservation, --holder and the like")
    blank = next((name for name, value in values.items() if value is not None and not value.strip()), None)
    if blank:
        raise InvalidInputError(f"{blank} is blank", hint=f"to make it unknown: --clear {blank}")
    store = open_store(ctx)
    ids = _selected(store, names, ids_file, where, collection)
    said = Said("hand", by or _user(), note)
    done = set_rights(store, ids, values, said, dry_run=dry_run)
    would = "would be " if dry_run else ""
    fields = ", ".join(f"{name} {count:,}" for name, count in done.fields.items())
    say(f"{would}changed: {done.changed:,} of {done.asked:,} images" + (f": {fields}" if fields else ""))


@rights.command()
@click.argument("names", nargs=-1, metavar="[IMAGE]...")
@where_option
@collection_option
@ids_option
@rows_options
@click.pass_context
def log(
    ctx: click.Context,
    /,
    names: tuple[str, ...],
    where: str | None,
    collection: str | None,
    ids_file: TextIO | None,
    out: Output,
) -> None:
    """Print every change of the rights of some images, or of all, oldest first.

    \b
    Example: attribase -s my.store rights log photos/cat.png
             attribase -s my.store rights log -o rights.csv
    """
    from ..store.rights import TABLE, read_log

    store = open_store(ctx)
    asked = bool(names or ids_file or where or collection)
    ids = _selected(store, names, ids_file, where, collection) if asked else None
    rows = read_log(store, ids)
    if not rows:
        say(f"{TABLE} has no row of these images" if asked else f"{TABLE} is empty")
    print_rows(rows, out)


def _user() -> str:
    """Who runs this. Raises InvalidInputError where the system does not tell."""
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise InvalidInputError("this system does not tell who you are", hint="add --by WHO") from error


def _selected(
    store: Any, names: tuple[str, ...], ids_file: TextIO | None, where: str | None, collection: str | None
) -> list[str]:
    """The images that are named or meet the conditions. Raises InvalidInputError where there are none."""
    from ..store.selection import select_images

    lines = [line.strip() for line in ids_file if line.strip()] if ids_file else []
    named = [*names, *lines] if names or ids_file else None
    ids, unknown = select_images(store, where=where, ids=named, collection=collection)
    if unknown:
        say(f"not in the store: {len(unknown)} of the ids or uris, the first is {unknown[0]}")
    if not ids:
        raise InvalidInputError(
            "no image matches",
            hint='look with: attribase query sql "select image_id, uri from images"',
        )
    return ids
