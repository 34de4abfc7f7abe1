"""fp16 and int8 variants of an exported encoder, compared with it on images of the store."""

from __future__ import annotations

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
from .silence import silence_conversion
from .spec import FP16, variant_name

COMPARED, CALIBRATED = 32, 64  # images
BATCH = 8

GOOD_COSINE = 0.995
"""Mean cosine to fp32 from which no closer int8 variant is tried."""

MIN_MEAN_COSINE = {"fp16": 0.999, "int8": 0.95}
"""Mean cosine to fp32 below which a variant is refused."""

FLOAT32_OPERATORS = ("Pow", "ReduceSum", "ReduceMean", "ReduceL2", "ReduceSumSquare", "GlobalAveragePool")
"""Left in float32: powers leave the range of a half (65,504), and long sums lose the small terms."""


@dataclass(frozen=True)
class Closeness:
    """Smallest and mean cosine of a variant's features to those of fp32, over the compared images."""

    min_cosine: float
    mean_cosine: float


@dataclass(frozen=True)
class Variant:
    """A converted model, the method, and its cosines to fp32."""

    files: OnnxFiles
    method: str | None
    closeness: Closeness


def export_variant(store: Store, base: str, precision: str) -> Closeness:
    """Write the ONNX files and the `encoders` row of `base`, exported before, in `precision`.

    int8 is calibrated on other images than it is compared on, where the store has enough of them.

    Raises:
        NotFoundError: `base` is not exported. DataError: its files were changed.
        InvalidInputError: no image to compare on, or too far from fp32.
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
        made = (_convert_to_fp16 if precision == FP16 else _quantize)(source, folder, reference)
        if not made.closeness.mean_cosine >= MIN_MEAN_COSINE[precision]:  # also when it is NaN
            raise InvalidInputError(
                f"{name} is too far from {base}: mean cosine {made.closeness.mean_cosine:.4f}, "
                f"least {MIN_MEAN_COSINE[precision]}",
                hint=f"use {base} itself; no feature was written",
            )
        write_row(store, _row(row, name, precision, made), made.files, reference.extra_files)
    return made.closeness


def is_current(store: Store, name: str, base: str) -> bool:
    """Whether the store has the variant `name`, converted from the present model of `base`."""
    rows = {row["encoder"]: row for row in store.read("encoders").to_pylist()}
    return name in rows and rows[name].get("variant_of_sha256") == rows[base]["onnx_sha256"]


def to_fp16(model: Path) -> Any:
    """The ONNX model in the file `model`, converted to halves; its input and output stay float32.

    A CPU has few kernels for halves and casts around the others: there it runs, more slowly than fp32.
    """
    with silence_conversion():  # it logs of each tiny weight that it becomes zero
        from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

        # Given a path, types are inferred file to file, which works above 2 GiB too.
        return convert_float_to_float16(
            str(model), keep_io_types=True, op_block_list=[*DEFAULT_OP_BLOCK_LIST, *FLOAT32_OPERATORS]
        )


class Reference:
    """Inputs and fp32 features that variants are compared with; the fp32 network itself is not kept."""

    def __init__(
        self, encoder: OnnxEncoder, compared: Sequence[Example], calibrating: Sequence[Example]
    ) -> None:
        self.preprocessing, self.extra_files = encoder.preprocessing, encoder.extra_files
        self.calibration = _batches(encoder, calibrating)
        self._compared = _batches(encoder, compared)
        self._features = normalise(self._run(encoder))

    def closeness(self, model: Path) -> Closeness:
        """Cosines of the features of the ONNX file `model`."""
        variant = OnnxEncoder(model, self.preprocessing, extra_files=self.extra_files)
        cosine = (normalise(self._run(variant)) * self._features).sum(axis=1)
        return Closeness(float(cosine.min()), float(cosine.mean()))

    def _run(self, encoder: OnnxEncoder) -> NDArray[np.float32]:
        return np.concatenate([encoder.run(feeds[IMAGES], feeds.get(TOKEN_IDS)) for feeds in self._compared])


def _batches(encoder: OnnxEncoder, examples: Sequence[Example]) -> list[Feeds]:
    """Batches of the encoder's inputs by name."""
    found = []
    for start in range(0, len(examples), BATCH):
        pixels, tokens = inputs(encoder, examples[start : start + BATCH])
        found.append({IMAGES: pixels} | ({TOKEN_IDS: tokens} if tokens is not None else {}))
    return found


def _convert_to_fp16(source: Path, folder: Path, reference: Reference) -> Variant:
    files = save(to_fp16(source), _make_folder(folder / "fp16"))
    return Variant(files, None, reference.closeness(files.model))


def _quantize(source: Path, folder: Path, reference: Reference) -> Variant:
    """The first attempt with a good cosine, else the closest one."""
    import onnx

    made: list[Variant] = []
    for number, attempt in enumerate(attempts(source, reference.calibration, _make_folder(folder / "int8"))):
        place = _make_folder(folder / f"attempt{number}")
        attempt.write(place / "quantized.onnx")
        files = save(onnx.load(place / "quantized.onnx"), place)
        made.append(Variant(files, attempt.method, reference.closeness(files.model)))
        if made[-1].closeness.mean_cosine >= GOOD_COSINE:
            return made[-1]
    return max(made, key=lambda variant: np.nan_to_num(variant.closeness.mean_cosine, nan=-1.0))


def _unpack(files: ModelBytes, folder: Path) -> Path:
    """Write the checked files to `folder`; the path of the model."""
    model = _make_folder(folder) / "model.onnx"
    for name, data in {**files.weights, model.name: files.model}.items():
        (folder / name).write_bytes(data)
    return model


def _make_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _row(base: Mapping[str, Any], name: str, precision: str, made: Variant) -> dict[str, Any]:
    """The row of the variant: of `base`'s columns those that do not depend on its files."""
    kept = ("dim", "size", "preprocessing", "source", "license")
    return {key: base[key] for key in kept} | {
        "encoder": name,
        "opset": made.files.opset(),
        "precision": precision,
        "variant_of": base["encoder"],
        "variant_of_sha256": base["onnx_sha256"],
        "quantization": made.method,
        "cosine_to_fp32_min": made.closeness.min_cosine,
        "cosine_to_fp32_mean": made.closeness.mean_cosine,
    }
