"""fp16 and int8 variants of small networks: what they give, and what their rows say."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import onnx
import pytest
import torch
from attribase.ingest.encoders import ensure_encoder, variants
from attribase.ingest.encoders.spec import variant_name
from attribase.runtime import Preprocessing, decode_image, load_encoder
from attribase.store import content_id

from .networks import (
    HOW,
    SIZE,
    Convolutions,
    Transformer,
    build,
    cosines,
    exported_once,
    new_store,
    pixels,
    row_of,
    spec_of,
)


@pytest.fixture(scope="module", autouse=True)
def _exported_once():
    with exported_once():
        yield


@pytest.fixture(scope="module", params=[Convolutions, Transformer], ids=lambda kind: kind.__name__)
def exported(request, tmp_path_factory):
    """A store with all precisions of one network, and that network."""
    store, spec = new_store(tmp_path_factory.mktemp("variants") / "store"), spec_of(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variants, "COMPARED", 16)
        patch.setattr(variants, "CALIBRATED", 24)
        patch.setattr("attribase.ingest.encoders.export.get_encoder", lambda *_: spec)
        assert ensure_encoder(store, spec.name, precision="fp16") == f"{spec.name}@fp16"
        assert ensure_encoder(store, f"{spec.name}@int8") == f"{spec.name}@int8"
    return store, spec, build(request.param)


# -- what they give -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.999999), ("fp16", 0.9999), ("int8", 0.99)])
def test_every_precision_gives_what_torch_gives(exported, precision, least):
    """On pictures that are not in the store."""
    store, spec, module = exported
    with torch.inference_mode():
        expected = module(torch.from_numpy(pixels(12))).numpy()
    found = load_encoder(store, variant_name(spec.name, precision)).run(pixels(12))
    assert found.dtype == np.float32
    assert cosines(found, expected).mean() >= least


def test_variants_are_smaller(exported):
    store, spec, _ = exported
    sizes = {
        precision: sum(entry["bytes"] for entry in json.loads(row_of(store, name)["files"]))
        for precision in ("fp32", "fp16", "int8")
        for name in [variant_name(spec.name, precision)]
    }
    assert sizes["fp16"] < 0.8 * sizes["fp32"]


def test_an_int8_feature_does_not_depend_on_the_batch(exported):
    """Dynamic quantization would scale an image by the brightest of its neighbours."""
    store, spec, _ = exported
    encoder = load_encoder(store, f"{spec.name}@int8")
    image = pixels(1)
    bright = np.concatenate([image, 20 * pixels(3, 6000)])
    assert encoder.run(bright)[0] == pytest.approx(encoder.run(image)[0], abs=1e-5)


def test_weights_of_int8_are_bytes_and_those_of_fp16_are_halves(exported):
    store, spec, _ = exported

    def types(precision: str) -> dict[int, int]:
        row = row_of(store, variant_name(spec.name, precision))
        model = onnx.load(store.file(*row["onnx_file"].split("/")))
        found: dict[int, int] = {}
        for tensor in model.graph.initializer:
            if len(tensor.dims) > 1:
                found[tensor.data_type] = found.get(tensor.data_type, 0) + int(np.prod(tensor.dims))
        return found

    assert types("fp32").keys() == {onnx.TensorProto.FLOAT}
    assert types("fp16").keys() == {onnx.TensorProto.FLOAT16}
    bytes_, floats = types("int8").get(onnx.TensorProto.INT8, 0), types("int8").get(onnx.TensorProto.FLOAT, 0)
    assert bytes_ > floats


# -- what the rows say --------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_the_row_of_a_variant_is_true(exported, precision):
    store, spec, _ = exported
    name = f"{spec.name}@{precision}"
    row, base = row_of(store, name), row_of(store, spec.name)
    assert (row["precision"], row["variant_of"], row["variant_of_sha256"]) == (
        precision,
        spec.name,
        base["onnx_sha256"],
    )
    assert (row["dim"], row["size"], row["source"], row["license"]) == (spec.dim, SIZE, "made up", "none")
    assert Preprocessing.from_json(row["preprocessing"]) == HOW
    assert (row["parity_max_abs"], row["parity_min_cosine"]) == (None, None)  # it is not compared with torch
    model = store.file(*row["onnx_file"].split("/"))
    assert row["onnx_sha256"] == content_id(model.read_bytes()) != base["onnx_sha256"]
    opsets = {entry.domain: entry.version for entry in onnx.load(model).opset_import}
    assert row["opset"] == opsets[""] >= 18
    assert abs(datetime.now(UTC).replace(tzinfo=None) - row["exported_at"]) < timedelta(minutes=10)
    assert (row["quantization"] is None) == (precision == "fp16")


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_the_cosines_in_the_row_are_those_of_stored_pictures(exported, precision):
    """Measured again, on the pictures that were compared: every other one a sample, the first by id."""
    store, spec, _ = exported
    name = f"{spec.name}@{precision}"
    data: list[bytes] = []
    for table, key in (("images", "image_id"), ("samples", "sample_id")):
        first = sorted(store.read(table, [key])[key].to_pylist())[:8]
        data += [found for _, found in store.blobs(table, "bytes", first)]
    given = HOW.batch([decode_image(one) for one in data])
    found = cosines(load_encoder(store, name).run(given), load_encoder(store, spec.name).run(given))
    row = row_of(store, name)
    assert row["cosine_to_fp32_min"] == pytest.approx(found.min(), abs=1e-4)
    assert row["cosine_to_fp32_mean"] == pytest.approx(found.mean(), abs=1e-4)


def test_the_row_of_fp32_has_no_cosine_to_itself(exported):
    store, spec, _ = exported
    row = row_of(store, spec.name)
    assert (row["precision"], row["variant_of"], row["cosine_to_fp32_min"]) == ("fp32", None, None)


def test_int8_says_how_it_was_quantized(exported):
    store, spec, _ = exported
    said = row_of(store, f"{spec.name}@int8")["quantization"]
    model = onnx.load(store.file(*row_of(store, f"{spec.name}@int8")["onnx_file"].split("/")))
    kinds = [node.op_type for node in model.graph.node]
    assert said.startswith("static")
    assert "QuantizeLinear" in kinds
    assert "DynamicQuantizeLinear" not in kinds
    if "convolutions" in said:  # as many as it says take weights that are not dequantized
        bytes_ = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
        plain = [node for node in model.graph.node if node.op_type == "Conv" and node.input[1] not in bytes_]
        assert said == f"static, {len(plain)} convolutions left in fp32"
