"""The keys that a process remembers of a table are those that the table holds."""

import numpy as np
from attribase.store.known_keys import REMEMBERED, KnownKeys, known_keys
from attribase.store.maintenance import compact

from .sample_rows import images, ranks


def test_compaction_and_deletion_between_upserts_are_noticed(store):
    for shard in range(3):
        store.upsert("ranks", ranks(shard))
    list(compact(store))
    assert store.upsert("ranks", ranks(1)) == 0
    store.dataset("ranks").delete("sample_id = 'sample-1-7'")
    assert store.upsert("ranks", ranks(1)) == 1
    assert store.count("ranks") == 3 * 500


def test_equal_hashes_alone_do_not_make_a_key_known(store, monkeypatch):
    def colliding(keys):
        return np.zeros(keys.num_rows, np.uint64)

    monkeypatch.setattr("attribase.store.known_keys._hashes", colliding)
    assert store.upsert("images", images("a", "b")) == 2
    assert store.upsert("images", images("b", "c")) == 1
    assert store.upsert("images", images("d"), update=True) == 1
    assert sorted(store.read("images")["image_id"].to_pylist()) == ["a", "b", "c", "d"]


def test_levels_stay_few_and_sorted(store):
    keys = KnownKeys()
    for shard in range(40):
        store.upsert("ranks", ranks(shard, 10))
        rows = store.read("ranks", ["run_id", "sample_id", "image_id"])
        assert keys.held(store.dataset("ranks"), rows).true_count == 10 * (shard + 1)
    assert len(keys._levels) <= 6
    assert sum(len(hashes) for hashes, _ in keys._levels) == 400
    assert all((hashes[:-1] <= hashes[1:]).all() for hashes, _ in keys._levels)


def test_a_few_tables_are_remembered():
    for n in range(REMEMBERED + 2):
        known_keys(f"memory://{n}")
    assert known_keys(f"memory://{REMEMBERED + 1}") is known_keys(f"memory://{REMEMBERED + 1}")
    first = known_keys("memory://0")
    for n in range(1, REMEMBERED + 1):
        known_keys(f"memory://{n}")
    assert known_keys("memory://0") is not first
