"""Folders of tables and shards."""

import json
import os

import lance
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.images import ImageRecord, open_source
from attribase.store import InvalidInputError

from ..stored import failures_of, ingest, read_all, reasons
from .test_archive import samples, write_tar


def write_part(path, make_picture, seeds):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:  # Arrow itself opens no path that is no UTF-8
        pq.write_table(pa.table({"image": [make_picture(seed) for seed in seeds]}), file)


def test_parts_are_read_in_order_and_a_broken_one_is_a_failure(store, tmp_path, make_picture):
    folder = tmp_path / "data"
    write_part(folder / "train-00000-of-00003.parquet", make_picture, [1, 2])
    write_part(folder / "sub" / "train-00001-of-00003.parquet", make_picture, [3])
    (folder / "train-00002-of-00003.parquet").write_bytes(b"cut")
    (folder / "README.md").write_text("# Data")
    source = open_source(str(folder))
    assert list(source.items()) == [
        f"{folder}/sub/train-00001-of-00003.parquet#0",
        f"{folder}/train-00000-of-00003.parquet#0",
        f"{folder}/train-00000-of-00003.parquet#1",
        f"{folder}/train-00002-of-00003.parquet",
        f"{folder}/README.md",
    ]
    ingest(store, folder, shard_size=2)
    assert store.count("images") == 3
    assert failures_of(store) == {
        f"{folder}/train-00002-of-00003.parquet": "unreadable",
        f"{folder}/README.md": "not-an-image",
    }
    assert ingest(store, folder, shard_size=2) == []
    write_part(folder / "train-00002-of-00003.parquet", make_picture, [4])
    ingest(store, folder, shard_size=2)
    assert store.count("images") == 4


def test_a_folder_whose_parts_are_all_broken_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"cut")
    with pytest.raises(InvalidInputError, match="is not a Parquet file"):
        open_source(str(tmp_path)).items()


def test_shards_of_img2dataset_go_in_with_the_failures_of_their_tables(tmp_path, make_picture):
    for shard in ("00000", "00001"):
        write_tar(tmp_path / f"{shard}.tar", samples(make_picture, 2))
        status = ["success", "success", "failed_to_download"]
        table = {"key": ["0", "1", "2"], "status": status, "error_message": [None, None, "HTTP 403"]}
        pq.write_table(pa.table(table), tmp_path / f"{shard}.parquet")
        (tmp_path / f"{shard}_stats.json").write_text(json.dumps({"count": 3}))
    read = read_all(tmp_path)
    images = [item for item, found in read.items() if isinstance(found, ImageRecord)]
    assert images == [
        f"{tmp_path}/{shard}.tar#00000000{n}.jpg" for shard in ("00000", "00001") for n in (0, 1)
    ]
    assert reasons(read) == {
        f"{tmp_path}/{shard}.parquet#2": "download-failed" for shard in ("00000", "00001")
    }


def test_a_folder_of_one_lance_table_is_that_table_and_of_several_says_their_names(tmp_path, make_picture):
    lance.write_dataset(pa.table({"image": [make_picture(1)]}), str(tmp_path / "db" / "photos.lance"))
    assert len(read_all(tmp_path / "db")) == 1
    lance.write_dataset(pa.table({"image": [make_picture(2)]}), str(tmp_path / "db" / "more.lance"))
    with pytest.raises(InvalidInputError, match="holds 2 tables of Lance") as error:
        open_source(str(tmp_path / "db"))
    assert f"{tmp_path}/db/photos.lance" in error.value.hint


def test_a_lance_table_among_images_is_not_read_and_said(tmp_path, make_picture):
    (tmp_path / "a.png").write_bytes(make_picture(1))
    lance.write_dataset(pa.table({"image": [make_picture(1)]}), str(tmp_path / "photos.lance"))
    assert reasons(read_all(tmp_path)) == {"photos.lance": "not-read"}


def test_what_hugging_face_saved_to_disk_is_read(tmp_path, make_picture):
    table = pa.table({"image": [{"bytes": make_picture(n), "path": None} for n in range(3)]})
    (tmp_path / "train").mkdir()
    with pa.ipc.new_stream(str(tmp_path / "train" / "data-00000-of-00001.arrow"), table.schema) as out:
        out.write_table(table)
    for name in ("dataset_dict.json", "train/state.json", "train/dataset_info.json", "_SUCCESS"):
        (tmp_path / name).write_text("{}")
    read = read_all(tmp_path)
    assert [record.data for record in read.values()] == [make_picture(n) for n in range(3)]


def test_folders_and_files_whose_names_are_no_utf8_go_into_the_store(store, tmp_path, make_picture):
    folder = tmp_path / os.fsdecode(b"gr\xfcn")
    write_part(folder / os.fsdecode(b"\xe9.parquet"), make_picture, [1])
    write_tar(folder / os.fsdecode(b"\xe8.tar"), {"a.png": make_picture(2), "b.png": b""})
    (folder / os.fsdecode(b"\xe7.parquet")).write_bytes(b"cut")
    ingest(store, folder)
    assert store.count("images") == 2
    assert sorted(failures_of(store).values()) == ["empty", "unreadable"]
    assert ingest(store, folder) == []
    ingest(store, folder / os.fsdecode(b"\xe8.tar"))
    ingest(store, folder / os.fsdecode(b"\xe9.parquet"))
    assert store.count("images") == 2
