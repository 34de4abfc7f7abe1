"""Runs at once on one store: each ends with the clusters of a run alone, or says that it cannot."""

import subprocess
import sys

import numpy as np
import pytest
from attribase.query.clusters import cluster, partitions
from attribase.query.clusters.cluster import cluster_images
from attribase.query.clusters.settings import ClusterSettings
from attribase.query.clusters.stored_runs import StoredRuns
from attribase.store import ConflictError

THRESHOLD = 0.9
SMALL = {"COMPARE_ALL": 100, "SAMPLED": 500}
"""Partitions as of a large store."""

CHILD = f"""
import os, signal, sys
from attribase.query.clusters import cluster, partitions
from attribase.query.clusters.settings import ClusterSettings
from attribase.store import Store
vars(partitions).update({SMALL})
cluster.SHARD = 2
uri, rule, force, steps = sys.argv[1:]
settings = ClusterSettings(threshold={THRESHOLD}, rule=rule)
print("ready", flush=True)
sys.stdin.readline()
for number, _ in enumerate(cluster.cluster_images(Store.open(uri), settings, force=force == "force"), 1):
    if number == int(steps):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, value in SMALL.items():
        monkeypatch.setattr(partitions, name, value)
    monkeypatch.setattr(cluster, "SHARD", 2)


def begin(planted, steps, **options):
    """A run that has made so many steps."""
    run = cluster_images(planted.store, ClusterSettings(threshold=THRESHOLD), **options)
    assert {next(run).stage for _ in range(steps)} == {"compare"}
    return run


def problems(planted, rules):
    """What is wrong with the stored runs: each has the clusters of its images, and no row is left over."""
    store = planted.store
    runs = store.read("cluster_runs").to_pylist()
    wrong = [run["rule"] for run in runs if planted.groups(run) != planted.components()]
    counts = {table: store.count(table) for table in ("cluster_members", "cluster_links")}
    expected = {"cluster_members": sum(run["linked"] for run in runs), "cluster_links": runs[0]["links"]}
    return wrong, sorted(run["rule"] for run in runs) != sorted(rules), counts != expected


RIGHT = ([], False, False)


def test_processes_that_cluster_at_once_and_a_killed_one_leave_the_clusters_of_one(planted):
    jobs = [
        ("star", "no", 0),
        ("star", "no", 0),
        ("chain", "force", 0),
        ("star", "force", 9),
        ("chain", "no", 5),
    ]
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, planted.store.uri, *map(str, job)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for job in jobs
    ]
    try:
        for child in children:
            assert child.stdout.readline() == "ready\n"
        for child in children:
            child.stdin.write("go\n")
            child.stdin.flush()
        assert [child.wait(timeout=300) for child in children] == [0, 0, 0, -9, -9]
    finally:
        for child in children:
            child.kill()
            child.communicate()
    assert problems(planted, ["star", "chain"]) == RIGHT
    newest = max(planted.store.read("cluster_runs").to_pylist(), key=lambda row: row["started"])
    planted.cluster(rule=newest["rule"])
    assert planted.steps == []  # the killed ones left nothing to do


@pytest.mark.parametrize("steps", [1, 12])
def test_a_forced_run_that_is_stopped_harms_none_that_goes_on(planted, steps):
    run = begin(planted, 8)
    forced = begin(planted, steps, force=True)
    forced.close()
    list(run)
    assert problems(planted, ["star"]) == RIGHT


def test_a_forced_run_between_the_steps_of_another_leaves_both_right(planted):
    run = begin(planted, 8)
    forced = begin(planted, 4, force=True)
    list(run)
    list(forced)
    assert problems(planted, ["star"]) == RIGHT


def test_a_run_whose_links_are_superseded_says_so_and_run_again_is_right(planted):
    planted.cluster()
    late = begin(planted, 5, force=True)
    planted.add("n", planted.unit[-1:] * 2)
    planted.cluster()  # of newer images: deletes the links of the others
    with pytest.raises(ConflictError, match="deleted the links") as error:
        list(late)
    assert "again" in error.value.hint
    planted.cluster()
    assert planted.steps == []
    assert problems(planted, ["star"]) == RIGHT


def test_links_that_go_before_they_are_read_are_no_empty_answer(planted, monkeypatch):
    read = StoredRuns.read_links

    def late(runs, ids):
        runs.forget_links()
        return read(runs, ids)

    with monkeypatch.context() as patch:
        patch.setattr(StoredRuns, "read_links", late)
        with pytest.raises(ConflictError, match="deleted the links"):
            planted.cluster()
        assert planted.store.count("cluster_runs") == 0
    planted.cluster()
    assert problems(planted, ["star"]) == RIGHT
    with monkeypatch.context() as patch:
        patch.setattr(StoredRuns, "read_links", late)
        with pytest.raises(ConflictError, match="deleted the links"):
            planted.cluster(rule="chain")  # with the links of the first
    planted.cluster(rule="chain")
    assert problems(planted, ["star", "chain"]) == RIGHT


def test_a_run_that_goes_on_after_the_vectors_changed_their_order_misses_no_link(planted):
    begin(planted, 12).close()
    vectors = planted.store.read("vectors_enc")
    planted.store.dataset("vectors_enc").delete("true")
    order = np.random.default_rng(1).permutation(len(vectors))
    planted.store.upsert("vectors_enc", vectors.take(order))
    planted.cluster()
    assert problems(planted, ["star"]) == RIGHT


def test_rows_of_an_earlier_version_go_when_links_are_compared_again(planted):
    run = planted.cluster()
    link = planted.store.read("cluster_links").to_pylist()[0]
    planted.store.upsert("cluster_links", [link | {"image_id": "w0800", "other_id": "w0801"}])
    member = planted.store.read("cluster_members").to_pylist()[0]
    planted.store.upsert("cluster_members", [member | {"image_id": "w0800"}])
    again = planted.cluster()
    assert again["run_id"] == run["run_id"]
    assert problems(planted, ["star"]) == RIGHT
