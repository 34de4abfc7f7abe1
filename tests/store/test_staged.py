"""Rows that workers stage and one process commits: each key once, whatever came in between."""

import os
import pickle
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from attribase.store import InvalidInputError, Store
from attribase.store.columns import utc_now
from attribase.store.maintenance import compact
from attribase.store.staged import commit_staged, stage_rows
from attribase.store.tombstones import Tombstone, write_tombstones


def images(*numbers, size=3):
    return [
        {"image_id": f"i{number:03d}", "uri": f"u{number}", "bytes": bytes([number]) * size}
        for number in numbers
    ]


def stored(store):
    rows = store.read("images", ["image_id", "uri", "bytes"]).sort_by("image_id")
    return rows.to_pylist()


def staged(store, *numbers, **options):
    """As it comes back from another process."""
    return pickle.loads(pickle.dumps(stage_rows(store, "images", images(*numbers, **options))))


def test_staged_rows_are_in_no_version_until_they_are_committed(store):
    parts = [staged(store, 1, 2), staged(store, 3), staged(store)]
    assert store.count("images") == 0
    before = store.dataset("images").version
    assert commit_staged(store, parts) == 3
    assert stored(store) == images(1, 2, 3)
    assert store.dataset("images").version == before + 1
    assert commit_staged(store, [staged(store, 4), staged(store, 5)]) == 2
    assert stored(store) == images(1, 2, 3, 4, 5)
    assert len({one.fragment_id for one in store.dataset("images").get_fragments()}) == 4


def test_committed_again_after_a_kill_nothing_is_twice(store):
    part = staged(store, 1, 2)
    commit_staged(store, [part])
    before = store.dataset("images").version
    assert commit_staged(store, [part]) == 0
    assert store.dataset("images").version == before
    assert stored(store) == images(1, 2)


def test_keys_that_were_stored_since_or_come_twice_are_left_out(store):
    first, second = staged(store, 1, 2), staged(store, 2, 3, size=9)
    store.upsert("images", images(1))
    assert commit_staged(store, [first, second]) == 2
    assert stored(store) == images(1, 2) + images(3, size=9)


def test_with_update_rows_that_are_stored_are_replaced(store):
    store.upsert("images", images(1, 2))
    assert commit_staged(store, [staged(store, 2, 3, size=5)], update=True) == 2
    assert stored(store) == images(1) + images(2, 3, size=5)


def test_two_that_commit_the_same_rows_from_one_version_store_them_once(store):
    one, two = Store.open(store.uri), Store.open(store.uri)
    parts = [staged(one, 1, 2), staged(two, 1, 2)]
    assert commit_staged(one, parts[:1]) + commit_staged(two, parts[1:]) == 2
    assert stored(store) == images(1, 2)


@pytest.mark.parametrize("when", ["before", "after"])
def test_rows_of_an_item_that_was_removed_do_not_come_back(store, when):
    tombstone = Tombstone("i002", "image", "u2", None, utc_now())
    if when == "before":
        write_tombstones(store, [tombstone])
    part = staged(store, 1, 2)
    if when == "after":
        write_tombstones(store, [tombstone])
    assert commit_staged(store, [part]) == 1
    assert stored(store) == images(1)


def test_files_in_another_folder_are_refused(store, tmp_path):
    elsewhere = Store.create(tmp_path / "elsewhere")
    part = stage_rows(elsewhere, "images", images(1))
    with pytest.raises(InvalidInputError, match="into another folder") as error:
        commit_staged(store, [part])
    assert "all nodes share" in error.value.hint
    assert store.count("images") == 0


def test_compaction_removes_files_that_were_never_committed_once_they_are_old(store):
    commit_staged(store, [staged(store, 1, 2)])
    lost, young = staged(store, 3, 4), staged(store, 5)
    folder = Path(store.uri, "images.lance", "data")
    files = {path.name for path in folder.iterdir()}
    for path in folder.iterdir():
        if any(path.stem in text for text in lost.fragments):
            os.utime(path, (0, 0))
    list(compact(store, keep=timedelta(0)))
    left = {path.name for path in folder.iterdir()}
    gone = files - left
    assert len(gone) == 1
    assert stored(store) == images(1, 2)
    assert commit_staged(store, [young]) == 1
    with pytest.raises(InvalidInputError, match="into another folder"):
        commit_staged(store, [lost])


def test_what_does_not_fit_is_refused_by_the_worker(store):
    with pytest.raises(InvalidInputError, match="no column"):
        stage_rows(store, "images", pa.table({"image_id": ["a"], "other": [1]}))


def test_many_shards_are_finished_in_one_commit(store):
    job = store.jobs.plan("k", {}, list("abcdef"), 1)
    shards = job.pending()
    before = store.dataset("jobs").version
    job.finish_all(shards[1:4])
    assert store.dataset("jobs").version == before + 1
    assert [shard.index for shard in job.pending()] == [0, 4, 5]
    with pytest.raises(InvalidInputError, match="no shard"):
        job.finish_all([store.jobs.plan("other", {}, ["a"], 1).pending()[0]])
