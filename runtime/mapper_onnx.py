"""A mapper as an ONNX file, for programs without Attribase: raw features in, unit rows of both sides out.

The graph computes in float32 what `MapperPair` does in float64. BatchNorm is folded into the layer before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..store.errors import DataError, InvalidInputError
from ..store.ids import vectors_table
from .composed_maps import BiasedImageMapper, BiasedSampleMapper, BlocksMapper
from .mapper import MapperPair, to_rows
from .mapper_kinds import BATCHNORM_EPS, ChannelMapper, FeatureMap, Layer, LinearMapper, MlpMapper

if TYPE_CHECKING:
    from ..store import Store

FEATURES, REAL, SYNTH = "features", "real", "synth"
"""The graph's input (items, dim), and its outputs: h of real images and h~ of samples, unit rows."""

OPSET, IR_VERSION = 18, 10
CLOSE = 1e-5
"""The largest difference of an element from the store's own mapper that passes."""

ROWS = 256
"""Features that the two are compared on."""

_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class ExportedMapper:
    """The bytes of an ONNX model, the pair that it is of, and how far the two are apart (`CLOSE` at most)."""

    data: bytes
    pair: MapperPair
    difference: float


def export_mapper(store: Store, encoder: str, mapper: str) -> ExportedMapper:
    """The stored mapper as ONNX, compared with it on stored features, or on random ones where none are.

    Raises:
        NotFoundError: it was never trained. InvalidInputError: raw features. DataError: they differ.
    """
    pair = MapperPair.load(store, encoder, mapper)
    data, table = mapper_onnx(pair, encoder, mapper), vectors_table(encoder)
    features = np.random.default_rng(0).normal(size=(ROWS, pair.dim_in or 1)).astype(np.float32)
    if table in store.tables():
        for batch in store.scan(table, ["base"], batch_rows=ROWS):
            features = to_rows(batch["base"])
            break
    return ExportedMapper(data, pair, largest_difference(data, pair, features))


