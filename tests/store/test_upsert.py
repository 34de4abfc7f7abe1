import uuid

import numpy as np
import pyarrow as pa
import pytest
from attribase.store.errors import InvalidInputError, NotFoundError
from attribase.store.lookup import FEW
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("pq'"), st.integers(0, 9)), max_size=6)
OPERATIONS = st.lists(st.tuples(ROWS, st.booleans()), max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OPERATIONS)
def test_upserts_do_what_a_dict_does(store, operations):
    """The composite key (run_id, sample_id, image_id) against a dict with setdefault and assignment."""
    run, model = uuid.uuid4().hex, {}
    for rows, update in operations:
        batch = [{"run_id": run, "sample_id": s, "image_id": i, "rank": rank} for s, i, rank in rows]
        before = set(model)
        for s, i, rank in rows:
            model[s, i] = rank if update else model.get((s, i), rank)
        touched = {(s, i) for s, i, _ in rows}
        expected = len(touched) if update else len(touched - before)
        assert store.upsert("ranks", batch, update=update) == expected
    found = store.read("ranks", where=f"run_id = '{run}'").to_pylist()
    assert len(found) == len(model)
    assert {(row["sample_id"], row["image_id"]): row["rank"] for row in found} == model


def test_writing_what_is_there_makes_no_version(store):
    rows = [{"image_id": name, "bytes": name.encode()} for name in "abc"]
    assert store.upsert("images", rows) == 3
    before = store.versions()
    assert store.upsert("images", rows) == 0
    assert store.upsert("images", []) == 0
    assert store.upsert("images", store.schema("images").empty_table()) == 0
    assert store.versions() == before


def test_an_update_replaces_the_whole_row_and_its_blob(store):
    store.upsert(
        "images", [{"image_id": "a", "caption": "one", "bytes": b"1"}, {"image_id": "b", "bytes": b"2"}]
    )
    assert store.upsert("images", [{"image_id": "a", "uri": "u", "bytes": b"new"}], update=True) == 1
    row, other = store.read("images", ["image_id", "caption", "uri", "bytes"]).sort_by("image_id").to_pylist()
    assert row == {"image_id": "a", "caption": None, "uri": "u", "bytes": b"new"}
    assert other["bytes"] == b"2"


def test_more_rows_than_a_filter_takes_are_matched_too(store):
    rows = [{"collection": "g", "image_id": str(n)} for n in range(2 * FEW)]
    assert store.upsert("members", rows[: FEW + 10]) == FEW + 10
    assert store.upsert("members", rows) == FEW - 10
    assert store.count("members") == 2 * FEW
    images = [{"image_id": str(n)} for n in range(FEW + 10)]
    store.upsert("images", images)
    assert store.upsert("images", images) == 0
    asked = [str(n) for n in range(5, 3 * FEW)]
    assert store.existing("images", asked) == {str(n) for n in range(5, FEW + 10)}


def test_existing_names_only_what_is_asked_and_there(store):
    store.upsert("images", [{"image_id": "a"}, {"image_id": "it's"}])
    assert store.existing("images", ["it's", "b", "it's"]) == {"it's"}
    assert store.existing("images", []) == set()


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
