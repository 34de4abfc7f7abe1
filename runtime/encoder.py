"""A frozen encoder run from its ONNX file."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from ..store.errors import DataError, InvalidInputError
from .model_files import again, encoder_row, read_model
from .preprocess import Preprocessing

if TYPE_CHECKING:
    from ..store import Store


TOKENS = 77
"""Length of a caption as CLIP tokens, padded: what encoders that look at captions take."""


class OnnxEncoder:
    """Images to raw, unnormalised features. Safe to call from several threads."""

    def __init__(
        self,
        model: Path | str | bytes,
        preprocessing: Preprocessing,
        *,
        threads: int | None = None,
        weights: Mapping[str, bytes] | None = None,
        beside: Mapping[str, bytes] | None = None,
    ) -> None:
        """Load `model`, a file or its bytes.

        Args:
            model: the ONNX model. Given as bytes, its external data must be in `weights`.
            preprocessing: what makes its input of an image.
            threads: threads inside one operator, by default one a core.
            weights: external data by the name that the model knows it by.
            beside: other files that belong to the encoder, kept for whoever needs them: a tokenizer.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or cores()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Idle ONNX threads would spin on the cores that decode the next batch.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        source = model if isinstance(model, bytes) else str(model)
        self.beside: Mapping[str, bytes] = beside or {}
        try:
            if weights:
                sizes = [len(data) for data in weights.values()]
                options.add_external_initializers_from_files_in_memory(
                    list(weights), list(weights.values()), sizes
                )
            self._session = onnxruntime.InferenceSession(source, options, providers=providers())
        except Exception as error:  # the classes are private to the C++ binding
            raise DataError(
                f"the ONNX model does not load: {error}", hint="export the encoder again"
            ) from error
        self.preprocessing = preprocessing
        names = [value.name for value in self._session.get_inputs()]
        self.captions = "tokens" in names
        self._images = next(name for name in names if name != "tokens")
        shape = self._session.get_outputs()[0].shape
        if len(shape) != 2 or not isinstance(shape[1], int):
            raise DataError(
                f"the ONNX model returns {shape}, not (images, dim)", hint="export the encoder again"
            )
        self.dim: int = shape[1]

    def run(
        self, pixels: NDArray[np.float32], tokens: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Preprocessed pixels (images, 3, size, size) to features (images, dim). A wrong shape is refused.

        `tokens` (images, 77) are the captions, for encoders that look at them (`captions`) and no others.
        """
        size = self.preprocessing.size
        if pixels.ndim != 4 or pixels.shape[1:] != (3, size, size):
            raise InvalidInputError(
                f"the encoder takes (images, 3, {size}, {size}), this has shape {pixels.shape}",
                hint="use the preprocessing that is stored with the encoder",
            )
        if self.captions != (tokens is not None) or (tokens is not None and len(tokens) != len(pixels)):
            raise InvalidInputError(
                f"the encoder {'needs' if self.captions else 'takes no'} caption tokens, a row an image",
                hint="see OnnxEncoder.captions",
            )
        if not len(pixels):
            return np.zeros((0, self.dim), dtype=np.float32)
        feeds = {self._images: pixels} | ({"tokens": tokens} if self.captions else {})
        outputs: list[Any] = self._session.run(None, feeds)
        return np.asarray(outputs[0], dtype=np.float32)

    def encode(self, images: Sequence[Image.Image], *, batch: int = 64) -> NDArray[np.float32]:
        """Images to features (images, dim), float32, raw."""
        parts = [
            self.run(self.preprocessing.batch(images[start : start + batch]))
            for start in range(0, len(images), batch)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), dtype=np.float32)


def load_encoder(store: Store, name: str, *, threads: int | None = None) -> OnnxEncoder:
    """Load the exported encoder `name` of this store, its files checked against the recorded sha256.

    Raises:
        NotFoundError: the encoder was never exported here, or a file of it is gone.
        DataError: a file is not the one that was exported, or the output has another size.
    """
    row = encoder_row(store, name)
    files = read_model(store, row)
    encoder = OnnxEncoder(
        files.model,
        Preprocessing.from_json(row["preprocessing"]),
        threads=threads,
        weights=files.weights,
        beside=files.beside,
    )
    if encoder.dim != row["dim"]:
        raise DataError(
            f"the encoder {name!r} returns {encoder.dim} dimensions, {row['dim']} are recorded",
            hint=f"export it: {again(name)}",
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
