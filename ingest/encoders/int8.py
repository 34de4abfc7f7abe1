"""8-bit quantization of weights and activations, for CPUs, calibrated on images of the store.

Static quantization is tried first: dynamic quantization scales a batch by its largest activation, so the
feature of an image would depend on the rest of its batch, and it was not faster (docs/encoders.md). It is
tried last, where static is not close enough.

In a transformer the products with constant weights are quantized, and their results stay float32. In a
convolutional network all operators are, except the first layers, which are cheap and which features are most
sensitive to: as few of them stay in fp32 as the cosine needs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from . import onnx_files
from .silence import silence_conversion

Feeds = dict[str, np.ndarray]

STATIC, DYNAMIC = "static", "dynamic"
FP32_LAYERS = (2, 6, 12)  # first convolutions that stay in fp32, by attempt
PRODUCTS = ("MatMul", "Gemm")


@dataclass(frozen=True)
class Attempt:
    """A way to quantize: `write(path)` writes the model; `method` is for the column `quantization`."""

    method: str
    write: Callable[[Path], None]


def attempts(model: Path, batches: Sequence[Feeds], folder: Path) -> Iterator[Attempt]:
    """Ways to quantize the ONNX file `model`, the preferred first, calibrated on `batches` of its inputs."""
    large = sum(path.stat().st_size for path in model.parent.iterdir()) > onnx_files.EXTERNAL_BYTES
    ready = folder / "ready.onnx"
    with silence_conversion():
        from onnxruntime.quantization.shape_inference import quant_pre_process

        quant_pre_process(model, ready, skip_symbolic_shape=True, save_as_external_data=large)
    convolutional = _is_convolutional(ready)
    for excluded in _excluded_layers(ready) if convolutional else ([],):
        method = f"{STATIC}, {len(excluded)} convolutions left in fp32" if excluded else STATIC
        yield Attempt(method, partial(_static, ready, batches, excluded, convolutional, large))
    if not convolutional:  # as fast, and without a calibrated scale that could be wrong
        yield Attempt(DYNAMIC, partial(_dynamic, ready, large))


def _static(
    ready: Path, batches: Sequence[Feeds], excluded: list[str], convolutional: bool, large: bool, out: Path
) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    # A product whose result is not quantized becomes one kernel that returns floats: faster, and closer.
    products = {"MatMulConstBOnly": True, "OpTypesToExcludeOutputQuantization": list(PRODUCTS)}
    with silence_conversion():
        quantize_static(
            ready,
            out,
            _Batches(batches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=None if convolutional else list(PRODUCTS),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=excluded,
            use_external_data_format=large,
            extra_options={} if convolutional else products,
            calibration_cache_path=ready.with_suffix(".ranges.json"),  # the next attempt has the same ranges
        )


def _dynamic(ready: Path, large: bool, out: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with silence_conversion():
        quantize_dynamic(
            ready, out, per_channel=True, weight_type=QuantType.QInt8, use_external_data_format=large
        )


class _Batches:
    """A reader of batches, as ONNX Runtime's calibration wants it."""

    def __init__(self, batches: Sequence[Feeds]) -> None:
        self._rest = iter(batches)

    def get_next(self) -> Feeds | None:
        return next(self._rest, None)


def _is_convolutional(ready: Path) -> bool:
    """Whether most weights are in convolutions."""
    import onnx

    graph = onnx.load(ready, load_external_data=False).graph
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    weights: Counter[str] = Counter()
    for node in graph.node:
        weights[node.op_type] += sum(sizes.get(name, 0) for name in node.input)
    return weights["Conv"] > sum(weights[kind] for kind in PRODUCTS)


def _excluded_layers(ready: Path) -> list[list[str]]:
    """Names of the convolutions that stay in fp32, a list for each attempt, the shortest first."""
    import onnx

    nodes = onnx.load(ready, load_external_data=False).graph.node
    names = [node.name for node in nodes if node.op_type == "Conv"]
    return [names[:count] for count in FP32_LAYERS if count < len(names)] or [[]]
