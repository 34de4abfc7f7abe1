"""A frozen encoder run from its ONNX file."""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from ..store.errors import DataError, InvalidInputError, NotFoundError
from .preprocess import Preprocessing

if TYPE_CHECKING:
    from ..store import Store


class OnnxEncoder:
    """Images to raw, unnormalised features. Safe to call from several threads."""

    def __init__(
        self, model: Path | str | bytes, preprocessing: Preprocessing, *, threads: int | None = None
    ) -> None:
        """Load `model` (a file or its bytes); `threads` inside one operator, by default one a core."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or cores()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Idle ONNX threads would spin on the cores that decode the next batch.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        source = model if isinstance(model, bytes) else str(model)
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=providers())
        except Exception as error:  # the classes are private to the C++ binding
            raise DataError(
                f"the ONNX model does not load: {error}", hint="export the encoder again"
            ) from error
        self.preprocessing = preprocessing
        self._input: str = self._session.get_inputs()[0].name
        shape = self._session.get_outputs()[0].shape
        if len(shape) != 2 or not isinstance(shape[1], int):
            raise DataError(
                f"the ONNX model returns {shape}, not (images, dim)", hint="export the encoder again"
            )
        self.dim: int = shape[1]

    def run(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Preprocessed pixels (images, 3, size, size) to features (images, dim). A wrong shape is refused."""
        size = self.preprocessing.size
        if pixels.ndim != 4 or pixels.shape[1:] != (3, size, size):
            raise InvalidInputError(
                f"the encoder takes (images, 3, {size}, {size}), this has shape {pixels.shape}",
                hint="use the preprocessing that is stored with the encoder",
            )
        if not len(pixels):
            return np.zeros((0, self.dim), dtype=np.float32)
        outputs: list[Any] = self._session.run(None, {self._input: pixels})
        return np.asarray(outputs[0], dtype=np.float32)

    def encode(self, images: Sequence[Image.Image], *, batch: int = 64) -> NDArray[np.float32]:
        """Images to features (images, dim), float32, raw."""
        parts = [
            self.run(self.preprocessing.batch(images[start : start + batch]))
            for start in range(0, len(images), batch)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), dtype=np.float32)


def load_encoder(store: Store, name: str, *, threads: int | None = None) -> OnnxEncoder:
    """Load the exported encoder `name` of this store, its file checked against the recorded sha256.

    Raises:
        NotFoundError: the encoder was never exported here, or its file is gone.
        DataError: the file is not the one that was exported, or its output has another size.
    """
    rows = [row for row in store.read("encoders").to_pylist() if row["encoder"] == name]
    again = f"attribase -s STORE ingest embed --encoder {name}"
    if not rows:
        raise NotFoundError(f"the encoder {name!r} is not in this store", hint=f"export it: {again}")
    row = rows[0]
    if not row["onnx_file"]:
        raise NotFoundError(
            f"the store has features of {name!r} but not the encoder itself, so it cannot embed an image",
            hint="ask with a sample_id or a stored sample's uri, or use an encoder that was exported here",
        )
    path = store.file(*row["onnx_file"].split("/"))
    if not path.is_file():
        raise NotFoundError(f"the file of the encoder {name!r} is gone: {path}", hint=f"export it: {again}")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != row["onnx_sha256"]:
        raise DataError(
            f"the file of the encoder {name!r} is not the one that was exported: {path}",
            hint="remove the file and export the encoder again; features of another model must not mix",
        )
    # The bytes that were hashed are the bytes that run: nothing can be swapped in between.
    encoder = OnnxEncoder(data, Preprocessing.from_json(row["preprocessing"]), threads=threads)
    if encoder.dim != row["dim"]:
        raise DataError(
            f"the encoder {name!r} returns {encoder.dim} dimensions, {row['dim']} are recorded",
            hint=f"export it: {again}",
        )
    return encoder


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def providers() -> list[str]:
    """CUDA first where the driver loads; asking for it elsewhere prints errors and falls back anyway."""
    available = onnxruntime.get_available_providers()
    if "CUDAExecutionProvider" in available and _driver_loads():
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]
    return ["CPUExecutionProvider"]


def _driver_loads() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
