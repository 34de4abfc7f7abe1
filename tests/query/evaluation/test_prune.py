"""Pruning: superseded runs go, and nothing that a view or a tag reads changes."""

from datetime import timedelta

import pytest
from attribase.query import connect, evaluate, prune_runs
from attribase.store.maintenance import compact


def views(store):
    with connect(store.uri) as con:
        return {
            view: sorted(map(str, con.execute(f"from {view}").fetchall()))
            for view in ("latest_runs", "metrics", "per_sample", "intervals")
        }


@pytest.fixture
def twice(small):
    """Every run ranked twice: 8 runs superseded by 8."""
    list(evaluate(small.store))
    small.images(["new"], "gallery")
    list(evaluate(small.store))
    return small.store


def test_superseded_runs_and_their_ranks_are_deleted_and_the_views_stay(twice):
    before, rows = views(twice), twice.count("ranks")
    found = prune_runs(twice)
    assert (found.deleted_runs, found.kept_runs) == (8, 8)
    assert (found.deleted_ranks, found.kept_ranks) == (rows / 2, rows / 2)
    assert (twice.count("runs"), twice.count("ranks")) == (8, rows / 2)
    assert views(twice) == before
    assert list(evaluate(twice)) == []


def test_a_dry_run_counts_and_deletes_nothing(twice):
    before = twice.versions()
    counted = prune_runs(twice, dry_run=True)
    assert twice.versions() == before
    assert prune_runs(twice) == counted


def test_with_nothing_superseded_nothing_is_written(small):
    list(evaluate(small.store))
    before = small.store.versions()
    found = prune_runs(small.store)
    assert (found.deleted_runs, found.deleted_ranks, found.kept_runs) == (0, 0, 8)
    assert small.store.versions() == before


def test_tagged_versions_still_hold_what_was_deleted(twice):
    rows = twice.count("ranks")
    twice.tag("before_pruning")
    prune_runs(twice)
    list(compact(twice, keep=timedelta(0)))
    with connect(twice.uri) as con:
        assert con.execute("select count(*) from before_pruning.ranks").fetchone() == (rows,)
        assert con.execute("select count(*) from ranks").fetchone() == (rows // 2,)


def test_ranks_of_a_stopped_run_are_kept_for_it_to_resume_unless_asked_for(twice):
    twice.dataset("members").delete("image_id = 'new'")
    steps = evaluate(twice, shard_size=2)
    for _ in range(3):
        next(steps)
    steps.close()
    runs = twice.count("runs")
    found = prune_runs(twice)
    assert found.unfinished_ranks > 0
    assert found.deleted_runs == runs - 8
    assert prune_runs(twice, unfinished=True).deleted_ranks == found.unfinished_ranks
    assert twice.count("ranks") == found.kept_ranks - found.unfinished_ranks
    list(evaluate(twice))
    assert prune_runs(twice, dry_run=True).unfinished_ranks == 0
