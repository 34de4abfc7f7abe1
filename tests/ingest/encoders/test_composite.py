"""Names of composites, their rows, and what is refused."""

import io
from dataclasses import replace

import numpy as np
import pytest
from attribase.ingest.embed import embed
from attribase.ingest.encoders import ensure_encoder
from attribase.ingest.encoders.composite import part_names, write_composite
from attribase.ingest.encoders.listing import list_encoders
from attribase.runtime import encoder_parts
from attribase.runtime.model_files import encoder_row
from attribase.runtime.preprocess import Preprocessing
from attribase.store import Store, content_id
from attribase.store.errors import ConflictError, InvalidInputError, NotFoundError
from PIL import Image

BOTH = "thumbnail+colour-histogram"


@pytest.fixture
def store(tmp_path) -> Store:
    store, rng, rows = Store.create(tmp_path / "store"), np.random.default_rng(0), []
    for _ in range(8):
        pixels = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(buffer := io.BytesIO(), "PNG")
        rows.append({"image_id": content_id(buffer.getvalue()), "bytes": buffer.getvalue()})
    store.upsert("images", rows)
    return store


def test_each_export_is_announced_and_what_is_there_is_not(store):
    lines = []
    ensure_encoder(store, "thumbnail", announce=lines.append)
    ensure_encoder(store, BOTH, announce=lines.append)
    ensure_encoder(store, BOTH, announce=lines.append)
    expected = [f"exporting {name} to ONNX" for name in ("thumbnail", "colour-histogram")]
    assert [line.partition(" and ")[0] for line in lines] == expected


def test_its_parts_are_exported_and_named_in_its_row(store):
    assert ensure_encoder(store, BOTH) == BOTH
    assert encoder_parts(store, BOTH) == [("thumbnail", 0, 768), ("colour-histogram", 768, 1280)]
    row = encoder_row(store, BOTH)
    assert (row["dim"], row["precision"], row["license"]) == (1280, "fp32", "none needed")
    assert row["source"] == "composite of thumbnail, colour-histogram"
    exported = row["exported_at"]
    ensure_encoder(store, BOTH)
    assert encoder_row(store, BOTH)["exported_at"] == exported


def test_another_order_is_another_encoder(store):
    other = ensure_encoder(store, "colour-histogram+thumbnail")
    assert encoder_parts(store, other) == [("colour-histogram", 0, 512), ("thumbnail", 512, 1280)]


def test_a_part_may_be_a_variant(store):
    name = ensure_encoder(store, "thumbnail@int8 + colour-histogram")
    assert name == "thumbnail@int8+colour-histogram"
    assert encoder_row(store, name)["precision"] == "mixed"
    assert [part.name for part in encoder_parts(store, name)] == ["thumbnail@int8", "colour-histogram"]
    assert {"thumbnail", "thumbnail@int8"} <= store.existing("encoders", ["thumbnail", "thumbnail@int8"])


@pytest.mark.parametrize("name", ["thumbnail+", "+thumbnail", "a++b", "+"])
def test_a_plus_without_an_encoder_beside_it_is_refused(store, name):
    with pytest.raises(InvalidInputError, match="without an encoder"):
        ensure_encoder(store, name)


@pytest.mark.parametrize("name", ["thumbnail+thumbnail", "thumbnail@int8+colour-histogram+thumbnail@int8"])
def test_a_part_that_comes_twice_is_refused_before_anything_is_exported(store, name):
    with pytest.raises(InvalidInputError, match="twice"):
        ensure_encoder(store, name)
    assert not store.count("encoders")


def test_an_unknown_part_is_named(store):
    with pytest.raises(NotFoundError, match="'thumbnial'"):
        ensure_encoder(store, "colour-histogram+thumbnial")


def test_a_name_too_long_for_a_table_is_refused_before_anything_is_exported(store):
    with pytest.raises(InvalidInputError, match="too long"):
        ensure_encoder(store, "+".join(["thumbnail", "colour-histogram", "timm:" + "x" * 60]))
    assert not store.count("encoders")


def test_options_are_those_of_a_part(store, tmp_path):
    for options in (
        {"precision": "int8"},
        {"weights": tmp_path / "weights.pth"},
        {"changes": {"profiles": "ignore"}},
    ):
        with pytest.raises(InvalidInputError, match="its parts'"):
            ensure_encoder(store, BOTH, **options)


def test_a_plus_in_a_path_that_exists_joins_nothing(tmp_path):
    folder = tmp_path / "c++"
    folder.mkdir()
    (folder / "model.onnx").touch()
    assert part_names(f"onnx:{folder}/model.onnx") == []
    assert part_names("thumbnail") == []
    with pytest.raises(InvalidInputError) as error:
        part_names(f"onnx:{folder}/other.onnx")
    assert "has to exist" in error.value.hint


def test_a_name_that_is_a_table_already_is_refused(store):
    ensure_encoder(store, BOTH)
    store.ensure_vectors("thumbnail-colour-histogram", 1280)
    with pytest.raises(ConflictError, match="would both be kept"):
        list(embed(store, BOTH))


def test_parts_that_treat_profiles_differently_are_refused(store):
    ensure_encoder(store, "thumbnail")
    ensure_encoder(store, "colour-histogram", changes={"profiles": "ignore"})
    with pytest.raises(InvalidInputError, match="ICC profiles differently: thumbnail srgb"):
        ensure_encoder(store, BOTH)


def test_features_of_other_models_of_its_parts_do_not_mix(store):
    list(embed(store, ensure_encoder(store, BOTH)))
    row = encoder_row(store, "thumbnail")
    store.upsert("encoders", [row | {"onnx_sha256": "another"}], update=True)
    with pytest.raises(ConflictError, match="other models of the parts") as error:
        write_composite(store, ["thumbnail", "colour-histogram"])
    assert "vectors_thumbnail_colour_histogram.lance" in error.value.hint


def test_without_features_a_part_may_change(store):
    ensure_encoder(store, BOTH)
    before = encoder_row(store, BOTH)["parts"]
    row = encoder_row(store, "thumbnail")
    changed = replace(Preprocessing.from_json(row["preprocessing"]), resize=80)
    store.upsert(
        "encoders", [row | {"onnx_sha256": "another", "preprocessing": changed.to_json()}], update=True
    )
    write_composite(store, ["thumbnail", "colour-histogram"])
    assert encoder_row(store, BOTH)["parts"] != before


def test_a_store_lists_its_composites_and_how_many_vectors_they_have(store):
    list(embed(store, ensure_encoder(store, BOTH)))
    (found,) = [one for one in list_encoders(store) if one.encoder == BOTH]
    assert (found.dim, found.size, found.ready, found.vectors) == (1280, None, ("fp32",), 8)
    assert not found.captions
    row = encoder_row(store, "thumbnail")
    store.upsert("encoders", [row | {"onnx_file": None}], update=True)
    (found,) = [one for one in list_encoders(store) if one.encoder == BOTH]
    assert found.ready == ()
