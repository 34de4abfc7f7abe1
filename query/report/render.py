"""Writes a report: a folder with everything, one page, or one Markdown file with its figures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...store import Store
from ...store.errors import InvalidInputError
from ...store.layout import write_atomically
from ..sql.connection import connect
from .content import Content, best_text, compose
from .facts import METRICS, read_facts
from .findings import GainRow
from .svg import for_file, for_page
from .tables import OUTSIDE, SAME, Cell, PlaceTable, PublishedTable, Row
from .text import case_text, place_text, signed, space_text

if TYPE_CHECKING:
    from markupsafe import Markup


ABOUT_TABLES = (
    "Columns as in Tables 3 and 4 of the paper. **Bold**: best measured. In brackets after a measured number"
    " its 95% interval over models, after a published one how far ours is above it: `=` is the same to three"
    " decimals, `!` marks a difference that is outside our interval."
)
ABOUT_GAINS = (
    "Each mapper against raw features of the same encoder, on the same samples; in brackets the difference's"
    " 95% interval, **bold** where it leaves out zero."
)


def render_markdown(content: Content, figures: Mapping[str, str]) -> str:
    """The report. `figures`: the path of each plot by its name. Names from the store are escaped."""
    parts = [
        f"# {content.title}",
        f"Attribase report on {plain(content.store)}",
        plain(content.lead),
        *_head(content),
        *_plots(content, figures),
        *_tables(content),
        *_gains(content.gains),
        *_missing(content),
        *_published(content.published),
        *_origins(content),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def plain(text: str) -> str:
    """`text` as it is, whatever it has that Markdown or HTML would take for their own."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_{}\[\]#|~$])", r"\\\1", text)
    text = re.sub(r"(?<=:)(?=//)", "&#8203;", text)  # a name is no link
    return re.sub(r"\s+", " ", text)


def _head(content: Content) -> Iterable[str]:
    if not content.tables:
        return
    yield "\n".join(f"- {name}: **{value}**" for value, name in content.tiles)
    yield "\n".join(f"- {plain(finding)}" for finding in content.findings)
    yield "## Best in each case"
    rows = [[case_text(best.place.case), best.place.scheme, *best_text(best)] for best in content.best]
    yield _table(["case", "prompts", "best", "Recall@10", "95% interval", "second"], _plain(rows), left=6)


def _plots(content: Content, figures: Mapping[str, str]) -> Iterable[str]:
    for section in content.plots:
        if not section.plots:
            continue
        yield f"## {section.title}"
        yield plain(section.text)
        for plot in section.plots:
            yield f"**{plain(plot.title)}** {plain(plot.note)}".strip()
            yield f"![{plain(section.title)}: {plain(plot.title)}]({figures[plot.name]})"
        yield from (plain(note) for note in section.notes)


def _tables(content: Content) -> Iterable[str]:
    if not content.tables:
        return
    yield "## All numbers, beside the published ones"
    yield ABOUT_TABLES
    for table in content.tables:
        yield f"### {plain(place_text(table.place))}"
        yield plain(table.samples)
        yield _table(["features", *METRICS.values()], list(_place_rows(table)))


def _place_rows(table: PlaceTable) -> Iterable[list[str]]:
    for encoder, rows in table.groups:
        for row in rows:
            yield [_row_name(encoder, row), *(_number(cell) for cell in row.cells)]


def _row_name(encoder: str, row: Row) -> str:
    name = f"{plain(encoder)} {plain(row.name)}" + (f" ({plain(row.note)})" if row.note else "")
    return f"*{name}*" if row.published else name


