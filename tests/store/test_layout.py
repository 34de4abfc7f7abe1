import json
import pickle
import shutil
from pathlib import Path

import pytest
from attribase.store import Store
from attribase.store import layout as layout_module
from attribase.store.errors import ConflictError, InvalidInputError, NotFoundError
from attribase.store.layout import Layout, write_atomically
from attribase.store.marker import FORMAT
from attribase.store.schema import TABLES


@pytest.mark.parametrize("make", [id, Path.mkdir, Path.touch])
def test_what_is_no_store_is_not_found_and_the_hint_creates_one(tmp_path, make):
    path = tmp_path / "x"
    make(path)
    with pytest.raises(NotFoundError) as caught:
        Store.open(path)
    assert "init" in caught.value.hint


def test_creating_twice_changes_nothing(store):
    store.upsert("images", [{"image_id": "a"}])
    before = store.versions()
    assert Store.create(store.uri).versions() == before
    assert Store.open(store.uri).count("images") == 1


@pytest.mark.parametrize("left", [(), ("images",), ("images", "members", "jobs")])
def test_a_killed_creation_is_no_store_until_creation_runs_again(store, left):
    Path(store.uri, "store.json").unlink()
    for table in TABLES:
        if table not in left:
            Path(store.uri, f"{table}.lance").rename(Path(store.uri, f".{table}.0.part"))
    with pytest.raises(NotFoundError):
        Store.open(store.uri)
    again = Store.create(store.uri)
    assert again.tables() == sorted(TABLES)
    assert again.upsert("ranks", [{"run_id": "r", "sample_id": "s", "image_id": "i", "rank": 1}]) == 1


def test_a_table_does_not_take_the_place_of_something_else(store):
    shutil.rmtree(Path(store.uri, "ranks.lance"))
    Path(store.uri, "ranks.lance").mkdir()
    Path(store.uri, "ranks.lance", "mine.txt").write_text("mine")
    with pytest.raises(ConflictError, match=r"ranks\.lance"):
        Store.create(store.uri)
    assert [path.name for path in Path(store.uri, "ranks.lance").iterdir()] == ["mine.txt"]
    assert list(Path(store.uri).glob(".*")) == []


@pytest.mark.parametrize("act", [Store.open, Store.create])
def test_a_newer_format_is_refused_untouched(store, act):
    marker = Path(store.uri, "store.json")
    marker.write_text(json.dumps({"attribase": {"format": FORMAT + 1}}))
    shutil.rmtree(Path(store.uri, "ranks.lance"))
    with pytest.raises(ConflictError, match=f"format {FORMAT + 1}") as caught:
        act(store.uri)
    assert "upgrade" in caught.value.hint
    assert not Path(store.uri, "ranks.lance").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"attribase": 1}', '{"attribase": {"format": "1"}}'])
def test_a_marker_that_is_none_of_ours_is_refused(store, text):
    Path(store.uri, "store.json").write_text(text)
    with pytest.raises(ConflictError):
        Store.open(store.uri)


def test_a_store_cannot_be_made_below_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInputError):
        Store.create(tmp_path / "file" / "store")


def test_a_store_is_the_same_by_path_string_and_file_uri(store, monkeypatch):
    path = Path(store.uri)
    monkeypatch.chdir(path.parent)
    for uri in (path, str(path), f"file://{path}", path.name, f"./{path.name}/"):
        assert Store.open(uri) == store


def test_odd_folder_names_hold_stores(tmp_path):
    odd = Store.create(tmp_path / "a b #%20 'ü'")
    assert odd.upsert("images", [{"image_id": "a", "bytes": b"x"}]) == 1
    assert dict(odd.blobs("images", "bytes", ["a"])) == {"a": b"x"}
    assert len(list((tmp_path).iterdir())) == 1


def test_a_store_travels_to_other_processes(store):
    store.upsert("images", [{"image_id": "a"}])
    back = pickle.loads(pickle.dumps(store))
    assert back == store
    assert back.count("images") == 1


def test_missing_tables_and_versions_are_not_found_by_name(store):
    with pytest.raises(NotFoundError, match="'nothing'") as caught:
        store.read("nothing")
    assert "images" in caught.value.hint
    with pytest.raises(NotFoundError, match="version 7"):
        store.dataset("images", 7)


def test_a_pinned_version_does_not_see_later_rows(store):
    store.upsert("images", [{"image_id": "a"}])
    pinned = store.versions()["images"]
    store.upsert("images", [{"image_id": "b"}])
    assert store.dataset("images", pinned).to_table(columns=["image_id"]).to_pydict() == {"image_id": ["a"]}
    assert store.count("images") == 2


@pytest.mark.parametrize(
    "parts", [(), ("",), ("..", "x"), ("a", "..", "..", "..", "x"), ("/etc/x",), (".",), ("a/../../x",)]
)
def test_side_files_stay_inside_the_store(store, parts):
    with pytest.raises(InvalidInputError):
        store.file(*parts)


def test_a_failed_write_leaves_the_old_side_file_and_no_rest(store, monkeypatch):
    path = Path(store.write_file(["onnx", "a.onnx"], b"old"))
    assert path == store.file("onnx", "a.onnx") == Path(store.uri, "files", "onnx", "a.onnx")

    def full(_: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(layout_module.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.write_file(["onnx", "a.onnx"], b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_write_atomically_replaces(tmp_path):
    write_atomically(tmp_path / "deep" / "x", b"1")
    write_atomically(tmp_path / "deep" / "x", b"2")
    assert (tmp_path / "deep" / "x").read_bytes() == b"2"


def test_object_stores_keep_tables_marker_and_side_files(tmp_path):
    uri = f"file-object-store://{tmp_path}/remote"  # Lance's object store code over a local folder
    with pytest.raises(NotFoundError):
        Store.open(uri)
    assert Store.create(f"{uri}/").tables() == sorted(TABLES)
    store = Store.open(uri)
    assert store.upsert("images", [{"image_id": "a", "bytes": b"x"}]) == 1
    assert dict(store.blobs("images", "bytes", ["a"])) == {"a": b"x"}
    store.write_file(["onnx", "a.onnx"], b"network")
    assert store.read_file(["onnx", "a.onnx"]) == b"network"
    with pytest.raises(InvalidInputError, match="no path"):
        store.file("onnx", "a.onnx")
    assert Store.open(tmp_path / "remote").read_file(["onnx", "a.onnx"]) == b"network"
    assert Layout.of("s3://bucket/prefix/").table("images") == "s3://bucket/prefix/images.lance"


@pytest.mark.parametrize("uri", ["ftp://host/x", "https://host/x", "s3://", "hf://datasets/a/b"])
def test_other_schemes_hold_no_store(uri):
    for act in (Store.open, Store.create):
        with pytest.raises(InvalidInputError, match="cannot hold a store"):
            act(uri)
