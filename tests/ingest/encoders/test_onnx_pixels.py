"""Models that take channels last or whole numbers give, as encoders, what they give by themselves."""

import numpy as np
import onnx
import onnxruntime
import pytest
from attribase.ingest.encoders import ensure_encoder, get_encoder
from attribase.ingest.encoders.onnx_pixels import PixelInput, rebuild
from attribase.runtime import Preprocessing, load_encoder
from attribase.store import Store, content_id
from attribase.store.errors import InvalidInputError
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

FLAGS = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
MEAN, STD, DIM = np.array([120, 110, 100], np.float32), np.array([60, 61, 62], np.float32), 5


def write(path, kind=TensorProto.UINT8, shape=("n", "height", "width", 3)):
    """Mean colours of the picture and of its corner, 3 x 5, times a matrix; channels last or first."""
    last = shape[3] == 3
    rng = np.random.default_rng(0)
    constants = {"mean": MEAN, "std": STD, "weight": rng.normal(size=(6, DIM)).astype(np.float32)}
    if kind == TensorProto.FLOAT:
        constants |= {"mean": np.zeros(3, np.float32), "std": np.ones(3, np.float32)}
    constants |= {"from": np.array([0, 0]), "to": np.array([3, 5]), "sides": np.array([2, 3])}
    if not last:
        constants |= {name: constants[name].reshape(3, 1, 1) for name in ("mean", "std")}
    nodes = [
        helper.make_node("Cast", ["picture"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["pixels", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "std"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["first"], perm=[0, 3, 1, 2] if last else [0, 1, 2, 3]),
        helper.make_node("Slice", ["first", "from", "to", "sides"], ["corner"]),
        helper.make_node("GlobalAveragePool", ["first"], ["mean_of_all"]),
        helper.make_node("GlobalAveragePool", ["corner"], ["mean_of_corner"]),
        helper.make_node("Concat", ["mean_of_all", "mean_of_corner"], ["means"], axis=1),
        helper.make_node("Flatten", ["means"], ["row"]),
        helper.make_node("MatMul", ["row", "weight"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("picture", kind, shape)],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIM])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def pictures(count=3, side=24):
    rng = np.random.default_rng(1)
    return [Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)) for _ in range(count)]


@pytest.fixture
def store(tmp_path):
    import io

    store = Store.create(tmp_path / "a.store")
    for image in pictures():
        out = io.BytesIO()
        image.save(out, "PNG")
        store.upsert("images", [{"image_id": content_id(out.getvalue()), "bytes": out.getvalue()}])
    return store


def direct(path, rows):
    return onnxruntime.InferenceSession(str(path)).run(None, {"picture": rows})[0]


def test_bytes_with_channels_last_and_a_free_size_give_what_the_file_gives(tmp_path, store):
    path = write(tmp_path / "copies.onnx")
    name = ensure_encoder(store, f"onnx:{path}", changes={"size": 16, "resize": None})
    (row,) = store.read("encoders").to_pylist()
    assert (row["size"], row["dim"]) == (16, DIM)
    assert row["parity_min_cosine"] > 0.999999  # against the file itself
    preprocessing = Preprocessing.from_json(row["preprocessing"])
    assert (preprocessing.mean, preprocessing.std) == ((0, 0, 0), (1 / 255,) * 3)
    found = load_encoder(store, name).encode(pictures())
    small = np.stack([np.asarray(image.resize((16, 16), Image.Resampling.BICUBIC)) for image in pictures()])
    assert found == pytest.approx(direct(path, small), abs=1e-4)


@pytest.mark.parametrize("size", [8, 20])
def test_its_size_is_the_one_asked_for(tmp_path, size):
    spec = get_encoder(f"onnx:{write(tmp_path / 'copies.onnx')}", {"size": size})
    assert (spec.size, spec.preprocessing.resize) == (size, size)


def test_floats_with_channels_last_are_normalised_as_asked(tmp_path, store):
    path = write(tmp_path / "floats.onnx", TensorProto.FLOAT, ("n", 16, 16, 3))
    name = ensure_encoder(store, f"onnx:{path}", changes=FLAGS | {"resize": None})
    found = load_encoder(store, name).encode(pictures())
    small = [np.asarray(image.resize((16, 16), Image.Resampling.BICUBIC)) for image in pictures()]
    rows = (np.stack(small) / 255 - FLAGS["mean"]) / FLAGS["std"]
    assert found == pytest.approx(direct(path, rows.astype(np.float32)), abs=1e-4)


def test_bytes_with_channels_first_are_taken_too(tmp_path, store):
    path = write(tmp_path / "first.onnx", shape=("n", 3, 16, 16))
    name = ensure_encoder(store, f"onnx:{path}", changes={"resize": None})
    small = np.stack([np.asarray(image.resize((16, 16), Image.Resampling.BICUBIC)) for image in pictures()])
    rows = np.ascontiguousarray(small.transpose(0, 3, 1, 2))
    assert load_encoder(store, name).encode(pictures()) == pytest.approx(direct(path, rows), abs=1e-4)


def test_every_value_of_a_byte_arrives_as_it_is(tmp_path):
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["picture"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["floats"], ["embedding"]),
        ],
        "flat",
        [helper.make_tensor_value_info("picture", TensorProto.UINT8, ["n", 16, 16, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 768])],
    )
    path = tmp_path / "flat.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    spec = get_encoder(f"onnx:{path}")
    values = np.arange(768, dtype=np.uint16).astype(np.uint8).reshape(16, 16, 3)
    rebuilt = rebuild(path, PixelInput("picture", 16, channels_last=True, whole_numbers=True))
    session = onnxruntime.InferenceSession(rebuilt.model)
    given = spec.preprocessing.batch([Image.fromarray(values)])
    assert (session.run(None, {session.get_inputs()[0].name: given})[0] == values.reshape(1, -1)).all()


def test_a_size_that_nothing_says_and_a_normalisation_of_bytes_are_errors(tmp_path):
    path = write(tmp_path / "copies.onnx")
    with pytest.raises(InvalidInputError, match="nothing says size"):
        get_encoder(f"onnx:{path}")
    with pytest.raises(InvalidInputError, match="normalises them itself") as error:
        get_encoder(f"onnx:{path}", {"size": 16, **FLAGS})
    assert "leave" in error.value.hint
    with pytest.raises(InvalidInputError, match="nothing says mean and std"):
        get_encoder(f"onnx:{write(tmp_path / 'f.onnx', TensorProto.FLOAT)}", {"size": 16})


@pytest.mark.parametrize("shape", [("n", 8, 9, 3), ("n", 8, 8, 4), (8, 8, 3), ("n", "height", 8, 3)])
def test_other_shapes_are_no_square_picture(shape):
    assert PixelInput.of(helper.make_tensor_value_info("x", TensorProto.UINT8, shape)) is None
    assert PixelInput.of(helper.make_tensor_value_info("x", TensorProto.DOUBLE, ("n", 8, 8, 3))) is None
