"""Encoders that answer the same picture differently are refused at export."""

import numpy as np
import onnx
import pytest
from attribase.ingest.encoders import export_encoder, get_encoder
from attribase.store import Store
from attribase.store.errors import InvalidInputError
from onnx import TensorProto, helper
from PIL import Image

HOW = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}


def write(path, nodes):
    """A network that averages each channel, `nodes` making `embedding` of these `means`."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["images", "axes"], ["means"], keepdims=0), *nodes],
        "network",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ("n", 3, 8, 8))],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ("n", 3))],
        [
            helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]),
            helper.make_tensor("rows", TensorProto.INT64, [1], [0]),
            helper.make_tensor("half", TensorProto.FLOAT, [], [0.5]),
            helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)
    return get_encoder(f"onnx:{path}", HOW)


NOISE = [
    helper.make_node("RandomNormalLike", ["means"], ["noise"], scale=0.1),
    helper.make_node("Add", ["means", "noise"], ["embedding"]),
]
DROPOUT = [helper.make_node("Dropout", ["means", "half", "yes"], ["embedding"])]
BATCH_STATISTICS = [
    helper.make_node("ReduceMean", ["means", "rows"], ["centre"], keepdims=1),
    helper.make_node("Sub", ["means", "centre"], ["embedding"]),
]
POSITION = [  # sums over the pictures before it in the batch
    helper.make_node("CumSum", ["means", "first"], ["embedding"]),
]


def pictures(count):
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)) for _ in range(count)]


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize(
    ("nodes", "when"),
    [
        (NOISE, "when it is asked again"),
        (DROPOUT, "when it is asked again"),
        (BATCH_STATISTICS, "in a batch of another size"),
    ],
    ids=["noise", "dropout", "batch statistics"],
)
def test_a_network_that_answers_differently_is_refused(tmp_path, nodes, when, count):
    spec = write(tmp_path / "model.onnx", nodes)
    store = Store.create(tmp_path / "store")
    with pytest.raises(InvalidInputError) as error:
        export_encoder(store, spec, None, pictures(count))
    assert str(error.value).startswith(f"onnx:model answers the same picture differently {when}: cosine ")
    assert "\n" not in str(error.value)
    assert "dropout" in error.value.hint
    assert store.count("encoders") == 0


@pytest.mark.parametrize("count", [1, 5])
def test_a_network_that_depends_on_the_place_in_a_batch_is_refused(tmp_path, count):
    nodes = [
        helper.make_node("Constant", [], ["first"], value=helper.make_tensor("", TensorProto.INT64, [], [0])),
        *POSITION,
    ]
    spec = write(tmp_path / "model.onnx", nodes)
    with pytest.raises(InvalidInputError, match="differently at another place of a batch"):
        export_encoder(Store.create(tmp_path / "store"), spec, None, pictures(count))


def test_a_network_that_answers_the_same_is_exported(tmp_path):
    spec = write(tmp_path / "model.onnx", [helper.make_node("Identity", ["means"], ["embedding"])])
    store = Store.create(tmp_path / "store")
    export_encoder(store, spec, None, pictures(3))
    assert store.count("encoders") == 1
