"""A store whose encoder is a few operators: a feature is the mean colour times a fixed matrix."""

import io

import numpy as np
import pytest
from attribase.runtime import Preprocessing
from attribase.runtime.model_files import StoredFile, files_json
from attribase.store import Store, content_id, key_id
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIZE, DIM = 8, 5
NAME = "mean"


def mean_colour_model() -> bytes:
    constants = {
        "axes": np.array([2, 3]),
        "weight": np.random.default_rng(0).normal(size=(3, DIM)).astype(np.float32),
    }
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images", "axes"], ["colour"], keepdims=0),
            helper.make_node("MatMul", ["colour", "weight"], ["features"]),
        ],
        "mean-colour",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", DIM])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return model.SerializeToString()


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(seed: int, width: int = 12, height: int = 10) -> bytes:
    pixels = np.random.default_rng(seed).integers(40, 256, (height, width, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels))


class Gallery:
    """A store, and how to put images into it."""

    name, table, stage, dim = NAME, f"vectors_{NAME}", f"embed:{NAME}", DIM
    preprocessing = Preprocessing(SIZE, SIZE)
    png, encoded = staticmethod(png), staticmethod(encoded)

    def __init__(self, folder) -> None:
        self.store, data = Store.create(folder), mean_colour_model()
        self.store.write_file(("encoders", "mean.onnx"), data)
        row = {"encoder": NAME, "dim": DIM, "size": SIZE, "onnx_file": "encoders/mean.onnx"}
        row |= {"preprocessing": self.preprocessing.to_json(), "onnx_sha256": content_id(data)}
        row["files"] = files_json([StoredFile(row["onnx_file"], row["onnx_sha256"])])
        self.store.upsert("encoders", [row])

    def images(self, blobs, **columns) -> list[str]:
        self.store.upsert("images", [{"image_id": content_id(b), "bytes": b, **columns} for b in blobs])
        return [content_id(data) for data in blobs]

    def samples(self, blobs, **columns) -> list[str]:
        rows = [
            {"sample_id": key_id("s", content_id(b)), "bytes": b, "model_id": "m", **columns} for b in blobs
        ]
        self.store.upsert("samples", rows)
        return [row["sample_id"] for row in rows]

    def embed(self, **options) -> list:
        from attribase.ingest.embed import embed

        return list(embed(self.store, NAME, **options))

    def embedded(self) -> list[str]:
        return sorted(self.store.read(self.table, ["item_id"])["item_id"].to_pylist())

    def failures(self) -> dict[str, str]:
        return {row["item"]: row["reason"] for row in self.store.read("failures").to_pylist()}


@pytest.fixture
def gallery(tmp_path) -> Gallery:
    return Gallery(tmp_path / "store")
