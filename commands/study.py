"""`attribase study ...`: the paper's comparison on any store, its report, and two runs compared."""

from __future__ import annotations

from pathlib import Path

import click

from .compare import compared_options
from .console import CommandGroup, run_job, say
from .output import Output, print_rows, rows_options
from .paths import LocalPath


@click.group(cls=CommandGroup)
def study() -> None:
    """Compare every encoder with every mapper variant on every case, as the paper does.

    \b
    Example: attribase study run my-study
             attribase study report my-study
             attribase study compare last-month this-month
    """


@study.command()
@click.argument("folder", metavar="DIR", type=LocalPath(file_okay=False, path_type=Path))
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What to compare (TOML).  [default: DIR/study.toml, else everything that the store has]",
)
@click.option("--models", type=click.IntRange(12), default=168, show_default=True, help="Of the world.")
@click.option("--workers", type=click.IntRange(1), help="Processes; left out, one a core or several a GPU.")
@click.pass_context
def run(ctx: click.Context, folder: Path, plan_file: Path | None, models: int, workers: int | None) -> None:
    """Embed, train, calibrate, rank and check what is missing, and pin the versions of all tables.

    The store is the one named before the command; without one, that of the last run of DIR, or the embedded
    world, which is made in DIR/store. DIR gets study.toml, the plan that ran, and study.json, what ran.
    Stopped at any point, the same command goes on; done, it says so.

    \b
    Example: attribase study run my-study
             attribase -s my.store study run my-study --plan study.toml
    """
    from ..study.folder import StudyFolder
    from ..study.plan import read_plan
    from ..study.run import is_complete, open_study_store, run_study
    from ..study.world import needs_world, write_world

    files = StudyFolder(folder)
    plan = read_plan(plan_file) if plan_file else files.read_plan()
    if needs_world(files, ctx.find_root().obj):
        run_job(write_world(files, models=models, workers=workers))
    store = open_study_store(files, ctx.find_root().obj)
    if is_complete(files, store, plan):
        say(f"nothing to do: the study in {folder} is complete and the store has not changed")
        return
    run_job(run_study(files, store, plan, workers=workers))
    record = files.read_record()
    for one in record.skipped:
        say(f"skipped {one.what}: {one.reason}")
    say(f"{len(record.features)} features on {len(record.cases)} cases, kept by the tag {record.tag}")
    say(f"next: attribase study report {folder}")


@study.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    "out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write.  [default: DIR/report]",
)
@click.pass_context
def report(ctx: click.Context, folder: Path, out: Path | None) -> None:
    """Write the tables and figures of the study in DIR, as a page and as files.

    Reads the versions that the last run pinned, whatever has changed since.

    \b
    Example: attribase study report my-study
             attribase study report my-study -o to-publish
    """
    from ..study.folder import StudyFolder
    from ..study.report import write_study_report
    from ..study.run import open_study_store

    files = StudyFolder(folder)
    files.read_record()
    _, last = run_job(write_study_report(files, open_study_store(files, ctx.find_root().obj), out))
    click.echo(last.note if last else "")


@study.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@compared_options
@rows_options
@click.pass_context
def compare(
    ctx: click.Context,
    first: str,
    second: str,
    cases: tuple[str, ...],
    split: str,
    metric: str,
    out: Output,
) -> None:
    """What got better or worse from A to B, by features and groups of cases, on the models that both ranked.

    A and B are folders of studies (as their last runs pinned them), stores, or STORE@TAG. A difference counts
    where it holds over models after Holm's correction for all rows. The exit code is 1 where something got
    worse.

    \b
    Example: attribase study compare my.store@before my.store
             attribase study compare last-month/ this-month/ --metric ap -o changes.csv
    """
    from ..study.comparison import BETTER, OPEN, UNTESTED, WORSE, State, compare_states

    found = compare_states(
        State.find(first), State.find(second), split=split, metric=metric, cases=cases or None
    )
    print_rows([change.to_dict() for change in found.changes], out)
    for name, features in ((first, found.only_first), (second, found.only_second)):
        if features:
            say(f"only in {name}: {', '.join(map(str, features))}")
    if found.unpaired:
        say(f"models that only one of both ranked, by features: {found.unpaired}, left out")
    say(", ".join(f"{verdict}: {found.count(verdict)}" for verdict in (WORSE, BETTER, OPEN, UNTESTED)))
    if found.count(WORSE):
        ctx.exit(1)
