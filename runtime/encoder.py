"""A frozen encoder run from its ONNX file."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..store.errors import DataError, InvalidInputError
from .devices import CUDA, gpu_count, has_exact_int8, network_threads, no_plugin_warning, providers
from .io_binding import BoundSession, pin_memory
from .model_files import encoder_row, export_command, external_tensors, read_model
from .preprocess import Preprocessing

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, SessionOptions

    from ..store import Store


IMAGES, TOKEN_IDS = "images", "tokens"
"""The names of an exported model's inputs."""

OUT_OF_MEMORY = (
    "failed to allocate memory",
    "out of memory",
    "alloc_failed",
    "bad_alloc",
    "bad allocation",
)


DISABLED_OPTIMIZERS = ["FuseFp16InitializerToFp32NodeTransformer"]
"""This one crashes the process on some fp16 models on a CPU (onnxruntime 1.31)."""


class OnnxEncoder:
    """Images to raw, unnormalised features. Safe to call from several threads.

    device: where it runs, 'cpu' or 'cuda:0'. dim: length of a feature. captions: whether it takes captions.
    """

    def __init__(
        self,
        model: Path | str | bytes,
        preprocessing: Preprocessing,
        *,
        threads: int | None = None,
        gpu: int | None = None,
        weights: Mapping[str, bytes] | None = None,
        extra_files: Mapping[str, bytes] | None = None,
    ) -> None:
        """Load `model`, a file or its bytes.

        Args:
            model: the ONNX model. Given as bytes, its external data must be in `weights`.
            preprocessing: turns an image into its input.
            threads: threads inside one operator on a CPU; None: one a physical core.
            gpu: the number of the GPU; None: the first where there is one, else the CPU. -1 is the CPU.
            weights: external data by the name that the model has for it.
            extra_files: other files of the encoder by name, as its tokenizer.

        Raises:
            DataError: `model` is no ONNX model of an encoder. InvalidInputError: there is no such GPU.
        """
        if gpu is not None and gpu >= gpu_count():
            raise InvalidInputError(
                f"there is no GPU {gpu}", hint=f"there are {gpu_count()}, numbered from 0"
            )
        self.preprocessing = preprocessing
        self.extra_files: Mapping[str, bytes] = extra_files or {}
        options = session_options(threads)
        self._weights = share_weights(options, model, weights)
        self._session = open_session(model, options, gpu)
        on_gpu = CUDA in self._session.get_providers()
        if gpu is not None and gpu >= 0 and not on_gpu:
            raise InvalidInputError(
                f"ONNX Runtime cannot use the GPU {gpu}", hint="install the CUDA and cuDNN it asks for"
            )
        self.device = f"cuda:{gpu or 0}" if on_gpu else "cpu"
        names = [value.name for value in self._session.get_inputs()]
        self.captions = TOKEN_IDS in names
        self._images = next(name for name in names if name != TOKEN_IDS)
        shape = self._session.get_outputs()[0].shape
        if len(shape) != 2 or not isinstance(shape[1], int):
            raise DataError(
                f"the ONNX model returns {shape}, not (images, dim)", hint="export the encoder again"
            )
        self.dim: int = shape[1]
        self._largest_batch: int | None = None  # once a larger one did not fit the memory
        self._local = threading.local()

    def run(
        self, pixels: NDArray[np.float32], tokens: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Preprocessed pixels (images, 3, size, size) to raw features (images, dim).

        `tokens` (images, 77) are the captions, for encoders that take them and no others. A batch that does
        not fit the memory is halved until it does, and so are the later ones.

        Raises InvalidInputError for a wrong shape, or tokens where none are needed.
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
        feeds: dict[str, NDArray[Any]] = {self._images: pixels}
        if tokens is not None:
            feeds[TOKEN_IDS] = tokens
        parts = list(self._in_batches(feeds, len(pixels)))
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), dtype=np.float32)

    def encode(
        self, images: Sequence[Image.Image], captions: Sequence[str] | None = None, *, batch: int = 64
    ) -> NDArray[np.float32]:
        """Images to raw features (images, dim); `captions`, one an image, for encoders that take them."""
        parts = []
        for start in range(0, len(images), batch):
            some = images[start : start + batch]
            texts = captions[start : start + batch] if captions else [""] * len(some)
            parts.append(self.run(self.preprocessing.batch(some), self.tokens(texts)))
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), dtype=np.float32)

    def tokens(self, captions: Sequence[str]) -> NDArray[np.int64] | None:
        """Captions as tokens (captions, 77); None where the encoder takes none."""
        from .tokens import TOKENIZER_FILE, load_tokenizer

        if not self.captions:
            return None
        if TOKENIZER_FILE not in self.extra_files:
            raise DataError(
                "the encoder takes captions and has no tokenizer", hint="export the encoder again"
            )
        return load_tokenizer(self.extra_files[TOKENIZER_FILE]).encode(captions)

    def pin_memory(self, array: NDArray[Any]) -> AbstractContextManager[bool]:
        """Pin the memory of a buffer that `run` gets repeatedly, while the context lasts: faster on a GPU."""
        return pin_memory(array) if self.device != "cpu" else nullcontext(False)

    def _in_batches(self, feeds: dict[str, NDArray[Any]], count: int) -> Iterator[NDArray[np.float32]]:
        """Features of all of `count` images, in the largest batches that fit."""
        start = 0
        while start < count:
            stop = min(count, start + (self._largest_batch or count))
            try:
                yield self._run({name: array[start:stop] for name, array in feeds.items()})
                start = stop
            except Exception as error:  # the classes are private to the C++ binding
                if stop - start == 1 or not any(sign in str(error).lower() for sign in OUT_OF_MEMORY):
                    raise
                self._largest_batch = (stop - start) // 2

    def _run(self, feeds: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        if self.device == "cpu":
            return np.asarray(self._session.run(None, feeds)[0], dtype=np.float32)
        runner = getattr(self._local, "runner", None)
        if runner is None:  # each thread has its own buffers
            kind, _, number = self.device.partition(":")
            runner = self._local.runner = BoundSession(self._session, kind, int(number))
        return np.asarray(runner.run(feeds), dtype=np.float32)


def load_encoder(
    store: Store,
    name: str,
    *,
    threads: int | None = None,
    gpu: int | None = None,
    row: Mapping[str, Any] | None = None,
) -> OnnxEncoder:
    """Load the exported encoder `name` of a store, after its files are checked against their recorded sha256.

    `threads` and `gpu` as for `OnnxEncoder`; `row`: its row of `encoders`, read where it is left out.

    Raises:
        NotFoundError: the encoder was never exported here, or a file of it is gone.
        DataError: a file is not the one that was exported, or the output has another size.
        InvalidInputError: it is a composite, which has parts instead of a network of its own.
    """
    row = row or encoder_row(store, name)
    if row.get("parts"):
        raise InvalidInputError(
            f"{name!r} is a composite of several encoders", hint="load it with load_image_encoder"
        )
    files = read_model(store, row)
    encoder = OnnxEncoder(
        files.model,
        Preprocessing.from_json(row["preprocessing"]),
        threads=threads,
        gpu=gpu,
        weights=files.weights,
        extra_files=files.extra_files,
    )
    if encoder.dim != row["dim"]:
        raise DataError(
            f"the encoder {name!r} returns {encoder.dim} dimensions, {row['dim']} are recorded",
            hint=f"export it: {export_command(name)}",
        )
    return encoder


def session_options(threads: int | None) -> SessionOptions:
    """How a network runs here; `threads` inside one operator, None: one a physical core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or network_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads would spin on the cores that decode the next batch.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not has_exact_int8():  # the default int8 kernels saturate; the exact ones take nearly twice as long
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def share_weights(
    options: SessionOptions, model: Path | str | bytes, weights: Mapping[str, bytes] | None
) -> Any:
    """Let a session use the memory of external `weights`; keep the result as long as the session."""
    if not weights or not isinstance(model, bytes):
        return None
    names, values = external_tensors(model, weights)
    options.add_external_initializers(names, values)
    return weights, values


def open_session(model: Path | str | bytes, options: SessionOptions, gpu: int | None) -> InferenceSession:
    """The network of an ONNX model. Raises DataError when it does not load."""
    import onnxruntime

    source = model if isinstance(model, bytes) else str(model)
    try:
        with no_plugin_warning(gpu):
            return onnxruntime.InferenceSession(
                source, options, providers=providers(gpu), disabled_optimizers=DISABLED_OPTIMIZERS
            )
    except Exception as error:  # the classes are private to the C++ binding
        raise DataError(f"the ONNX model does not load: {error}", hint="export the encoder again") from error
