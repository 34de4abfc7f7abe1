"""Write the report on a store: a folder with everything, one page, or one Markdown file with its figures."""

from __future__ import annotations

from pathlib import Path

from ...store import Store
from ...store.errors import InvalidInputError
from ...store.layout import write_atomically
from ..sql.connection import connect
from .content import Content, compose
from .data import read_report_data
from .render import render_markdown, render_page
from .svg import for_file

FIGURES = "figures"


def write_report(store_uri: str | Path, out: Path) -> list[Path]:
    """Write the report on the store at `store_uri`; the paths written, the one to open first.

    `out` ending in `.html` is one page with everything in it; ending in `.md`, Markdown with `figures/`
    beside it; anything else is a folder that gets both, `report.html` and `report.md`. Each file is written
    whole or not at all, after everything has been computed.

    Raises:
        NotFoundError: no store there.
        InvalidInputError: `out` cannot be written.
    """
    files = _files(read_content(store_uri), Path(out))
    try:
        for path, data in files.items():
            write_atomically(path, data)
            path.chmod(0o644)  # temporary files are private; a report is for others to read
    except OSError as error:
        raise InvalidInputError(
            f"cannot write {error.filename or out}: {error.strerror or error}",
            hint="name a folder, or a file ending in .html or .md, where you may write",
        ) from error
    return list(reversed(files))


def read_content(store_uri: str | Path) -> Content:
    """The content of the report on the store at `store_uri`, the same to the last bit each time."""
    store = Store.open(store_uri)
    versions = store.versions()
    con = connect(store.uri, versions)
    try:
        con.execute("set threads = 1")  # more threads sum in an order that varies, and so do the last bits
        data = read_report_data(con)
    finally:
        con.close()
    return compose(data, store.uri.rstrip("/").rsplit("/", 1)[-1], versions)


def _files(content: Content, out: Path) -> dict[Path, bytes]:
    """Data by path, in the order of writing: figures first and the page last, which needs the rest."""
    if out.suffix.lower() == ".html":
        return {out: render_page(content).encode()}
    if out.suffix.lower() == ".md":
        return _markdown_files(content, out)
    return _markdown_files(content, out / "report.md") | {out / "report.html": render_page(content).encode()}


def _markdown_files(content: Content, path: Path) -> dict[Path, bytes]:
    plots = [plot for section in content.plots for plot in section.plots]
    names = {plot.name: f"{FIGURES}/{path.stem}-{plot.name}.svg" for plot in plots}
    files = {path.parent / names[plot.name]: for_file(plot.svg) for plot in plots}
    return files | {path: render_markdown(content, names).encode()}
