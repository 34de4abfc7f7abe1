"""`attribase upgrade`: bringing a store that an earlier version made to the present format."""

import sys
from typing import TYPE_CHECKING

import click

from ..store import InvalidInputError
from .console import draw_progress, say, store_uri
from .output import Output, print_rows, rows_options

if TYPE_CHECKING:
    from ..store.upgrade import Change


@click.command()
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@rows_options
@click.pass_context
def upgrade(ctx: click.Context, dry_run: bool, yes: bool, out: Output) -> None:
    """Bring a store that an earlier attribase made to the present format. Shows what changes, then asks.

    Tables and columns that only come new are also added when a store is opened. Only this command writes a
    table anew, which an earlier version could not write afterwards. After a kill, run it again.

    \b
    Example: attribase -s my.store upgrade --dry-run
             attribase -s my.store upgrade --yes
    """
    from ..store.layout import Layout
    from ..store.marker import FORMAT, require_marker
    from ..store.tables import Tables
    from ..store.upgrade import plan_upgrade
    from ..store.upgrade import upgrade as upgrade_store

    tables = Tables(Layout.of(store_uri(ctx)))
    before, changes = require_marker(tables.layout).format, plan_upgrade(tables)
    if not changes and before == FORMAT:
        say(f"{tables.uri} has store format {FORMAT}: there is nothing to upgrade")
        return
    say(f"{tables.uri}: store format {before} becomes {FORMAT}")
    print_rows([_row(change) for change in changes], out)
    if dry_run:
        say("nothing was changed: run it without --dry-run")
        return
    if not yes:
        _confirm()
    draw_progress(upgrade_store(tables))
    left = plan_upgrade(tables)
    if left or require_marker(tables.layout).format != FORMAT:
        raise InvalidInputError(
            f"{tables.uri} could not be upgraded as a whole", hint="attribase check names damaged tables"
        )
    say(f"upgraded to store format {FORMAT}; attribase of before refuses the store from now on")


def _row(change: "Change") -> dict[str, object]:
    columns = "all" if change.rows is None else ", ".join(change.columns)
    return {"table": change.table, "change": change.action, "columns": columns, "rows": change.rows or 0}


def _confirm() -> None:
    """Ask before the store is changed. Raises InvalidInputError where there is no terminal."""
    if not sys.stdin.isatty():
        raise InvalidInputError(
            "an upgrade needs a confirmation, and this is no terminal", hint="add --yes, or --dry-run"
        )
    click.confirm("upgrade the store? (a copy of its folder is a backup)", abort=True, err=True)
