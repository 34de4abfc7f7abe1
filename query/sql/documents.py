"""Rows as documents to read or print: a spreadsheet, Markdown, an HTML page, a PDF.

Each ends with what the rows are (`about`: the statement, the store, the date), so that a file that is passed
on says where it came from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from html import escape
from typing import TYPE_CHECKING, Any, BinaryIO

from ...store.errors import InvalidInputError
from ..pdf import PdfDocument
from .python_values import python_rows
from .runner import Rows
from .text import csv_field, is_number

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

SHEET_ROWS, SHEET_COLUMNS, CELL_CHARACTERS = 1_048_576, 16_384, 32_767
"""What a sheet of a spreadsheet holds, its header included."""

EXACT_INTEGER = 2**53
"""Larger integers would lose digits in a spreadsheet, which has only doubles; they are text there."""

PDF_ROWS = 2_000
"""The most rows of a PDF, about 50 pages."""

WIDEST = 60
"""Characters of a column of a spreadsheet."""

STYLE = """
  body { font:14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; margin:24px; color:#1d2433; }
  table { border-collapse:collapse; font-variant-numeric:tabular-nums; }
  th, td { text-align:left; vertical-align:top; padding:4px 12px 4px 0; border-bottom:1px solid #dde2ec; overflow-wrap:anywhere; }
  th { color:#5d6679; font-weight:600; white-space:nowrap; } .n { text-align:right; white-space:nowrap; }
  dl { display:grid; grid-template-columns:max-content 1fr; gap:2px 14px; margin-top:24px; font-size:12.5px; color:#5d6679; }
  dd { margin:0; white-space:pre-wrap; overflow-wrap:anywhere; }
  @media print { body { margin:0; font-size:10px; } thead { display:table-header-group; } tr { break-inside:avoid; } }
"""  # noqa: E501 - a rule a line


def write_xlsx(rows: Rows, out: BinaryIO, about: Mapping[str, str]) -> None:
    """A workbook: the sheet `rows` with numbers as numbers, dates as dates, and the sheet `about`.

    NaN and infinity are empty cells; lists and structs are JSON; integers above 2^53 and times with a zone
    are text. No text becomes a formula or a link.

    Raises InvalidInputError for more rows, columns or text in a cell than a spreadsheet has.
    """
    from xlsxwriter import Workbook

    names = rows.schema.names
    if len(names) > SHEET_COLUMNS:
        raise _too_much(f"{len(names):,} columns", f"a sheet has {SHEET_COLUMNS:,}")
    book = Workbook(out, {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"})
    head = book.add_format({"bold": True, "bottom": 1})
    sheet = book.add_worksheet("rows")
    sheet.freeze_panes(1, 0)
    widths = [len(name) for name in names]
    for column, name in enumerate(names):
        sheet.write_string(0, column, name, head)
    place = 0
    for batch in rows.batches:
        for row in python_rows(batch):
            place += 1
            if place >= SHEET_ROWS:
                raise _too_much("the rows", f"a sheet has {SHEET_ROWS - 1:,}")
            for column, value in enumerate(row):
                shown = _write_cell(sheet, place, column, value)
                widths[column] = max(widths[column], shown)
    for column, width in enumerate(widths):
        sheet.set_column(column, column, min(width, WIDEST) + 2)
    if names and place:
        sheet.autofilter(0, 0, place, len(names) - 1)
    if about:
        _write_about(book.add_worksheet("about"), about)
    book.close()


def _write_cell(sheet: Worksheet, row: int, column: int, value: Any) -> int:
    """Write one value; how many characters it shows."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return 0
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
        return 5
    if isinstance(value, float) or (isinstance(value, int) and abs(value) <= EXACT_INTEGER):
        sheet.write_number(row, column, value)
        return len(f"{value:.9g}")
    if isinstance(value, date) and value.year >= 1900 and getattr(value, "tzinfo", None) is None:
        sheet.write_datetime(row, column, value)  # a datetime is a date, too
        return 19 if isinstance(value, datetime) else 10
    field = csv_field(value)
    if isinstance(field, int | float) and abs(field) <= EXACT_INTEGER:  # a decimal
        sheet.write_number(row, column, field)
        return len(f"{field:.9g}")
    text = str(field)
    if len(text) > CELL_CHARACTERS:
        raise _too_much(f"a text of {len(text):,} characters", f"a cell holds {CELL_CHARACTERS:,}")
    sheet.write_string(row, column, text)
    return max(map(len, text.splitlines()), default=0)


def _write_about(sheet: Worksheet, about: Mapping[str, str]) -> None:
    sheet.set_column(0, 0, 14)
    sheet.set_column(1, 1, WIDEST * 2)
    for row, (name, text) in enumerate(about.items()):
        sheet.write_string(row, 0, name)
        sheet.write_string(row, 1, text[:CELL_CHARACTERS])


def _too_much(what: str, limit: str) -> InvalidInputError:
    return InvalidInputError(
        f"{what} do not fit into a spreadsheet: {limit}", hint="write a .csv or .parquet file, or fewer rows"
    )


def write_markdown(rows: Rows, out: BinaryIO, about: Mapping[str, str]) -> None:
    """A table of GitHub's Markdown, every row of it; numbers as in CSV."""
    names, numeric = rows.schema.names, [is_number(field.type) for field in rows.schema]
    if names:
        out.write(f"| {' | '.join(map(markdown_cell, names))} |\n".encode())
        out.write(f"|{'|'.join('--:' if number else '---' for number in numeric)}|\n".encode())
    for batch in rows.batches:
        for row in python_rows(batch):
            out.write(f"| {' | '.join(markdown_cell(_read(value)) for value in row)} |\n".encode())
    if about:
        out.write("".join(f"\n- {name}: {markdown_cell(text)}" for name, text in about.items()).encode())
        out.write(b"\n")


def markdown_cell(text: str) -> str:
    """Text as one cell or line of Markdown."""
    line = escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{char}" if char in "\\|`*_[]" else char for char in line)


def write_html(rows: Rows, out: BinaryIO, about: Mapping[str, str]) -> None:
    """A self-contained page with every row; numbers as in CSV."""
    title = escape(about.get("title", "rows"))
    head = f'<meta charset="utf-8">\n<title>{title}</title>\n<style>{STYLE}</style>'
    out.write(f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n'.encode())
    out.write(b"<table>\n<thead><tr>")
    marks = [' class="n"' if is_number(field.type) else "" for field in rows.schema]
    for name, mark in zip(rows.schema.names, marks, strict=True):
        out.write(f"<th{mark}>{escape(name)}</th>".encode())
    out.write(b"</tr></thead>\n<tbody>\n")
    for batch in rows.batches:
        for row in python_rows(batch):
            cells = (f"<td{mark}>{escape(_read(value))}</td>" for value, mark in zip(row, marks, strict=True))
            out.write(f"<tr>{''.join(cells)}</tr>\n".encode())
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>\n" for name, text in about.items())
    out.write(f"</tbody>\n</table>\n<dl>\n{lines}</dl>\n</body>\n</html>\n".encode())


def write_pdf(rows: Rows, out: BinaryIO, about: Mapping[str, str]) -> None:
    """Pages with the table, its header on each of them; numbers as in CSV.

    Raises:
        InvalidInputError: more than PDF_ROWS rows, or the library that writes PDFs is not installed.
    """
    names, numeric = rows.schema.names, [is_number(field.type) for field in rows.schema]
    texts: list[list[str]] = []
    for batch in rows.batches:
        texts += ([_read(value) for value in row] for row in python_rows(batch))
        if len(texts) > PDF_ROWS:
            raise InvalidInputError(
                f"a PDF has at most {PDF_ROWS:,} rows", hint="add a limit, or write .html, .xlsx or .csv"
            )
    document = PdfDocument(about.get("title", "rows"), wide=len(names) > 6)
    if names:
        document.add_table(names, texts, numeric)
    document.add_lines([f"{name}: {text}" for name, text in about.items()])
    document.write(out)


def _read(value: Any) -> str:
    """A value to read, complete; a float as in CSV."""
    field = csv_field(value)
    return "" if field is None else str(field)
