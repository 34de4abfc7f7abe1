"""Evaluation stopped, killed, asked again, cut otherwise: always the same tables."""

import shutil
import subprocess
import sys
from datetime import timedelta

import pytest
from attribase.query import connect, evaluate
from attribase.query.evaluation import evaluate as evaluation
from attribase.query.evaluation import shards
from attribase.query.evaluation.runs import newest_rows
from attribase.query.features import Pinned
from attribase.store import Store
from attribase.store.columns import utc_now


def contents(store, *tables):
    """Rows without what the clock says."""
    rows = {}
    for table in tables:
        data = store.read(table).drop_columns([c for c in ("started", "seconds") if table == "runs"])
        rows[table] = sorted(map(str, data.to_pylist()))
    return rows


def test_evaluated_again_it_does_nothing_until_a_table_changes(small):
    assert list(evaluate(small.store))
    before = small.store.versions()
    assert list(evaluate(small.store)) == []
    assert small.store.versions() == before
    small.model("m9", ["e02"])
    assert list(evaluate(small.store))
    assert small.store.count("runs") == 10  # four case splits of two schemes, and that of the new model again
    con = connect(small.store.uri)
    assert con.execute("select count(*) from latest_runs").fetchone() == (8,)
    assert con.execute(
        "select sum(samples) from metrics where case_name = 'case' and split = 'test'"
    ).fetchone() == (9,)
    con.close()


def test_force_computes_again_and_changes_no_rank(small):
    list(evaluate(small.store))
    before = contents(small.store, "ranks", "runs")
    assert list(evaluate(small.store, force=True))
    assert contents(small.store, "ranks", "runs") == before


def test_stopped_and_run_again_it_ends_with_the_same_tables(small, tmp_path):
    copy = Store.open(shutil.copytree(small.store.uri, tmp_path / "b.store"))
    list(evaluate(copy, shard_size=2))
    for stop in (2, 2, 4):
        steps = evaluate(small.store, shard_size=2)
        for _ in range(stop):
            next(steps)
        steps.close()
    left = small.store.count("ranks")
    assert 0 < left < copy.count("ranks")
    list(evaluate(small.store, shard_size=2))
    assert contents(small.store, "ranks", "runs") == contents(copy, "ranks", "runs")


def test_unfinished_runs_are_not_in_the_metrics(small):
    steps = evaluate(small.store, case="other", shard_size=2)
    for _ in range(2):
        next(steps)
    steps.close()
    assert small.store.count("ranks") > 0
    con = connect(small.store.uri)
    assert con.execute("select count(*) from metrics").fetchone() == (0,)
    con.close()


def test_progress_ends_complete(small):
    steps = list(evaluate(small.store, shard_size=2))
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done == steps[-1].total == 3 + 3 + 3 + 4 + 3 + 3


@pytest.mark.slow
def test_tables_do_not_depend_on_block_shard_or_device(small, tmp_path, monkeypatch):
    small.mapper("tuned", *small.rng.normal(size=(2, 16, 16)))
    list(evaluate(small.store))
    expected = contents(small.store, "ranks", "runs")
    for block, shard_size, device in ((3, 1, "cpu"), (50, 5, "cpu"), (200, 7, "torch:cpu")):
        monkeypatch.setattr(evaluation, "choose_device", lambda _, device=device: device)
        copy = Store.open(shutil.copytree(small.store.uri, tmp_path / f"{block}.store"))
        for table in ("ranks", "runs"):
            copy.dataset(table).delete("true")
        list(evaluate(copy, block=block, shard_size=shard_size))
        assert contents(copy, "ranks", "runs") == expected


def test_a_shard_has_few_pairs_where_models_have_many_exemplars(small, monkeypatch):
    most: list[int] = []
    load = shards.load_pools

    def count(samples, *others):
        most.append(sum(len(sample.exemplars) for sample in samples))
        return load(samples, *others)

    list(evaluate(small.store))
    expected = contents(small.store, "ranks")
    monkeypatch.setattr(shards, "load_pools", count)
    monkeypatch.setattr(evaluation, "MOST_PAIRS", 25)
    list(evaluate(small.store, force=True))
    assert contents(small.store, "ranks") == expected
    assert len(most) >= 3
    assert max(most) <= 25


KILLED = """
import os, sys
from attribase.query.evaluation import evaluate as evaluation
from attribase.query.evaluation.runs import newest_rows
from attribase.query.features import Pinned
from attribase.store import Store
evaluation.SHOWN_SECONDS = 0.0  # a step for every block of the gallery
store, last = Store.open(sys.argv[1]), int(sys.argv[2])
for number, step in enumerate(evaluation.evaluate(store, shard_size=4, block=50)):
    if number == last:
        os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("last", [1, 7, 12])  # in the first pass, in a later one, after a commit
def test_killed_and_run_again_it_ends_with_the_same_tables(small, tmp_path, last):
    copy = Store.open(shutil.copytree(small.store.uri, tmp_path / "b.store"))
    list(evaluate(copy, shard_size=4))
    done = subprocess.run([sys.executable, "-c", KILLED, small.store.uri, str(last)], check=False)
    assert done.returncode == -9
    assert small.store.count("ranks") < copy.count("ranks")
    assert (small.store.count("ranks") > 0) == (last > 1)
    list(evaluate(small.store, shard_size=4))
    assert contents(small.store, "ranks", "runs") == contents(copy, "ranks", "runs")


def test_a_run_after_the_clock_was_set_back_is_the_one_that_is_read(small, monkeypatch):
    list(evaluate(small.store, "enc"))
    first = set(small.store.read("runs", ["run_id"])["run_id"].to_pylist())
    small.images(["late"], "gallery")
    earlier = utc_now() - timedelta(days=30)
    monkeypatch.setattr(evaluation, "utc_now", lambda: earlier)
    list(evaluate(small.store, "enc"))
    read = {row["run_id"] for row in newest_rows(Pinned.now(small.store)).values()}
    assert read
    assert not read & first
