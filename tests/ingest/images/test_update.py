"""Tables of owners for images that are stored already."""

import json

import pytest
from attribase.ingest.images import merge, read_owners, update_images
from attribase.store import InvalidInputError
from attribase.store.row_updates import RowUpdate

URIS = {"1": "/p/x/a.png", "2": "/p/y/a.png", "3": "/p/b.png", "4": "https://e.x/p/c%20d.png?w=1", "5": None}


@pytest.fixture
def filled(store):
    rows = [
        {"image_id": name, "uri": uri, "license": "MIT" if name == "3" else None}
        for name, uri in URIS.items()
    ]
    store.upsert("images", rows)
    store.upsert("members", [{"collection": "gallery", "image_id": name} for name in "124"])
    return store


@pytest.fixture
def update(filled, tmp_path):
    def run(text, *given, **options):
        (tmp_path / "o.csv").write_text(text)
        steps = update_images(filled, read_owners(tmp_path / "o.csv"), *given, **options)
        while True:
            try:
                next(steps)
            except StopIteration as stopped:
                return stopped.value

    return run


def creators(store):
    rows = store.read("images", ["image_id", "creator"]).to_pylist()
    return {row["image_id"]: row["creator"] for row in rows if row["creator"]}


def test_rows_are_found_by_path_by_name_and_by_the_path_of_a_url(update, filled):
    summary = update("path,artist\nx/a.png,Ann\nb.png,Bob\nc d.png,Cleo\na.png,Eve\n")
    assert creators(filled) == {"1": "Ann", "3": "Bob", "4": "Cleo"}
    assert list(summary.matches.ambiguous) == ["a.png"]
    assert list(summary.lines())[-1] == "3 of 5 images are in the table: updated 3"


def test_only_the_collection_counts_when_one_is_named(update, filled):
    update("path,artist\nb.png,Bob\nc d.png,Cleo\n", "gallery")
    assert creators(filled) == {"4": "Cleo"}


def test_a_dry_run_says_what_would_change_and_writes_nothing(update, filled):
    before = filled.versions()
    summary = update("path,artist,license\nb.png,Bob,CC0\n", dry_run=True)
    assert filled.versions() == before
    said = list(summary.lines())
    assert "would be filled in 1 known image where there was nothing: creator 1" in said
    assert any("license of /p/b.png is 'MIT', not 'CC0'" in line and "--update" in line for line in said)
    assert said[-1] == "1 of 5 images are in the table: would be updated 1"


def test_update_replaces_and_running_it_again_changes_nothing(update, filled):
    text = "path,license,year\nb.png,CC0,1999\n"
    assert update(text, update=True).merged.replaced_columns == {"license": 1}
    before = filled.versions()
    again = update(text, update=True).merged
    assert (again.filled, again.replaced, filled.versions()) == (0, 0, before)


def test_a_table_of_other_images_and_an_empty_collection_are_errors(update):
    with pytest.raises(InvalidInputError, match="no row of"):
        update("path,artist\nz.png,Ann\n")
    with pytest.raises(InvalidInputError, match="no images in collection 'none'"):
        update("path,artist\nz.png,Ann\n", "none")


def test_a_run_that_is_killed_between_commits_is_completed_by_the_next(update, filled, monkeypatch):
    text = "path,artist\nx/a.png,Ann\ny/a.png,Bob\nb.png,Cleo\n"
    monkeypatch.setattr("attribase.ingest.images.update.MERGED_AT_ONCE", 1)
    original, runs = RowUpdate.run, []

    def run(self):
        if runs:
            raise KeyboardInterrupt
        runs.append(1)
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr(RowUpdate, "run", run)
        with pytest.raises(KeyboardInterrupt):
            update(text)
    assert creators(filled) == {"1": "Ann"}
    assert update(text).merged.filled == 2
    assert creators(filled) == {"1": "Ann", "2": "Bob", "3": "Cleo"}
    assert merge.MERGED_AT_ONCE > 1


def test_vectors_that_were_made_with_an_earlier_caption_are_said(update, filled):
    for name, files in (("looks", '[{"file": "looks/tokenizer.json"}]'), ("plain", "[]")):
        filled.upsert("encoders", [{"encoder": name, "dim": 2, "files": files}])
        table = filled.ensure_vectors(name, 2)
        filled.upsert(table, [{"item_id": i, "item_kind": "image", "base": [1.0, 0.0]} for i in "34"])
    summary = update("path,caption,artist\nb.png,a cat,\nx/a.png,a dog,\nc d.png,,Ann\n")
    assert summary.outdated == {"looks": 1}
    assert any("1 vector of looks" in line for line in summary.lines())


def test_of_several_encoders_in_one_too_when_one_looks_at_captions(update, filled):
    looks = '[{"file": "looks/tokenizer.json"}]'
    rows = [
        {"encoder": name, "dim": 1, "files": files} for name, files in (("looks", looks), ("plain", "[]"))
    ]
    both = {"encoder": "plain+looks", "dim": 2, "files": "[]"}
    parts = [{"encoder": name, "dim": 1, "onnx_sha256": None} for name in ("plain", "looks")]
    filled.upsert("encoders", [*rows, both | {"parts": json.dumps(parts)}])
    table = filled.ensure_vectors("plain+looks", 2)
    filled.upsert(table, [{"item_id": "3", "item_kind": "image", "base": [1.0, 0.0]}])
    assert update("path,caption,artist\nb.png,a cat,\n").outdated == {"plain+looks": 1}
