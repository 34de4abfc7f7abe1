import io
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from attribase.ingest.encoders import EncoderSpec, efficientnet, ensure_encoder, export, export_encoder
from attribase.ingest.encoders.onnx_export import to_onnx
from attribase.ingest.encoders.onnx_files import OnnxFiles
from attribase.runtime import Preprocessing, load_encoder
from attribase.store import Store, content_id
from attribase.store.errors import ConflictError, DataError, InvalidInputError
from PIL import Image

TINY = {"width_coefficient": 0.25, "depth_coefficient": 0.2}


def pictures(count: int = 6, size: int = 40) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)) for _ in range(count)]


def tiny(seed: int = 0) -> torch.nn.Module:
    """EfficientNet-Lite0's architecture with few, random weights."""
    torch.manual_seed(seed)
    return efficientnet.build(32, **TINY)


@pytest.fixture(scope="module")
def spec() -> EncoderSpec:
    module = tiny()
    with torch.inference_mode():
        dim = module(torch.zeros(1, 3, 32, 32)).shape[1]
    how = Preprocessing(32, 36, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
    return EncoderSpec("tiny", dim, how, "made up", "none", lambda path: tiny(0 if path is None else 1))


@pytest.fixture(scope="module")
def exported(spec, tmp_path_factory) -> Store:
    """Exporting takes seconds: once for all tests that only read."""
    store = Store.create(tmp_path_factory.mktemp("export") / "store")
    export_encoder(store, spec, None, pictures())
    return store


def test_onnx_gives_what_torch_gives(spec, exported):
    images = pictures(5)
    with torch.inference_mode():
        expected = tiny()(torch.from_numpy(spec.preprocessing.batch(images))).numpy()
    encoder = load_encoder(exported, "tiny")
    assert encoder.encode(images) == pytest.approx(expected, abs=1e-4)
    assert encoder.encode(images[:1])[0] == pytest.approx(expected[0], abs=1e-4)


def test_the_row_says_where_it_is_from_and_how_far_off(spec, exported):
    row = exported.read("encoders").to_pylist()[0]
    data = exported.file(*row["onnx_file"].split("/")).read_bytes()
    assert (row["encoder"], row["dim"], row["size"], row["opset"]) == ("tiny", spec.dim, 32, 18)
    assert (row["source"], row["license"]) == ("made up", "none")
    assert Preprocessing.from_json(row["preprocessing"]) == spec.preprocessing
    assert row["onnx_sha256"] == content_id(data)
    assert row["parity_min_cosine"] >= 0.9999
    assert 0 <= row["parity_max_abs"] < 1e-3


def test_exporting_again_gives_the_same_bytes_and_prints_nothing(spec, exported, tmp_path, capfd):
    data = to_onnx(tiny(), spec, tmp_path).model.read_bytes()
    assert content_id(data) == exported.read("encoders")["onnx_sha256"].to_pylist()[0]
    assert capfd.readouterr() == ("", "")
    assert b"/torch/" not in data
    assert b".py" not in data
    assert not onnx.load_from_string(data).functions


def test_a_file_that_was_tampered_with_is_noticed(exported, tmp_path):
    store, row = Store.create(tmp_path / "store"), exported.read("encoders").to_pylist()[0]
    path = row["onnx_file"].split("/")
    data = bytearray(exported.file(*path).read_bytes())
    data[-200] ^= 1
    store.write_file(path, bytes(data))
    store.upsert("encoders", [row])
    with pytest.raises(DataError, match="not the one"):
        load_encoder(store, "tiny")


@pytest.fixture
def without_export(monkeypatch, exported):
    """The ONNX bytes of `spec`, whatever is exported: seconds saved where the export is not the point."""
    row = exported.read("encoders").to_pylist()[0]
    data = exported.file(*row["onnx_file"].split("/")).read_bytes()

    def copy(_module, _spec, folder):
        (folder / "model.onnx").write_bytes(data)
        return OnnxFiles(folder / "model.onnx")

    monkeypatch.setattr("attribase.ingest.encoders.onnx_export.to_onnx", copy)


@pytest.mark.usefixtures("without_export")
def test_onnx_that_strays_from_torch_is_refused(spec, tmp_path):
    store = Store.create(tmp_path / "store")
    with pytest.raises(InvalidInputError, match="disagree"):
        export_encoder(store, spec, tmp_path / "other-weights", pictures())
    broken = replace(spec, load=lambda _: torch.nn.Sequential(tiny(), torch.nn.Threshold(1e9, torch.nan)))
    with pytest.raises(InvalidInputError, match="cosine nan"):
        export_encoder(store, broken, None, pictures())
    assert store.count("encoders") == 0


@pytest.mark.usefixtures("without_export")
def test_a_spec_that_is_wrong_about_its_width_is_refused(spec, tmp_path):
    with pytest.raises(InvalidInputError, match="dimensions"):
        export_encoder(Store.create(tmp_path / "s"), replace(spec, dim=3), None, pictures())


def test_parity_needs_real_images(spec, tmp_path):
    with pytest.raises(InvalidInputError, match="tiny") as error:
        export_encoder(Store.create(tmp_path / "store"), spec, None, [])
    assert "ingest images" in error.value.hint


@pytest.mark.usefixtures("without_export")
def test_features_of_two_models_are_not_mixed(spec, tmp_path):
    store = Store.create(tmp_path / "store")
    export_encoder(store, spec, None, pictures())
    row = store.read("encoders").to_pylist()[0]
    store.upsert("encoders", [row | {"onnx_sha256": "of other weights"}], update=True)
    export_encoder(store, spec, None, pictures())  # nothing embedded yet: the newer one counts
    store.upsert("encoders", [row | {"onnx_sha256": "of other weights"}], update=True)
    table = store.ensure_vectors("tiny", spec.dim)
    store.upsert(table, [{"item_id": "i", "item_kind": "image", "base": [0.5] * spec.dim}])
    with pytest.raises(ConflictError, match="other weights"):
        export_encoder(store, spec, None, pictures())


@pytest.mark.usefixtures("without_export")
def test_an_encoder_is_exported_when_it_is_first_asked_for(spec, tmp_path, monkeypatch):
    store = Store.create(tmp_path / "store")
    monkeypatch.setattr("attribase.ingest.encoders.get_encoder", lambda *_: spec)
    with pytest.raises(InvalidInputError, match="no image"):
        ensure_encoder(store, "tiny")
    buffer = io.BytesIO()
    pictures()[0].save(buffer, "PNG")
    rows = [{"image_id": "broken", "bytes": b"?"}, {"image_id": "fine", "bytes": buffer.getvalue()}]
    store.upsert("images", rows)
    ensure_encoder(store, "tiny")
    assert store.count("encoders") == 1
    monkeypatch.setattr(export, "export_encoder", None)  # would fail if it were called
    ensure_encoder(store, "tiny")


@pytest.mark.slow
def test_the_packaged_encoder_recognises_what_is_in_a_picture(tmp_path):
    """The real weights, end to end: flat discs of two colours are nearer to each other than to stripes."""
    store = Store.create(tmp_path / "store")
    spec = efficientnet.spec("small", size=128)
    parity = export_encoder(store, spec, None, pictures())
    assert parity.min_cosine > 0.99999
    y, x = np.mgrid[:64, :64]
    disc, stripes = (x - 32) ** 2 + (y - 32) ** 2 < 400, (x // 4) % 2 == 0
    masks = [(disc, (200, 30, 30)), (disc, (30, 60, 200)), (stripes, (200, 30, 30))]
    images = [Image.fromarray(np.where(m[..., None], c, 255).astype(np.uint8)) for m, c in masks]
    features = load_encoder(store, spec.name).encode(images)
    assert features.shape == (3, 1280)
    assert (features >= 0).all()  # after a relu6
    unit = features / np.linalg.norm(features, axis=1)[:, None]
    assert unit[0] @ unit[1] > unit[0] @ unit[2]
