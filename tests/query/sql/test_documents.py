"""Rows as a spreadsheet, Markdown, a page and a PDF: what other programs read from them."""

import csv
import io
import zipfile
from datetime import datetime, timezone
from html.parser import HTMLParser

import polars as pl
import pyarrow as pa
import pytest
from attribase.query import format_table
from attribase.query.sql import documents
from attribase.query.sql.formats import write_rows
from attribase.query.sql.runner import Rows
from attribase.store import InvalidInputError

ABOUT = {"title": "from scores", "store": "my.store", "software": "attribase 9"}


@pytest.fixture
def rows():
    return pa.table(
        {
            "name": ["a|b", "=1+1", "http://x.org", "<b>_x_</b>"],
            "score": [0.10909090909090909, float("nan"), None, 12345.678901234],
            "n": pa.array([1, 2**60, None, -3], pa.int64()),
            "sure": [True, False, None, True],
            "tags": [["x", "y"], [], None, ["z"] * 6],
            "at": [datetime(2026, 1, 2, 3, 4, 5), None, datetime(1850, 1, 1), datetime(2000, 2, 29)],
        }
    )


def write(table, fmt, about=ABOUT):
    out = io.BytesIO()
    write_rows(Rows(table.schema, iter(table.to_batches(max_chunksize=3))), fmt, out, about=about)
    return out.getvalue()


def test_a_spreadsheet_has_values_not_spaces(rows):
    data = write(rows, "xlsx")
    read = pl.read_excel(io.BytesIO(data), sheet_name="rows", infer_schema_length=None)
    assert read["name"].to_list() == rows["name"].to_pylist()
    assert read["score"].to_list() == [pytest.approx(6 / 55, rel=1e-15), None, None, 12345.678901234]
    assert [int(value) if value else None for value in read["n"].to_list()] == rows["n"].to_pylist()
    assert read["sure"].to_list() == [True, False, None, True]
    assert read["tags"].to_list() == ['["x", "y"]', "[]", None, '["z", "z", "z", "z", "z", "z"]']
    assert read["at"].to_list()[0].startswith("2026-01-02 03:04:05")
    about = pl.read_excel(io.BytesIO(data), sheet_name="about", has_header=False)
    assert dict(about.iter_rows()) == ABOUT


def test_no_text_of_a_spreadsheet_is_a_formula_or_a_link(rows):
    with zipfile.ZipFile(io.BytesIO(write(rows, "xlsx"))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet


def test_times_with_a_zone_keep_it_in_a_spreadsheet():
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)  # noqa: UP017
    table = pa.table({"at": pa.array([moment], pa.timestamp("us", "UTC"))})
    read = pl.read_excel(io.BytesIO(write(table, "xlsx")), sheet_name="rows")
    assert datetime.fromisoformat(read["at"][0]) == moment


def test_what_a_spreadsheet_cannot_hold_is_refused(monkeypatch):
    with pytest.raises(InvalidInputError, match="32,768 characters"):
        format_table(pa.table({"a": ["x" * 32_768]}), "xlsx")
    monkeypatch.setattr(documents, "SHEET_ROWS", 4)
    assert format_table(pa.table({"a": [1, 2, 3]}), "xlsx")
    with pytest.raises(InvalidInputError, match="do not fit into a spreadsheet: a sheet has 3"):
        format_table(pa.table({"a": [1, 2, 3, 4]}), "xlsx")


def test_markdown_has_a_line_a_row_and_no_markup_of_values(rows):
    lines = write(rows, "md").decode().splitlines()
    assert lines[0] == "| name | score | n | sure | tags | at |"
    assert lines[1] == "|---|--:|--:|---|---|---|"
    assert lines[2].startswith("| a\\|b | 0.109091 | 1 | True |")
    assert "&lt;b&gt;\\_x\\_&lt;/b&gt;" in lines[5]
    assert lines[6] == ""
    assert lines[7:] == ["- title: from scores", "- store: my.store", "- software: attribase 9"]


class Cells(HTMLParser):
    """The texts of the cells of a page, row by row."""

    def __init__(self):
        super().__init__()
        self.rows, self.open = [], False

    def handle_starttag(self, tag, attrs):  # noqa: ARG002
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        self.open = tag in ("td", "th")

    def handle_data(self, data):
        if self.open:
            self.rows[-1][-1] += data

    def handle_endtag(self, tag):  # noqa: ARG002
        self.open = False


def test_a_page_has_the_cells_of_csv(rows):
    parser = Cells()
    parser.feed(write(rows, "html").decode())
    assert parser.rows == list(csv.reader(io.StringIO(format_table(rows, "csv"))))
    assert "<dt>store</dt><dd>my.store</dd>" in write(rows, "html").decode()


def pages(data):
    pypdf = pytest.importorskip("pypdf")
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]


def test_a_pdf_has_every_row_and_its_header_on_each_page():
    table = pa.table({"name": [f"row{n}" for n in range(120)], "score": [n / 7 for n in range(120)]})
    found = pages(write(table, "pdf"))
    assert len(found) > 1
    assert all("name" in page and "score" in page for page in found)
    words = " ".join(found).split()
    assert {f"row{n}" for n in range(120)} <= set(words)
    assert "0.142857" in words
    assert "from scores" in found[-1]


def test_a_pdf_says_which_characters_it_cannot_draw():
    (page,) = pages(write(pa.table({"a": ["café 日本 日"]}), "pdf"))
    assert "café □□ □" in page
    assert "stands for 2 different characters" in page


def test_a_pdf_of_too_many_rows_is_refused(monkeypatch):
    monkeypatch.setattr(documents, "PDF_ROWS", 2)
    with pytest.raises(InvalidInputError, match="at most 2 rows"):
        format_table(pa.table({"a": [1, 2, 3]}), "pdf")
