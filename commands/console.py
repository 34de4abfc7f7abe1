"""The terminal side of every command: the store option, progress and messages on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..store import AttribaseError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from ..store import Step, Store

Result = TypeVar("Result")


class CommandGroup(click.Group):
    """A group whose help has the first sentence of each command in full, where click cuts it off."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, wrapped to the width of the terminal."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(limit=1000)) for name, command in commands if command]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


LINE_SECONDS = 15.0
"""How often a running stage prints a line where stderr is no terminal."""

at_option = click.option(
    "--at",
    metavar="TAG|TIME",
    help="The store as it was: at a tag, at a moment in ISO format, or at the state that an answer names.",
)
"""The option `--at` of every command that reads the store as it was."""


ray_option = click.option(
    "--ray",
    metavar="ADDRESS|auto",
    help="Work on a Ray cluster, HOST:PORT or the one that this machine is a node of: docs/cluster.md.",
)
"""The option `--ray` of every command whose work a cluster can share."""


def open_store(ctx: click.Context) -> Store:
    """The store named before the command. Raises InvalidInputError when none was named."""
    from ..store import Store

    return Store.open(store_uri(ctx))


def open_or_create_store(ctx: click.Context, check: Callable[[], object]) -> Store:
    """The store named before the command, created (with a message) where there is none and `check` passes."""
    from ..store import Store

    uri = store_uri(ctx)
    try:
        return Store.open(uri)
    except NotFoundError:
        check()
        store = Store.create(uri)
        say(f"created a new store at {store.uri}")
        return store


def store_uri(ctx: click.Context) -> str:
    """The URI given with `--store`, `-s` or ATTRIBASE_STORE."""
    uri = ctx.find_root().obj
    if not uri:
        raise InvalidInputError(
            "no store was named", hint="put `--store FOLDER` before the command, or set ATTRIBASE_STORE"
        )
    return str(uri)


def draw_progress(steps: Iterable[Step]) -> Step | None:
    """Run a job while drawing its progress on stderr; its last step, or None when it had none."""
    return _draw_bars(steps) if sys.stderr.isatty() else _draw_lines(steps)


def _draw_bars(steps: Iterable[Step]) -> Step | None:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    last: Step | None = None
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bars: dict[str, Any] = {}
        for last in steps:
            if last.stage not in bars:
                bars[last.stage] = progress.add_task(last.stage, total=last.total, note="")
            progress.update(bars[last.stage], completed=last.done, total=last.total, note=last.note)
    return last


def _draw_lines(steps: Iterable[Step]) -> Step | None:
    """Without a terminal: a line when a stage starts, every LINE_SECONDS, and when it ends."""
    from time import monotonic

    last, shown, stage = None, 0.0, ""
    for last in steps:
        now = monotonic()
        if last.stage != stage or last.done >= last.total or now - shown >= LINE_SECONDS:
            click.echo(f"{last.stage}: {last.done}/{last.total} {last.note}".rstrip(), err=True)
            shown, stage = now, last.stage
    return last


def human_size(size: int) -> str:
    """Bytes in a unit that is read at a glance: 386 MB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} B"


def say(message: str) -> None:
    """Print a message on stderr."""
    click.echo(message, err=True)


def print_error(error: AttribaseError) -> None:
    """Print what failed, and what to do next, on stderr."""
    click.secho(f"error: {error}", fg="red", err=True)
    if error.hint:
        click.echo(f"next:  {error.hint}", err=True)


def print_left_out(notes: Iterable[str]) -> None:
    """Print, once each, what a command left out because it has no vector, and how to embed it."""
    lines = list(dict.fromkeys(notes))
    for line in lines:
        say(f"left out: {line}")
    if lines:
        say("embed them: attribase -s STORE ingest embed --encoder NAME; the table failures has reasons")


def run_job(steps: Iterator[Step]) -> tuple[int, Step | None]:
    """Run a job and draw its progress: how many steps it took (0: nothing to do), and the last one."""
    count = 0

    def counting() -> Iterator[Step]:
        nonlocal count
        for step in steps:
            count += 1
            yield step

    last = draw_progress(counting())
    return count, last


def run_to_result(steps: Generator[Step, None, Result]) -> Result:
    """Run a job that returns a value and draw its progress; the value."""
    results: list[Result] = []

    def running() -> Iterator[Step]:
        results.append((yield from steps))

    draw_progress(running())
    return results[0]


def print_failures(store: Store, stage: str) -> None:
    """Print how many inputs `stage` left out, by reason, and how many were embedded in part."""
    from ..store.lookup import quote

    failed = store.read("failures", ["reason"], f"stage = {quote(stage)}")["reason"].to_pylist()
    for reason in sorted(set(failed)):
        what = "embedded by their first frame" if reason == "animated" else "left out"
        say(f'{what}, {reason}: {failed.count(reason)} (attribase query sql "from failures")')
