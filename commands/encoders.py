"""`attribase encoders`: which feature spaces there are, and which are ready."""

from dataclasses import asdict
from typing import Any

import click

from .shared import format_option, open_store, print_rows, say


@click.command()
@format_option
@click.pass_context
def encoders(ctx: click.Context, fmt: str) -> None:
    """Every encoder: its size, where it is from, whether its weights are here and the store has it ready.

    With a store, the ones it holds beyond these are listed too. `ready` names precisions (fp32, fp16, int8).

    \b
    Example: attribase encoders
             attribase -s my.store encoders --format json
    """
    from ..ingest.encoders import FAMILIES
    from ..ingest.encoders.listing import list_encoders

    store = open_store(ctx) if ctx.find_root().obj else None
    rows: list[dict[str, Any]] = [asdict(found) for found in list_encoders(store)]
    if fmt == "json":
        print_rows(rows, fmt)
        return
    shown = (
        "encoder",
        "dim",
        "size",
        "source",
        "license",
        "weights",
        *(("ready", "vectors") if store else ()),
    )
    print_rows([{name: _cell(row[name]) for name in shown} for row in rows], fmt)
    say(f"also {', '.join(FAMILIES)}: attribase -s STORE ingest embed --encoder NAME")


def _cell(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, tuple) else value
