"""How a variant is made: which way to quantize, when it is made again, and weights in files of their own."""

import json
from dataclasses import replace

import onnx
import pytest
import torch
from attribase.ingest.encoders import ensure_encoder, export_encoder, onnx_files, variants
from attribase.ingest.encoders.int8 import attempts
from attribase.ingest.encoders.spec import split_name, variant_name
from attribase.runtime import decode_image, load_encoder
from attribase.store import Store, content_id, vectors_table
from attribase.store.errors import ConflictError, DataError, InvalidInputError

from .networks import (
    Convolutions,
    Transformer,
    build,
    exported_once,
    new_store,
    picture,
    pixels,
    row_of,
    spec_of,
)


@pytest.fixture(scope="module", autouse=True)
def _exported_once():
    with exported_once():
        yield


# -- which way to quantize ----------------------------------------------------------------------------------


@pytest.fixture
def scripted(tmp_path, monkeypatch):
    """Export int8 with cosines that a test decides, one an attempt; gives the store and what was tried."""
    tried: list[str] = []

    def export(kind: type[torch.nn.Module], *means: float) -> tuple[Store, list[str]]:
        store, spec = new_store(tmp_path / "store", 8), spec_of(kind)
        export_encoder(store, spec, None, [decode_image(picture(n)) for n in range(2)])
        tried.clear()

        def watched(*args):
            for attempt in attempts(*args):
                tried.append(attempt.method)
                yield attempt

        def closeness(*_):
            return variants.Closeness(0.5, means[len(tried) - 1])

        monkeypatch.setattr(variants.Reference, "closeness", closeness)
        monkeypatch.setattr(variants, "attempts", watched)
        variants.export_variant(store, spec.name, "int8")
        return store, tried

    return export


def test_the_first_way_that_is_close_enough_is_taken(scripted):
    store, tried = scripted(Convolutions, 0.9, 0.996, 0.999)
    assert tried == [f"static, {n} convolutions left in fp32" for n in (2, 6)]
    assert row_of(store, "convolutions@int8")["quantization"] == tried[1]


@pytest.mark.parametrize("means", [(0.96, 0.98), (float("nan"), 0.96)])
def test_where_none_is_close_enough_the_closest_is_taken(scripted, means):
    store, tried = scripted(Transformer, *means)
    assert tried == ["static", "dynamic"]
    row = row_of(store, "transformer@int8")
    assert (row["quantization"], row["cosine_to_fp32_mean"]) == ("dynamic", max(means[1:]))
    kinds = [node.op_type for node in onnx.load(store.file(*row["onnx_file"].split("/"))).graph.node]
    assert "DynamicQuantizeLinear" in kinds
    assert load_encoder(store, "transformer@int8").run(pixels(3)).shape == (3, 32)


@pytest.mark.parametrize("means", [(0.94, 0.93), (float("nan"), float("nan"))])
def test_what_is_far_off_is_refused_and_not_written(scripted, tmp_path, means):
    with pytest.raises(InvalidInputError, match="too far from transformer") as error:
        scripted(Transformer, *means)
    assert "use transformer itself" in error.value.hint
    assert Store.open(tmp_path / "store").read("encoders")["encoder"].to_pylist() == ["transformer"]


# -- names, and when a variant is made ----------------------------------------------------------------------


def test_names_of_variants():
    assert variant_name("vit-b16", "int8") == "vit-b16@int8"
    assert variant_name("vit-b16@int8", "fp32") == "vit-b16"
    assert split_name("vit-b16@fp16") == ("vit-b16", "fp16")
    assert split_name("onnx:a@b.onnx") == ("onnx:a@b.onnx", "fp32")
    assert vectors_table("vit-b16@int8") == "vectors_vit_b16_int8"
    with pytest.raises(InvalidInputError, match="'int4'") as error:
        variant_name("vit-b16", "int4")
    assert "fp32, fp16, int8" in error.value.hint


