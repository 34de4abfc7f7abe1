"""Files that are cut short, that hold code or something else, and folders that are no release."""

import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from attribase.ingest.release import ingest_release
from attribase.store import Store
from attribase.store.errors import DataError, InvalidInputError, NotFoundError

from .corruption import ARTCHIVE, CALIBRATOR, CHANNEL, GALLERY, INDEX, LINEAR, MLP, check_refused


class _Evil:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("file", [ARTCHIVE, GALLERY, LINEAR, CALIBRATOR])
@pytest.mark.parametrize("write", ["plain", "torch", "torch, legacy"])
def test_a_pickle_with_code_in_it_is_refused_and_does_not_run(copy, full, tmp_path, file, write):
    trace = tmp_path / "ran"
    data = torch.load(copy.folder / file, weights_only=True) | {"extra": _Evil(trace)}
    if write == "plain":
        (copy.folder / file).write_bytes(pickle.dumps({"extra": _Evil(trace)}))
    else:
        torch.save(data, copy.folder / file, _use_new_zipfile_serialization=write == "torch")
    check_refused(copy.folder, [full], DataError, file)
    assert not trace.exists()
    with zipfile.ZipFile(tmp_path / "bare.zip", "w") as archive:  # the same without torch's own records
        archive.writestr("archive/data.pkl", pickle.dumps(_Evil(trace)))
    (copy.folder / file).write_bytes((tmp_path / "bare.zip").read_bytes())
    check_refused(copy.folder, [], DataError, file)
    assert not trace.exists()


@pytest.mark.parametrize("file", [ARTCHIVE, GALLERY, LINEAR, MLP, CALIBRATOR])
@pytest.mark.parametrize("share", [0, 0.2, 0.6, 0.99])
def test_a_truncated_file_is_refused(copy, full, file, share):
    data = (copy.folder / file).read_bytes()
    (copy.folder / file).write_bytes(data[: int(share * len(data))])
    check_refused(copy.folder, [full], DataError, file)


@pytest.mark.parametrize("file", [GALLERY, LINEAR])
@pytest.mark.parametrize("data", [b"junk" * 100, b"<html>not found</html>", b"PK\x03\x04" + b"x" * 99])
def test_what_is_no_file_of_tensors_is_refused(copy, file, data):
    (copy.folder / file).write_bytes(data)
    check_refused(copy.folder, [], DataError, file)


def test_a_compressed_file_of_tensors_is_refused(copy):
    source = zipfile.ZipFile(copy.folder / GALLERY)
    with zipfile.ZipFile(copy.folder / "again.pth", "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    source.close()
    (copy.folder / "again.pth").replace(copy.folder / GALLERY)
    check_refused(copy.folder, [], DataError, GALLERY, "compressed")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (INDEX, "dataset/json/test_gallery.json"),
        (LINEAR, "weights/mapper/clip_none.pth"),
        (LINEAR, f"weights/mapper/clip_{'x' * 90}.pth"),
        (CHANNEL, "weights/mapper/clip_Tuned.pth"),
        ("feats/my_vit", "feats/Clip"),
        ("feats/my_vit", "feats/___"),
    ],
)
def test_names_that_cannot_be_used_are_refused(copy, full, old, new):
    (copy.folder / old).rename(copy.folder / new)
    check_refused(copy.folder, [full], InvalidInputError)


def test_a_folder_that_is_none_is_refused(copy, full):
    check_refused(copy.folder / "nowhere", [full], NotFoundError, "nowhere")
    check_refused(copy.folder / INDEX, [full], InvalidInputError, "not a folder")


@pytest.mark.parametrize(
    "has", [(), ("README.md",), ("dataset/json/train.json", "feats/clip/x.pth"), ("0/a.jpg",)]
)
def test_a_folder_that_is_no_release_is_refused(full, tmp_path, has):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in has:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"[]")
    check_refused(folder, [full], InvalidInputError, "holds no part of the release")


def test_image_files_that_cannot_be_used_become_references_and_failures(copy, tmp_path):
    exemplar, sample = (
        "dataset/exemplar/artchive/images/c0/1.jpg",
        "dataset/synth/artchive/gpt/c0/samples/00000.png",
    )
    (copy.folder / exemplar).write_bytes(b"no image")
    (copy.folder / sample).write_bytes(copy.files[sample][:-40])
    list(ingest_release(tmp_path / "store", copy.folder))
    store = Store.open(tmp_path / "store")
    assert store.read("images", ["bytes"], f"uri = '{exemplar}'")["bytes"].to_pylist() == [None]
    assert store.read("samples", ["bytes"], f"uri = '{sample}'")["bytes"].to_pylist() == [None]
    failures = store.read("failures", ["stage", "item", "reason"]).to_pylist()
    assert sorted((row["item"], row["reason"]) for row in failures) == [
        (exemplar, "not-an-image"),
        (sample, "truncated"),
    ]
    before = store.versions()
    list(ingest_release(store, copy.folder))
    assert store.versions() == before


def test_a_path_that_leads_out_of_the_release_is_never_read(copy, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(next(iter(copy.files.values())))
    entries = json.loads((copy.folder / INDEX).read_text())
    entries[0]["exemplar"] = ["../secret.jpg", str(tmp_path / "secret.jpg")]
    folder = tmp_path / "part"
    (folder / "dataset/json").mkdir(parents=True)
    (folder / INDEX).write_text(json.dumps(entries))
    list(ingest_release(tmp_path / "store", folder))
    store = Store.open(tmp_path / "store")
    assert store.count("images", "bytes is not null") == 0
