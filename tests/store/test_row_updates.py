"""Single columns of stored rows are changed, in whatever fragment they lie, and nothing else is."""

import pyarrow as pa
import pytest
from attribase.store import ConflictError
from attribase.store.row_updates import RowUpdate


@pytest.fixture
def ids(store):
    names = [f"{number:04}" for number in range(1200)]
    for start in range(0, len(names), 400):
        rows = [
            {"image_id": name, "uri": f"u{name}", "bytes": name.encode()}
            for name in names[start : start + 400]
        ]
        store.upsert("images", rows)
    return names


def named(value):
    def compute(stored):
        at = stored.schema.get_field_index("creator")
        return stored.set_column(
            at, "creator", pa.array([value + name for name in stored["image_id"].to_pylist()])
        )

    return compute


def creators(store):
    rows = store.read("images", ["image_id", "creator"]).to_pylist()
    return {row["image_id"]: row["creator"] for row in rows if row["creator"]}


@pytest.mark.parametrize("step", [1, 7, 600])
def test_rows_of_many_fragments_change_and_their_blobs_do_not(store, ids, step):
    assert RowUpdate(store, "images", ids[::step], ["creator"], named("by ")).run() == len(ids[::step])
    assert creators(store) == {name: f"by {name}" for name in ids[::step]}
    assert dict(store.blobs("images", "bytes", ids)) == {name: name.encode() for name in ids}
    assert store.upsert("images", [{"image_id": name} for name in ids]) == 0


def test_rows_change_after_deletions_and_compaction(store, ids):
    store.dataset("images").delete("image_id in ('0003', '0500')")
    assert RowUpdate(store, "images", ids[:10], ["creator"], named("a")).run() == 9
    store.dataset("images").optimize.compact_files()
    RowUpdate(store, "images", ids[:2], ["creator"], named("b")).run()
    expected = {name: ("b" if name < "0002" else "a") + name for name in ids[:10] if name != "0003"}
    assert creators(store) == expected


def test_nothing_to_change_makes_no_version(store, ids):
    before = store.versions()
    assert RowUpdate(store, "images", ids, ["creator"], lambda stored: stored.slice(0, 0)).run() == 0
    assert RowUpdate(store, "images", ["none"], ["creator"], named("a")).run() == 0
    assert store.versions() == before


def test_a_writer_that_always_comes_first_is_an_error(store, ids, monkeypatch):
    monkeypatch.setattr("attribase.store.retries.FIRST_PAUSE", 0.0)

    def late(stored):
        store.dataset("images").update({"license": "'x'"}, where="image_id = '0000'")
        return named("a")(stored)

    with pytest.raises(ConflictError, match="updating images"):
        RowUpdate(store, "images", ids[:1], ["creator"], late).run()
    assert creators(store) == {}


def test_held_finds_the_stored_ones_of_any(store, ids):
    assert store.held("images", [*ids[::3], "none", ids[0]]) == set(ids[::3])
    store.dataset("images").delete("image_id = '0000'")
    assert store.held("images", ids[:2]) == {"0001"}
    assert store.held("images", []) == set()
