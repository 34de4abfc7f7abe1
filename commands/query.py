"""`attribase query`: evaluation, attribution and SQL."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

from ..store import InvalidInputError
from .abstention import abstention_command
from .attribute import attribute
from .calibration import calibration
from .compare import compare
from .console import CommandGroup, at_option, open_store, print_left_out, ray_option, run_job, say, store_uri
from .output import Output, about_command, print_rows, rows_options
from .paths import LocalPath
from .retrieval import retrieval
from .similar import similar

TITLE = 80
"""Characters of a statement that are the title of a document."""


@click.group(cls=CommandGroup)
def query() -> None:
    """Query the store: metrics, attribution, SQL.

    Example: attribase -s my.store query attribute picture.png -k 5
    """


query.add_command(attribute)
query.add_command(calibration)
query.add_command(compare)
query.add_command(abstention_command)
query.add_command(similar)
query.add_command(retrieval)


@query.command("eval")
@click.option("--encoder", help="One encoder; left out, all there are.")
@click.option("--mapper", help="One mapper, or `none`; left out, all there are.")
@click.option("--case", "case_name", help="One test case; left out, all there are.")
@click.option("--sets", is_flag=True, help="Print recall@N of models of sets of N images.")
@click.option("--force", is_flag=True, help="Compute again even where nothing changed.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="What computes; ranks are the same on all.",
)
@ray_option
@rows_options
@click.pass_context
def evaluate_command(
    ctx: click.Context,
    encoder: str | None,
    mapper: str | None,
    case_name: str | None,
    sets: bool,
    force: bool,
    device: str,
    ray: str | None,
    out: Output,
) -> None:
    """Rank every exemplar of every sample in its pool, then print recall and mAP.

    Also measures how often answers are right by their top share, on pictures of test models: the line of
    evidence that answers show.

    \b
    Example: attribase -s my.store query eval --case object_unseen
             attribase -s my.store query eval --sets
             attribase -s /shared/my.store query eval --ray auto
    """
    from ..query import connect, count_left_out, evaluate, load_sql, measure_evidence

    store = open_store(ctx)
    chosen = None if device == "auto" else device
    steps, _ = run_job(evaluate(store, encoder, mapper, case_name, force=force, device=chosen, ray=ray))
    if not steps:
        say("ranks are up to date: nothing that they depend on has changed (--force computes again)")
    run_job(measure_evidence(store, encoder, mapper, force=force))
    left_out = count_left_out(store, encoder, case_name)
    print_left_out(note for one in left_out for note in one.notes())
    for name, size in {one.encoder: one.gallery - one.gallery_without_vector for one in left_out}.items():
        say(f"{name}: the pool of a sample is the gallery ({size:,} images) and its own exemplars")
    params = {"encoder": encoder, "mapper": mapper, "case_name": case_name}
    con = connect(store.uri)
    of_sets = con.sql(load_sql("metrics_sets_of"), params=params).to_arrow_table().to_pylist()
    if of_sets and not sets:
        say("recall@N of sets of N images, with intervals over models: query eval --sets")
    rows = con.sql(load_sql("metrics_of"), params=params).to_arrow_table().to_pylist()
    print_rows(of_sets if sets else rows, out)


@query.command("prune")
@click.option("--dry-run", is_flag=True, help="Only count what would be deleted.")
@click.option(
    "--unfinished",
    is_flag=True,
    help="Delete ranks of runs that were stopped too; only while no `query eval` is running.",
)
@rows_options
@click.pass_context
def prune_command(ctx: click.Context, dry_run: bool, unfinished: bool, out: Output) -> None:
    """Delete runs that a newer run of the same encoder, mapper, case, split and scheme supersedes.

    Kept are the newest runs, which all views and reports read, and everything in tagged versions. Disk
    space is freed by the next `attribase compact`.

    \b
    Example: attribase -s my.store query prune --dry-run
             attribase -s my.store query prune
    """
    from ..query import prune_runs

    report = prune_runs(open_store(ctx), unfinished=unfinished, dry_run=dry_run)
    print_rows([asdict(report)], out)
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
@at_option
@click.option(
    "--max-rows", type=click.IntRange(1), default=100, show_default=True, help="Rows a table shows."
)
@rows_options
@click.pass_context
def sql(
    ctx: click.Context,
    statement: str | None,
    file: Path | None,
    params: tuple[str, ...],
    at: str | None,
    max_rows: int,
    out: Output,
) -> None:
    """Run STATEMENT (or a file, or standard input) over all tables and views, now or as they were.

    \b
    Example: attribase -s my.store query sql "from metrics"
             attribase -s my.store query sql "from ranks" -o ranks.parquet
             attribase -s my.store query sql "from metrics where split = $s" --param s=test --at v1
    """
    from ..query.sql.formats import write_rows
    from ..query.sql.runner import stream_sql

    text, bound = _statement(statement, file), dict(_name_and_value(param) for param in params)
    lines = {"statement": text.strip(), **{f"${name}": value for name, value in bound.items()}}
    about = about_command(" ".join(text.split())[:TITLE], **lines, **({"at": at} if at else {}))
    with stream_sql(store_uri(ctx), text, bound, at) as rows, out.open() as sink:
        write_rows(rows, out.fmt, sink, max_rows, width=out.width, about=about)


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


def _name_and_value(param: str) -> tuple[str, str]:
    name, separator, value = param.partition("=")
    if not separator or not name:
        raise click.BadParameter(f"{param!r} is not NAME=VALUE", param_hint="--param")
    return name.removeprefix("$"), value


@click.command()
@click.argument("out", type=LocalPath(path_type=Path))
@click.pass_context
def report(ctx: click.Context, out: Path) -> None:
    """Write tables and plots of all metrics to OUT: a folder, or a file ending in .html or .md.

    Example: attribase -s my.store query report my-report
    """
    from ..query.report import write_report

    for path in write_report(store_uri(ctx), out):
        click.echo(path)
