"""Rows found by the text of one column, by a filter and by the index of hashes."""

import pytest
from attribase.query import key_index
from attribase.query.key_index import RowFinder
from attribase.store.key_indexes import index_key


def test_a_finder_finds_by_filter_and_by_index_the_same(small):
    dataset = small.store.dataset("samples")
    finder = RowFinder(dataset, "uri")
    wanted = ["file:m0-s0.png", "file:m1-s1.png", "nothing", "it's"]
    by_filter = sorted(finder.rows(wanted, ["sample_id"]).to_pylist(), key=str)
    by_index = sorted(finder.rows(wanted, ["sample_id"]).to_pylist(), key=str)
    assert by_filter == by_index
    assert [row["sample_id"] for row in by_index] == ["m0-s0", "m1-s1"]
    assert finder.rows([], ["sample_id"]).num_rows == 0


def test_a_finder_finds_all_rows_of_a_key(small):
    small.store.upsert(
        "samples", [{"sample_id": f"x{i}", "model_id": "m0", "uri": "shared"} for i in range(3)]
    )
    finder = RowFinder(small.store.dataset("samples"), "uri")
    finder.build()
    assert sorted(finder.rows(["shared"], ["sample_id"])["sample_id"].to_pylist()) == ["x0", "x1", "x2"]


def test_of_a_large_table_with_an_index_the_keys_are_never_read(small, monkeypatch):
    monkeypatch.setattr(key_index, "LARGE_KEYS", 5)
    index_key(small.store, "samples", "sample_id")
    finder = RowFinder(small.store.dataset("samples"), "sample_id")
    monkeypatch.setattr(finder._index, "build", lambda: pytest.fail("all keys were read"))
    finder.build()
    for _ in range(2):
        found = finder.rows(["m0-s0", "nothing", "m1-s1"], ["uri"])
        assert sorted(found["uri"].to_pylist()) == ["file:m0-s0.png", "file:m1-s1.png"]
    with pytest.raises(pytest.fail.Exception):
        finder.rows([f"x{n}" for n in range(key_index.MAX_FILTER_KEYS + 1)], ["uri"])
