"""Tables beside images that describe them by file name: Hugging Face's `metadata.jsonl` or `.csv`."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from ....store import InvalidInputError
from .cells import text_of, with_names
from .diffusiondb import is_part_table
from .files import DataFile
from .names import local_path, stem_of
from .rows import Rows
from .source import Unreadable
from .text import json_object

NAMES = ("metadata", "_annotations.coco")
"""Names, without their ending, of tables that describe the images of their folder."""

FILE_COLUMNS = ("file_name", "filename", "image_name", "file", "image_path", "file_path", "path", "image")
"""Columns that name the image, relative to the table's folder; or any column that ends in `_file_name`."""


class MetadataFile:
    """One table of a folder: a row of JSON text an image, by the path of the image below the folder.

    Rows are kept as JSON text in Arrow: 10^6 of them are hundreds of megabytes, not gigabytes.
    """

    def __init__(self, file: DataFile, folder: str) -> None:
        from .open_table import open_rows

        rows = open_rows(file)
        self.name = file.name
        column = _file_column(rows.columns)
        if column is None:
            raise InvalidInputError(
                f"{file.name} has no column of file names: {', '.join(rows.columns)}",
                hint="call it `file_name`, with paths relative to the table",
            )
        self.columns, self.of_parts = rows.columns, is_part_table(rows.columns)
        self.problems: list[tuple[int, Unreadable]] = []
        self._rows: dict[str, int] = {}
        prefix = f"{folder}/" if folder else ""
        self._texts = pa.array(self._read(rows, column, prefix), pa.large_string())

    def paths(self) -> Iterator[tuple[str, int]]:
        """The path that each row names, and the row."""
        yield from self._rows.items()

    def row(self, path: str) -> dict[str, Any] | None:
        """The fields of the image at `path`, without its name; None when no row names it."""
        number = self._rows.get(path)
        if number is None:
            return None
        fields: dict[str, Any] = json.loads(self._texts[number].as_py())
        return fields

    def _read(self, rows: Rows, column: str, prefix: str) -> Iterator[str]:
        for number, row in enumerate(rows.rows(0, rows.count())):
            if isinstance(row, Unreadable):
                self.problems.append((number, row))
                yield "{}"
                continue
            path = text_of(row.pop(column, None))
            if path is None:
                self.problems.append(
                    (number, Unreadable("bad-row", "the row names no file", "correct the table"))
                )
            else:
                self._rows.setdefault(prefix + _normal(path), number)
            named = {name: with_names(value, rows.labels.get(name, ())) for name, value in row.items()}
            yield json.dumps(json_object(named))


def is_metadata_file(path: str) -> bool:
    """Whether a table describes the images of its folder, by its name; DiffusionDB's has the folder's."""
    folder, _, name = path.rpartition("/")
    stem = stem_of(name)
    return stem.lower() in NAMES or (name.endswith(".json") and stem == folder.rpartition("/")[2] != "")


def _file_column(columns: Sequence[str]) -> str | None:
    lower = {name.lower(): name for name in reversed(columns)}
    known = (lower[name] for name in FILE_COLUMNS if name in lower)
    return next(known, None) or next((n for n in columns if n.lower().endswith("_file_name")), None)


def _normal(path: str) -> str:
    parts = [part for part in local_path(path).split("/") if part not in ("", ".")]
    return "/".join(parts)
