"""A store as Parquet files, for what reads no Lance: every table and every view, and SQL that names them.

All files are of one state of the store. What a killed export has written is kept: the next one of the same
state goes on after it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from ...store import Step, Store
from ...store.errors import ConflictError, InvalidInputError
from ...store.layout import software_version, write_atomically
from ...store.lookup import quote
from ..time_travel import At, versions_at
from .connection import open_connection
from .formats import write_rows
from .runner import Rows, open_reader, read_batches
from .statements import quote_name

if TYPE_CHECKING:
    import duckdb

MANIFEST = "export.json"
"""In the folder: the versions of all tables that the files are of, and the rows of each finished file."""

LOAD = "load.sql"
"""In the folder: makes the files views of any DuckDB that is started there."""


def export_store(store: Store, folder: Path, at: At = None) -> Iterator[Step]:
    """Write `NAME.parquet` into `folder` for every table and view, as `connect` has them: without blobs.

    Raises:
        ConflictError: the folder holds an export of another state, or other files.
        InvalidInputError: it cannot be written.
        NotFoundError: the store was not there `at` that time.
    """
    versions = versions_at(store, at)
    state = hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        done = _finished(folder, state)
        with closing(open_connection(store, versions, mentioned_in="")) as con:
            names = sorted(name for (name,) in con.sql("show tables").fetchall())
            for count, name in enumerate(names, 1):
                if name not in done:
                    done[name] = _write(con, name, folder)
                    _note(folder, state, versions, done)
                yield Step("export", count, len(names), f"{name}: {done[name]} rows")
        write_atomically(folder / LOAD, _load_statements(names).encode())
    except OSError as error:
        raise InvalidInputError(
            f"cannot write {error.filename or folder}: {error.strerror}", hint="name another folder"
        ) from error


def _finished(folder: Path, state: str) -> dict[str, int]:
    """The rows of the files that an earlier call has finished. Raises ConflictError as `export_store`."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        if any(not path.name.endswith(".part") for path in folder.iterdir()):
            raise ConflictError(
                f"{folder} holds other files, which are not of an export", hint="name an empty folder"
            )
        return {}
    found = json.loads(manifest.read_text())
    if found["state"] != state:
        raise ConflictError(
            f"{folder} holds an export of another state of the store", hint="name another folder, or empty it"
        )
    return {name: rows for name, rows in found["rows"].items() if (folder / f"{name}.parquet").is_file()}


def _write(con: duckdb.DuckDBPyConnection, name: str, folder: Path) -> int:
    """Write one table or view, whole or not at all; the number of its rows."""
    statement, count = f"from {quote_name(name)}", 0
    part = folder / f".{name}.part"
    reader = open_reader(con, statement, None)

    def counted() -> Iterator[pa.RecordBatch]:
        nonlocal count
        for batch in read_batches(reader, statement):
            count += batch.num_rows
            yield batch

    try:
        with part.open("wb") as out:
            write_rows(Rows(reader.schema, counted()), "parquet", out)
            out.flush()
            os.fsync(out.fileno())
        part.replace(folder / f"{name}.parquet")
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return count


def _note(folder: Path, state: str, versions: dict[str, int], rows: dict[str, int]) -> None:
    manifest = {"software": software_version(), "state": state, "versions": versions, "rows": rows}
    write_atomically(folder / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())


def _load_statements(names: list[str]) -> str:
    lines = [
        f"create or replace view {quote_name(name)} as from read_parquet({quote(name + '.parquet')});"
        for name in names
    ]
    return "-- in this folder: duckdb -init load.sql\n" + "\n".join(lines) + "\n"
