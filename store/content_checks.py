"""Checks of content: bytes against their ids, vectors against what encoders make, what was removed."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from .ids import content_id
from .lookup import SCAN_ROWS
from .problems import Problem, problem
from .store import Store
from .tombstones import item_columns, named_rows, read_tombstones

VECTOR_ROWS = 4096  # rows in memory at once
UNIT_TOLERANCE = 1e-3


def image_bytes(store: Store) -> Iterator[Problem]:
    """Images whose id is not the hash of their bytes."""
    wrong = [
        image
        for batch in store.scan("images", ["image_id", "bytes"], "bytes IS NOT NULL")
        for image, data in zip(batch["image_id"].to_pylist(), batch["bytes"].to_pylist(), strict=True)
        if content_id(data) != image
    ]
    yield from problem(
        "wrong-hash",
        "images",
        wrong,
        "images whose id is not the hash of their bytes",
        "restore them from a backup, or ingest their source into a new store",
    )


def vector_values(store: Store, table: str) -> Iterator[Problem]:
    """Vectors that no encoder makes (NaN, infinity), or no mapper (a length other than 1 or 0)."""
    columns = [field.name for field in store.schema(table) if pa.types.is_fixed_size_list(field.type)]
    wrong: dict[str, None] = {}
    for batch in store.scan(table, ["item_id", *columns], batch_rows=VECTOR_ROWS):
        for column in columns:
            rows = batch.filter(batch[column].is_valid())
            values = rows[column].flatten().to_numpy(zero_copy_only=False)
            vectors = values.reshape(rows.num_rows, rows[column].type.list_size)
            lengths = np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1))
            bad = ~np.isfinite(lengths)
            if column != "base":
                bad |= (np.abs(lengths - 1) > UNIT_TOLERANCE) & (lengths > 0)
            wrong |= dict.fromkeys(rows["item_id"].filter(pa.array(bad)).to_pylist())
    yield from problem(
        "wrong-vector",
        table,
        list(wrong),
        "vectors that are not finite, or mapped ones that are not of length 1",
        f"restore {table}.lance from a backup, or move it out of the store and embed again",
    )


def onnx_files(store: Store, encoder: dict[str, Any]) -> Iterator[Problem]:
    """The files of an exported encoder: the model, its weights, its tokenizer."""
    if not encoder["onnx_file"]:
        return
    name, hint = encoder["encoder"], "export the encoder again"
    for file in json.loads(encoder["files"]):
        parts = file["file"].split("/")
        path = store.file_uri(parts)
        try:
            data = store.read_file(parts)
        except FileNotFoundError:
            yield from problem("onnx-missing", "encoders", [name], f"there is no file {path}", hint)
            continue
        if hashlib.sha256(data).hexdigest() != file["sha256"]:
            yield from problem("onnx-changed", "encoders", [name], f"{path} has another hash", hint)


def removals(store: Store) -> Iterator[Problem]:
    """Removals that were killed, and bytes that are still to be erased."""
    removed = read_tombstones(store).by_id
    left: set[str] = set()
    if removed:
        for table in store.tables():
            if item_columns(table):
                for batch in store.scan(table, item_columns(table), batch_rows=SCAN_ROWS):
                    rows = pa.table(batch)
                    named = rows.filter(named_rows(table, rows, removed))
                    left.update(str(one) for one in named[item_columns(table)[0]].to_pylist())
    yield from problem(
        "unfinished-removal",
        "tombstones",
        sorted(left),
        "rows of what was removed are still there",
        "attribase ingest remove --erase, or the same removal again",
    )
    yield from problem(
        "unfinished-erasure",
        "tombstones",
        [one.item_id for one in removed.values() if one.erase and not one.erased_at],
        "old versions may hold what was to be erased",
        "attribase ingest remove --erase",
    )
