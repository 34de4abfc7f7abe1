"""The files of an ONNX model, and how they are stored with the encoder's row.

A protobuf message ends at 2 GiB: larger models have a second file for their weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...runtime import Preprocessing
from ...runtime.encoder import IMAGES, TOKEN_IDS
from ...runtime.model_files import (
    EXTRA,
    MODEL,
    TEXT_EXTRA,
    TEXT_MODEL,
    TEXT_WEIGHTS,
    WEIGHTS,
    StoredFile,
    files_json,
)
from ...runtime.text_encoder import TEXT_TOKENIZER_FILE
from ...store import Store
from ...store.columns import utc_now
from ...store.errors import ConflictError, InvalidInputError
from ...store.ids import safe_name, vectors_table

OPSET = 18
OUTPUT = "features"

__all__ = ["EXTERNAL_BYTES", "IMAGES", "OUTPUT", "TOKEN_IDS", "OnnxFiles", "import_onnx", "save"]

EXTERNAL_BYTES = 2_000_000_000
"""Weights above this go to a second file."""


@dataclass(frozen=True)
class OnnxFiles:
    """The model file and its external weights.

    A file of weights is named after its own sha256, so the sha256 of the model determines the weights.
    """

    model: Path
    data: tuple[Path, ...] = ()

    def opset(self) -> int:
        """The version of ONNX's operators that the model needs."""
        import onnx

        model = onnx.load(self.model, load_external_data=False)
        return max(int(entry.version) for entry in model.opset_import if entry.domain in ("", "ai.onnx"))


def save(model: Any, folder: Path) -> OnnxFiles:
    """Write `model` (all weights in memory) into `folder`, deterministically."""
    import onnx

    path = folder / "model.onnx"
    # ByteSize() alone would fail where one tensor is above 2 GiB: those are raw bytes.
    sizes = (len(tensor.raw_data) or tensor.ByteSize() for tensor in model.graph.initializer)
    if sum(sizes) <= EXTERNAL_BYTES:
        path.write_bytes(model.SerializeToString(deterministic=True))
        return OnnxFiles(path)
    onnx.external_data_helper.convert_model_to_external_data(model, location="weights", size_threshold=1024)
    onnx.external_data_helper.write_external_data_tensors(model, str(folder))
    with (folder / "weights").open("rb") as file:
        name = hashlib.file_digest(file, "sha256").hexdigest() + ".data"
    data = (folder / "weights").rename(folder / name)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = name
    path.write_bytes(model.SerializeToString(deterministic=True))
    return OnnxFiles(path, (data,))


def import_onnx(path: Path, folder: Path, *, captions: bool = False) -> OnnxFiles:
    """Copy the ONNX file `path` with its external data, its inputs and output named as an encoder's.

    Raises InvalidInputError when it is no ONNX model or takes another number of inputs.
    """
    import onnx

    try:
        model = onnx.load(path, load_external_data=True)
    except Exception as error:  # protobuf, onnx and the file system each raise their own
        raise InvalidInputError(
            f"{path.name} is no ONNX model: {error}",
            hint="pass the .onnx file, with its external data beside it",
        ) from error
    graph = model.graph
    names = _names(path, graph, captions)
    del graph.output[1:]
    _rename(graph, names | {graph.output[0].name: OUTPUT})
    return save(model, folder)


def _names(path: Path, graph: Any, captions: bool) -> dict[str, str]:
    """New names for the inputs of `graph`. InvalidInputError for inputs that no encoder has."""
    import onnx

    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    kinds = {onnx.TensorProto.FLOAT: IMAGES} | ({onnx.TensorProto.INT64: TOKEN_IDS} if captions else {})
    found = {value.name: kinds.get(value.type.tensor_type.elem_type, "") for value in inputs}
    if sorted(found.values()) != sorted(kinds.values()) or not graph.output:
        taken = ", ".join(_describe_input(value) for value in inputs) or "nothing"
        raise InvalidInputError(
            f"{path.name} takes {taken}, an encoder takes {' and '.join(kinds.values())}",
            hint="export the image tower alone, with preprocessed float32 pixels as its only input",
        )
    for value in inputs:
        batch = value.type.tensor_type.shape.dim[0]
        if batch.HasField("dim_value"):
            raise InvalidInputError(
                f"{path.name} takes {batch.dim_value} images at a time and no other number",
                hint="export it again with a dynamic batch",
            )
    return found


