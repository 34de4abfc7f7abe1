"""Encoders without weights: `thumbnail` says where which colour is, `colour-histogram` which there are.

They are what a network has to beat: a picture that a generator copied is found by either. Both are built as
ONNX here, and compared with the same arithmetic in numpy when they are exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...runtime import Preprocessing
from ...runtime.encoder import IMAGES
from .onnx_files import OPSET, OUTPUT
from .spec import EncoderSpec, RebuiltOnnx

SIDE = 64
"""Pixels of the square that both look at."""

CELL = 4
"""Pixels a side of which a thumbnail holds the mean."""

BINS = 8
"""Bins of a colour histogram along red, green and blue each."""

Pixels = NDArray[np.float32]


def thumbnail() -> EncoderSpec:
    """16 x 16 means of 4 x 4 pixels, from -1 (black) to 1 (white): red, then green, then blue."""
    return EncoderSpec(
        name="thumbnail",
        dim=3 * (SIDE // CELL) ** 2,
        preprocessing=Preprocessing(SIDE, resize=SIDE, interpolation="bilinear"),
        source="no weights: means of pixels",
        license="none needed",
        load=_load_thumbnail,
    )


def colour_histogram() -> EncoderSpec:
    """The square root of the joint histogram of red, green and blue, 8 x 8 x 8 bins, of the whole picture.

    A pixel is shared between the bins that it lies between (as in trilinear interpolation), so that a colour
    that a generator changed a little is not in another bin. Of two square roots of histograms the cosine is
    their Bhattacharyya coefficient; without the root a plain background would be all that counts.
    """
    return EncoderSpec(
        name="colour-histogram",
        dim=BINS**3,
        preprocessing=Preprocessing(
            SIDE, resize=None, interpolation="bilinear", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)
        ),
        source="no weights: a histogram of pixels",
        license="none needed",
        load=_load_colour_histogram,
    )


def _load_thumbnail(_weights: Path | None = None) -> RebuiltOnnx:
    from onnx import helper

    def original(pixels: Pixels) -> Pixels:
        cells = pixels.reshape(len(pixels), 3, SIDE // CELL, CELL, SIDE // CELL, CELL)
        return np.asarray(cells.mean((3, 5)), np.float32).reshape(len(pixels), -1)

    pooled = helper.make_node("AveragePool", [IMAGES], ["cells"], kernel_shape=[CELL] * 2, strides=[CELL] * 2)
    flat = helper.make_node("Flatten", ["cells"], [OUTPUT])
    return RebuiltOnnx(_model([pooled, flat], {}, 3 * (SIDE // CELL) ** 2), original)


def _load_colour_histogram(_weights: Path | None = None) -> RebuiltOnnx:
    constants = {
        "flat": np.array([0, 3, SIDE * SIDE, 1]),
        "last_bin": np.float32(BINS - 1),
        "bins": np.arange(BINS, dtype=np.float32),
        "one": np.float32(1),
        "red": np.int64(0),
        "green": np.int64(1),
        "blue": np.int64(2),
        "before": np.array([2]),
        "after": np.array([3]),
        "pairs": np.array([0, SIDE * SIDE, BINS * BINS]),
        "all": np.array([0, BINS**3]),
        "pixels": np.float32(SIDE * SIDE),
    }
    steps = (
        ("Reshape", [IMAGES, "flat"], "values"),  # (images, 3, pixels, 1)
        ("Mul", ["values", "last_bin"], "places"),
        ("Sub", ["places", "bins"], "signed"),  # (images, 3, pixels, bins)
        ("Abs", ["signed"], "distances"),
        ("Sub", ["one", "distances"], "peaks"),
        ("Relu", ["peaks"], "shares"),
        ("Gather", ["shares", "red"], "reds"),  # (images, pixels, bins)
        ("Gather", ["shares", "green"], "greens"),
        ("Gather", ["shares", "blue"], "blues"),
        ("Unsqueeze", ["greens", "after"], "green_column"),
        ("Unsqueeze", ["blues", "before"], "blue_row"),
        ("Mul", ["green_column", "blue_row"], "square"),  # (images, pixels, bins, bins)
        ("Reshape", ["square", "pairs"], "green_blue"),
        ("Transpose", ["reds"], "red_rows"),  # (images, bins, pixels)
        ("MatMul", ["red_rows", "green_blue"], "sums"),  # (images, bins, bins * bins)
        ("Reshape", ["sums", "all"], "histogram"),
        ("Div", ["histogram", "pixels"], "parts"),
        ("Sqrt", ["parts"], OUTPUT),
    )
    return RebuiltOnnx(_model(_nodes(steps), constants, BINS**3), _histogram)


def _histogram(pixels: Pixels) -> Pixels:
    """(images, 3, side, side) in [0, 1] to (images, bins^3)."""
    values = pixels.reshape(len(pixels), 3, -1, 1) * (BINS - 1)
    red, green, blue = np.moveaxis(np.maximum(1 - np.abs(values - np.arange(BINS)), 0), 1, 0)
    sums = np.einsum("npr,npg,npb->nrgb", red, green, blue, optimize=True)
    return np.asarray(np.sqrt(sums.reshape(len(pixels), -1) / values.shape[2]), np.float32)


def _nodes(steps: Sequence[tuple[str, list[str], str]]) -> list[Any]:
    from onnx import helper

    attributes: dict[str, dict[str, Any]] = {"Gather": {"axis": 1}, "Transpose": {"perm": [0, 2, 1]}}
    return [helper.make_node(kind, given, [made], **attributes.get(kind, {})) for kind, given, made in steps]


def _model(nodes: list[Any], constants: dict[str, Any], dim: int) -> bytes:
    """An ONNX model from (n, 3, side, side) to (n, dim), the same bytes on every run."""
    from onnx import TensorProto, helper, numpy_helper

    shape = ["n", 3, SIDE, SIDE]
    graph = helper.make_graph(
        nodes,
        "pixels",
        [helper.make_tensor_value_info(IMAGES, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", dim])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    data: bytes = model.SerializeToString(deterministic=True)
    return data
