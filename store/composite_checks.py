"""Checks of composite encoders: their parts are there, and their vectors are made of the parts' vectors."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .ids import vectors_table
from .lookup import FEW, rows_with
from .problems import Problem, problem
from .store import Store

MAX_DISTANCE = 1e-3
"""Between a part of a composite vector and the part's own, of unit length: more than rounding."""

_AGAIN = "move {table}.lance out of the store, then attribase ingest embed --encoder {name}"


def parts_of(encoder: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an `encoders` row says of each part of a composite: encoder, dim, onnx_sha256."""
    return list(json.loads(encoder.get("parts") or "[]"))


def composite_parts(store: Store, encoder: Mapping[str, Any]) -> Iterator[Problem]:
    """Parts that are gone or another model now, and composite vectors of which a part was embedded again.

    Vectors are compared for up to FEW items, spread over the table.
    """
    name, table, start = encoder["encoder"], vectors_table(encoder["encoder"]), 0
    again = _AGAIN.format(table=table, name=name)
    models = {
        row["encoder"]: row["onnx_sha256"]
        for row in store.read("encoders", ["encoder", "onnx_sha256"]).to_pylist()
    }
    for part in parts_of(encoder):
        stop = start + part["dim"]
        if part["encoder"] not in models:
            what = f"the part {part['encoder']!r} of {name!r} is not in the store"
            yield from problem("part-missing", "encoders", [name], what, again)
        elif models[part["encoder"]] != part["onnx_sha256"]:
            what = f"the part {part['encoder']!r} of {name!r} is another model now"
            yield from problem("part-changed", "encoders", [name], what, again)
        if table in store.tables() and vectors_table(part["encoder"]) in store.tables():
            yield from problem(
                "outdated-composite",
                table,
                _outdated(store, table, slice(start, stop), vectors_table(part["encoder"])),
                f"vectors that differ from those of their part {part['encoder']!r}",
                again,
            )
        start = stop


def _outdated(store: Store, table: str, span: slice, part_table: str) -> list[str]:
    """Items whose dimensions `span` are not the unit-length vector that `part_table` has."""
    dataset = store.dataset(table)
    count = dataset.count_rows()
    places = np.unique(np.linspace(0, max(count - 1, 0), min(count, FEW)).astype(int)).tolist()
    joined = dataset.take(places, columns=["item_id", "base"])
    found = dict(zip(joined["item_id"].to_pylist(), _matrix(joined["base"])[:, span], strict=True))
    own = rows_with(store.dataset(part_table), list(found), ["item_id", "base"])
    lost = []
    for item, row in zip(own["item_id"].to_pylist(), _matrix(own["base"]), strict=True):
        unit = row / max(float(np.linalg.norm(row)), np.finfo(np.float64).tiny)
        if len(unit) != len(found[item]) or np.linalg.norm(unit - found[item]) > MAX_DISTANCE:
            lost.append(item)
    return lost


def _matrix(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """A column of vectors as (rows, dim)."""
    flat = np.asarray(column.combine_chunks().flatten(), np.float64)
    return flat.reshape(len(column), column.type.list_size)