def _describe_input(value: Any) -> str:
    import onnx

    kind = onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()
    return f"{value.name} ({kind})"


def _rename(graph: Any, names: dict[str, str]) -> None:
    """Rename values wherever nodes of the graph use them. InvalidInputError where subgraphs might."""
    inner = [attribute for node in graph.node for attribute in node.attribute if attribute.HasField("g")]
    taken = {name for node in graph.node for name in node.output} - set(names)
    if inner or taken & set(names.values()):
        raise InvalidInputError(
            "the ONNX model cannot be renamed", hint=f"name its input {IMAGES} and its output {OUTPUT}"
        )
    for value in (*graph.input, *graph.output, *graph.value_info):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


@dataclass(frozen=True)
class TextFiles:
    """The files of a text tower, and how far its features are from those of its source."""

    onnx: OnnxFiles
    tokenizer: bytes
    min_cosine: float


def write_row(
    store: Store,
    row: dict[str, Any],
    files: OnnxFiles,
    extra_files: Mapping[str, bytes],
    text: TextFiles | None = None,
) -> None:
    """Store `files`, `extra_files` and those of a text tower, then `row` with their names and hashes.

    Raises ConflictError when the store holds features of other weights under this name.
    """
    digest = _sha256(files.model.read_bytes())
    check_not_mixing(store, row["encoder"], digest, row.get("preprocessing"))
    folder = ("encoders", f"{safe_name(row['encoder'])}-{digest[:12]}")
    stored = [_put(store, (*folder, path.name), path.read_bytes(), WEIGHTS) for path in files.data]
    stored += [_put(store, (*folder, name), data, EXTRA) for name, data in sorted(extra_files.items())]
    if text is not None:
        stored += _put_text(store, folder, text)
    model = _put(store, (*folder, "model.onnx"), files.model.read_bytes(), MODEL)
    where = {
        "onnx_file": model.file,
        "onnx_sha256": model.sha256,
        "files": files_json([model, *stored]),
        "text_parity_min_cosine": None if text is None else text.min_cosine,
        "exported_at": utc_now(),
    }
    store.upsert("encoders", [row | where], update=True)


def _put_text(store: Store, folder: tuple[str, ...], text: TextFiles) -> list[StoredFile]:
    stored = [_put(store, (*folder, path.name), path.read_bytes(), TEXT_WEIGHTS) for path in text.onnx.data]
    stored.append(_put(store, (*folder, TEXT_TOKENIZER_FILE), text.tokenizer, TEXT_EXTRA))
    return [*stored, _put(store, (*folder, "text.onnx"), text.onnx.model.read_bytes(), TEXT_MODEL)]


def check_not_mixing(store: Store, name: str, digest: str, preprocessing: str | None = None) -> None:
    """Raise ConflictError where `name` has features of another model or preprocessing: they must not mix."""
    rows = [row for row in store.read("encoders").to_pylist() if row["encoder"] == name]
    table = vectors_table(name)
    if not rows or table not in store.tables() or not store.count(table):
        return
    if rows[0]["onnx_sha256"] != digest:
        what = "weights"
    elif not _same_preprocessing(rows[0]["preprocessing"], preprocessing):
        what = "preprocessing"
    else:
        return
    raise ConflictError(
        f"the store holds features of other {what} of {name}",
        hint="embed into another store, or export under another encoder name",
    )


def _same_preprocessing(stored: str | None, new: str | None) -> bool:
    return None in (stored, new) or Preprocessing.from_json(stored or "") == Preprocessing.from_json(
        new or ""
    )


def _put(store: Store, path: tuple[str, ...], data: bytes, role: str) -> StoredFile:
    store.write_file(path, data)
    return StoredFile("/".join(path), _sha256(data), role, len(data))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
