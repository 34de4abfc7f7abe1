"""Tables of owners: their formats, encodings and columns."""

import zipfile
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.images import read_owners
from attribase.store import InvalidInputError, NotFoundError

HEADER = ("File Name", "Artist", "License", "year")
ROWS = (("a.png", "Zoë", "CC0", 1999), ("b.png", None, "CC BY; 4.0", None))


def write_xlsx(path, rows):
    """A workbook of one sheet, as small as the format allows."""

    def cell(value, column, number):
        place = f'r="{chr(65 + column)}{number}"'
        if value is None:
            return ""
        if isinstance(value, str):
            return f'<c {place} t="inlineStr"><is><t>{escape(value)}</t></is></c>'
        return f"<c {place}><v>{value}</v></c>"

    body = "".join(
        f'<row r="{number}">'
        + "".join(cell(value, column, number) for column, value in enumerate(row))
        + "</row>"
        for number, row in enumerate(rows, 1)
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="xml" '
        'ContentType="application/xml"/><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="owners" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)


def text(separator):
    lines = [HEADER, *ROWS]
    return "".join(
        separator.join('"' + str("" if value is None else value) + '"' for value in line) + "\r\n"
        for line in lines
    )


def written(path, kind):
    if kind == "xlsx":
        write_xlsx(path, [HEADER, *ROWS])
    elif kind == "parquet":
        pq.write_table(pa.table({name: [row[n] for row in ROWS] for n, name in enumerate(HEADER)}), path)
    else:
        separator, encoding = kind
        path.write_bytes(text(separator).encode(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("o.csv", (",", "utf-8")),
        ("o.csv", (";", "utf-8-sig")),
        ("o.csv", ("\t", "utf-16")),
        ("o.tsv", ("\t", "utf-8")),
        ("o.csv", (";", "cp1252")),
        ("o.xlsx", "xlsx"),
        ("o.parquet", "parquet"),
    ],
)
def test_every_format_and_encoding_says_the_same(tmp_path, name, kind):
    table = read_owners(written(tmp_path / name, kind))
    assert (table.column, table.kind, table.names) == ("File Name", "file name", ("a.png", "b.png"))
    first, second = table.row(0), table.row(1)
    assert (first["creator"], first["license"], str(first["metadata"]["year"])) == ("Zoë", "CC0", "1999")
    assert (second["creator"], second["license"], second["metadata"]) == (None, "CC BY; 4.0", {})
    assert first["category"] is first["caption"] is None


def test_whole_numbers_of_a_sheet_are_names_without_a_fraction(tmp_path):
    write_xlsx(tmp_path / "o.xlsx", [("file", "artist"), (1001, "Ann"), (None, None), (None, "Bob")])
    table = read_owners(tmp_path / "o.xlsx")
    assert (table.names, table.unnamed) == (("1001",), 1)


@pytest.mark.parametrize(
    ("header", "value", "kind"),
    [("sha256", "A" * 64, "hash"), ("url", "https://e.x/a.png", "uri"), ("path", "b/a.png", "file name")],
)
def test_the_column_that_names_images_is_recognised_with_what_it_names_them_by(tmp_path, header, value, kind):
    (tmp_path / "o.csv").write_text(f"artist,{header}\nAnn,{value}\n")
    table = read_owners(tmp_path / "o.csv")
    assert (table.column, table.kind, table.row(0)["creator"]) == (header, kind, "Ann")


def test_columns_of_any_name_can_be_named(tmp_path):
    (tmp_path / "o.csv").write_text("Bild,Urheberin\na.png,Ann\n")
    with pytest.raises(InvalidInputError, match="no column that names images: Bild, Urheberin"):
        read_owners(tmp_path / "o.csv")
    table = read_owners(tmp_path / "o.csv", match="Bild", columns={"creator": "Urheberin", "image": "x"})
    assert table.row(0) == {
        "caption": None,
        "category": None,
        "creator": "Ann",
        "license": None,
        "rights_holder": None,
        "license_url": None,
        "reservation": None,
        "source": None,
        "metadata": {},
    }


def test_what_is_no_table_of_owners_is_an_error(tmp_path):
    with pytest.raises(NotFoundError):
        read_owners(tmp_path / "none.csv")
    for name, data in (
        ("o.xlsx", b"PK no"),
        ("o.txt", b"a"),
        ("o.csv", b"file,artist\n,Ann\n"),
        ("p.csv", b""),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InvalidInputError):
            read_owners(tmp_path / name)
    (tmp_path / "bad.csv").write_text("file,artist\na.png,Ann,more\n")
    with pytest.raises(InvalidInputError, match="line 2 has 3 fields"):
        read_owners(tmp_path / "bad.csv")


def test_the_digest_changes_with_the_file_and_with_the_columns(tmp_path):
    (tmp_path / "o.csv").write_text("file,a,b\nx.png,Ann,Bob\n")
    digests = {read_owners(tmp_path / "o.csv", columns={"creator": name}).digest for name in "ab"}
    (tmp_path / "o.csv").write_text("file,a,b\nx.png,Ann,Eve\n")
    assert len(digests | {read_owners(tmp_path / "o.csv", columns={"creator": "a"}).digest}) == 3
