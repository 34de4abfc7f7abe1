"""Parts that come one after the other, in any order, make the tables that the whole makes at once."""

import shutil
from itertools import permutations

import pytest
from attribase.ingest.release import ingest_release, read_release
from attribase.store import Store, content_id

from .contents import by_key, contents
from .official import GALLERY, PICTURES, copy_parts

PARTS = ("dataset/json", "feats", "weights")


def ingest(store, folder) -> None:
    list(ingest_release(store, folder))


@pytest.fixture(scope="module")
def whole(full):
    return contents(full)


@pytest.mark.parametrize("order", permutations(PARTS), ids=lambda order: " ".join(order))
def test_a_folder_that_grows_part_by_part(official, tmp_path, whole, order):
    folder = copy_parts(official, tmp_path / "growing", *PICTURES)
    for part in order:
        ingest(tmp_path / "store", copy_parts(official, folder, part))
    assert contents(Store.open(tmp_path / "store")) == whole


def test_folders_that_have_one_part_each(official, tmp_path, whole):
    for part in PARTS:
        ingest(tmp_path / "store", copy_parts(official, tmp_path / part, part, *PICTURES))
    assert contents(Store.open(tmp_path / "store")) == whole


def test_one_file_at_a_time_backwards(official, tmp_path, whole):
    folder = copy_parts(official, tmp_path / "growing", *PICTURES)
    (folder / "feats" / "my_vit").mkdir(parents=True)  # what tells where the encoder's name ends
    files = [path for part in PARTS for path in (official.folder / part).rglob("*") if path.is_file()]
    # An image is named as it was first: of the two names of the gallery's images, as clip's file has it.
    files.sort(
        key=lambda file: (file.parent.name == "clip" and file.stem == "laion_subset", file), reverse=True
    )
    for file in files:
        ingest(tmp_path / "store", copy_parts(official, folder, str(file.relative_to(official.folder))))
    assert contents(Store.open(tmp_path / "store")) == whole


def test_features_alone_are_enough(official, tmp_path, whole):
    folder = copy_parts(official, tmp_path / "part", "feats", "weights", *PICTURES)
    ingest(tmp_path / "store", folder)
    found = contents(Store.open(tmp_path / "store"))
    for table in ("images", "members", "samples", "vectors_clip", "vectors_my_vit", "mappers"):
        assert found[table] == whole[table]
    for row, full in zip(found["models"], whole["models"], strict=True):
        assert row == full | {"concept": None, "category": None}


def test_weights_of_an_ambiguous_encoder_wait_for_it_with_a_note(official, tmp_path):
    folder = copy_parts(official, tmp_path / "part", "weights")
    release = read_release(folder)
    assert {(one.encoder, one.mapper) for one in release.mappers} == {("clip", "tuned"), ("clip", "channel")}
    assert [note for note in release.notes if "weights/mapper/my_vit_mlp.pth" in note]
    ingest(tmp_path / "store", folder)
    store = Store.open(tmp_path / "store")
    assert store.count("mappers") == 2
    copy_parts(official, folder, "feats/my_vit")
    ingest(store, folder)
    assert store.count("mappers") == 3
    (folder / "feats").rename(folder / "gone")
    assert {one.encoder for one in read_release(folder, store).mappers} == {"clip", "my_vit"}


def test_missing_parts_are_noted(official, tmp_path):
    notes = read_release(copy_parts(official, tmp_path / "a", "dataset/json")).notes
    assert any("no features" in note for note in notes)
    assert any("no mappers" in note for note in notes)
    notes = read_release(copy_parts(official, tmp_path / "b", "feats/clip", "weights/mapper")).notes
    assert any("no index of artchive, observed_imagenet" in note for note in notes)
    assert any("no calibrator for weights/mapper/clip_channel.pth" in note for note in notes)
    folder = copy_parts(official, tmp_path / "c", "dataset/json", "feats/clip/test_artchive.pth")
    notes = read_release(folder).notes
    assert any("no gallery of clip" in note for note in notes)
    assert any("no features of clip for observed_imagenet" in note for note in notes)
    assert read_release(official.folder).notes == ["no calibrator for weights/mapper/clip_channel.pth"]


def test_files_that_come_later_change_nothing_and_are_counted(official, tmp_path):
    folder = copy_parts(official, tmp_path / "part", *PARTS)
    ingest(tmp_path / "store", folder)
    store = Store.open(tmp_path / "store")
    before = store.versions()
    copy_parts(official, folder, *PICTURES)
    steps = list(ingest_release(store, folder))
    assert store.versions() == before
    assert [step.done for step in steps] == [len(official.files)]
    assert "7 have a file now" in steps[-1].note


def test_a_second_encoder_finds_the_images_of_the_first(official, tmp_path):
    folder = copy_parts(official, tmp_path / "part", "feats/clip/laion_subset.pth", *PICTURES)
    ingest(tmp_path / "store", folder)
    store = Store.open(tmp_path / "store")
    before = store.versions()
    shutil.rmtree(folder / "dataset")
    ingest(store, copy_parts(official, folder, "feats/my_vit/laion_subset.pth"))
    assert {table for table, version in store.versions().items() if version != before.get(table)} == {
        "encoders",
        "jobs",
        "vectors_my_vit",
    }
    assert store.count("vectors_my_vit") == store.count("images") == len(GALLERY)


def test_a_case_without_image_files_is_all_references(official, tmp_path):
    ingest(tmp_path / "store", copy_parts(official, tmp_path / "part", "dataset/json"))
    store = Store.open(tmp_path / "store")
    for name, row in by_key(store, "images").items():
        assert name == content_id(row["uri"].encode())
    assert store.count("images", "bytes is not null") == store.count("samples", "bytes is not null") == 0
