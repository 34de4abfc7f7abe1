import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import onnx
import pytest
import torch
from attribase.ingest.encoders import (
    EncoderSpec,
    efficientnet,
    ensure_encoder,
    export,
    export_encoder,
    onnx_files,
)
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
    assert (row["encoder"], row["dim"], row["size"]) == ("tiny", spec.dim, 32)
    assert row["opset"] == onnx.load_from_string(data).opset_import[0].version == 18
    assert (row["source"], row["license"]) == ("made up", "none")
    assert Preprocessing.from_json(row["preprocessing"]) == spec.preprocessing
    assert row["onnx_sha256"] == content_id(data)
    assert (row["precision"], row["variant_of"], row["quantization"]) == ("fp32", None, None)
    assert json.loads(row["files"]) == [
        {"file": row["onnx_file"], "sha256": content_id(data), "role": "model", "bytes": len(data)}
    ]
    assert abs(datetime.now(UTC).replace(tzinfo=None) - row["exported_at"]) < timedelta(minutes=10)


def test_the_parity_in_the_row_is_what_the_pictures_give(spec, exported):
    """Measured again, by hand; the cosine to about what float32 can tell."""
    pixels = spec.preprocessing.batch(pictures())
    with torch.inference_mode():
        expected = tiny()(torch.from_numpy(pixels)).numpy()
    found = load_encoder(exported, "tiny").run(pixels)
    lengths = np.linalg.norm(expected, axis=1) * np.linalg.norm(found, axis=1)
    row = exported.read("encoders").to_pylist()[0]
    assert row["parity_max_abs"] == pytest.approx(np.abs(expected - found).max(), abs=1e-5)
    assert 0 < row["parity_max_abs"] < 1e-3
    assert row["parity_min_cosine"] == pytest.approx(((expected * found).sum(1) / lengths).min(), abs=1e-6)


def test_weights_of_a_file_are_named_in_the_source(spec, tmp_path):
    store, weights = Store.create(tmp_path / "store"), tmp_path / "mine.pth"
    export_encoder(store, spec, weights, pictures(2))
    assert store.read("encoders")["source"].to_pylist() == ["made up; weights from mine.pth"]


def test_exporting_again_gives_the_same_bytes_and_prints_nothing(spec, exported, tmp_path, capfd):
    data = to_onnx(tiny(), spec, tmp_path).model.read_bytes()
    assert content_id(data) == exported.read("encoders")["onnx_sha256"].to_pylist()[0]
    assert capfd.readouterr() == ("", "")
    assert b"/torch/" not in data
    assert b".py" not in data
    assert not onnx.load_from_string(data).functions
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]  # nothing is left behind


class Described(torch.nn.Module):
    """Looks at captions: the mean colour and the mean token."""

    def forward(self, images, tokens):
        return torch.cat([images.mean((2, 3)), tokens.float().mean(1, keepdim=True)], 1)


def described(**changes) -> EncoderSpec:
    how = Preprocessing(8, 8)
    return replace(
        EncoderSpec("described", 4, how, "s", "l", lambda _: Described().eval(), captions=True), **changes
    )


def test_an_encoder_that_looks_at_captions_takes_both(tmp_path):
    store = Store.create(tmp_path / "store")
    parity = export_encoder(
        store, described(extra_files=lambda _: {"notes.txt": b"read me"}), None, pictures(3)
    )
    assert parity.min_cosine > 0.99999
    encoder = load_encoder(store, "described")
    assert (encoder.captions, encoder.extra_files) == (True, {"notes.txt": b"read me"})
    pixels, tokens = encoder.preprocessing.batch(pictures(3)), np.arange(3 * 77).reshape(3, 77)
    expected = np.concatenate([pixels.mean((2, 3)), tokens.mean(1)[:, None]], axis=1)
    assert encoder.run(pixels, tokens) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    with pytest.raises(InvalidInputError, match="needs caption tokens"):
        encoder.run(pixels)
    with pytest.raises(InvalidInputError, match="a row an image"):
        encoder.run(pixels, tokens[:2])
    with pytest.raises(DataError, match="no tokenizer"):
        encoder.encode(pictures(1), ["a cat"])


def test_an_encoder_that_does_not_look_at_captions_takes_none(exported):
    encoder = load_encoder(exported, "tiny")
    with pytest.raises(InvalidInputError, match="takes no caption tokens"):
        encoder.run(np.zeros((1, 3, 32, 32), np.float32), np.zeros((1, 77), np.int64))
    assert encoder.tokens(["a cat"]) is None


