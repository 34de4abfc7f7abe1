import uuid

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
