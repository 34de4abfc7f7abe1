"""`attribase query owners`: what generated pictures owe to owners, together."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from ..store import InvalidInputError
from .console import at_option, open_store, run_to_result, say
from .output import Output, explain_write_errors, print_rows, rows_options


def _moment(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """A time in ISO format, in UTC where it names no zone; `2026-11-01` is the beginning of that day."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        said = f"{value!r} is no time; write 2026-11-01 or 2026-11-01T12:00:00+01:00"
        raise click.BadParameter(said, ctx, param) from error
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


@click.command()
@click.argument("samples", nargs=-1, metavar="[SAMPLE]...")
@click.option(
    "--by",
    default="creator",
    show_default=True,
    metavar="FIELD",
    help="creator, rights_holder, license, license_url, reservation, source, collection, category or "
    "metadata.NAME.",
)
@click.option("--model", metavar="MODEL_ID", help="Only samples that this model drew.")
@click.option("--since", callback=_moment, metavar="TIME", help="Only samples generated then or later.")
@click.option("--until", callback=_moment, metavar="TIME", help="Only samples generated before.")
@click.option("--month", metavar="YYYY-MM", help="Only samples generated in this month, or `last`.")
@click.option("-k", type=click.IntRange(1), help="How many owners; left out, all.")
@click.option("--encoder", help="Which features; left out, the best on val models.")
@click.option("--mapper", help="Which mapper, or `none`; left out, the best on val models.")
@at_option
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write an HTML page with a chart.",
)
@rows_options
@click.pass_context
def owners(
    ctx: click.Context,
    /,
    samples: tuple[str, ...],
    by: str,
    model: str | None,
    since: datetime | None,
    until: datetime | None,
    month: str | None,
    k: int | None,
    encoder: str | None,
    mapper: str | None,
    at: str | None,
    page: Path | None,
    out: Output,
) -> None:
    """Add up whose images stored samples owe their influence to, with 95% intervals over models.

    SAMPLE is a sample_id or uri; left out, all samples that the options leave.

    \b
    Example: attribase -s my.store query owners --by reservation --month last --html usage.html
             attribase -s my.store query owners --by rights_holder -k 20 -o holders.csv
    """
    from ..query import Session
    from ..query.attribution.usage import usage_steps
    from ..query.attribution.usage_result import SampleChoice

    if month is not None:
        if since or until:
            raise InvalidInputError(
                "--month is a time range of its own", hint="leave out --since and --until"
            )
        since, until = month_range(month, datetime.now(UTC))
    store = open_store(ctx)
    snapshot = Session(store).snapshot().as_of(at)
    choice = SampleChoice(model, since, until, samples or None)
    usage = run_to_result(usage_steps(snapshot, by, choice, encoder=encoder, mapper=mapper, k=k))
    for line in usage.remarks():
        say(line)
    if page is not None:
        from ..query.attribution.usage_page import usage_page

        with explain_write_errors(page):
            page.write_text(usage_page(usage), encoding="utf-8")
    rows = [vars(owner) for owner in usage.owners]
    print_rows(rows, out)
    if usage.reserved is not None:
        one = usage.reserved
        ends = "" if one.low is None or one.high is None else f" ({one.low:.1%} to {one.high:.1%})"
        rest = f"; of {usage.not_known:.1%} it is not known" if usage.not_known else ""
        say(f"{one.influence:.1%}{ends} of the influence is of images with a reservation{rest}")


def month_range(month: str, now: datetime) -> tuple[datetime, datetime]:
    """The first moment of a month and that of the next, in UTC. Raises InvalidInputError."""
    if month == "last":
        year, number = (now.year, now.month - 1) if now.month > 1 else (now.year - 1, 12)
    else:
        try:
            first = datetime.strptime(month, "%Y-%m")
        except ValueError as error:
            raise InvalidInputError(f"{month!r} is no month", hint="write 2026-11, or last") from error
        year, number = first.year, first.month
    after = (year, number + 1) if number < 12 else (year + 1, 1)
    return datetime(year, number, 1), datetime(*after, 1)
