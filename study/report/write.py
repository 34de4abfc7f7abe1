"""Write the report of a study: a folder that is there whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...query.report.svg import for_file
from ...store import InvalidInputError, Step, Store
from ..folder import StudyFolder
from .compose import STAGE, Report, compose
from .data import open_study_data
from .figure import Figure
from .number_tables import NumberTable
from .page import render_further, render_markdown, render_page
from .table_formats import as_latex, as_markdown, rows_as_csv, table_rows

MARKER = "study.json"
"""The file of a report that says what ran: a folder with it may be replaced by a newer report."""

PAGE = "index.html"


def write_study_report(folder: StudyFolder, store: Store, out: Path | None = None) -> Iterator[Step]:
    """Write the report of the study in `folder` to `out`, by default its `report/`.

    A report that is there is replaced once the new one is complete; where anything fails it stays as it was.

    Raises:
        NotFoundError: nothing ran, or the versions that it pinned are gone from the store.
        InvalidInputError: `out` cannot be written, or is a folder of something else.
    """
    target = (out or folder.report).absolute()
    check_target(target)
    with open_study_data(folder, store) as study:
        report = yield from compose(study)
    replace_folder(target, report_files(report))
    yield Step(STAGE, 1, 1, str(target / PAGE))


def report_files(report: Report) -> dict[str, bytes]:
    """The bytes of each file by its path in the folder."""
    texts: dict[str, str] = {MARKER: report.record.to_json(), PAGE: render_page(report)}
    for table in report.tables:
        texts[f"tables/{table.slug}.csv"] = rows_as_csv(table_rows(table))
        texts[f"tables/{table.slug}.md"] = as_markdown(table)
        texts[f"tables/{table.slug}.tex"] = as_latex(table)
    for one in report.number_tables:
        if isinstance(one, NumberTable):
            texts[f"tables/{one.name}.csv"] = rows_as_csv(one.data)
            texts |= {f"figures/{name}.svg": for_file(svg).decode() for name, svg in one.svgs.items()}
            texts |= {f"figures/{name}.csv": rows_as_csv(data) for name, data in one.drawn.items()}
    texts["tables/directions.csv"] = rows_as_csv([row.to_dict() for row in report.directions])
    texts |= {f"{page.name}.html": render_further(page) for page in report.pages}
    texts["report.md"] = render_markdown(report)
    files = {path: text.encode() for path, text in texts.items()} | dict(report.pictures)
    for figure in report.figures:
        if isinstance(figure, Figure):
            files[f"figures/{figure.name}.csv"] = rows_as_csv(figure.rows).encode()
            files |= {f"figures/{panel.name}.svg": for_file(panel.svg) for panel in figure.panels}
    return files


def check_target(target: Path) -> None:
    """Raise InvalidInputError where there is something else than an earlier report."""
    if target.is_dir() and any(target.iterdir()) and not (target / MARKER).is_file():
        raise InvalidInputError(
            f"{target} is not empty and holds no report of a study", hint="name another folder"
        )
    if target.exists() and not target.is_dir():
        raise InvalidInputError(f"{target} is a file", hint="name a folder")


def replace_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` into a folder beside `target`, then put it in its place.

    Raises InvalidInputError where that is not possible; `target` is as it was then.
    """
    part: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part"))
        part.chmod(0o755)  # temporary folders are private; a report is for others to read
        for name, data in files.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        _swap(part, target)
    except OSError as error:
        raise InvalidInputError(
            f"cannot write {target}: {error.strerror or error}", hint="name a folder where you may write"
        ) from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def _swap(part: Path, target: Path) -> None:
    """Rename `part` to `target`; an earlier report is moved aside first, and back if that fails."""
    if not target.exists():
        part.rename(target)
        return
    aside = part.with_suffix(".old")
    target.rename(aside)
    try:
        part.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)
