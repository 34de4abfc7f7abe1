"""Indexes of key columns beside what writes, deletes and compacts."""

import pytest
from attribase.store import key_indexes
from attribase.store.key_indexes import has_key_index, index_all_keys, index_key
from attribase.store.maintenance import compact


@pytest.fixture
def images(store, monkeypatch):
    monkeypatch.setattr(key_indexes, "MOST_UNINDEXED", 5)
    store.upsert("images", [{"image_id": f"i{n:03}", "creator": "a"} for n in range(200)])
    return store


def indexed_rows(store):
    return key_indexes._indexed_rows(store.dataset("images"), "image_id")


def creators(store, *ids):
    names = ", ".join(f"'{one}'" for one in ids)
    rows = store.dataset("images").to_table(["image_id", "creator"], filter=f"image_id in ({names})")
    return dict(zip(rows["image_id"].to_pylist(), rows["creator"].to_pylist(), strict=True))


def test_large_tables_are_indexed_and_small_ones_are_not(images):
    steps = list(index_all_keys(images, 100))
    assert [(one.stage, one.done, one.note) for one in steps] == [
        ("keys", 0, "images.image_id of 200 rows"),
        ("keys", 1, "images.image_id of 200 rows"),
    ]
    assert has_key_index(images.dataset("images"), "image_id")
    assert not has_key_index(images.dataset("samples"), "sample_id")
    assert list(index_all_keys(images, 100)) == []
    assert indexed_rows(images) == 200


def test_rows_that_came_later_are_found_and_indexed_once_they_are_many(images):
    list(index_all_keys(images, 100))
    images.upsert("images", [{"image_id": f"late{n}", "creator": "b"} for n in range(5)])
    assert list(index_all_keys(images, 100)) == []
    assert creators(images, "late4", "i007", "unknown") == {"late4": "b", "i007": "a"}
    images.upsert("images", [{"image_id": "later", "creator": "c"}])
    assert len(list(index_all_keys(images, 100))) == 2
    assert indexed_rows(images) == 206
    assert creators(images, "later", "late0", "i199") == {"later": "c", "late0": "b", "i199": "a"}


def test_replaced_deleted_and_compacted_rows_are_found_as_they_are(images):
    index_key(images, "images", "image_id")
    images.upsert(
        "images", [{"image_id": f"i{n:03}", "creator": "new"} for n in range(0, 200, 2)], update=True
    )
    images.dataset("images").delete("image_id = 'i007'")
    wanted = {"i006": "new", "i009": "a"}
    assert creators(images, "i006", "i007", "i009") == wanted
    list(compact(images))
    assert creators(images, "i006", "i007", "i009") == wanted
    assert indexed_rows(images) == images.count("images") == 199
    assert images.upsert("images", [{"image_id": "i007", "creator": "again"}, {"image_id": "i009"}]) == 1
    assert creators(images, "i007", "i009") == {"i007": "again", "i009": "a"}
