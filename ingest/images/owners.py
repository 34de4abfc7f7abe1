"""Tables of owners: which images each row is of, and what it says of them."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from ...store import InvalidInputError, NotFoundError
from .sources.cells import TEXTS, parts_of, text_of
from .sources.columns import find_columns
from .sources.files import DataFile, first_line
from .sources.metadata_files import FILE_COLUMNS
from .sources.names import ending_of
from .sources.open_table import open_rows
from .sources.rows import Rows
from .sources.source import Unreadable

HASH_COLUMNS = ("image_id", "sha256", "hash", "content_hash")
URI_COLUMNS = ("uri", "url", "image_url")
CREATOR_COLUMNS = ("owner",)
"""Columns that are taken as the creator, beside those that are in any table."""
EXCEL = ("xlsx", "xlsm", "xlsb", "xls", "ods")
TABLES = ("csv", "tsv", "parquet", "pq", "jsonl", "ndjson", "json", *EXCEL)
HINT = "call the column that names the images file_name, path, uri, image_id or sha256, or say --match COLUMN"

Kind = Literal["hash", "uri", "file name"]


@dataclass(frozen=True)
class OwnerTable:
    """A table in memory, as JSON text in Arrow.

    Attributes:
        path: of its file.
        column: the one that names the images.
        kind: what it names them by.
        names: (rows,) its values.
        values: (rows,) what each row says: JSON of the texts of an image (cells.TEXTS) and metadata.
        unnamed: how many further rows name no image.
        digest: of the file, and of how it is read.
        given: those of the given columns that it has; others are of the source of the images.
    """

    path: Path
    column: str
    kind: Kind
    names: tuple[str, ...]
    values: pa.Array
    unnamed: int
    digest: str
    given: Mapping[str, str] = field(default_factory=dict)

    def row(self, number: int) -> dict[str, Any]:
        """What a row says, as `Values` of a merge."""
        fields: dict[str, Any] = json.loads(self.values[number].as_py())
        return fields


def read_owners(
    path: str | Path, *, match: str | None = None, columns: Mapping[str, str] | None = None
) -> OwnerTable:
    """Read a CSV, TSV, Excel, Parquet or JSON table of owners; CSV in any encoding, with `,`, `;` or tabs.

    Args:
        path: of the file.
        match: the column that names the images; recognised by its name when left out.
        columns: part of an image (a text of cells.TEXTS) -> its column, where the names of columns do not
            tell. All other columns are metadata.

    Raises:
        NotFoundError: no such file.
        InvalidInputError: it is no such table, or none of its columns names images.
    """
    file = Path(path)
    if not file.is_file():
        raise NotFoundError(f"there is no {file}", hint="give a table of owners: CSV, xlsx, Parquet or JSON")
    rows = _open(file)
    column = match or _key_column(rows.columns)
    if column is None or column not in rows.columns:
        problem = f"has no column {match!r}" if match else "has no column that names images"
        raise InvalidInputError(f"{file} {problem}: {', '.join(rows.columns)}", hint=HINT)
    others = [name for name in rows.columns if name != column]
    given = {part: name for part, name in (columns or {}).items() if part in TEXTS and name in others}
    parts = find_columns(file.name, others, given, (), lambda _: False) | {"image": None, "uri": None}
    parts["creator"] = parts["creator"] or next(
        (name for name in others if name.lower() in CREATOR_COLUMNS), None
    )
    read = list(_rows(file, rows, column, parts))
    named = [(name, values) for name, values in read if name]
    if not named:
        raise InvalidInputError(f"{file} names no image in its column {column!r}", hint=HINT)
    names = tuple(name for name, _ in named)
    described = json.dumps([column, parts], sort_keys=True)
    return OwnerTable(
        path=file,
        column=column,
        kind=_kind(names),
        names=names,
        values=pa.array([values for _, values in named], pa.large_string()),
        unnamed=len(read) - len(named),
        digest=hashlib.sha256(file.read_bytes() + described.encode()).hexdigest(),
        given=given,
    )


def _open(file: Path) -> Rows:
    if ending_of(file.name) in EXCEL:
        return SheetRows(file)
    if ending_of(file.name) not in TABLES:
        raise InvalidInputError(
            f"{file} is no table of owners", hint="give a .csv, .xlsx, .parquet or .jsonl file"
        )
    return open_rows(DataFile(str(file), str(file)))


class SheetRows:
    """The first sheet of an Excel or OpenDocument file."""

    labels: Mapping[str, Any] = {}

    def __init__(self, file: Path) -> None:
        import fastexcel

        try:
            book = fastexcel.read_excel(file)
            table = pa.table(book.load_sheet(0).to_arrow())
        except Exception as error:  # its own errors, and pyo3's for a broken file
            raise InvalidInputError(
                f"{file} is not a sheet that can be read: {first_line(error)}",
                hint="save it as .xlsx or .csv again",
            ) from error
        kept = [name for name in table.column_names if table[name].null_count < table.num_rows]
        self.columns = [str(name).strip() for name in kept]
        self._rows = table.select(kept).rename_columns(self.columns).to_pylist()

    def count(self) -> int:
        """How many rows it has below the header."""
        return len(self._rows)

    def rows(self, start: int, count: int, columns: Any = ()) -> Iterator[dict[str, Any]]:
        """Consecutive rows; with `columns` only those. Whole numbers, which Excel has not, are made ones."""
        for row in self._rows[start : start + count]:
            yield {name: _whole(value) for name, value in row.items() if not columns or name in columns}


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _key_column(columns: Any) -> str | None:
    by_name: dict[str, str] = {}
    for name in columns:
        by_name.setdefault(name.strip().lower().replace("-", "_").replace(" ", "_"), name)
    known = (by_name[name] for name in (*HASH_COLUMNS, *FILE_COLUMNS, *URI_COLUMNS) if name in by_name)
    return next(known, None)


def _rows(
    file: Path, rows: Rows, column: str, parts: Mapping[str, str | None]
) -> Iterator[tuple[str | None, str]]:
    """(name of the image, its record) of each row that holds anything."""
    for row in rows.rows(0, rows.count()):
        if isinstance(row, Unreadable):
            raise InvalidInputError(f"{file}: {row.detail}", hint=row.remedy or "correct the table")
        name = text_of(row.pop(column, None))
        texts, metadata = parts_of(row, parts, rows.labels)
        if name or metadata or any(texts.values()):
            yield name, json.dumps({**texts, "metadata": metadata})


def _kind(names: tuple[str, ...]) -> Kind:
    if all(re.fullmatch("[0-9a-fA-F]{64}", name) for name in names):
        return "hash"
    return "uri" if any("://" in name for name in names) else "file name"
