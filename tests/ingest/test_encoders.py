import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import numpy as np
import onnx
import pytest
import torch
from attribase.ingest.encoders import (
    ENCODERS,
    EncoderSpec,
    efficientnet,
    ensure_encoder,
    export,
    export_encoder,
    get_encoder,
    weights,
)
from attribase.ingest.encoders.onnx_export import to_onnx
from attribase.runtime import Preprocessing, load_encoder
from attribase.store import Store, content_id
from attribase.store.errors import ConflictError, DataError, InvalidInputError, NotFoundError
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


def test_names_are_distinct_and_specs_are_frozen():
    assert len({spec.name for spec in ENCODERS}) == len(ENCODERS)
    assert {"efficientnet-lite0", "clip-vit-b16", "clip-vit-b32", "dino-vit-b16"} <= {
        s.name for s in ENCODERS
    }
    assert all(get_encoder(spec.name) is spec for spec in ENCODERS)
    with pytest.raises(FrozenInstanceError):
        ENCODERS[0].dim = 3


def test_an_unknown_encoder_is_answered_with_the_known_ones():
    with pytest.raises(NotFoundError, match="'clip'") as error:
        get_encoder("clip")
    assert all(spec.name in error.value.hint for spec in ENCODERS)


@pytest.mark.parametrize("name", ["timm:no_such_model", "open_clip:ViT-B-32", "open_clip:ViT-Z/openai"])
def test_a_name_that_its_library_does_not_know_is_an_error(name):
    with pytest.raises(NotFoundError):
        get_encoder(name)


def test_the_registry_loads_no_heavy_library():
    heavy = "{'torch', 'timm', 'open_clip'}"
    code = f"import sys, attribase.ingest.encoders; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("clip-vit-b16", "open_clip:ViT-B-16/openai"),
        ("clip-vit-b32", "open_clip:ViT-B-32/openai"),
        ("dino-vit-b16", "timm:vit_base_patch16_224.dino"),
    ],
)
def test_named_specs_say_what_their_library_says(ours, theirs):
    one, other = get_encoder(ours), get_encoder(theirs)
    assert (one.dim, one.preprocessing) == (other.dim, other.preprocessing)
    assert one.source == other.source


@pytest.mark.parametrize("name", ["clip-vit-b32", "dino-vit-b16", "timm:test_vit.r160_in1k"])
def test_offline_without_weights_says_which_file_to_get_and_the_flag(name, monkeypatch):
    monkeypatch.setattr(weights, "_hub_answers", lambda: False)
    with pytest.raises(InvalidInputError, match="not here") as error:
        get_encoder(name).load(None)
    assert "--weights FILE" in error.value.hint
    assert "model.safetensors" in error.value.hint
    assert "timm/" in error.value.hint


def test_weights_that_are_missing_or_of_something_else_are_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="no weights file"):
        get_encoder("efficientnet-lite0").load(tmp_path / "gone.pth")
    other = tmp_path / "other.pth"
    torch.save({"layer": torch.zeros(3)}, other)
    for name in ("efficientnet-lite0", "timm:test_vit.r160_in1k"):
        with pytest.raises(InvalidInputError, match=r"other\.pth holds no weights"):
            get_encoder(name).load(other)


def test_a_pickle_is_not_run(tmp_path):
    """`weights_only` refuses anything but tensors."""
    bad = tmp_path / "bad.pth"
    torch.save({"x": print}, bad)
    with pytest.raises(InvalidInputError, match="no weights"):
        get_encoder("efficientnet-lite0").load(bad)


def test_timm_weights_come_from_a_file(tmp_path):
    import timm

    torch.manual_seed(3)
    original = timm.create_model("test_vit.r160_in1k").eval()
    torch.save(original.state_dict(), tmp_path / "vit.pth")
    spec = get_encoder("timm:test_vit.r160_in1k")
    images = torch.rand(2, 3, spec.size, spec.size)
    with torch.inference_mode():
        found = spec.load(tmp_path / "vit.pth")(images)
        expected = original.forward_head(original.forward_features(images), pre_logits=True)
    assert found.shape == (2, spec.dim)
    assert torch.allclose(found, expected)


def test_open_clip_weights_come_from_a_file(tmp_path, monkeypatch):
    """The image tower with the activation that the tag was trained with, projected and not normalised."""
    import open_clip

    tower = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
    text = {"context_length": 8, "vocab_size": 20, "width": 64, "heads": 1, "layers": 1}
    config = {"embed_dim": 24, "vision_cfg": tower, "text_cfg": text}
    (tmp_path / "Tiny-B-16.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "Tiny-B-16.json")
    tag = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "quick_gelu": True, "hf_hub": "some/where/"}
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: tag)
    torch.manual_seed(0)
    original = open_clip.create_model("Tiny-B-16", force_quick_gelu=True).eval()
    torch.save(original.state_dict(), tmp_path / "clip.pt")
    spec = get_encoder("open_clip:Tiny-B-16/made-up")
    assert (spec.dim, spec.size, spec.preprocessing.mean) == (24, 32, (0.1, 0.2, 0.3))
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(
            spec.load(tmp_path / "clip.pt")(images), original.encode_image(images), atol=1e-5
        )


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


def test_exporting_again_gives_the_same_bytes_and_prints_nothing(exported, capfd):
    data = to_onnx(tiny(), 32)
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
    monkeypatch.setattr("attribase.ingest.encoders.onnx_export.to_onnx", lambda *_: data)


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
    import io

    store = Store.create(tmp_path / "store")
    monkeypatch.setattr("attribase.ingest.encoders.get_encoder", lambda _: spec)
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
