"""`attribase query`: evaluation, attribution and SQL."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import click

from ..store import InvalidInputError
from .abstention import abstention_command
from .attribute import attribute
from .calibration import calibration
from .compare import compare
from .console import (
    BINARY_FORMATS,
    CommandGroup,
    explain_write_errors,
    format_option,
    open_store,
    print_left_out,
    print_rows,
    refuse_binary_on_terminal,
    run_job,
    say,
    store_uri,
)

SQL_FORMATS = ("table", "csv", "json", *BINARY_FORMATS)


@click.group(cls=CommandGroup)
def query() -> None:
    """Query the store: metrics, attribution, SQL.

    Example: attribase -s my.store query attribute picture.png -k 5
    """


query.add_command(attribute)
query.add_command(calibration)
query.add_command(compare)
query.add_command(abstention_command)


@query.command("eval")
@click.option("--encoder", help="One encoder; left out, all there are.")
@click.option("--mapper", help="One mapper, or `none`; left out, all there are.")
@click.option("--case", "case_name", help="One test case; left out, all there are.")
@click.option("--force", is_flag=True, help="Compute again even where nothing changed.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="What computes; ranks are the same on all.",
)
@format_option
@click.pass_context
def evaluate_command(
    ctx: click.Context,
    encoder: str | None,
    mapper: str | None,
    case_name: str | None,
    force: bool,
    device: str,
    fmt: str,
) -> None:
    """Rank every exemplar of every sample in its pool, then print recall and mAP.

    Example: attribase -s my.store query eval --case object_unseen
    """
    from ..query import connect, count_left_out, evaluate, load_sql

    store = open_store(ctx)
    chosen = None if device == "auto" else device
    steps, _ = run_job(evaluate(store, encoder, mapper, case_name, force=force, device=chosen))
    if not steps:
        say("ranks are up to date: nothing that they depend on has changed (--force computes again)")
    print_left_out(note for one in count_left_out(store, encoder, case_name) for note in one.notes())
    params = {"encoder": encoder, "mapper": mapper, "case_name": case_name}
    rows = connect(store.uri).sql(load_sql("metrics_of"), params=params)
    print_rows(rows.to_arrow_table().to_pylist(), fmt)


@query.command("prune")
@click.option("--dry-run", is_flag=True, help="Only count what would be deleted.")
@click.option(
    "--unfinished",
    is_flag=True,
    help="Delete ranks of runs that were stopped too; only while no `query eval` is running.",
)
@format_option
@click.pass_context
def prune_command(ctx: click.Context, dry_run: bool, unfinished: bool, fmt: str) -> None:
    """Delete runs that a newer run of the same encoder, mapper, case, split and scheme supersedes.

    Kept are the newest runs, which all views and reports read, and everything in tagged versions. Disk
    space is freed by the next `attribase compact`.

    \b
    Example: attribase -s my.store query prune --dry-run
             attribase -s my.store query prune
    """
    from ..query import prune_runs

    report = prune_runs(open_store(ctx), unfinished=unfinished, dry_run=dry_run)
    print_rows([asdict(report)], fmt)
    done = "would delete" if dry_run else "deleted"
    say(f"{done} {report.deleted_runs} superseded runs and {report.deleted_ranks} ranks")
    say(f"kept the newest {report.kept_runs} runs, their ranks, and tagged versions")
    if report.unfinished_ranks and not unfinished:
        say(
            f"kept {report.unfinished_ranks} ranks of runs that were stopped: `query eval` may resume them "
            "(--unfinished deletes them)"
        )


@query.command()
@click.argument("statement", required=False)
@click.option(
    "--file",
    "-f",
    "file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="Read the statement from a file.",
)
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="Bind VALUE to $NAME, cast to the type needed there.",
)
@click.option("--at", metavar="TAG|TIMESTAMP", help="Read the store as it was at a tag or a moment.")
@click.option(
    "--format",
    "fmt",
    type=click.Choice(SQL_FORMATS),
    default="table",
    show_default=True,
    help="Of the rows; all but `table` are complete.",
)
@click.option(
    "--max-rows", type=click.IntRange(1), default=100, show_default=True, help="Rows a table shows."
)
@click.option(
    "-o", "--output", "out", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file."
)
@click.pass_context
def sql(
    ctx: click.Context,
    statement: str | None,
    file: Path | None,
    params: tuple[str, ...],
    at: str | None,
    fmt: str,
    max_rows: int,
    out: Path | None,
) -> None:
    """Run STATEMENT (or a file, or standard input) over all tables and views, now or as they were.

    \b
    Example: attribase -s my.store query sql "from metrics"
             attribase -s my.store query sql "from ranks" --format parquet -o ranks.parquet
             attribase -s my.store query sql "from metrics where split = $s" --param s=test --at v1
    """
    from ..query.sql.formats import write_rows
    from ..query.sql.runner import stream_sql

    if out is None:
        refuse_binary_on_terminal(fmt, file_option="-o")
    text, bound = _statement(statement, file), dict(_name_and_value(param) for param in params)
    with stream_sql(store_uri(ctx), text, bound, at) as rows, _sink(out) as sink:
        write_rows(rows, fmt, sink, max_rows)


def _statement(statement: str | None, file: Path | None) -> str:
    """The SQL to run, from the one place where it was given."""
    if statement is not None and file is not None:
        raise click.UsageError("give a statement or a file, not both")
    if statement is not None:
        return statement
    if file is not None and str(file) != "-":
        return _decode_sql(file.read_bytes(), str(file))
    if sys.stdin.isatty():
        raise click.UsageError("give a statement, `-f FILE`, or SQL on standard input")
    return _decode_sql(sys.stdin.buffer.read(), "standard input")


def _decode_sql(data: bytes, source: str) -> str:
    """SQL in UTF-8, with or without a byte order mark. InvalidInputError for another encoding."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidInputError(
            f"{source} is not UTF-8: line {line} has the byte {data[error.start]:#04x}",
            hint="convert it: iconv -f latin1 -t utf-8 FILE",
        ) from error


@contextmanager
def _sink(path: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that is replaced once complete; pipes and devices are written directly."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    special = path.exists() and not path.is_file()
    part = path if special else path.resolve().with_name(f".{path.name}.part")
    try:
        with explain_write_errors(path):
            with part.open("wb") as file:
                yield file
            if not special:
                part.replace(path.resolve())
    finally:
        if not special:
            part.unlink(missing_ok=True)


def _name_and_value(param: str) -> tuple[str, str]:
    name, separator, value = param.partition("=")
    if not separator or not name:
        raise click.BadParameter(f"{param!r} is not NAME=VALUE", param_hint="--param")
    return name.removeprefix("$"), value


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.pass_context
def report(ctx: click.Context, out: Path) -> None:
    """Write tables and plots of all metrics to OUT: a folder, or a file ending in .html or .md.

    Example: attribase -s my.store query report my-report
    """
    from ..query.report import write_report

    for path in write_report(store_uri(ctx), out):
        click.echo(path)
