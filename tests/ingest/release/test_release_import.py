"""A whole release comes back as rows: ids, references, vectors, mapped columns, calibrations."""

import json
from hashlib import sha256

import numpy as np
import pytest
import torch
from attribase.ingest.release import ingest_release
from attribase.runtime import MapperPair, load_encoder
from attribase.store import NotFoundError, Store, mapped_column, vectors_table
from attribase.store.checks import check

from .contents import by_key, contents
from .official import ENCODERS, GALLERY, KINDS, MLP_WIDTHS


def image_id(official, path: str) -> str:
    """Of the bytes where the file is there, else of the name."""
    return sha256(official.files.get(path, path.encode())).hexdigest()


def entries(official):
    return [(case, entry) for case, listed in official.entries.items() for entry in listed]


def test_every_image_is_a_row_with_bytes_where_the_file_is_there(official, full):
    exemplars = [path for _, entry in entries(official) for path in entry["exemplar"]]
    rows = by_key(full, "images", ["uri", "width", "height", "bytes"])
    assert set(rows) == {image_id(official, path) for path in [*GALLERY, *exemplars]}
    for path in [*GALLERY, *exemplars]:
        row = rows[image_id(official, path)]
        size = (7, 6) if path in official.files else (None, None)
        assert (row["uri"], row["bytes"]) == (path, official.files.get(path))
        assert (row["width"], row["height"]) == size


def test_the_gallery_and_each_case_are_collections(official, full):
    members = full.read("members").to_pylist()
    wanted = {("gallery", image_id(official, path)) for path in GALLERY}
    for case, entry in entries(official):
        wanted |= {(case, image_id(official, path)) for path in entry["exemplar"]}
    assert {(row["collection"], row["image_id"]) for row in members} == wanted


def test_a_model_is_an_entry_of_the_index(official, full):
    rows = {(row["case_name"], row["concept"]): row for row in full.read("models").to_pylist()}
    assert len(rows) == len(entries(official))
    for case, entry in entries(official):
        row = rows[case, entry["class_id"]]
        assert row["exemplar_ids"] == [image_id(official, path) for path in entry["exemplar"]]
        assert row["concept_kind"] == ("style" if case == "artchive" else "object")
        assert (row["category"], row["split"]) == (entry["category"], "test")
        assert row["method"] == "custom-diffusion"
        assert json.loads(row["config"])["exemplars"] == entry["exemplar"]


def test_a_sample_is_a_path_of_a_scheme_of_a_model(official, full):
    models = by_key(full, "models", ["case_name", "concept"])
    rows = full.read("samples", ["model_id", "scheme", "uri", "width", "bytes"]).to_pylist()
    found = {
        (models[row["model_id"]]["case_name"], models[row["model_id"]]["concept"], row["scheme"], row["uri"])
        for row in rows
    }
    wanted = {
        (case, entry["class_id"], scheme, path)
        for case, entry in entries(official)
        for scheme, paths in entry["synth"].items()
        for path in paths
    }
    assert found == wanted
    assert len(rows) == len(wanted) == 42
    assert {row["uri"]: row["bytes"] for row in rows if row["bytes"]} == {
        path: data for path, data in official.files.items() if "/synth/" in path
    }
    assert {row["width"] for row in rows if row["bytes"]} == {7}


def paths_of_items(store: Store) -> dict[str, tuple[str, str]]:
    """item_id -> (what the release calls it, item kind)."""
    items = {row["image_id"]: (row["uri"], "image") for row in store.read("images").to_pylist()}
    return items | {row["sample_id"]: (row["uri"], "sample") for row in store.read("samples").to_pylist()}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_raw_vectors_are_the_released_ones_to_the_bit(official, full, encoder):
    paths = paths_of_items(full)
    rows = by_key(full, vectors_table(encoder), ["item_kind", "base"])
    assert len(rows) == len(official.vectors[encoder]) == len(paths)
    for item, row in rows.items():
        path, kind = paths[item]
        assert row["item_kind"] == kind
        assert np.array_equal(np.array(row["base"], np.float32), official.vectors[encoder][path])


@pytest.mark.parametrize(("encoder", "mapper"), KINDS)
def test_mapped_columns_are_what_torch_says_in_eval_mode(official, full, encoder, mapper):
    paths = paths_of_items(full)
    column = mapped_column(mapper)
    rows = by_key(full, vectors_table(encoder), ["item_kind", "base", column])
    width = MLP_WIDTHS[-1] if KINDS[encoder, mapper] == "mlp" else ENCODERS[encoder]
    assert full.schema(vectors_table(encoder)).field(column).type.list_size == width
    for item, row in rows.items():
        side = official.modules[encoder, mapper][0 if row["item_kind"] == "image" else 1]
        with torch.no_grad():
            wanted = side(torch.from_numpy(official.vectors[encoder][paths[item][0]][None]))
        wanted = torch.nn.functional.normalize(wanted, dim=-1)[0].numpy()
        assert np.abs(np.array(row[column], np.float32) - wanted).max() < 1e-5


@pytest.mark.parametrize(("encoder", "mapper"), KINDS)
def test_a_mapper_is_stored_with_its_kind_and_loads(official, full, encoder, mapper):
    rows = {(row["encoder"], row["mapper"]): row for row in full.read("mappers").to_pylist()}
    assert set(rows) == set(KINDS)
    assert rows[encoder, mapper]["kind"] == KINDS[encoder, mapper]
    pair = MapperPair.load(full, encoder, mapper)
    raw = np.random.default_rng(3).normal(size=(7, ENCODERS[encoder])).astype(np.float32)
    for mapped, side in zip(
        (pair.real(raw), pair.synth(raw)), official.modules[encoder, mapper], strict=True
    ):
        with torch.no_grad():
            wanted = torch.nn.functional.normalize(side(torch.from_numpy(raw)), dim=-1).numpy()
        assert np.abs(mapped - wanted).max() < 1e-5


def test_calibrations_are_turned_into_tau_and_lambda(official, full):
    rows = {(row["encoder"], row["mapper"]): row for row in full.read("calibrations").to_pylist()}
    assert set(rows) == set(official.calibrators)
    for key, (inverse_tau, bias) in official.calibrators.items():
        assert rows[key]["tau"] == pytest.approx(1 / inverse_tau)
        assert rows[key]["lambda"] == pytest.approx(-0.001 * bias)


def test_encoders_are_named_after_their_folders(full):
    rows = by_key(full, "encoders", ["dim", "source", "onnx_file"])
    assert {name: row["dim"] for name, row in rows.items()} == ENCODERS
    assert {row["source"] for row in rows.values()} == {"AbC release"}


def test_the_store_is_sound(full):
    assert check(full) == []


def test_importing_twice_makes_no_new_version(official, full):
    before, held = full.versions(), contents(full)
    list(ingest_release(full, official.folder))
    assert full.versions() == before
    assert contents(full) == held


def test_an_encoder_without_its_model_cannot_embed_and_says_so(full):
    with pytest.raises(NotFoundError, match="not the encoder itself"):
        load_encoder(full, "clip")
