"""What pixels an ONNX image model takes, and the same model for pixels as encoders here get them.

Encoders get float32 pixels (images, 3, size, size). A model that takes channels last, (images, size, size,
3), or uint8 values gets the operators that bring it those in front; everything else of it stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...store.errors import InvalidInputError
from .onnx_files import EXTERNAL_BYTES
from .spec import RebuiltOnnx

CHANNELS = 3
TO_LAST = (0, 2, 3, 1)


@dataclass(frozen=True)
class PixelInput:
    """The one input of an image model.

    Attributes:
        name: in the graph.
        size: the side of the square; None for any.
        channels_last: whether it is (images, size, size, 3).
        whole_numbers: whether it takes uint8 values 0 to 255, and so normalises them itself.
    """

    name: str
    size: int | None
    channels_last: bool = False
    whole_numbers: bool = False

    @property
    def as_encoder(self) -> bool:
        """Whether it takes what encoders get."""
        return not (self.channels_last or self.whole_numbers)

    @classmethod
    def of(cls, value: Any) -> PixelInput | None:
        """The input of a graph; None where it is no square RGB picture in float32 or uint8."""
        import onnx

        shape, kind = value_shape(value), value.type.tensor_type.elem_type
        if len(shape) != 4 or kind not in (onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8):
            return None
        last = shape[3] == CHANNELS and shape[1] != CHANNELS
        sides = shape[1:3] if last else shape[2:4]
        if sides[0] != sides[1] or not (last or shape[1] in (CHANNELS, None)):
            return None
        return cls(value.name, sides[0], last, kind == onnx.TensorProto.UINT8)

    def pixels(self, pixels: NDArray[np.float32]) -> NDArray[Any]:
        """Pixels (images, 3, size, size) as the model takes them."""
        ordered = pixels.transpose(TO_LAST) if self.channels_last else pixels
        return np.rint(ordered).astype(np.uint8) if self.whole_numbers else ordered


def value_shape(value: Any) -> tuple[int | None, ...]:
    """The sides of an input or output; None for one that is free."""
    sides = value.type.tensor_type.shape.dim
    return tuple(side.dim_value if side.HasField("dim_value") else None for side in sides)


def rebuild(path: Path, taken: PixelInput) -> RebuiltOnnx:
    """The model of a file, which takes `taken`, for float32 pixels (images, 3, size, size).

    Raises InvalidInputError for a model that is too large to be changed in memory.
    """
    import onnx

    model = onnx.load(path)
    graph = model.graph
    if sum(len(tensor.raw_data) for tensor in graph.initializer) > EXTERNAL_BYTES:
        raise InvalidInputError(
            f"{path.name} takes its channels last or as bytes, and is larger than 2 GB",
            hint="export it to take float32 pixels (images, 3, size, size)",
        )
    value = next(one for one in graph.input if one.name == taken.name)
    batch = value_shape(value)[0]
    first = f"{taken.name}_of_encoder"
    free: list[Any] = ["height", "width"] if taken.size is None else [taken.size] * 2
    given = onnx.helper.make_tensor_value_info(
        first, onnx.TensorProto.FLOAT, ["images" if batch is None else batch, CHANNELS, *free]
    )
    others = [given if one.name == taken.name else one for one in graph.input]
    nodes = [*_operators(graph, taken, first), *graph.node]
    for held, filled in ((graph.input, others), (graph.node, nodes)):
        copies = [type(one).FromString(one.SerializeToString()) for one in filled]
        del held[:]
        held.extend(copies)

    def original(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        from ...runtime.encoder import open_session, session_options

        session = open_session(path, session_options(None), -1)
        return np.asarray(session.run(None, {taken.name: taken.pixels(pixels)})[0], np.float32)

    return RebuiltOnnx(model.SerializeToString(deterministic=True), original)


def _operators(graph: Any, taken: PixelInput, first: str) -> list[Any]:
    """The nodes from the input `first` to what the model takes; a constant is added to `graph`."""
    from onnx import TensorProto, helper

    steps: list[tuple[str, list[str], dict[str, Any]]] = []
    if taken.whole_numbers:  # a cast cuts the fraction off, so a half rounds
        half = f"{first}_half"
        graph.initializer.append(helper.make_tensor(half, TensorProto.FLOAT, [1], [0.5]))
        steps += [("Add", [half], {}), ("Cast", [], {"to": TensorProto.UINT8})]
    if taken.channels_last:
        steps.append(("Transpose", [], {"perm": list(TO_LAST)}))
    names = [first, *(f"{first}_{number}" for number in range(1, len(steps))), taken.name]
    return [
        helper.make_node(kind, [names[at], *more], [names[at + 1]], **settings)
        for at, (kind, more, settings) in enumerate(steps)
    ]
