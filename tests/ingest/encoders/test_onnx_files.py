"""ONNX files that others made, taken as encoders: renamed, with their external data, or refused."""

import numpy as np
import onnx
import pytest
from attribase.ingest.encoders.onnx_files import import_onnx
from attribase.runtime import OnnxEncoder, Preprocessing
from attribase.store.errors import InvalidInputError
from onnx import TensorProto, helper, numpy_helper

SIZE = 4
PIXELS = np.random.default_rng(0).normal(size=(3, 3, SIZE, SIZE)).astype(np.float32)
WEIGHT = np.random.default_rng(1).normal(size=(3, 600)).astype(np.float32)


def model(names=("pixel_values", "pooled"), inputs=(), outputs=(), batch="n", kind=TensorProto.FLOAT):
    """The mean colour times WEIGHT, with other inputs and outputs beside."""
    given, made = names
    nodes = [
        helper.make_node("ReduceMean", [given, "axes"], ["colour"], keepdims=0),
        helper.make_node("MatMul", ["colour", "weight"], [made]),
    ]
    graph = helper.make_graph(
        nodes,
        "theirs",
        [helper.make_tensor_value_info(given, kind, [batch, 3, SIZE, SIZE]), *inputs],
        [helper.make_tensor_value_info(made, kind, [batch, 600]), *outputs],
        [numpy_helper.from_array(np.array([2, 3]), "axes"), numpy_helper.from_array(WEIGHT, "weight")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def run(path):
    session = OnnxEncoder(path, Preprocessing(SIZE, SIZE), gpu=-1)
    return session.run(PIXELS)


IDS = helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", 77])
MORE = helper.make_tensor_value_info("more", TensorProto.FLOAT, ["n", 2])
EXPECTED = PIXELS.mean(axis=(2, 3)) @ WEIGHT


@pytest.mark.parametrize(
    "names", [("pixel_values", "pooled"), ("images", "features"), ("features", "images")]
)
def test_inputs_and_outputs_get_our_names(tmp_path, names):
    onnx.save(model(names), tmp_path / "theirs.onnx")
    files = import_onnx(tmp_path / "theirs.onnx", tmp_path)
    graph = onnx.load(files.model).graph
    assert [value.name for value in (*graph.input, *graph.output)] == ["images", "features"]
    assert run(files.model) == pytest.approx(EXPECTED, abs=1e-5)


def test_external_data_is_found_beside_the_file(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    onnx.save(
        model(), theirs / "m.onnx", save_as_external_data=True, location="m.weights", size_threshold=100
    )
    ours = tmp_path / "ours"
    ours.mkdir()
    files = import_onnx(theirs / "m.onnx", ours)
    assert files.data == ()  # small enough for one file
    assert run(files.model) == pytest.approx(EXPECTED, abs=1e-5)
    (theirs / "m.weights").unlink()
    with pytest.raises(InvalidInputError, match=r"m\.onnx is no ONNX model") as error:
        import_onnx(theirs / "m.onnx", ours)
    assert "external data" in error.value.hint


def test_only_the_first_output_is_kept(tmp_path):
    onnx.save(
        model(outputs=[helper.make_tensor_value_info("colour", TensorProto.FLOAT, ["n", 3])]),
        tmp_path / "two.onnx",
    )
    files = import_onnx(tmp_path / "two.onnx", tmp_path)
    assert [value.name for value in onnx.load(files.model).graph.output] == ["features"]
    assert run(files.model) == pytest.approx(EXPECTED, abs=1e-5)


def test_captions_are_told_by_their_type(tmp_path):
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", 77])
    found = model(inputs=[ids])
    found.graph.input.insert(0, found.graph.input.pop(1))  # first, as many exporters put them
    onnx.save(found, tmp_path / "m.onnx")
    files = import_onnx(tmp_path / "m.onnx", tmp_path, captions=True)
    assert [value.name for value in onnx.load(files.model).graph.input] == ["tokens", "images"]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (model(batch=1), "takes 1 images at a time"),
        (model(kind=TensorProto.FLOAT16), r"pixel_values \(float16\)"),
        (
            model(inputs=[helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", 77])]),
            r"ids \(int64\)",
        ),
        (
            model(inputs=[helper.make_tensor_value_info("more", TensorProto.FLOAT, ["n", 2])]),
            r"more \(float\)",
        ),
    ],
)
def test_what_takes_something_else_is_refused(tmp_path, made, message):
    onnx.save(made, tmp_path / "m.onnx")
    with pytest.raises(InvalidInputError, match=message) as error:
        import_onnx(tmp_path / "m.onnx", tmp_path)
    assert error.value.hint
