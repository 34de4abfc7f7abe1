"""Rows of tables as images, whatever the table calls its columns."""

import lance
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attribase.store import content_id

from .stored import failures_of, images_of, ingest


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
