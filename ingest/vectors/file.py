"""A file of features: Parquet with a column of ids and one of lists, or .npy with the ids in another file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ...store.errors import DataError, InvalidInputError

ID_COLUMNS = ("id", "item_id", "image_id", "sample_id", "uri", "file", "file_name", "filename", "path")
"""Columns that are taken for ids, the first that a table has."""

VECTOR_COLUMNS = ("vector", "embedding", "features", "feature", "base")
"""Columns that are taken for vectors where several hold lists."""

BATCH_ROWS = 8192


@dataclass(frozen=True)
class VectorFile:
    """Rows of one file: `ids` as they are written there, features of `dim` numbers.

    id_column and vector_column are Parquet's; of .npy both are ''.
    """

    path: Path
    ids: Sequence[str]
    dim: int
    id_column: str = ""
    vector_column: str = ""

    @cached_property
    def sha256(self) -> str:
        """Of the bytes of the file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def batches(self) -> Iterator[NDArray[np.float32]]:
        """All features in order, (rows, dim) float32 at a time, checked to be finite.

        Raises:
            InvalidInputError: a row of another length or with NaN or infinite values.
        """
        start = 0
        for rows in self._parquet() if self.vector_column else self._npy():
            finite = np.isfinite(rows).all(axis=1)
            if not finite.all():
                first = start + int(np.argmin(finite))
                raise InvalidInputError(
                    f"{self.path.name}: the vector of {self.ids[first]!r} (row {first + 1}) has NaN or "
                    "infinite values",
                    hint="leave the row out, or compute its features again",
                )
            start += len(rows)
            yield rows

    def _npy(self) -> Iterator[NDArray[np.float32]]:
        matrix = _open_npy(self.path)
        for start in range(0, len(matrix), BATCH_ROWS):
            with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
                yield np.array(matrix[start : start + BATCH_ROWS], dtype=np.float32)

    def _parquet(self) -> Iterator[NDArray[np.float32]]:
        start = 0
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=[self.vector_column]):
                yield self._rows(batch.column(0), start)
                start += batch.num_rows

    def _rows(self, column: pa.Array, start: int) -> NDArray[np.float32]:
        """(rows, dim) of a column of lists; `start` is the number of its first row."""
        lists = column.cast(pa.list_(column.type.value_type))
        lengths = np.array(lists.value_lengths().fill_null(-1))
        if (lengths != self.dim).any():
            row = int(np.argmax(lengths != self.dim))
            what = "no vector" if lengths[row] < 0 else f"a vector of {lengths[row]} numbers"
            raise InvalidInputError(
                f"{self.path.name}: {self.ids[start + row]!r} (row {start + row + 1}) has {what}, the "
                f"first row has {self.dim}",
                hint="all vectors of an encoder have one length",
            )
        values = (
            lists.flatten().cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
        )
        with np.errstate(over="ignore"):
            return np.array(values, dtype=np.float32).reshape(-1, self.dim)


def open_vectors(
    path: Path, ids: Path | None = None, *, id_column: str | None = None, vector_column: str | None = None
) -> VectorFile:
    """Find out what the file at `path` holds; its vectors are read later.

    Args:
        path: .parquet, or .npy with a matrix (rows, dim) of numbers.
        ids: of a .npy its ids in the order of its rows: a text with one a line, a JSON list, or a CSV table.
        id_column: which column has the ids; left out, the first of ID_COLUMNS.
        vector_column: which has the vectors; left out, the only one of lists, or one of VECTOR_COLUMNS.

    Raises:
        InvalidInputError: another kind of file, missing or doubtful columns, numbers of rows that differ.
        DataError: a file that cannot be read.
    """
    if path.suffix == ".npy":
        if ids is None:
            raise InvalidInputError(f"{path.name} holds no ids", hint="name the file that does: --ids FILE")
        if vector_column is not None:
            raise InvalidInputError("a .npy has no columns", hint="leave --vector-column out")
        matrix, names = _open_npy(path), _read_ids(ids, id_column)
        if len(matrix) != len(names):
            raise InvalidInputError(
                f"{path.name} has {len(matrix)} rows, {ids.name} {len(names)} ids", hint="give one id a row"
            )
        return VectorFile(path, names, int(matrix.shape[1]))
    if path.suffix not in (".parquet", ".pq"):
        raise InvalidInputError(
            f"{path.name} is neither Parquet nor .npy",
            hint="write the features as .parquet, or as .npy with --ids",
        )
    if ids is not None:
        raise InvalidInputError("a Parquet file has its ids in a column", hint="leave --ids out")
    return _open_parquet(path, id_column, vector_column)


