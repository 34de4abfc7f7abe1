"""Folders: what is an image, what is beside one, and what becomes of everything else."""

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.images import ImageRecord, open_source
from attribase.store import InvalidInputError, Store

from ..stored import failures_of, ingest, read_all, reasons

LATIN = os.fsdecode(b"caf\xe9.png")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


def test_names_that_are_no_utf8_go_into_the_store_beside_their_escaped_forms(store, folder, make_picture):
    for seed, name in enumerate(("good.png", LATIN, "caf%E9.png")):
        (folder / name).write_bytes(make_picture(seed))
    ingest(store, folder)
    uris = store.read("images", ["uri"])["uri"].to_pylist()
    assert sorted(uris) == sorted(
        [f"{folder}/good.png", f"{folder}/caf%E9.png", f"file://{folder}/caf%E9.png"]
    )
    assert store.count("failures") == 0
    assert ingest(store, folder) == []


def test_a_folder_whose_own_name_is_no_utf8_is_read(store, tmp_path, make_picture):
    folder = tmp_path / os.fsdecode(b"gr\xfcn") / os.fsdecode(b"fr\xf6sche")
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(make_picture(1))
    (folder / "empty.png").write_bytes(b"")
    ingest(store, folder.parent)
    (row,) = store.read("images", ["uri", "category"]).to_pylist()
    assert row["category"] == "fr\u00f6sche"
    assert row["uri"] == f"file://{tmp_path}/gr%FCn/fr%F6sche/a.png"
    assert failures_of(store) == {"./fr%F6sche/empty.png": "empty"}


def test_pictures_are_found_by_any_case_of_ending_and_by_content(folder, make_picture):
    (folder / "A.JPG").write_bytes(make_picture(1, kind="JPEG"))
    (folder / "b.Png").write_bytes(make_picture(2))
    (folder / "noending").write_bytes(make_picture(3))
    (folder / "c.download").write_bytes(make_picture(4))
    (folder / "camera.NEF").write_bytes(make_picture(5, kind="TIFF"))
    (folder / "text").write_bytes(b"nothing")
    read = read_all(folder)
    assert {item for item, found in read.items() if isinstance(found, ImageRecord)} == {
        *("A.JPG", "b.Png", "noending", "c.download")
    }
    assert reasons(read) == {"camera.NEF": "not-an-image", "text": "not-an-image"}


def test_links_to_folders_are_followed_once_and_loops_end(folder, tmp_path, make_picture):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "far.png").write_bytes(make_picture(1))
    (folder / "inside").mkdir()
    (folder / "inside" / "near.png").write_bytes(make_picture(2))
    (folder / "a_link").symlink_to(tmp_path / "elsewhere")
    (folder / "another").symlink_to(tmp_path / "elsewhere")
    (folder / "a_loop").symlink_to(folder)
    (folder / "again").symlink_to(folder / "inside")
    (tmp_path / "elsewhere" / "back").symlink_to(folder)
    read = read_all(folder)
    assert list(read) == ["a_link/far.png", "inside/near.png"]
    assert reasons(read) == {}


def test_what_is_left_by_systems_is_skipped_and_all_else_is_a_failure_with_a_remedy(folder, make_picture):
    (folder / "a.png").write_bytes(make_picture(1))
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._a.png", "00000_stats.json"):
        (folder / name).write_bytes(b"x")
    for name in ("film.mp4", "README.md", "owners.csv", "shard.tar", "lonely.txt"):
        (folder / name).write_bytes(b"x")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "b.png").write_bytes(b"x")
    os.mkfifo(folder / "pipe.png")
    read = read_all(folder)
    assert reasons(read) == {
        "README.md": "not-an-image",
        "film.mp4": "not-an-image",
        "lonely.txt": "not-an-image",
        "owners.csv": "not-read",
        "pipe.png": "unreadable",
        "shard.tar": "not-read",
    }
    assert all(found.remedy for item, found in read.items() if item != "a.png")


def test_a_subfolder_that_cannot_be_listed_is_a_failure(folder, make_picture, monkeypatch):
    (folder / "a.png").write_bytes(make_picture(1))
    (folder / "closed").mkdir()
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert reasons(read_all(folder)) == {"closed/": "unreadable"}


