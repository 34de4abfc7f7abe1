"""`attribase query attribute`: which training images influenced a generated image."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..store import InvalidInputError
from .console import explain_write_errors, open_store, print_error, print_rows, refuse_binary_on_terminal, say

if TYPE_CHECKING:
    from ..query import Answer, FailedQuestion, Snapshot

SHOWN = ("rank", "influence", "similarity", "creator", "license", "caption", "uri", "image_id")


def _check_field(value: str | None) -> str | None:
    """The field, if influence can be summed by it; else wrong usage."""
    from ..query.attribution.request import check_owner_field

    try:
        if value is not None:
            check_owner_field(value)
    except InvalidInputError as error:
        raise click.BadParameter(f"{error}; {error.hint}") from error
    return value


@click.command()
@click.argument("items", nargs=-1, required=True, metavar="ITEM...")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="How many images to name.")
@click.option("--encoder", help="Which features; left out, those of the newest mapper.")
@click.option("--mapper", help="Which mapper, or `none`; left out, the newest one.")
@click.option(
    "--pool",
    type=click.Choice(["all", "gallery"]),
    default="all",
    show_default=True,
    help="The gallery and every exemplar, or the gallery alone.",
)
@click.option("--where", metavar="SQL", help="Only images that fulfil a condition over images and members.")
@click.option(
    "--by",
    metavar="FIELD",
    callback=lambda _ctx, _param, value: _check_field(value),
    help="Also sum influence per owner: creator, license, collection, category or metadata.NAME.",
)
@click.option(
    "--dedup",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="COSINE",
    help="Images at least this similar are near-duplicates: one place, their influence added.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help='Say "none of these" unless at most this share of pictures that owe nothing to the pool have a '
    "match as good; and mark the set that holds the exemplars at this level. Needs `train abstention`.",
)
@click.option(
    "--kind",
    metavar="KIND",
    help="Compare with validation models of this concept kind (object, style, ...), or `all`; left out, of a "
    "stored sample's kind, else all.",
)
@click.option(
    "--exact/--index",
    "exact",
    default=None,
    help="Compare with every image, or search the index; left out, the index where there is one.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="The most images that a search through the index asks for.",
)
@click.option(
    "--format",
    "fmt",
    type=click.Choice(["table", "json", "csv", "arrow"]),
    default="table",
    show_default=True,
    help="Of stdout. csv and arrow are one row an image, with --by one row an owner, and one row with the "
    "column error for an ITEM that cannot be read.",
)
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write an HTML page.",
)
@click.pass_context
def attribute(
    ctx: click.Context,
    /,
    items: tuple[str, ...],
    fmt: str,
    page: Path | None,
    exact: bool | None,
    **options: Any,
) -> None:
    """Name the training images that influenced ITEM (an image file or a sample), best first.

    Several ITEMs are answered in one pass. One that cannot be read is an error beside the others' answers;
    the exit code is then 1.

    \b
    Example: attribase -s my.store query attribute sunset.png -k 5
             attribase -s my.store query attribute sunset.png --by creator --where "license <> 'CC0'"
             attribase -s my.store query attribute sunset.png --alpha 0.1
             attribase -s my.store query attribute *.png --format csv --html answers.html
    """
    from ..query import Answer, Request, Session, answer_all, answer_each

    refuse_binary_on_terminal(fmt)
    method = "auto" if exact is None else "exact" if exact else "index"
    snapshot = Session(open_store(ctx)).snapshot()
    request = Request(method=method, **options)
    answers: list[Answer | FailedQuestion] = []
    if len(items) == 1:
        answers += answer_all(snapshot, list(items), request)
    else:
        answers += answer_each(snapshot, list(items), request)
    if page is not None:
        _write_page(snapshot, answers, page)
    _print(answers, fmt, request.by)
    failed = [answer for answer in answers if not isinstance(answer, Answer)]
    for one in failed:
        print_error(one.error)
    if failed:
        ctx.exit(1)


def _print(answers: Sequence[Answer | FailedQuestion], fmt: str, by: str | None) -> None:
    from ..query import Answer

    found = [answer for answer in answers if isinstance(answer, Answer)]
    if fmt == "json":
        plain = [answer.to_dict() for answer in answers]
        click.echo(json.dumps(plain[0] if len(plain) == 1 else plain, sort_keys=True))
    elif fmt == "table":
        for answer in found:
            _print_table(answer, title=answer.query if len(answers) > 1 else "")
    else:
        from ..query.attribution.answer import flat_table, shares_table
        from ..query.sql.formats import write_rows
        from ..query.sql.runner import Rows

        table = shares_table(answers, by) if by else flat_table(answers)
        write_rows(Rows(table.schema, iter(table.to_batches())), fmt, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    for note in dict.fromkeys(note for answer in found for note in answer.notes):
        say(note)


def _print_table(answer: Answer, title: str) -> None:
    from ..query.attribution.abstention import verdict
    from ..runtime.influence import SPREAD

    copies = any(result.copies for result in answer.results)
    rows = [
        {name: getattr(result, name) for name in SHOWN}
        | ({"copies": len(result.copies)} if copies else {})
        | ({"in_set": result.in_set} if answer.alpha is not None else {})
        for result in answer.results
    ]
    print_rows(rows, "table", title="\n".join(line for line in (title, *verdict(answer)) if line))
    if answer.by:
        rows = [{answer.by: s.name, "influence": s.influence, "images": s.images} for s in answer.shares]
        print_rows(rows, "table", title=f"\nby {answer.by}")
    if answer.remaining is not None:
        compared = (
            f"all {answer.pool_size:,} images of the pool"
            if answer.exact
            else f"{answer.searched:,} of {answer.pool_size:,} images"
            + (" found by an index" if answer.method == "index" else "")
        )
        say(f"{100 * answer.remaining:.3g}% of the influence is not listed; compared with {compared}")
        if answer.law == SPREAD and answer.null_share is not None:
            say(f"{100 * answer.null_share:.3g}% is the null share: owed to nothing in the pool")


def _write_page(snapshot: Snapshot, answers: Sequence[Answer | FailedQuestion], path: Path) -> None:
    from ..query import Answer
    from ..query.attribution.page import answer_page
    from ..query.attribution.query_vectors import read_query_images

    images = read_query_images(snapshot, [answer.query for answer in answers if isinstance(answer, Answer)])
    text = answer_page(snapshot, answers, images, f"Attribution: {answers[0].query}")
    with explain_write_errors(path):
        path.write_text(text, encoding="utf-8")
    say(f"wrote {path}")
