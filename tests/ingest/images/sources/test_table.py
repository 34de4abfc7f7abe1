"""Rows of tables as images, whatever the table calls its columns."""

import json

import lance
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.ingest.images import open_source
from attribase.store import InvalidInputError, content_id

from ..stored import failures_of, images_of, ingest, read_all, reasons


def table_of(make_picture, rows=5):
    return pa.table(
        {
            "image": [make_picture(number) for number in range(rows)],
            "url": [f"https://example.org/{number}.png" for number in range(rows)],
            "TEXT": [f"picture {number}" for number in range(rows)],
            "artist": ["ann"] * rows,
            "score": [number / 2 for number in range(rows)],
        }
    )


@pytest.mark.parametrize("kind", ["parquet", "lance"])
def test_tables_are_read_whatever_their_row_groups(store, tmp_path, make_picture, kind):
    table, path = table_of(make_picture), tmp_path / f"photos.{kind}"
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=2)
    else:
        lance.write_dataset(table, str(path))
    ingest(store, path, shard_size=3)
    rows = sorted(store.read("images").to_pylist(), key=lambda row: row["uri"])
    assert [row["image_id"] for row in rows] == [content_id(make_picture(number)) for number in range(5)]
    assert [row["caption"] for row in rows] == [f"picture {number}" for number in range(5)]
    assert {row["creator"] for row in rows} == {"ann"}
    assert rows[3]["metadata"] == '{"score": 1.5}'


def test_a_table_of_uris_alone_is_referenced(store, tmp_path):
    pq.write_table(pa.table({"url": ["https://example.org/a.png", None]}), tmp_path / "laion.parquet")
    ingest(store, tmp_path / "laion.parquet")
    (row,) = store.read("images", ["image_id", "width", "bytes"]).to_pylist()
    assert row == {"image_id": content_id(b"https://example.org/a.png"), "width": None, "bytes": None}
    assert list(failures_of(store).values()) == ["empty"]


def test_image_structs_are_understood(store, tmp_path, make_picture):
    images = [{"bytes": make_picture(1), "path": "a.png"}, {"bytes": None, "path": "b.png"}]
    pq.write_table(pa.table({"image": images, "label": [3, 4]}), tmp_path / "hub.parquet")
    ingest(store, tmp_path / "hub.parquet")
    rows = images_of(store)
    assert (rows["a.png"]["width"], rows["a.png"]["category"]) == (8, "3")
    assert list(rows) == ["a.png"]
    assert failures_of(store) == {f"{tmp_path}/hub.parquet#1": "missing-file"}  # not beside it


def test_class_labels_are_stored_by_name(tmp_path, make_picture):
    features = {
        "image": {"_type": "Image"},
        "label": {"names": ["cat", "dog"], "_type": "ClassLabel"},
        "tags": {"feature": {"names": ["wild", "tame"], "_type": "ClassLabel"}, "_type": "Sequence"},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table(
        {"image": [make_picture(n) for n in range(3)], "label": [0, 1, -1], "tags": [[0], [1, 0], []]}
    )
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "a.parquet")
    lance.write_dataset(table.replace_schema_metadata(metadata), str(tmp_path / "a.lance"))
    for kind in ("parquet", "lance"):
        records = list(read_all(tmp_path / f"a.{kind}").values())
        assert [record.category for record in records] == ["cat", "dog", None]
        assert [record.metadata.get("tags") for record in records] == [["wild"], ["tame", "wild"], []]


def test_rows_of_several_pictures_give_an_image_each(store, tmp_path, make_picture):
    pictures = [make_picture(1), make_picture(2), make_picture(3)]
    pq.write_table(pa.table({"images": [pictures[:2], [], pictures[2:]]}), tmp_path / "a.parquet")
    ingest(store, tmp_path / "a.parquet")
    name = f"{tmp_path}/a.parquet"
    rows = store.read("images", ["uri", "image_id"]).to_pylist()
    assert {row["uri"]: row["image_id"] for row in rows} == {
        f"{name}#0#0": content_id(pictures[0]),
        f"{name}#0#1": content_id(pictures[1]),
        f"{name}#2": content_id(pictures[2]),
    }
    assert failures_of(store) == {f"{name}#1": "empty"}


def test_paths_are_read_relative_to_the_table(store, tmp_path, make_picture):
    (tmp_path / "imgs").mkdir()
    (tmp_path / "imgs" / "a.png").write_bytes(make_picture(1))
    (tmp_path / "imgs" / "b.png").write_bytes(make_picture(2))
    paths = ["imgs/a.png", str(tmp_path / "imgs/b.png"), "imgs/gone.png", "https://e.x/c.png"]
    pq.write_table(pa.table({"path": paths, "creator": list("ABCD")}), tmp_path / "p.parquet")
    ingest(store, tmp_path / "p.parquet")
    rows = {row["uri"]: row["creator"] for row in store.read("images", ["uri", "creator"]).to_pylist()}
    folder = tmp_path / "imgs"
    assert rows == {f"{folder}/a.png": "A", f"{folder}/b.png": "B", "https://e.x/c.png": "D"}
    assert failures_of(store) == {f"{tmp_path}/p.parquet#2": "missing-file"}

    (tmp_path / "imgs" / "gone.png").write_bytes(make_picture(3))
    ingest(store, tmp_path / "p.parquet")
    assert store.count("images") == 4


def test_downloads_that_failed_are_failures_and_never_images(store, tmp_path, make_picture):
    table = {
        "url": [f"https://e.x/{n}.png" for n in range(4)],
        "status": ["failed_to_download", "success", "failed_to_resize", "success"],
        "error_message": ["HTTP 404", None, "bad", None],
        "jpg": pa.array([None, make_picture(1), make_picture(2), make_picture(3)], pa.binary()),
    }
    pq.write_table(pa.table(table), tmp_path / "p.parquet")
    read = read_all(tmp_path / "p.parquet")
    name = f"{tmp_path}/p.parquet"
    assert reasons(read) == {f"{name}#0": "download-failed", f"{name}#2": "download-failed"}
    assert read[f"{name}#0"].detail == "HTTP 404"
    ingest(store, tmp_path / "p.parquet")
    assert store.count("images") == 2


def test_a_status_that_is_none_of_img2dataset_is_a_field_as_any_other(tmp_path, make_picture):
    pq.write_table(pa.table({"image": [make_picture(1)], "status": ["draft"]}), tmp_path / "p.parquet")
    (record,) = read_all(tmp_path / "p.parquet").values()
    assert record.metadata == {"status": "draft"}


def test_types_that_json_lacks_are_kept_as_text(tmp_path, make_picture):
    table = pa.table(
        {
            "image": [make_picture(1)],
            "seed": pa.array([2**32 - 1], pa.uint32()),
            "at": pa.array([1_700_000_000_123_456_789], pa.timestamp("ns", "UTC")),
            "step": pa.array([50], pa.uint16()),
            "other": [{"bytes": b"x", "path": "mask.png"}],
        }
    )
    pq.write_table(table, tmp_path / "p.parquet")
    (record,) = read_all(tmp_path / "p.parquet").values()
    assert record.metadata == {
        "seed": 2**32 - 1,
        "at": "2023-11-14 22:13:20.123456+00:00",
        "step": 50,
        "other": {"path": "mask.png"},
    }


def test_a_table_without_rows_is_refused(tmp_path):
    (tmp_path / "l.csv").write_text("path\n")
    with pytest.raises(InvalidInputError, match="there are no images in"):
        open_source(str(tmp_path / "l.csv"))