def mapper_onnx(pair: MapperPair, encoder: str, mapper: str) -> bytes:
    """The ONNX model of `pair`, from FEATURES to REAL and SYNTH; its metadata name encoder and mapper.

    Raises InvalidInputError for the identity, which has nothing to export.
    """
    from onnx import TensorProto, checker, helper

    if pair.h_real is None or pair.h_synth is None:
        raise InvalidInputError("raw features have no mapper to export", hint="scale them to unit length")
    graph = _Graph()
    for one, side in ((pair.h_real, REAL), (pair.h_synth, SYNTH)):
        graph.add("Identity", graph.unit(graph.map(one, FEATURES)), out=side)

    def value(name: str, width: int | None) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["items", width])

    outputs = [value(side, pair.dim_out) for side in (REAL, SYNTH)]
    made = helper.make_graph(graph.nodes, "mapper", [value(FEATURES, pair.dim_in)], outputs, graph.constants)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(made, opset_imports=[opset], ir_version=IR_VERSION, producer_name="attribase")
    helper.set_model_props(model, {"encoder": encoder, "mapper": mapper, "kind": pair.kind})
    checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def largest_difference(data: bytes, pair: MapperPair, features: NDArray[np.float32]) -> float:
    """The largest difference of an element between ONNX Runtime on `data` and `pair`, on both sides.

    Raises DataError where it is above CLOSE.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    made = session.run([REAL, SYNTH], {FEATURES: features})
    expected = pair.real(features), pair.synth(features)
    found = max(float(np.abs(a - b).max(initial=0.0)) for a, b in zip(made, expected, strict=True))
    if not found <= CLOSE:
        raise DataError(
            f"the exported mapper differs from the stored one by {found:.1e}, more than {CLOSE:.0e}",
            hint="its weights are too large for float32; train it again with a smaller learning rate",
        )
    return found


class _Graph:
    """Nodes and constants, added one after the other; values are named by number."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def map(self, one: FeatureMap, value: str) -> str:
        """Add `one` on `value` (items, dim_in); the name of the result (items, dim_out), not normalised."""
        if isinstance(one, LinearMapper):
            return self._linear(value, one.weight, one.bias)
        if isinstance(one, ChannelMapper):
            return self.add("Mul", value, self._constant(one.weights))
        if isinstance(one, MlpMapper):
            return self._mlp(one, value)
        if isinstance(one, BlocksMapper):
            return self._blocks(one, value)
        if isinstance(one, BiasedImageMapper | BiasedSampleMapper):
            return self._biased(one, self.unit(self.map(one.inner, value)))
        raise InvalidInputError(
            f"there is no ONNX form of a map of the kind {one.kind!r}", hint="train another one"
        )

    def unit(self, value: str) -> str:
        """Rows scaled to unit length; a row of zeros stays zero."""
        length = self.add("ReduceL2", value, self._ints(1), keepdims=1)
        return self.add("Div", value, self.add("Max", length, self._constant(_TINY)))

    def add(self, kind: str, *values: str, out: str = "", outputs: int = 1, **attributes: Any) -> str:
        """Add one node; the name of its first result."""
        from onnx import helper

        name = out or f"v{len(self.nodes)}"
        names = [name, *(f"{name}_{more}" for more in range(1, outputs))]
        self.nodes.append(helper.make_node(kind, list(values), names, **attributes))
        return name

    def _constant(self, values: ArrayLike, kind: Any = np.float32) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype=kind), name))
        return name

    def _ints(self, *values: int) -> str:
        return self._constant(np.array(values), np.int64)

    def _linear(self, value: str, weight: ArrayLike, bias: ArrayLike) -> str:
        return self.add("Gemm", value, self._constant(weight), self._constant(bias), transB=1)

    def _mlp(self, one: MlpMapper, value: str) -> str:
        for place, layer in enumerate(one.layers):
            value = self.add("Relu", value) if place else value
            value = self._linear(value, *_folded(layer))
        return value

    def _blocks(self, one: BlocksMapper, value: str) -> str:
        parts = []
        for block in one.blocks:
            own = self.add("Slice", value, self._ints(block.start), self._ints(block.stop), self._ints(1))
            rows = self.unit(self.map(block.map, own))
            parts.append(self.add("Mul", rows, self._constant(sqrt(block.weight))))
        return self.add("Concat", *parts, axis=1)

    def _biased(self, one: BiasedImageMapper | BiasedSampleMapper, rows: str) -> str:
        """Two more dimensions, see `BiasedImageMapper`."""
        w = one.weight
        if isinstance(one, BiasedSampleMapper):
            wide = self.add("Pad", rows, self._ints(0, 0, 0, 2))
            added = self._constant([[*[0.0] * one.inner.dim_out, sqrt(w), 0.0]])
            wide = self.add("Add", wide, added)
        else:
            products = self.add("MatMul", rows, self._constant(one.bank.T))
            nearest = self.add("TopK", products, self._ints(one.neighbours), axis=1, sorted=0, outputs=2)
            mean = self.add("ReduceMean", nearest, self._ints(1), keepdims=1)
            scaled = self.add("Mul", mean, self._constant(sqrt(w)))  # w mean / sqrt(w)
            rest = self.add("Sub", self._constant(w), self.add("Mul", scaled, scaled))
            rest = self.add("Sqrt", self.add("Max", rest, self._constant(0.0)))
            wide = self.add("Concat", rows, self.add("Neg", scaled), rest, axis=1)
        return self.add("Div", wide, self._constant(sqrt(1 + w)))


def _folded(layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weight (out, in) and bias (out,) of a layer with its BatchNorm."""
    weight = layer.weight.astype(np.float64)
    bias = np.zeros(len(weight)) if layer.bias is None else layer.bias.astype(np.float64)
    if layer.norm is None:
        return weight, bias
    norm = {name: part.astype(np.float64) for name, part in layer.norm.items()}
    factor = norm.get("weight", 1.0) / np.sqrt(norm["running_var"] + BATCHNORM_EPS)
    return weight * factor[:, None], (bias - norm["running_mean"]) * factor + norm.get("bias", 0.0)
