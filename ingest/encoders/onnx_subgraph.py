"""Extract a layer of a published ONNX graph as an encoder: channels first, any batch, pooled features.

Nodes that convert the encoder's input to the published one are put before the graph, and those after the
layer are dropped; the rest stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...runtime.encoder import session_options
from .onnx_files import IMAGES, OPSET, OUTPUT


@dataclass(frozen=True)
class Layer:
    """The value `name`, (n, dim, 1, 1), of a published graph that takes (n, side, side, 3).

    size: side of the encoder's input. blue_first: the graph takes BGR. margin: pixels that are cropped at
    each edge of the encoder's input.
    """

    name: str
    dim: int
    size: int
    blue_first: bool = False
    margin: int = 0


def extract_layer(published: Any, layer: Layer) -> bytes:
    """The bytes of an ONNX model from `images` (n, 3, size, size), RGB, to `features` (n, dim)."""
    import onnx

    # Quantisers refuse old opsets.
    model = onnx.version_converter.convert_version(published, OPSET)
    graph = model.graph
    nodes, constants = _input_nodes(layer, graph.input[0].name)
    nodes += _ancestors(graph.node, layer.name)
    nodes.append(onnx.helper.make_node("Flatten", [layer.name], [OUTPUT], OUTPUT, axis=1))
    used = {name for node in nodes for name in node.input}
    weights = [tensor for tensor in graph.initializer if tensor.name in used]
    extracted = onnx.helper.make_graph(
        nodes,
        graph.name,
        [_value(IMAGES, ["n", 3, layer.size, layer.size])],
        [_value(OUTPUT, ["n", layer.dim])],
        weights + [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    del graph.value_info[:]
    model.graph.CopyFrom(extracted)
    onnx.checker.check_model(model, full_check=True)
    _duplicate_constants(model.graph)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def published_session(published: Any, layer: Layer) -> tuple[Any, str]:
    """A CPU session of the published graph that returns the layer, and the name of its input."""
    import onnx
    import onnxruntime

    probed = onnx.ModelProto()
    probed.CopyFrom(published)
    probed.graph.output.append(_value(layer.name, None))
    _duplicate_constants(probed.graph)
    session = onnxruntime.InferenceSession(
        probed.SerializeToString(), session_options(None), providers=["CPUExecutionProvider"]
    )
    return session, session.get_inputs()[0].name


def _input_nodes(layer: Layer, published: str) -> tuple[list[Any], Mapping[str, NDArray[np.int64]]]:
    """Nodes from `images` to the input called `published`, and their constants by name."""
    import onnx

    nodes: list[Any] = []
    constants: dict[str, NDArray[np.int64]] = {}
    value = IMAGES
    if layer.margin:
        ends = ("attribase/starts", [layer.margin] * 2), ("attribase/ends", [-layer.margin] * 2)
        constants |= {name: _integers(values) for name, values in (*ends, ("attribase/sides", [2, 3]))}
        nodes.append(onnx.helper.make_node("Slice", [value, *constants], ["attribase/middle"], "middle"))
        value = "attribase/middle"
    if layer.blue_first:
        constants["attribase/bgr"] = _integers([2, 1, 0])
        nodes.append(
            onnx.helper.make_node("Gather", [value, "attribase/bgr"], ["attribase/turned"], "bgr", axis=1)
        )
        value = "attribase/turned"
    nodes.append(onnx.helper.make_node("Transpose", [value], [published], "channels_last", perm=[0, 2, 3, 1]))
    return nodes, constants


def _duplicate_constants(graph: Any) -> None:
    """Copy constants that several dequantisations share, so that each has its own.

    For exact 8-bit products (`session.x64quantprecision`) ONNX Runtime rewrites 8-bit constants once for each
    node that uses them, and refuses the model when two nodes share one.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    taken: set[str] = set()
    for number, node in enumerate(node for node in graph.node if node.op_type == "DequantizeLinear"):
        for place, name in enumerate(node.input):
            if name in taken:
                copy = graph.initializer.add()
                copy.CopyFrom(constants[name])
                copy.name = node.input[place] = f"{name}/{number}"
            elif name in constants:
                taken.add(name)


def _ancestors(nodes: Sequence[Any], value: str) -> list[Any]:
    """The nodes that `value` depends on, in their order."""
    wanted, kept = {value}, []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]


def _integers(values: Sequence[int]) -> NDArray[np.int64]:
    return np.asarray(values, dtype=np.int64)


def _value(name: str, shape: list[Any] | None) -> Any:
    import onnx

    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
