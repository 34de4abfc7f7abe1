"""fp16 and int8 variants: made of the exported fp32 model, compared with it on pictures of the store."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...runtime import OnnxEncoder, load_encoder, normalise
from ...runtime.encoder import IMAGES, TOKEN_IDS
from ...runtime.model_files import ModelBytes, encoder_row, read_model
from ...store import Store
from ...store.errors import InvalidInputError
from .int8 import Feeds, attempts
from .onnx_files import OnnxFiles, save, write_row
from .parity import Example, inputs, stored_examples
from .spec import FP16, variant_name

COMPARED = 32
CALIBRATED = 64
BATCH = 8
GOOD = 0.995  # mean cosine to fp32 from which no closer int8 is looked for
LEAST = {"fp16": 0.999, "int8": 0.95}  # mean cosine to fp32 below which a variant is refused


@dataclass(frozen=True)
class Closeness:
    """Cosines of a variant's features to those of fp32, over the compared pictures."""

    least: float
    mean: float


@dataclass(frozen=True)
class Variant:
    """A model that was made, how, and how close it is."""

    files: OnnxFiles
    method: str | None
    closeness: Closeness


def export_variant(store: Store, base: str, precision: str) -> Closeness:
    """Write the ONNX files and the `encoders` row of `base`, exported before, in `precision`.

    int8 is calibrated on pictures that it is not compared on, where the store has enough of them.

    Raises:
        NotFoundError: `base` is not exported. DataError: its files were changed.
        InvalidInputError: no picture to compare on, or too far from fp32.
        ConflictError: the store holds features of another variant under this name.
    """
    row, name = encoder_row(store, base), variant_name(base, precision)
    examples = stored_examples(store, COMPARED + CALIBRATED)
    if not examples:
        raise InvalidInputError(
            f"no image to compare {name} and {base} on", hint="ingest images first: attribase ingest images"
        )
    reference = Reference(load_encoder(store, base), examples[:COMPARED], examples[COMPARED:] or examples)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = _unpack(read_model(store, row), folder / "fp32")
        made = (_fp16 if precision == FP16 else _int8)(source, folder, reference)
        if not made.closeness.mean >= LEAST[precision]:  # also when it is NaN
            raise InvalidInputError(
                f"{name} is too far from {base}: mean cosine {made.closeness.mean:.4f}, "
                f"least {LEAST[precision]}",
                hint=f"use {base} itself; no feature was written",
            )
        write_row(store, _row(row, name, precision, made), made.files, reference.beside)
    return made.closeness


def is_current(store: Store, name: str, base: str) -> bool:
    """Whether the store has the variant `name`, made of what `base` is now."""
    rows = {row["encoder"]: row for row in store.read("encoders").to_pylist()}
    return name in rows and rows[name].get("variant_of_sha256") == rows[base]["onnx_sha256"]


class Reference:
    """What fp32 makes of some pictures, to hold variants to. The network, which may be large, is not kept."""

    def __init__(
        self, encoder: OnnxEncoder, compared: Sequence[Example], calibrating: Sequence[Example]
    ) -> None:
        self.preprocessing, self.beside = encoder.preprocessing, encoder.beside
        self.calibration = _batches(encoder, calibrating)
        self._compared = _batches(encoder, compared)
        self._features = normalise(self._run(encoder))

    def closeness(self, model: Path) -> Closeness:
        """How close the features of the ONNX file `model` are."""
        variant = OnnxEncoder(model, self.preprocessing, beside=self.beside)
        cosine = (normalise(self._run(variant)) * self._features).sum(axis=1)
        return Closeness(float(cosine.min()), float(cosine.mean()))

    def _run(self, encoder: OnnxEncoder) -> NDArray[np.float32]:
        return np.concatenate([encoder.run(feeds[IMAGES], feeds.get(TOKEN_IDS)) for feeds in self._compared])


def _batches(encoder: OnnxEncoder, examples: Sequence[Example]) -> list[Feeds]:
    """The encoder's inputs by name, a batch each."""
    found = []
    for start in range(0, len(examples), BATCH):
        pixels, tokens = inputs(encoder, examples[start : start + BATCH])
        found.append({IMAGES: pixels} | ({TOKEN_IDS: tokens} if tokens is not None else {}))
    return found


def _fp16(source: Path, folder: Path, reference: Reference) -> Variant:

    files = save(to_fp16(source), _new(folder / "fp16"))
    return Variant(files, None, reference.closeness(files.model))


def _int8(source: Path, folder: Path, reference: Reference) -> Variant:
    """The first attempt that is good, else the closest."""
    import onnx

    made: list[Variant] = []
    for number, attempt in enumerate(attempts(source, reference.calibration, _new(folder / "int8"))):
        place = _new(folder / f"attempt{number}")
        attempt.write(place / "quantized.onnx")
        files = save(onnx.load(place / "quantized.onnx"), place)
        made.append(Variant(files, attempt.method, reference.closeness(files.model)))
        if made[-1].closeness.mean >= GOOD:
            return made[-1]
    return max(made, key=lambda variant: np.nan_to_num(variant.closeness.mean, nan=-1.0))


def _unpack(files: ModelBytes, folder: Path) -> Path:
    """The checked files as a model that tools can open by path."""
    model = _new(folder) / "model.onnx"
    for name, data in {**files.weights, model.name: files.model}.items():
        (folder / name).write_bytes(data)
    return model


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _row(base: Mapping[str, Any], name: str, precision: str, made: Variant) -> dict[str, Any]:
    """What `base` says of itself, but for what was measured on its own files."""
    kept = ("dim", "size", "preprocessing", "source", "license")
    return {key: base[key] for key in kept} | {
        "encoder": name,
        "opset": made.files.opset(),
        "precision": precision,
        "variant_of": base["encoder"],
        "variant_of_sha256": base["onnx_sha256"],
        "quantization": made.method,
        "cosine_to_fp32_min": made.closeness.least,
        "cosine_to_fp32_mean": made.closeness.mean,
    }


KEPT = ("Pow", "ReduceSum", "ReduceMean", "ReduceL2", "ReduceSumSquare", "GlobalAveragePool")
"""Left in float32: powers leave the range of a half (65,504), and long sums lose the small terms."""


def to_fp16(model: Path) -> Any:
    """The ONNX model in the file `model`, converted.

    A CPU has few kernels for halves and casts around the others: there it runs, more slowly than fp32.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it says of each tiny weight that it becomes zero
    try:
        from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

        # Given a path, types are inferred file to file, which works above 2 GiB too.
        return convert_float_to_float16(
            str(model), keep_io_types=True, op_block_list=[*DEFAULT_OP_BLOCK_LIST, *KEPT]
        )
    finally:
        logging.disable(before)
