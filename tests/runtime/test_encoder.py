import subprocess
import sys

import numpy as np
import onnx
import pytest
from attribase.runtime import OnnxEncoder, Preprocessing, load_encoder
from attribase.runtime.encoder import providers
from attribase.runtime.model_files import StoredFile, files_json
from attribase.store import Store, content_id
from attribase.store.errors import DataError, InvalidInputError, NotFoundError
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIZE, DIM = 8, 5
WEIGHT = np.random.default_rng(0).normal(size=(3, DIM)).astype(np.float32)


def mean_colour_model(dim: int = DIM) -> bytes:
    """Feature = mean colour @ WEIGHT: an encoder that a test can follow by hand."""
    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["colour"], keepdims=0),
        helper.make_node("MatMul", ["colour", "weight"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mean-colour",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", dim])],
        [
            numpy_helper.from_array(np.array([2, 3]), "axes"),
            numpy_helper.from_array(WEIGHT[:, :dim].copy(), "weight"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def row(data: bytes, **changes) -> dict:
    return {
        "encoder": "mean",
        "dim": DIM,
        "size": SIZE,
        "preprocessing": Preprocessing(SIZE, SIZE).to_json(),
        "onnx_file": "encoders/mean.onnx",
        "onnx_sha256": content_id(data),
        "files": files_json([StoredFile("encoders/mean.onnx", content_id(data))]),
    } | changes


@pytest.fixture
def store(tmp_path) -> Store:
    store, data = Store.create(tmp_path / "store"), mean_colour_model()
    store.write_file(("encoders", "mean.onnx"), data)
    store.upsert("encoders", [row(data)])
    return store


@pytest.fixture
def images() -> list[Image.Image]:
    rng = np.random.default_rng(1)
    return [Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)) for _ in range(7)]


def test_features_are_raw_and_as_computed_by_hand(store, images):
    pixels = np.stack([np.asarray(image, np.float32) for image in images]) / 255 * 2 - 1
    expected = pixels.mean(axis=(1, 2)) @ WEIGHT
    found = load_encoder(store, "mean").encode(images)
    assert found == pytest.approx(expected, abs=1e-5)
    assert found.dtype == np.float32


def test_the_batch_size_does_not_matter(store, images):
    encoder = load_encoder(store, "mean", threads=1)
    assert encoder.encode(images, batch=2) == pytest.approx(encoder.encode(images, batch=64), abs=1e-6)
    assert encoder.encode([]).shape == (0, DIM)
    assert encoder.run(np.zeros((0, 3, SIZE, SIZE), np.float32)).shape == (0, DIM)


def test_a_swapped_file_is_noticed(store):
    path = store.file("encoders", "mean.onnx")
    path.write_bytes(mean_colour_model() + b"\0")
    with pytest.raises(DataError, match="not the one"):
        load_encoder(store, "mean")


def test_a_file_that_is_gone_is_named(store):
    store.file("encoders", "mean.onnx").unlink()
    with pytest.raises(NotFoundError, match=r"mean\.onnx"):
        load_encoder(store, "mean")


def test_an_encoder_that_was_never_exported_is_named(store):
    with pytest.raises(NotFoundError, match="'other'") as error:
        load_encoder(store, "other")
    assert "ingest embed" in error.value.hint


def test_a_file_of_another_width_is_noticed(store):
    data = mean_colour_model(dim=4)
    store.write_file(("encoders", "mean.onnx"), data)
    store.upsert("encoders", [row(data)], update=True)
    with pytest.raises(DataError, match="4 dimensions, 5 are recorded"):
        load_encoder(store, "mean")


@pytest.mark.parametrize("data", [b"", b"no model"])
def test_what_is_no_model_is_refused(data):
    with pytest.raises(DataError, match="does not load"):
        OnnxEncoder(data, Preprocessing(SIZE, SIZE))


@pytest.mark.parametrize("shape", [(2, 3, SIZE, SIZE + 1), (3, SIZE, SIZE), (2, 1, SIZE, SIZE)])
def test_pixels_of_another_shape_are_refused(shape):
    with pytest.raises(InvalidInputError, match="takes"):
        OnnxEncoder(mean_colour_model(), Preprocessing(SIZE, SIZE)).run(np.zeros(shape, np.float32))


def test_the_cpu_is_always_there_to_run_on():
    assert providers()[-1] == "CPUExecutionProvider"


def test_importing_the_runtime_loads_no_torch():
    code = "import sys, attribase.runtime; print('torch' in sys.modules, 'timm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