def _open_parquet(path: Path, id_column: str | None, vector_column: str | None) -> VectorFile:
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            key = _find_id_column(path, schema.names, id_column)
            vector = _find_vector_column(path, schema, vector_column)
            column = file.read(columns=[key])[key]
            first = next(file.iter_batches(1, columns=[vector]), None)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path.name} cannot be read as Parquet: {error}", hint="write it again") from error
    if first is None or not first.column(0).is_valid()[0].as_py():
        raise InvalidInputError(f"{path.name} has no vector in its first row", hint="leave such rows out")
    if column.null_count:
        raise InvalidInputError(f"{path.name}: {column.null_count} rows have no {key}", hint="leave them out")
    ids = column.cast(pa.string()).to_pylist()
    return VectorFile(path, ids, len(first.column(0)[0]), key, vector)


def _find_id_column(path: Path, names: Sequence[str], given: str | None) -> str:
    found = [name for name in ((given,) if given is not None else ID_COLUMNS) if name in names]
    if not found:
        raise InvalidInputError(
            f"{path.name} has no column {given!r}" if given else f"which column of {path.name} has the ids?",
            hint=f"name it: --id-column with one of {', '.join(names)}",
        )
    return found[0]


def _find_vector_column(path: Path, schema: pa.Schema, given: str | None) -> str:
    lists = [field.name for field in schema if _is_vector(field.type)]
    if given is not None:
        if given not in lists:
            what = "no list of numbers" if given in schema.names else "not there"
            raise InvalidInputError(
                f"the column {given!r} of {path.name} is {what}",
                hint=f"lists of numbers are in {', '.join(lists) or 'no column'}",
            )
        return given
    known = lists if len(lists) == 1 else [name for name in VECTOR_COLUMNS if name in lists]
    if not known:
        raise InvalidInputError(
            f"which column of {path.name} has the vectors?"
            if lists
            else f"{path.name} has no column of lists",
            hint=f"name it: --vector-column with one of {', '.join(lists)}"
            if lists
            else "write the vectors as one column of lists of numbers",
        )
    return known[0]


def _is_vector(kind: pa.DataType) -> bool:
    nested = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(nested and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)))


def _open_npy(path: Path) -> NDArray[Any]:
    """The matrix, its values left on disk."""
    try:
        matrix: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path.name} cannot be read: {error}", hint="write it with numpy.save") from error
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu" or not matrix.size:
        raise InvalidInputError(
            f"{path.name} has shape {matrix.shape} of {matrix.dtype}",
            hint="save numbers of shape (rows, dim)",
        )
    return matrix


def _read_ids(path: Path, column: str | None) -> list[str]:
    """One id a row, from text, JSON or CSV."""
    try:
        if path.suffix == ".csv":
            table = pl.read_csv(path, infer_schema=False)
            only = table.columns[0] if table.width == 1 and column is None else None
            return table[only or _find_id_column(path, table.columns, column)].to_list()
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".json":
            return [line.strip() for line in text.splitlines() if line.strip()]
        found = json.loads(text)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path.name} cannot be read: {error}", hint="give text, JSON or CSV") from error
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise InvalidInputError(f"{path.name} is no JSON list of strings", hint='write ["first", "second"]')
    return found