def _number(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    told = {SAME: "=", OUTSIDE: f"{cell.under} !"}.get(cell.mark, cell.under)
    return f"{text} ({told})" if told else text


def _gains(gains: Sequence[GainRow]) -> Iterable[str]:
    if not gains:
        return
    yield "## What a mapper changes"
    yield ABOUT_GAINS
    rows = []
    for row in gains:
        cells = [text for trio in row.cells for text in (trio[0].text, trio[1].text, _difference(trio[2]))]
        rows.append([plain(place_text(row.place)), plain(space_text(row.space)), *cells])
    names = ["raw R@10", "mapped", "difference", "raw mAP", "mapped", "difference"]
    yield _table(["case", "features", *names], rows, left=2)


def _difference(cell: Cell) -> str:
    text = signed(cell.value or 0.0)
    text = f"**{text}**" if cell.mark else text
    return f"{text} ({cell.under})" if cell.under else text


def _missing(content: Content) -> Iterable[str]:
    if content.missing:
        yield "## What is missing"
        yield "\n".join(f"- {plain(sentence)}" for sentence in content.missing)


def _published(tables: Sequence[PublishedTable]) -> Iterable[str]:
    if tables:
        yield "## All published numbers"
    width = len(METRICS)
    for table in tables:
        yield f"### {plain(table.source)}"
        for number, place in enumerate(table.places):
            yield f"**{plain(place_text(place))}**"
            mine = slice(number * width, (number + 1) * width)
            rows = [
                [plain(space_text(space)), *(cell.text for cell in cells[mine])]
                for space, cells in table.rows
            ]
            yield _table(["features", *METRICS.values()], rows)


def _origins(content: Content) -> Iterable[str]:
    yield "## Where the numbers come from"
    yield plain(content.splits) if content.origins else "There are no runs in this store."
    if content.origins:
        names = ["features", "encoder", "mapper", "calibration", "ranked", "when", "code", "tables read"]
        rows = [
            [space_text(o.space), o.features, o.mapping, o.calibration, o.ranked, o.when, o.code, o.tables]
            for o in content.origins
        ]
        yield _table(names, _plain(rows), left=len(names))
    if content.versions:
        told = ", ".join(f"{plain(name)} {number}" for name, number in content.versions)
        yield f"Read from the store's tables at these versions: {told}."
    yield plain(content.method)


def _plain(rows: Iterable[Iterable[str]]) -> list[list[str]]:
    return [[plain(text) for text in row] for row in rows]


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A table; the first `left` columns are text, the others numbers."""
    marks = ["---" if place < left else "---:" for place in range(len(names))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [names, marks, *rows])


def render_page(content: Content) -> str:
    """The page. Names from the store are escaped; plots are inline SVG in the page's own colours."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("attribase.query.report")
    templates = Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    templates.filters |= {
        "best": best_text,
        "breaks": _with_breaks,
        "case": case_text,
        "figure": for_page,
        "place": place_text,
        "signed": signed,
        "space": space_text,
    }
    return templates.get_template("report.html").render(c=content, metrics=METRICS)


def _with_breaks(name: str) -> Markup:
    """`name`, escaped, with places where a narrow column may break it."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"(?<=[-_+/.])(?=\w)", "<wbr>", str(escape(name))))  # noqa: S704


FIGURES = "figures"


def write_report(store_uri: str | Path, out: Path) -> list[Path]:
    """Write the report on the store at `store_uri`; the paths written, the one to open first.

    `out` ending in `.html` is one page with all in it; ending in `.md`, Markdown with `figures/` beside it;
    anything else is a folder that gets both, `report.html` and `report.md`. Each file is written whole or not
    at all, after everything has been computed.

    Raises:
        NotFoundError: no store there.
        InvalidInputError: `out` cannot be written.
    """
    files = _files(_content(store_uri), Path(out))
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


def _content(store_uri: str | Path) -> Content:
    store = Store.open(store_uri)
    versions = store.versions()
    con = connect(store.uri, versions)
    try:
        facts = read_facts(con)
    finally:
        con.close()
    return compose(facts, store.uri.rstrip("/").rsplit("/", 1)[-1], versions)


def _files(content: Content, out: Path) -> dict[Path, bytes]:
    """What goes where; figures first and the page last, so that what is opened finds the rest."""
    if out.suffix.lower() == ".html":
        return {out: render_page(content).encode()}
    if out.suffix.lower() == ".md":
        return _markdown(content, out)
    return _markdown(content, out / "report.md") | {out / "report.html": render_page(content).encode()}


def _markdown(content: Content, path: Path) -> dict[Path, bytes]:
    plots = [plot for section in content.plots for plot in section.plots]
    names = {plot.name: f"{FIGURES}/{path.stem}-{plot.name}.svg" for plot in plots}
    files = {path.parent / names[plot.name]: for_file(plot.svg) for plot in plots}
    return files | {path: render_markdown(content, names).encode()}
