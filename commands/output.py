"""Where the rows of a command go: stdout or a file, in the format that was given or that its ending names."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from ..store import InvalidInputError
from .console import say

F = TypeVar("F", bound=Callable[..., Any])

NAMES = ("table", "csv", "json", "jsonl", "arrow", "parquet", "xlsx", "md", "html", "pdf")
"""The formats, as `query.sql.formats.FORMATS`, which takes a second to import; tested to be the same."""

BINARY = ("arrow", "parquet", "xlsx", "pdf")
"""Those that are bytes, not text."""


@dataclass(frozen=True)
class Output:
    """The format of rows and where they go: `path`, or stdout. `wide`: tables are not cut to the terminal."""

    fmt: str
    path: Path | None = None
    wide: bool = False

    @classmethod
    def choose(cls, fmt: str | None, path: Path | None, wide: bool = False) -> Output:
        """The format that is named, else that of the file's ending, else a table.

        Raises InvalidInputError for an ending that names no format or another one than `fmt`, a folder that
        is not there, and a binary format on a terminal.
        """
        if path is not None:
            return cls(_format_of_file(path, fmt), path, wide)
        if fmt in BINARY and stdout_is_terminal():
            raise InvalidInputError(
                f"{fmt} is binary and cannot be shown on a terminal",
                hint=f"add `-o FILE.{fmt}`, or pipe it into a file or program",
            )
        return cls(fmt or "table", None, wide)

    @property
    def is_table(self) -> bool:
        """Whether people read the rows as a table on the terminal."""
        return self.fmt == "table"

    @property
    def width(self) -> int | None:
        """Characters of a line of a table: those of the terminal; None where nothing is cut."""
        shown = self.path is None and not self.wide and stdout_is_terminal()
        return shutil.get_terminal_size().columns if shown else None

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Where bytes go: stdout, or a file that is replaced once complete; pipes are written directly."""
        if self.path is None:
            sys.stdout.flush()
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        path = self.path
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
        say(f"wrote {path}")


def rows_options(command: F) -> F:
    """Add `--format`, `-o` and `--wide`; the command gets them as `out`, an `Output`."""

    @click.option(
        "--format",
        "fmt",
        type=click.Choice(NAMES),
        help="Of stdout or FILE.  [default: that of FILE's ending, else table]",
    )
    @click.option(
        "-o",
        "--output",
        "path",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write to a file; its ending names the format: .csv, .json, .xlsx, .pdf and the others.",
    )
    @click.option("--wide", is_flag=True, help="Do not cut a table to the width of the terminal.")
    @wraps(command)
    def with_output(*args: Any, fmt: str | None, path: Path | None, wide: bool, **options: Any) -> Any:
        return command(*args, out=Output.choose(fmt, path, wide), **options)

    return with_output  # type: ignore[return-value]


def print_rows(
    rows: list[dict[str, Any]],
    out: Output,
    *,
    title: str = "",
    about: Mapping[str, str] | None = None,
) -> None:
    """Rows to where `out` says.

    Args:
        rows: with the same names.
        out: the format and the file.
        title: a line above a table.
        about: what documents say of the rows; left out, the command, the store and the date.
    """
    if out.fmt == "json":
        with out.open() as sink:
            sink.write(json.dumps(rows, sort_keys=True, default=str).encode() + b"\n")
        return
    import pyarrow as pa

    from ..query.sql.formats import write_rows
    from ..query.sql.runner import Rows

    table = pa.Table.from_pylist(rows)
    found = Rows(table.schema, iter(table.to_batches()))
    with out.open() as sink:
        if title and out.is_table:
            sink.write(f"{title}\n".encode())
        most = max(1, len(rows))
        write_rows(found, out.fmt, sink, most, width=out.width, about=about or about_command())


def about_command(title: str = "", **lines: str) -> dict[str, str]:
    """What a document says of its rows: `title` or the command, `lines`, the store, date and software."""
    from datetime import UTC, datetime

    from .. import __version__

    context = click.get_current_context()
    store = context.find_root().obj
    return {
        "title": title or context.command_path,
        **lines,
        **({"store": Path(str(store)).name} if store else {}),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": f"attribase {__version__}",
    }


def stdout_is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


@contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Raise InvalidInputError for an OSError while the file at `path` is written."""
    try:
        yield
    except OSError as error:
        raise InvalidInputError(f"cannot write {path}: {error.strerror}", hint="name another file") from error


def _format_of_file(path: Path, fmt: str | None) -> str:
    if not path.resolve().parent.is_dir():
        raise InvalidInputError(
            f"cannot write {path}: there is no folder {path.parent}", hint="create it, or name another"
        )
    if fmt is not None and (not path.suffix or (path.exists() and not path.is_file())):
        return fmt
    if fmt is None and path.exists() and not path.is_file():  # a pipe or a device
        return "table"
    from ..query.sql.formats import ENDINGS, format_of

    if fmt is None:
        return format_of(path)
    named = ENDINGS.get(path.suffix.lower().removeprefix("."), fmt)
    if named != fmt:
        raise InvalidInputError(
            f"{path.name} would hold {fmt}, and its ending says {named}",
            hint="leave out --format, or give the file another ending",
        )
    return fmt
