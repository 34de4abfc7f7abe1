"""Digests of vectors: the same wherever rows lie, another for another vector or another owner."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from attribase.store import Store
from attribase.store.maintenance import compact
from attribase.store.row_digests import (
    differing_fragments,
    differs,
    item_ids,
    vector_digests,
    vectors_changed,
)

COLUMNS = ["item_id", "base"]


@pytest.fixture
def store(tmp_path):
    """Ten vectors in two fragments."""
    store = Store.create(tmp_path / "a.store")
    store.ensure_vectors("enc", 4)
    rng = np.random.default_rng(0)
    for start in (0, 5):
        write(store, {f"i{n}": rng.normal(size=4).tolist() for n in range(start, start + 5)})
    return store


def write(store, rows):
    made = [{"item_id": item, "item_kind": "image", "base": row} for item, row in rows.items()]
    store.upsert("vectors_enc", made, update=True)


def digests(dataset, fragments, column="base"):
    ids = item_ids(dataset, fragments)
    every = np.ones(len(ids), bool)
    return dict(zip(ids.to_pylist(), vector_digests(dataset, fragments, column, every), strict=True))


def all_digests(store, column="base"):
    dataset = store.dataset("vectors_enc")
    return digests(dataset, dataset.get_fragments(), column)


def test_compaction_moves_rows_to_other_fragments_and_changes_no_digest(store):
    before, old = all_digests(store), store.dataset("vectors_enc")
    list(compact(store, keep=timedelta(days=1)))
    new = store.dataset("vectors_enc")
    gone, come = differing_fragments(old, new, COLUMNS)
    assert (len(gone), len(come)) == (2, 1)
    assert digests(new, come) == digests(old, gone) == before
    assert len(before) == len(set(before.values())) == 10


def test_only_fragments_with_other_rows_or_other_files_of_the_columns_differ(store):
    old = store.dataset("vectors_enc")
    store.set_vector_column(
        "vectors_enc", "mapped_m", lambda batch: np.zeros((batch.num_rows, 4), np.float32)
    )
    assert differing_fragments(old, store.dataset("vectors_enc"), COLUMNS) == ([], [])
    assert len(differing_fragments(old, store.dataset("vectors_enc"), ["item_id", "mapped_m"])[1]) == 2
    store.dataset("vectors_enc").delete("item_id = 'i7'")
    gone, come = differing_fragments(old, store.dataset("vectors_enc"), COLUMNS)
    assert digests(old, gone).keys() - digests(store.dataset("vectors_enc"), come).keys() == {"i7"}
    assert (len(gone), len(come)) == (1, 1)


def test_another_vector_or_another_owner_is_another_digest(store):
    before = all_digests(store)
    rows = {row["item_id"]: row["base"] for row in store.read("vectors_enc").to_pylist()}
    write(store, {"i0": rows["i1"], "i1": rows["i0"], "i2": [0.0, 0.0, 0.0, 1.0]})
    after = all_digests(store)
    assert {item for item in before if before[item] != after[item]} == {"i0", "i1", "i2"}
    assert sum(before.values()) != sum(after.values())


def test_a_row_without_a_vector_has_a_digest_of_its_own(store):
    store.set_vector_column("vectors_enc", "mapped_m", lambda batch: np.ones((batch.num_rows, 4), np.float32))
    full = all_digests(store, "mapped_m")
    write(store, {"late": [1.0, 1.0, 1.0, 1.0]})  # not mapped yet
    found = all_digests(store, "mapped_m")
    assert {item: found[item] for item in full} == full
    assert found["late"] not in full.values()


def test_no_rows_have_no_digests(store):
    dataset = store.dataset("vectors_enc")
    assert item_ids(dataset, []).equals(pa.array([], pa.string()))
    assert list(vector_digests(dataset, [], "base", np.zeros(0, bool))) == []
    assert list(vector_digests(dataset, dataset.get_fragments(), "base", np.zeros(10, bool))) == []


def test_vectors_of_items_have_changed_when_one_is_added_replaced_or_removed(store):
    before = store.dataset("vectors_enc")
    items = pa.array(["i1", "i3", "later"])

    def changed():
        now = store.dataset("vectors_enc")
        return differs(before, now), vectors_changed(before, now, items)

    assert changed() == (False, False)
    write(store, {"new": [1.0, 2, 3, 4]})
    assert changed() == (True, False)
    write(store, {"new": [9.0, 2, 3, 4]})
    list(compact(store, keep=timedelta(days=9)))
    store.set_vector_column("vectors_enc", "mapped_m", lambda batch: np.ones((batch.num_rows, 4), np.float32))
    assert changed() == (True, False)
    write(store, {"later": [1.0, 2, 3, 4]})
    assert changed() == (True, True)
    before = store.dataset("vectors_enc")
    store.set_vector_column("vectors_enc", "mapped_n", lambda batch: np.ones((batch.num_rows, 4), np.float32))
    assert changed() == (False, False)
    write(store, {"i3": [9.0, 2, 3, 4]})
    assert changed() == (True, True)
    before = store.dataset("vectors_enc")
    store.dataset("vectors_enc").delete("item_id = 'i2'")
    assert changed() == (True, False)
    store.dataset("vectors_enc").delete("item_id = 'i1'")
    assert changed() == (True, True)
