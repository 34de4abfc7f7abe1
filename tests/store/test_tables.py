"""Reading rows, batches and keys of a table."""

import pytest
from attribase.store.errors import InvalidInputError, NotFoundError


def test_existing_names_only_what_is_asked_and_there(store):
    store.upsert("images", [{"image_id": "a"}, {"image_id": "it's"}])
    assert store.existing("images", ["it's", "b", "it's"]) == {"it's"}
    assert store.existing("images", []) == set()


def test_reading_leaves_blobs_out_unless_named_and_scans_in_bounded_batches(store):
    store.upsert("images", [{"image_id": str(n), "bytes": bytes([n]), "width": n} for n in range(10)])
    assert "bytes" not in store.read("images").column_names
    batches = list(store.scan("images", ["bytes", "width"], "width >= 3", batch_rows=4))
    assert max(batch.num_rows for batch in batches) <= 4
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert sorted((row["width"], row["bytes"]) for row in rows) == [(n, bytes([n])) for n in range(3, 10)]
    assert store.count("images", "width >= 3") == 7


def test_reading_what_is_not_there_says_what_is(store):
    with pytest.raises(InvalidInputError) as caught:
        store.read("images", ["image_id", "colour"])
    assert "caption" in caught.value.hint
    with pytest.raises(NotFoundError):
        store.upsert("nothing", [{"a": 1}])
