import json

import numpy as np
import onnx
import pytest
from attribase.ingest.encoders import encoder_name, get_encoder
from attribase.runtime import OnnxEncoder, Preprocessing
from attribase.store.errors import InvalidInputError
from onnx import TensorProto, helper
from PIL import Image

FLAGS = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
PROCESSOR = {
    "do_center_crop": True,
    "crop_size": {"height": 8, "width": 8},
    "size": {"shortest_edge": 10},
    "resample": 3,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.2, 0.1],
}


def write(path, shape=("n", 3, 8, 8), out=("n", 3), inputs=1):
    """A network that averages each channel."""
    names = [f"pixel_values{i or ''}" for i in range(inputs)]
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", [names[0], "axes"], ["embedding"], keepdims=0)],
        "mean",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, out)],
        [helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])],
    )
    path.parent.mkdir(exist_ok=True, parents=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def test_a_file_is_an_encoder_under_its_short_name(tmp_path):
    path = write(tmp_path / "some where" / "My.Model.onnx")
    spec = get_encoder(f"onnx:{path}", FLAGS)
    assert spec.name == encoder_name(f"onnx:{path}") == encoder_name("onnx:my.model") == "onnx:my.model"
    assert (spec.dim, spec.preprocessing) == (3, Preprocessing(8, resize=8, **FLAGS))
    assert spec.load(None) == path
    image = Image.new("RGB", (9, 9), (255, 0, 51))
    found = OnnxEncoder(spec.load(None), spec.preprocessing).encode([image])[0]
    wanted = (np.array([1, 0, 0.2]) - FLAGS["mean"]) / FLAGS["std"]
    assert found == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("place", ["preprocessor_config.json", "../preprocessor_config.json"])
def test_the_description_beside_the_file_is_followed(tmp_path, place):
    path = write(tmp_path / "onnx" / "model.onnx")
    (path.parent / place).write_text(json.dumps(PROCESSOR))
    found = get_encoder(f"onnx:{path}").preprocessing
    assert found == Preprocessing(8, 10, "bicubic", (0.5, 0.4, 0.3), (0.2, 0.2, 0.1))
    assert (
        get_encoder(f"onnx:{path}", {"interpolation": "bilinear"}).preprocessing.interpolation == "bilinear"
    )


def test_a_description_that_stretches_is_followed(tmp_path):
    path = write(tmp_path / "model.onnx")
    how = PROCESSOR | {"do_center_crop": False, "size": {"height": 8, "width": 8}, "resample": 2}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(how))
    found = get_encoder(f"onnx:{path}").preprocessing
    assert (found.size, found.resize, found.interpolation) == (8, None, "bilinear")


def test_preprocessing_is_never_guessed(tmp_path):
    path = write(tmp_path / "model.onnx")
    with pytest.raises(InvalidInputError, match="nothing says mean and std") as error:
        get_encoder(f"onnx:{path}")
    assert "--mean" in error.value.hint
    free = write(tmp_path / "free.onnx", ("n", 3, "h", "h"))
    with pytest.raises(InvalidInputError, match="nothing says size"):
        get_encoder(f"onnx:{free}", FLAGS)
    found = get_encoder(f"onnx:{free}", {**FLAGS, "size": 20}).preprocessing
    assert (found.size, found.resize) == (20, 20)
    with pytest.raises(InvalidInputError, match="takes 8 pixels, not 20"):
        get_encoder(f"onnx:{path}", {**FLAGS, "size": 20})


def test_files_that_are_no_image_encoder_are_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("nothing of the kind")
    whole = write(tmp_path / "model.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    write(tmp_path / "two.onnx", inputs=2)
    write(tmp_path / "maps.onnx", out=("n", 3, 4, 4))
    write(tmp_path / "wide.onnx", shape=("n", 3, 8, 9))
    write(tmp_path / "unsaid.onnx", out=("n", "d"))
    for name in ("gone", "text", "cut", "two", "maps", "wide", "unsaid"):
        with pytest.raises(InvalidInputError) as error:
            get_encoder(f"onnx:{tmp_path / name}.onnx", FLAGS)
        assert error.value.hint