def test_torchscript_is_exported_too(tmp_path):
    """SSCD was published as nothing else."""
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(3, 5, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    module = torch.nn.Sequential(*layers).eval()
    torch.jit.trace(module, torch.zeros(1, 3, 8, 8)).save(tmp_path / "script.pt")
    how = Preprocessing(8, 8)
    spec = EncoderSpec("script", 5, how, "s", "l", lambda path: torch.jit.load(path).eval())
    store = Store.create(tmp_path / "store")
    assert export_encoder(store, spec, tmp_path / "script.pt", pictures()).min_cosine > 0.99999
    with torch.inference_mode():
        expected = module(torch.from_numpy(how.batch(pictures()))).numpy()
    assert load_encoder(store, "script").encode(pictures()) == pytest.approx(expected, abs=1e-5)


def test_weights_that_do_not_fit_into_the_model_are_exported_beside_it(spec, tmp_path, monkeypatch):
    """The exporter's own way, with the limit of 2 GB lowered."""
    monkeypatch.setattr(onnx_files, "EXTERNAL_BYTES", 1000)
    store = Store.create(tmp_path / "store")
    export_encoder(store, spec, None, pictures())
    row = store.read("encoders").to_pylist()[0]
    assert [entry["role"] for entry in json.loads(row["files"])] == ["model", "weights"]
    with torch.inference_mode():
        expected = tiny()(torch.from_numpy(spec.preprocessing.batch(pictures()))).numpy()
    assert load_encoder(store, "tiny").encode(pictures()) == pytest.approx(expected, abs=1e-4)
    first = row["onnx_sha256"]
    export_encoder(store, spec, None, pictures())
    assert store.read("encoders")["onnx_sha256"].to_pylist() == [first]
    export_encoder(store, spec, tmp_path / "other", pictures())  # other weights in the same graph
    assert store.read("encoders")["onnx_sha256"].to_pylist() != [first]


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
    monkeypatch.setattr("attribase.ingest.encoders.export.get_encoder", lambda *_: spec)
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


def test_an_encoder_of_the_store_keeps_what_it_does_with_profiles(monkeypatch, tmp_path):
    """Of one exported before profiles were converted, and of the authors' release: they are ignored."""
    store, asked = Store.create(tmp_path / "store"), []

    def get_encoder(name, changes):
        asked.append((name, changes))
        raise InvalidInputError("enough")

    monkeypatch.setattr(export, "get_encoder", get_encoder)
    before = json.loads(Preprocessing(8, 8).to_json())
    del before["profiles"]
    rows = [("old", json.dumps(before)), ("new", Preprocessing(8, 8).to_json()), ("released", None)]
    store.upsert("encoders", [{"encoder": name, "dim": 2, "preprocessing": text} for name, text in rows])
    for name in ("old", "new", "released", "absent"):
        with pytest.raises(InvalidInputError):
            ensure_encoder(store, name, tmp_path / "weights", changes={"resize": 9})
    with pytest.raises(InvalidInputError):
        ensure_encoder(store, "old", changes={"profiles": "srgb"})
    assert [changes.get("profiles") for _, changes in asked] == ["ignore", "srgb", "ignore", None, "srgb"]


def test_vectors_of_two_preprocessings_do_not_share_a_table(tmp_path):
    store = Store.create(tmp_path / "store")
    how = Preprocessing(8, 8)
    row = {"encoder": "e", "dim": 2, "preprocessing": how.to_json(), "onnx_sha256": "0"}
    store.upsert("encoders", [row])
    ignoring = replace(how, profiles="ignore").to_json()
    onnx_files.check_not_mixing(store, "e", "0", ignoring)  # nothing is embedded yet
    vector = {"item_id": "a", "item_kind": "image", "base": [1.0, 2.0]}
    store.upsert(store.ensure_vectors("e", 2), [vector])
    onnx_files.check_not_mixing(store, "e", "0", how.to_json())
    with pytest.raises(ConflictError, match="features of other preprocessing of e"):
        onnx_files.check_not_mixing(store, "e", "0", ignoring)
    with pytest.raises(ConflictError, match="features of other weights of e"):
        onnx_files.check_not_mixing(store, "e", "1", how.to_json())
