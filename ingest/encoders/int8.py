"""8-bit weights and activations, for CPUs: static quantization, calibrated on pictures of the store.

Static, because dynamic quantization scales a whole batch by its largest activation: the feature of a picture
would depend on which others are beside it, and a resumed job would not give what an undisturbed one does. It
was not faster either (docs/encoders.md). Dynamic is what is tried last, where static is not close enough.

Which operators: in a transformer the products with constant weights, whose results stay float32; in a
convolutional network all that can be, but for its first layers, which are cheap and to which features are
most sensitive: as few of them are left out as the cosine asks for.
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from . import onnx_files

Feeds = dict[str, np.ndarray]

STATIC, DYNAMIC = "static", "dynamic"
LEFT_OUT = (2, 6, 12)  # first convolutions that stay fp32
PRODUCTS = ("MatMul", "Gemm")


@dataclass(frozen=True)
class Attempt:
    """One way to quantize: `write(path)` does it. `method` goes into the encoders row."""

    method: str
    write: Callable[[Path], None]


def attempts(model: Path, batches: Sequence[Feeds], folder: Path) -> Iterator[Attempt]:
    """Ways to quantize the ONNX file `model`, best first, calibrated on `batches` of its inputs."""
    large = sum(path.stat().st_size for path in model.parent.iterdir()) > onnx_files.EXTERNAL_BYTES
    ready = folder / "ready.onnx"
    with quiet():
        from onnxruntime.quantization.shape_inference import quant_pre_process

        quant_pre_process(model, ready, skip_symbolic_shape=True, save_as_external_data=large)
    kind = _convolutional(ready)
    for left in _left_out(ready) if kind else ([],):
        method = f"{STATIC}, {len(left)} convolutions left in fp32" if left else STATIC
        yield Attempt(method, partial(_static, ready, batches, left, kind, large))
    if not kind:  # as fast, and it has no scale that calibration could have got wrong
        yield Attempt(DYNAMIC, partial(_dynamic, ready, large))


def _static(
    ready: Path, batches: Sequence[Feeds], left: list[str], convolutional: bool, large: bool, out: Path
) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    # A product whose result is not quantized becomes one kernel that returns floats: faster, and closer.
    products = {"MatMulConstBOnly": True, "OpTypesToExcludeOutputQuantization": list(PRODUCTS)}
    with quiet():
        quantize_static(
            ready,
            out,
            _Batches(batches),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=None if convolutional else list(PRODUCTS),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=left,
            use_external_data_format=large,
            extra_options={} if convolutional else products,
            calibration_cache_path=ready.with_suffix(".ranges.json"),  # the next attempt has the same ranges
        )


def _dynamic(ready: Path, large: bool, out: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with quiet():
        quantize_dynamic(
            ready, out, per_channel=True, weight_type=QuantType.QInt8, use_external_data_format=large
        )


class _Batches:
    """What the calibration reads its inputs from."""

    def __init__(self, batches: Sequence[Feeds]) -> None:
        self._rest = iter(batches)

    def get_next(self) -> Feeds | None:
        return next(self._rest, None)


def _convolutional(ready: Path) -> bool:
    """Whether most weights are in convolutions."""
    import onnx

    graph = onnx.load(ready, load_external_data=False).graph
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    weights: Counter[str] = Counter()
    for node in graph.node:
        weights[node.op_type] += sum(sizes.get(name, 0) for name in node.input)
    return weights["Conv"] > sum(weights[kind] for kind in PRODUCTS)


def _left_out(ready: Path) -> list[list[str]]:
    """Which convolutions stay in fp32, an attempt each: a few of the first, then more."""
    import onnx

    nodes = onnx.load(ready, load_external_data=False).graph.node
    names = [node.name for node in nodes if node.op_type == "Conv"]
    return [names[:count] for count in LEFT_OUT if count < len(names)] or [[]]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Quantizers and converters write advice to the root logger and to stdout."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
