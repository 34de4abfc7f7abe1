from datetime import timedelta

import pytest
from attribase.store import lookup as blobs_module
from attribase.store.errors import InvalidInputError, NotFoundError
from attribase.store.lookup import FEW
from attribase.store.maintenance import compact

BLOBS = {"big": bytes(range(256)) * 12_000, "small": b"s", "empty": b"", "none": None, "it's": b"q"}


@pytest.fixture
def filled(store):
    for name, data in BLOBS.items():  # a fragment each
        store.upsert("images", [{"image_id": name, "bytes": data}])
    return store


def test_blobs_come_in_the_order_asked_as_often_as_asked(filled):
    asked = ["none", "it's", "big", "empty", "small", "big", "none"]
    assert list(filled.blobs("images", "bytes", asked)) == [(name, BLOBS[name]) for name in asked]
    assert list(filled.blobs("images", "bytes", [])) == []


def test_blobs_survive_replacement_of_other_rows_and_compaction(filled):
    filled.upsert("images", [{"image_id": "small", "bytes": b"other"}], update=True)
    filled.upsert("images", [{"image_id": "late", "bytes": b"l"}])
    list(compact(filled, keep=timedelta(0)))
    assert len(filled.dataset("images").get_fragments()) == 1
    expected = {**BLOBS, "small": b"other", "late": b"l"}
    assert dict(filled.blobs("images", "bytes", list(expected))) == expected
    rows = filled.read("images", ["image_id", "bytes"]).to_pylist()
    assert {row["image_id"]: row["bytes"] for row in rows} == expected
    assert filled.count("images", "bytes IS NULL") == 1


def test_an_id_that_is_not_there_is_named(filled):
    with pytest.raises(NotFoundError, match="'absent'"):
        list(filled.blobs("images", "bytes", ["small", "absent"]))


@pytest.mark.parametrize("column", ["caption", "nothing"])
def test_only_blob_columns_are_read_as_blobs(filled, column):
    with pytest.raises(InvalidInputError) as caught:
        list(filled.blobs("images", column, ["small"]))
    assert "bytes" in caught.value.hint


def test_reading_holds_a_bounded_number_of_bytes(store, monkeypatch):
    monkeypatch.setattr(blobs_module, "BUFFER_BYTES", 100)
    monkeypatch.setattr(blobs_module, "BUFFER_ROWS", 3)
    sizes = [60, 60, 40, 500, 1, 1, 1, 1]
    store.upsert("images", [{"image_id": str(n), "bytes": bytes(size)} for n, size in enumerate(sizes)])
    wanted = [(str(n), 0, size) for n, size in enumerate(sizes)]
    held = [[sizes[int(name)] for name, _ in chunk] for chunk in blobs_module._chunks(wanted)]
    assert held == [[60], [60, 40], [500], [1, 1, 1], [1]]
    ids = [name for name, _, _ in wanted]
    assert [len(data) for _, data in store.blobs("images", "bytes", ids)] == sizes


def test_more_ids_than_a_filter_takes(store):
    count = FEW + 5
    store.upsert("images", [{"image_id": str(n), "bytes": str(n).encode()} for n in range(count)])
    asked = [str(n) for n in reversed(range(count))]
    assert list(store.blobs("images", "bytes", asked)) == [(name, name.encode()) for name in asked]


def test_rows_are_filtered_by_whether_they_have_bytes(filled):
    there = filled.read("images", ["image_id"], "bytes is not null")["image_id"].to_pylist()
    assert sorted(there) == ["big", "empty", "it's", "small"]
    assert filled.read("images", ["image_id"], "bytes is null")["image_id"].to_pylist() == ["none"]
