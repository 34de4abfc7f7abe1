"""An exported model into the store: its files first, then the `encoders` row that names them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ...runtime.model_files import BESIDE, MODEL, WEIGHTS, StoredFile, files_json
from ...store import Store
from ...store.errors import ConflictError
from ...store.schema import safe_name, vectors_table
from .onnx_files import OnnxFiles


def write_row(store: Store, row: dict[str, Any], files: OnnxFiles, beside: Mapping[str, bytes]) -> None:
    """Store `files` and what lies `beside` them, then `row`, which says everything else of the encoder.

    Raises ConflictError when the store holds features of other weights under this name.
    """
    digest = _sha256(files.model.read_bytes())
    refuse_mixing(store, row["encoder"], digest)
    folder = ("encoders", f"{safe_name(row['encoder'])}-{digest[:12]}")
    stored = [_put(store, (*folder, path.name), path.read_bytes(), WEIGHTS) for path in files.data]
    stored += [_put(store, (*folder, name), data, BESIDE) for name, data in sorted(beside.items())]
    model = _put(store, (*folder, "model.onnx"), files.model.read_bytes(), MODEL)
    where = {
        "onnx_file": model.file,
        "onnx_sha256": model.sha256,
        "files": files_json([model, *stored]),
        "exported_at": datetime.now(UTC).replace(tzinfo=None),
    }
    store.upsert("encoders", [row | where], update=True)


def refuse_mixing(store: Store, name: str, digest: str) -> None:
    """Features of two models in one vector table could never be told apart again."""
    rows = [row for row in store.read("encoders").to_pylist() if row["encoder"] == name]
    table = vectors_table(name)
    if rows and rows[0]["onnx_sha256"] != digest and table in store.tables() and store.count(table):
        raise ConflictError(
            f"the store holds features of other weights of {name}",
            hint="embed into another store, or export under another encoder name",
        )


def _put(store: Store, path: tuple[str, ...], data: bytes, role: str) -> StoredFile:
    store.write_file(path, data)
    return StoredFile("/".join(path), _sha256(data), role, len(data))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
