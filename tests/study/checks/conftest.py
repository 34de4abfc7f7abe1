"""A gallery of small random pictures, and an encoder of a few operators that looks at all of their pixels."""

import io

import numpy as np
import pytest
from attribase.ingest.embed import embed
from attribase.query import Features
from attribase.runtime import Preprocessing
from attribase.runtime.model_files import StoredFile, files_json
from attribase.store import Store, content_id
from attribase.study.checks.check import CheckPlan
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageFilter

ENCODER, SIZE, DIM, IMAGES = "pixels", 8, 48, 40


def pixels_model() -> bytes:
    """(n, 3, SIZE, SIZE) to DIM random projections of all pixels."""
    weight = np.random.default_rng(0).normal(size=(3 * SIZE * SIZE, DIM)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["features"]),
    ]
    shapes = (("images", ["n", 3, SIZE, SIZE]), ("features", ["n", DIM]))
    images, features = (helper.make_tensor_value_info(name, TensorProto.FLOAT, s) for name, s in shapes)
    graph = helper.make_graph(
        nodes, "pixels", [images], [features], [numpy_helper.from_array(weight, "weight")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return model.SerializeToString()


def picture(seed: int) -> bytes:
    """A smooth random picture of 32 x 32."""
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(3)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def pictures(tmp_path) -> Store:
    """A store with a gallery of IMAGES pictures, embedded."""
    store = Store.create(tmp_path / "a.store")
    data = pixels_model()
    store.write_file(("encoders", "pixels.onnx"), data)
    row = {"encoder": ENCODER, "dim": DIM, "size": SIZE, "onnx_file": "encoders/pixels.onnx"}
    row |= {"preprocessing": Preprocessing(SIZE, SIZE).to_json(), "onnx_sha256": content_id(data)}
    row["files"] = files_json([StoredFile(row["onnx_file"], row["onnx_sha256"])])
    store.upsert("encoders", [row])
    blobs = [picture(seed) for seed in range(IMAGES)]
    ids = [content_id(data) for data in blobs]
    store.upsert("images", [{"image_id": i, "bytes": data} for i, data in zip(ids, blobs, strict=True)])
    store.upsert("members", [{"collection": "gallery", "image_id": i} for i in ids])
    list(embed(store, ENCODER, workers=0))
    return store


@pytest.fixture
def plan() -> CheckPlan:
    """Raw features of that encoder; every check small."""
    return CheckPlan((Features(ENCODER),), {"copies": {"originals": 6}}, workers=0)
