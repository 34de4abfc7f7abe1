"""The rows of CSV, TSV, JSON lines and JSON files, for `TableSource`."""

import csv
import io
import json
import lzma
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from .coco import coco_rows, is_coco
from .files import DataFile, unreadable_file
from .listing import COMPRESSED
from .names import ending_of
from .rows import ForwardRows, Row, chosen
from .source import Unreadable
from .text import decode_text, text_encoding

FIELD_BYTES = 1 << 30
"""The longest field of a CSV file; pictures in base64 are megabytes."""

PEEKED_LINES = 1000
"""How many lines of a JSON-lines file are looked at for the names of its columns."""

DIFFUSIONDB: Mapping[str, str] = {
    "p": "prompt",
    "se": "seed",
    "c": "guidance",
    "st": "steps",
    "sa": "sampler",
}
"""The fields of the JSON beside a part of DiffusionDB, by their short names."""

DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""What reading a file raises that cannot be read, or not be decompressed."""

_FIX = "correct this line of the file"


class DelimitedRows(ForwardRows):
    """A CSV or TSV file with a header; every value is text, an empty one is None."""

    def __init__(self, file: DataFile) -> None:
        super().__init__()
        self.file = file
        csv.field_size_limit(FIELD_BYTES)
        try:
            self._encoding = text_encoding(file.open_plain)
            with self._text() as text:
                head = text.readline()
                self._delimiter = "\t" if "\t" in head else max(",;|", key=head.count)
                text.seek(0)
                header = next(csv.reader(text, delimiter=self._delimiter), [])
        except (*DAMAGED, csv.Error) as error:
            raise unreadable_file(file, "a CSV file", error) from error
        self.columns: Sequence[str] = [name.strip() for name in header]
        doubled = {name for name in self.columns if self.columns.count(name) > 1}
        if not any(self.columns) or doubled:
            problem = f"two columns are called {min(doubled)!r}" if doubled else "it has no header"
            raise unreadable_file(file, "a CSV file", ValueError(problem))
        self._count: int | None = None

    def count(self) -> int:
        """How many rows it has; the first call reads the file once."""
        if self._count is None:
            self._count = sum(1 for _ in self._records())
        return self._count

    def _read_from(self, start: int, columns: tuple[str, ...]) -> Iterator[Row]:
        for record in islice(self._records(), start, None):
            yield record if isinstance(record, Unreadable) else chosen(self._row(*record), columns)

    def _records(self) -> Iterator[tuple[list[str], int] | Unreadable]:
        """The fields of each record and the line that it ends on."""
        with self._text() as text:
            reader = csv.reader(text, delimiter=self._delimiter)
            next(reader, None)
            while True:
                try:
                    values = next(reader, None)
                except csv.Error as error:
                    yield Unreadable("bad-row", f"line {reader.line_num}: {error}", _FIX)
                    continue
                except DAMAGED as error:
                    yield Unreadable("truncated", f"the file ends too early: {error}", "download it again")
                    return
                if values is None:
                    return
                if values:
                    yield values, reader.line_num

    def _row(self, values: Sequence[str], line: int) -> Row:
        if len(values) != len(self.columns):
            problem = f"line {line} has {len(values)} fields, the header {len(self.columns)}"
            return Unreadable("bad-row", problem, _FIX)
        return {name: value or None for name, value in zip(self.columns, values, strict=True) if name}

    def _text(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(self.file.open_plain(), encoding=self._encoding, errors="replace", newline="")


class JsonLinesRows(ForwardRows):
    """A file of JSON objects, one a line."""

    def __init__(self, file: DataFile) -> None:
        super().__init__()
        self.file = file
        try:
            self._encoding = text_encoding(file.open_plain)
            self.columns: Sequence[str] = self._names()
        except DAMAGED as error:
            raise unreadable_file(file, "a file of JSON lines", error) from error
        if not self.columns:
            raise unreadable_file(file, "a file of JSON lines", ValueError("no line is a JSON object"))
        self._count: int | None = None

    def count(self) -> int:
        """How many lines it has that are not empty; the first call reads the file once."""
        if self._count is None:
            self._count = sum(1 for _ in self._lines())
        return self._count

    def _names(self) -> list[str]:
        names: dict[str, None] = {}
        for number, line in islice(self._lines(), PEEKED_LINES):
            row = _json_row(number, line)
            if isinstance(row, dict):
                names.update(dict.fromkeys(row))
        return list(names)

    def _read_from(self, start: int, columns: tuple[str, ...]) -> Iterator[Row]:
        for number, line in islice(self._lines(), start, None):
            yield chosen(_json_row(number, line), columns)

    def _lines(self) -> Iterator[tuple[int, str]]:
        with io.TextIOWrapper(
            self.file.open_plain(), encoding=self._encoding, errors="replace", newline="\n"
        ) as text:
            for number, line in enumerate(text, 1):
                if line.strip():
                    yield number, line


class JsonRows:
    """A JSON document: a list of objects, COCO's annotations, or an object of objects by file name."""

    labels: Mapping[str, Sequence[str]] = {}

    def __init__(self, file: DataFile) -> None:
        try:
            with file.open_plain() as opened:
                document = json.loads(decode_text(opened.read())[0])
            self._rows = _rows_of(document)
        except (*DAMAGED, ValueError, RecursionError) as error:
            raise unreadable_file(file, "a JSON table", error) from error
        objects = (row for row in self._rows if isinstance(row, dict))
        self.columns: Sequence[str] = list(dict.fromkeys(name for row in objects for name in row))

    def count(self) -> int:
        """How many rows it has."""
        return len(self._rows)

    def rows(self, start: int, count: int, columns: Sequence[str] = ()) -> Iterator[Row]:
        """Consecutive rows; with `columns` only those."""
        return (chosen(row, columns) for row in self._rows[start : start + count])


