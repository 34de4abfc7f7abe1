"""The stored files of an encoder, read and checked against their recorded sha256.

Each file is read once, whole, and ONNX Runtime gets the bytes that were hashed, external weights included. It
opens no path, so no file can be swapped between the check and the load.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..store.errors import DataError, NotFoundError

if TYPE_CHECKING:
    from ..store import Store


MODEL, WEIGHTS, EXTRA = "model", "weights", "beside"
"""Roles of a file, as stored."""

TEXT_MODEL, TEXT_WEIGHTS, TEXT_EXTRA = "text", "text-weights", "text-beside"
"""Roles of the files of the text tower, where the encoder has one."""

ALIGNMENT = 16
"""Bytes that a tensor's address must be a multiple of."""


@dataclass(frozen=True)
class StoredFile:
    """A file under the store's `files/`. `role`: the model, its external weights, or another file."""

    file: str
    sha256: str
    role: str = MODEL
    bytes: int | None = None

    @property
    def name(self) -> str:
        """Its name without folders, which is what a model calls its external weights."""
        return self.file.rpartition("/")[2]


@dataclass(frozen=True)
class ModelBytes:
    """The checked bytes of an encoder: the ONNX model, and its external weights and other files by name."""

    model: bytes
    weights: Mapping[str, bytes] = field(default_factory=dict)
    extra_files: Mapping[str, bytes] = field(default_factory=dict)


def encoder_row(store: Store, name: str) -> dict[str, Any]:
    """The `encoders` row of `name`. Raises NotFoundError when the store has none."""
    return encoder_rows(store, [name])[0]


def encoder_rows(store: Store, names: Sequence[str]) -> list[dict[str, Any]]:
    """The `encoders` rows of `names`, in one read. Raises NotFoundError for one that the store has not."""
    rows = {row["encoder"]: row for row in store.read("encoders").to_pylist()}
    for name in names:
        if name not in rows:
            raise NotFoundError(
                f"the encoder {name!r} is not in this store", hint=f"export it: {export_command(name)}"
            )
    return [dict(rows[name]) for name in names]


def can_embed(store: Store, name: str) -> bool:
    """Whether the encoder, or every part of a composite, has its model here, so that it takes pictures."""
    row = encoder_row(store, name)
    if row.get("parts"):
        return all(can_embed(store, part["encoder"]) for part in json.loads(row["parts"]))
    return bool(row["onnx_file"])


def read_model(store: Store, row: Mapping[str, Any]) -> ModelBytes:
    """The files of an `encoders` row.

    Raises:
        NotFoundError: the row has no model (a release's features came without one), or a file is gone.
        DataError: a file is not the one that was exported (its sha256 differs).
    """
    name = row["encoder"]
    if not row["onnx_file"]:
        raise NotFoundError(
            f"the store has features of {name!r} but not the encoder itself, so it cannot embed an image",
            hint="ask with a sample_id or a stored sample's uri, or use an encoder that was exported here; "
            "features from elsewhere come by `attribase ingest vectors`",
        )
    return _read_roles(store, row, (MODEL, WEIGHTS, EXTRA))


def read_text_model(store: Store, row: Mapping[str, Any]) -> ModelBytes:
    """The files of the text tower of an `encoders` row that has one. Raises as `read_model`."""
    return _read_roles(store, row, (TEXT_MODEL, TEXT_WEIGHTS, TEXT_EXTRA))


def has_text_tower(row: Mapping[str, Any]) -> bool:
    """Whether the encoder of an `encoders` row takes texts beside images."""
    return bool(row.get("files")) and any(file.role == TEXT_MODEL for file in stored_files(row))


def _read_roles(store: Store, row: Mapping[str, Any], roles: tuple[str, str, str]) -> ModelBytes:
    """The checked files of three roles: one model, its weights, what is beside it."""
    found: dict[str, dict[str, bytes]] = {role: {} for role in roles}
    for file in stored_files(row):
        if file.role in found:
            found[file.role][file.name] = _read(store, row["encoder"], file)
    model, weights, extra = found.values()
    (only,) = model.values()
    return ModelBytes(only, weights, extra)


def stored_files(row: Mapping[str, Any]) -> list[StoredFile]:
    """The files that an `encoders` row names, the model first."""
    return [StoredFile(**entry) for entry in json.loads(row["files"])]


def files_json(files: list[StoredFile]) -> str:
    """The `files` column."""
    return json.dumps([asdict(file) for file in files])


def export_command(name: str) -> str:
    """The command that exports `name`."""
    return f"attribase -s STORE ingest embed --encoder {name}"


def _read(store: Store, name: str, file: StoredFile) -> bytes:
    parts = file.file.split("/")
    path = store.file_uri(parts)
    try:
        data = store.read_file(parts)
    except FileNotFoundError:
        raise NotFoundError(
            f"the file of the encoder {name!r} is gone: {path}", hint=f"export it: {export_command(name)}"
        ) from None
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise DataError(
            f"the file of the encoder {name!r} is not the one that was exported: {path}",
            hint="remove the file and export the encoder again; features of another model must not mix",
        )
    return data


def external_tensors(model: bytes, files: Mapping[str, bytes]) -> tuple[list[str], list[Any]]:
    """Names and values of the tensors that `model` keeps in `files`.

    The values share the memory of `files`: keep both as long as the session.

    Raises DataError when the model names a file, or an offset in one, that does not exist.
    """
    import onnx
    import onnxruntime

    names, values = [], []
    for tensor in onnx.load_from_string(model).graph.initializer:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        source = {entry.key: entry.value for entry in tensor.external_data}
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        count = int(np.prod(tensor.dims, dtype=np.int64))
        try:
            data = np.frombuffer(files[source["location"]], dtype, count, int(source.get("offset", 0)))
        except (KeyError, ValueError) as error:
            raise DataError(
                f"the external weights {tensor.name} of the ONNX model are missing: {error}",
                hint="export the encoder again",
            ) from error
        if data.ctypes.data % ALIGNMENT:
            data = data.copy()
        names.append(tensor.name)
        values.append(onnxruntime.OrtValue.ortvalue_from_numpy(data.reshape(tuple(tensor.dims))))
    return names, values
