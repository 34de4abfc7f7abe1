"""Rows are cast to the types of their table, or refused."""

import numpy as np
import pyarrow as pa
import pytest
from attribase.store.errors import InvalidInputError


def test_tables_of_polars_and_pandas_types_are_cast(store):
    table = pa.table(
        {
            "image_id": pa.array(["a", "b"], pa.large_string()),
            "category": pa.array(["x", "x"]).dictionary_encode(),
            "width": pa.array([1, 2], pa.int64()),
            "bytes": pa.array([b"1", None], pa.binary()),
        }
    )
    assert store.upsert("images", table) == 2
    found = store.read("images", ["image_id", "category", "width", "bytes"]).sort_by("image_id").to_pydict()
    assert found == {"image_id": ["a", "b"], "category": ["x", "x"], "width": [1, 2], "bytes": [b"1", None]}


BAD_IMAGES = {
    "null key": [{"image_id": "a"}, {"image_id": None}],
    "missing key": [{"uri": "u"}],
    "key of another type": [{"image_id": 7}],
    "unknown column": [{"image_id": "a", "colour": "red"}],
    "overflow": [{"image_id": "a", "width": 2**31}],
    "text in a number": [{"image_id": "a", "width": "wide"}],
    "overflow in a table": pa.table({"image_id": ["a"], "width": [2**31]}),
    "null key in a table": pa.table({"image_id": pa.array([None], pa.string())}),
    "list in a table": pa.table({"image_id": ["a"], "uri": [["u"]]}),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_rows_that_do_not_fit_are_refused_with_a_hint_and_nothing_is_written(store, case):
    before = store.versions()
    with pytest.raises(InvalidInputError) as caught:
        store.upsert("images", BAD_IMAGES[case])
    assert caught.value.hint
    assert store.versions() == before


@pytest.mark.parametrize(
    "base", [[1.0, 2.0, 3.0], [1.0] * 5, None, [1, 2, 3, np.nan], [1, 2, 3, np.inf], [1, 2, 3, None], "abcd"]
)
def test_vectors_that_do_not_fit_are_refused_and_nothing_is_written(store, base):
    table = store.ensure_vectors("test", 4)
    good = {"item_id": "a", "item_kind": "image", "base": [1, 2, 3, 4]}
    with pytest.raises(InvalidInputError) as caught:
        store.upsert(table, [good, {"item_id": "b", "item_kind": "image", "base": base}])
    assert caught.value.hint
    assert store.count(table) == 0


def test_vectors_of_another_width_in_a_table_are_refused(store):
    table = store.ensure_vectors("test", 4)
    wide = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(5, np.float32)), 5)
    with pytest.raises(InvalidInputError):
        store.upsert(table, pa.table({"item_id": ["a"], "item_kind": ["image"], "base": wide}))


def test_vectors_come_as_lists_arrays_and_sliced_tables(store):
    table = store.ensure_vectors("test", 2)
    store.upsert(table, [{"item_id": "list", "item_kind": "image", "base": [1, 2]}])
    store.upsert(table, [{"item_id": "array", "item_kind": "image", "base": np.array([3, 4], np.float64)}])
    values = np.array([[np.nan, 0], [5, 6], [np.inf, 0]], np.float32)
    several = pa.table(
        {
            "item_id": ["before", "slice", "after"],
            "item_kind": ["image"] * 3,
            "base": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), 2),
        }
    )
    assert store.upsert(table, several.slice(1, 1)) == 1  # what lies outside a slice is not looked at
    found = {row["item_id"]: row["base"] for row in store.read(table).to_pylist()}
    assert found == {"list": [1, 2], "array": [3, 4], "slice": [5, 6]}