def open_text_table(file: DataFile) -> DelimitedRows | JsonLinesRows | JsonRows:
    """The rows of a text file by its ending. Raises InvalidInputError for one that cannot be read."""
    name = file.path
    if ending_of(name) in COMPRESSED:
        name = name[: name.rindex(".")]
    ending = ending_of(name)
    if ending in ("csv", "tsv"):
        return DelimitedRows(file)
    if ending in ("jsonl", "ndjson") or _is_lines(file):
        return JsonLinesRows(file)
    return JsonRows(file)


def _is_lines(file: DataFile) -> bool:
    """Whether the first line is an object by itself and another follows: JSON lines that end in .json."""
    try:
        with file.open_plain() as opened:
            first = decode_text(opened.readline())[0].strip()
            return first.startswith("{") and isinstance(json.loads(first), dict) and bool(opened.read(1))
    except (*DAMAGED, ValueError, RecursionError):
        return False


def _json_row(number: int, line: str) -> Row:
    try:
        row = json.loads(line.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        return Unreadable("bad-row", f"line {number} is not JSON: {error}", _FIX)
    if not isinstance(row, dict):
        return Unreadable("bad-row", f"line {number} is no JSON object", _FIX)
    return row


def _rows_of(document: Any) -> list[Row]:
    if is_coco(document):
        return coco_rows(document)
    if isinstance(document, Mapping):
        values = list(document.values())
        if values and all(isinstance(value, Mapping) for value in values):
            return [{"file_name": name, **diffusiondb_names(row)} for name, row in document.items()]
        tables = [value for value in values if isinstance(value, list) and value and _is_row(value[0])]
        if len(tables) != 1:
            raise ValueError("it holds no list of objects, or several")
        document = tables[0]
    if not isinstance(document, list) or not any(map(_is_row, document)):
        raise ValueError("it is no list of objects")
    return [
        row if _is_row(row) else Unreadable("bad-row", f"entry {number} is no JSON object", _FIX)
        for number, row in enumerate(document)
    ]


def diffusiondb_names(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a row with DiffusionDB's one-letter names written out."""
    known = DIFFUSIONDB if {"p", "se", "sa"} <= set(row) else {}
    return {known.get(name, name): value for name, value in row.items()}


def _is_row(value: Any) -> bool:
    return isinstance(value, dict)
