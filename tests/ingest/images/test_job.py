import io
import struct
import zlib

import numpy as np
import pyarrow.parquet as pq
from attribase.ingest.images import ingest_images, open_source
from attribase.store import content_id
from PIL import Image

from .stored import failures_of, images_of, ingest, members_of


def header_only_png(width: int, height: int) -> bytes:
    """A PNG that says how large it is and holds no pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + body
        + struct.pack(">I", zlib.crc32(body))
        + struct.pack(">I", 9)
        + b"IDAT"
    )


def animated_gif() -> bytes:
    frames = [Image.fromarray(np.full((6, 5, 3), shade, np.uint8)) for shade in (10, 240)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def test_torn_files_become_failures_and_the_rest_rows(store, tmp_path, make_picture):
    folder = tmp_path / "photos"
    folder.mkdir()
    files = {
        "good.png": make_picture(1, (9, 7)),
        "good.jpg": make_picture(2, (64, 48), "JPEG"),
        "moving.gif": animated_gif(),
        "cut.jpg": make_picture(3, (64, 64), "JPEG")[:900],
        "text.png": b"this is no picture",
        "empty.png": b"",
        "bomb.png": header_only_png(50_000, 50_000),
        "big.png": header_only_png(400, 300),
        "notes.md": b"# neither a picture nor beside one",
        ".hidden.png": make_picture(4),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "link.png").symlink_to(folder / "nothing.png")
    (folder / "good.txt").write_text("two good pictures\n")

    steps = ingest(store, folder, pixel_limit=300 * 300)

    assert failures_of(store) == {
        "cut.jpg": "truncated",
        "text.png": "not-an-image",
        "empty.png": "empty",
        "bomb.png": "too-many-pixels",
        "big.png": "too-many-pixels",
        "link.png": "unreadable",
        "notes.md": "not-an-image",
    }
    rows = images_of(store)
    assert {name: (row["width"], row["height"]) for name, row in rows.items()} == {
        "good.png": (9, 7),
        "good.jpg": (64, 48),
        "moving.gif": (5, 6),
    }
    assert rows["good.png"]["caption"] == "two good pictures"
    assert rows["moving.gif"]["image_id"] == content_id(files["moving.gif"])
    assert (steps[-1].done, steps[-1].total, steps[-1].note) == (10, 10, "7 left out")


def test_a_picture_in_two_collections_is_one_row_with_two_memberships(store, tmp_path, make_picture):
    for name in ("first/cats/a.png", "first/b.png", "second/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(make_picture(5))
    ingest(store, tmp_path / "first", "gallery")
    ingest(store, tmp_path / "second", "exemplars")
    same = content_id(make_picture(5))
    assert members_of(store) == [("exemplars", same), ("gallery", same)]
    (row,) = images_of(store).values()
    assert row["image_id"] == same
    assert dict(store.blobs("images", "bytes", [same])) == {same: make_picture(5)}


def test_the_subfolder_is_the_category(store, tmp_path, make_picture):
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    (tmp_path / "photos" / "cats" / "tom.PNG").write_bytes(make_picture(1))
    (tmp_path / "photos" / "top.png").write_bytes(make_picture(2))
    ingest(store, tmp_path / "photos")
    assert {name: row["category"] for name, row in images_of(store).items()} == {
        "tom.PNG": "cats",
        "top.png": None,
    }


def test_a_stopped_job_goes_on_after_its_last_shard(store, tmp_path, make_picture, monkeypatch):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.png").write_bytes(make_picture(number))
    steps = ingest_images(store, open_source(str(folder)), "gallery", shard_size=3)
    assert [next(steps).done for _ in range(2)] == [0, 3]
    steps.close()
    assert store.count("images") == 3

    read = []
    source = open_source(str(folder))
    original = type(source).read
    monkeypatch.setattr(type(source), "read", lambda self, items: read.extend(items) or original(self, items))
    assert [step.done for step in ingest(store, folder, shard_size=3)] == [3, 6, 9, 10]
    assert read == [f"{number}.png" for number in range(3, 10)]
    assert store.count("images") == store.count("members") == 10
    assert ingest(store, folder, shard_size=3) == []


def test_a_changed_folder_is_read_again(store, tmp_path, make_picture):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(make_picture(1))
    ingest(store, folder)
    (folder / "a.png").write_bytes(make_picture(2, (9, 9)))
    ingest(store, folder)
    assert store.count("images") == 2


def test_the_world_is_all_in_one_collection_or_the_other(store):
    from attribase.ingest.world import images_path

    roles = pq.read_table(images_path(), columns=["role"])["role"].to_pylist()
    ingest(store, "world:gallery", "gallery")
    assert store.count("failures") == 0
    assert 0 < store.count("members") <= roles.count("gallery")
    ingest(store, "world:exemplars", "exemplars")
    assert store.count("members", "collection = 'exemplars'") > 0
    row = store.read("images", ["uri", "license", "category", "metadata"]).to_pylist()[0]
    assert row["uri"].startswith("world:")
    assert row["license"]
    assert row["category"]


def test_bad_files_of_one_name_in_two_folders_are_two_failures_that_name_their_folder(store, tmp_path):
    for folder, data in (("f", b""), ("g", b"<html>")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.png").write_bytes(data)
        ingest(store, tmp_path / folder)
    rows = store.read("failures", ["source", "item", "reason", "remedy"]).to_pylist()
    assert sorted((row["source"], row["item"], row["reason"]) for row in rows) == [
        (str(tmp_path / "f"), "x.png", "empty"),
        (str(tmp_path / "g"), "x.png", "not-an-image"),
    ]
    assert all(row["remedy"] for row in rows)
