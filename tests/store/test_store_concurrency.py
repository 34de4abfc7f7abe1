"""Several processes write one store at once; it ends as if they had taken turns."""

import subprocess
from collections import Counter

import lance
import numpy as np
import pytest
from attribase.store import Store, mapped_column
from attribase.store import upsert as upsert_module
from attribase.store.schema import TABLES

from . import writer


def results(children: list[subprocess.Popen[str]]) -> list[str]:
    """What each child printed last; fails when one failed."""
    answers = [child.communicate(timeout=600)[0].strip() for child in children]
    assert [child.returncode for child in children] == [0] * len(children)
    return answers


def test_two_writers_of_the_same_keys_leave_each_key_once(store, start):
    inserted = results(start(store.uri, *2 * [("images", 60, 6)]))
    ids = store.read("images", ["image_id"])["image_id"].to_pylist()
    assert sorted(ids) == sorted(str(writer.image(n)["image_id"]) for n in range(60))
    assert sum(map(int, inserted)) == 60
    assert dict(store.blobs("images", "bytes", ids)) == {
        writer.image(n)["image_id"]: writer.payload(n) for n in range(60)
    }


def test_three_writers_of_the_same_composite_keys_leave_each_key_once(store, start):
    inserted = results(start(store.uri, *3 * [("ranks", 6)]))
    keys = store.read("ranks", ["run_id", "sample_id", "image_id"]).to_pylist()
    assert Counter(map(str, keys)).most_common(1)[0][1] == 1
    assert store.count("ranks") == sum(map(int, inserted)) == 6 * 20


def test_writers_that_replace_one_row_leave_one_row_of_one_of_them(store, start):
    assert results(start(store.uri, *3 * [("replace", 6)])) == ["1"] * 3
    (row,) = store.read("images", ["image_id", "uri"]).to_pylist()
    assert row["uri"] in {f"{number}/5" for number in range(3)}


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("update", [False, True])
def test_a_writer_that_comes_between_reading_and_committing_does_not_double_a_key(
    store, monkeypatch, indexed, update
):
    if indexed:
        store.upsert("images", [{"image_id": "indexed"}])
        store.dataset("images").create_scalar_index("image_id", "BTREE")
    opened = []

    def dataset(uri):
        """The first one opened is old before it is used."""
        opened.append(lance.dataset(uri))
        if len(opened) == 1:
            store.upsert("images", [{"image_id": "a", "uri": "first"}, {"image_id": "b", "uri": "first"}])
            return opened[0]
        return opened[-1]

    monkeypatch.setattr(upsert_module, "open_table", dataset)
    store.upsert(
        "images", [{"image_id": "a", "uri": "second"}, {"image_id": "c", "uri": "second"}], update=update
    )
    rows = store.read("images", ["image_id", "uri"], "image_id != 'indexed'").to_pylist()
    winner = "second" if update else "first"
    assert sorted(map(tuple, map(dict.values, rows))) == [("a", winner), ("b", "first"), ("c", "second")]


def test_processes_that_create_one_store_at_once_all_get_it_and_lose_no_row(tmp_path, start):
    uri = str(tmp_path / "new" / "store")
    assert results(start(uri, *3 * [("create",)])) == ["4"] * 3
    vectors = [f"vectors_e{n}" for n in range(4)]
    assert Store.open(uri).tables() == sorted([*TABLES, *vectors])
    assert [Store.open(uri).count(table) for table in vectors] == [3] * 4


def test_processes_finish_shards_of_one_job_exactly_once(store, start):
    assert sum(map(int, results(start(store.uri, *3 * [("finish", 3)])))) == 80
    job = store.jobs.plan("test", {"a": 1}, [str(n) for n in range(80)], 1)
    assert (job.done_items, job.pending(), store.count("jobs")) == (80, [], 80)


def test_filling_a_column_beside_appends_and_compaction_loses_nothing(store, start):
    table = store.ensure_vectors("test", writer.DIM)
    assert results(start(store.uri, ("append", 25), ("fill", 5), ("tidy", 2)))[0] == "25"
    store.set_vector_column(table, mapped_column("double"), writer.double)
    rows = store.read(table).to_pylist()
    assert sorted(row["item_id"] for row in rows) == sorted(f"0/{n}" for n in range(25))
    for row in rows:
        assert np.array_equal(row["mapped_double"], 2 * np.array(row["base"]))
