"""`attribase tag` and `attribase tags`: names for how the store was."""

import click

from ..store import tags as store_tags
from .shared import format_option, open_store, print_rows, say


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