def test_captions_of_any_encoding_are_read_and_a_guess_is_written_down(folder, make_picture):
    for name in ("a", "b", "c"):
        (folder / f"{name}.png").write_bytes(make_picture(ord(name)))
    (folder / "a.txt").write_bytes("caf\u00e9\n".encode("utf-16"))
    (folder / "b.png.txt").write_bytes("caf\u00e9".encode("latin-1"))
    (folder / "c.caption").write_bytes(b"\xef\xbb\xbfplain")
    read = read_all(folder)
    assert [read[f"{name}.png"].caption for name in "abc"] == ["caf\u00e9", "caf\u00e9", "plain"]
    assert [read[f"{name}.png"].metadata for name in "abc"] == [{}, {"caption_encoding": "cp1252"}, {}]


def test_a_changed_caption_is_another_state_of_the_folder(folder, make_picture):
    (folder / "a.png").write_bytes(make_picture(1))
    (folder / "a.txt").write_text("before")
    before = open_source(str(folder)).describe()
    assert open_source(str(folder)).describe() == before
    (folder / "a.txt").write_text("afterwards")
    assert open_source(str(folder)).describe() != before


def test_files_that_img2dataset_wrote_have_their_urls_and_its_failures(folder, make_picture):
    shard = folder / "00000"
    shard.mkdir()
    (shard / "000000000.jpg").write_bytes(make_picture(1, kind="JPEG"))
    (shard / "000000000.txt").write_text("a frog")
    fields = {"url": "https://e.x/0.jpg", "key": "000000000", "status": "success", "error_message": None}
    (shard / "000000000.json").write_text(
        json.dumps({**fields, "caption": "a frog", "width": 8, "LICENSE": "cc0"})
    )
    table = {
        "url": ["https://e.x/0.jpg", "https://e.x/1.jpg"],
        "key": ["000000000", "000000001"],
        "status": ["success", "failed_to_download"],
        "error_message": [None, "HTTP Error 404: Not Found"],
    }
    pq.write_table(pa.table(table), folder / "00000.parquet")
    (folder / "00000_stats.json").write_text("{}")
    read = read_all(folder)
    record = read["00000/000000000.jpg"]
    assert (record.uri, record.caption, record.license) == ("https://e.x/0.jpg", "a frog", "cc0")
    assert (record.metadata["status"], record.metadata["width"]) == ("success", 8)
    assert reasons(read) == {"00000.parquet#1": "download-failed"}
    assert read["00000.parquet#1"].detail == "HTTP Error 404: Not Found"


def test_a_folder_without_images_is_refused(folder):
    (folder / "notes.md").write_text("nothing")
    source = open_source(str(folder))
    with pytest.raises(Exception, match="there are no images in") as error:
        source.items()
    assert ".heic" in error.value.hint


def test_an_unpacked_part_of_diffusiondb_has_its_prompts(folder, make_picture):
    part = folder / "part-000001"
    part.mkdir()
    (part / "x.png").write_bytes(make_picture(1))
    row = {"p": "a red frog", "se": 4183400434, "c": 7.0, "st": 50, "sa": "k_lms"}
    (part / "part-000001.json").write_text(json.dumps({"x.png": row, "gone.png": row}))
    read = read_all(folder)
    record = read["part-000001/x.png"]
    assert record.caption == "a red frog"
    assert record.metadata == {"seed": 4183400434, "guidance": 7.0, "steps": 50, "sampler": "k_lms"}
    assert reasons(read) == {"part-000001/part-000001.json#1": "missing-file"}


def test_a_store_in_the_folder_is_no_part_of_it(folder, make_picture):
    (folder / "a.png").write_bytes(make_picture(1))
    store = Store.create(str(folder / "my.store"))
    ingest(store, folder)
    assert (store.count("images"), store.count("failures")) == (1, 0)
    assert ingest(store, folder) == []


def test_a_folder_that_cannot_be_listed_is_refused(folder, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InvalidInputError, match="cannot be listed: Permission denied"):
        open_source(str(folder))