def test_a_variant_is_made_once_and_again_when_its_original_has_changed(tmp_path, monkeypatch):
    store, spec = new_store(tmp_path / "store", 8), spec_of(Convolutions)
    monkeypatch.setattr("attribase.ingest.encoders.export.get_encoder", lambda *_: spec)
    made = []
    export = variants.export_variant

    def counted(*args):
        made.append(args[1:])
        return export(*args)

    monkeypatch.setattr("attribase.ingest.encoders.export.export_variant", counted)
    for _ in range(2):
        ensure_encoder(store, "convolutions@fp16")
    ensure_encoder(store, "convolutions", precision="fp16")
    assert made == [("convolutions", "fp16")]
    first = row_of(store, "convolutions@fp16")
    other = tmp_path / "other.pth"
    ensure_encoder(store, "convolutions@fp16", other)  # other weights
    assert len(made) == 2
    second = row_of(store, "convolutions@fp16")
    assert second["onnx_sha256"] != first["onnx_sha256"]
    assert second["source"].endswith("weights from other.pth")
    ensure_encoder(store, "convolutions@fp16", other)  # the same weights once more
    assert len(made) == 2
    table = store.ensure_vectors("convolutions@fp16", 16)
    store.upsert(table, [{"item_id": "i", "item_kind": "image", "base": [0.5] * 16}])
    third = replace(spec, load=lambda _: build(Convolutions, 2))
    monkeypatch.setattr("attribase.ingest.encoders.export.get_encoder", lambda *_: third)
    with pytest.raises(ConflictError, match="other weights of convolutions@fp16"):
        ensure_encoder(store, "convolutions@fp16", tmp_path / "third.pth")
    assert row_of(store, "convolutions@fp16") == second


def test_a_variant_needs_an_original_that_is_unharmed(tmp_path):
    store, spec = new_store(tmp_path / "store", 4), spec_of(Convolutions)
    export_encoder(store, spec, None, [decode_image(picture(1))])
    path = row_of(store, spec.name)["onnx_file"].split("/")
    store.write_file(path, store.file(*path).read_bytes()[:-1])
    with pytest.raises(DataError, match="not the one"):
        variants.export_variant(store, spec.name, "fp16")


def test_a_variant_needs_pictures(tmp_path):
    store, spec = Store.create(tmp_path / "store"), spec_of(Convolutions)
    export_encoder(store, spec, None, [decode_image(picture(1))])
    with pytest.raises(InvalidInputError, match="no image") as error:
        variants.export_variant(store, spec.name, "int8")
    assert "ingest images" in error.value.hint


def test_nothing_is_printed(tmp_path, capfd):
    store, spec = new_store(tmp_path / "store", 6), spec_of(Convolutions)
    export_encoder(store, spec, None, [decode_image(picture(1))])
    for precision in ("fp16", "int8"):
        variants.export_variant(store, spec.name, precision)
    assert capfd.readouterr() == ("", "")


# -- weights in files of their own --------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_weights_above_the_limit_get_a_file_of_their_own(tmp_path, monkeypatch, precision):
    """As above 2 GB; the limit is lowered, the way is the same."""
    plain, store = new_store(tmp_path / "plain", 8), new_store(tmp_path / "store", 8)
    spec = spec_of(Transformer)
    monkeypatch.setattr("attribase.ingest.encoders.export.get_encoder", lambda *_: spec)
    name = ensure_encoder(plain, spec.name, precision=precision)
    monkeypatch.setattr(onnx_files, "EXTERNAL_BYTES", 10_000)
    assert ensure_encoder(store, spec.name, precision=precision) == name
    row = row_of(store, name)
    model, weights = json.loads(row["files"])
    assert (model["role"], weights["role"]) == ("model", "weights")
    data = store.file(*weights["file"].split("/"))
    # the model names its weights by their hash, so its own hash says which weights are meant
    assert data.name == f"{weights['sha256']}.data"
    assert data.name.encode() in store.file(*model["file"].split("/")).read_bytes()
    assert model["bytes"] < weights["bytes"] == data.stat().st_size
    assert weights["sha256"] == content_id(data.read_bytes())
    expected = load_encoder(plain, name).run(pixels(4))
    assert load_encoder(store, name).run(pixels(4)) == pytest.approx(expected, abs=1e-6)
    with data.open("r+b") as file:
        file.seek(2000)
        file.write(b"\x01\x02")
    with pytest.raises(DataError, match="not the one"):
        load_encoder(store, name)
