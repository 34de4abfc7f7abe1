import pickle

import pytest
from attribase.store import Shard
from attribase.store.errors import InvalidInputError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=3), max_size=20), st.integers(1, 7))
def test_shards_hold_each_item_once_in_order(store, items, size):
    job = store.jobs.plan("k", {"size": size}, items, size)
    shards = job.pending()
    held = [item for shard in shards for item in shard.items]
    assert held == list(dict.fromkeys(items))
    assert job.total_items == len(held)
    assert [shard.index for shard in shards] == list(range(len(shards)))
    assert all(len(shard.items) == size for shard in shards[:-1])


def test_the_same_plan_is_the_same_job_as_far_as_it_is(store):
    job = store.jobs.plan("embed", {"encoder": "clip", "views": 4}, list("abcde"), 2)
    first, second, third = job.pending()
    job.finish(second)
    before = store.versions()
    again = store.jobs.plan("embed", {"views": 4, "encoder": "clip"}, list("abcde"), 3)
    assert again == job
    assert again.pending() == [first, third]
    assert again.done_items == 2
    assert store.versions() == before


@pytest.mark.parametrize("change", [("other", {}, "ab"), ("embed", {"x": 1}, "ab"), ("embed", {}, "ba")])
def test_another_kind_spec_or_list_is_another_job(store, change):
    kind, spec, items = change
    job = store.jobs.plan("embed", {}, ["a", "b"], 1)
    assert store.jobs.plan(kind, spec, list(items), 1).job_id != job.job_id


def test_finishing_twice_changes_nothing(store):
    job = store.jobs.plan("k", {}, list("abc"), 2)
    shard, _ = job.pending()
    job.finish(shard)
    before = store.read("jobs").to_pylist()
    job.finish(shard)
    assert store.read("jobs").to_pylist() == before
    assert job.done_items == 2


def test_only_shards_of_the_job_can_be_finished(store):
    job, other = (store.jobs.plan("k", {"n": n}, list("abc"), 1) for n in range(2))
    for shard in (other.pending()[0], Shard(job.job_id, 9, ("x",))):
        with pytest.raises(InvalidInputError):
            job.finish(shard)
    assert job.done_items == other.done_items == 0


def test_a_job_works_in_another_process(store):
    job = pickle.loads(pickle.dumps(store.jobs.plan("k", {}, list("abc"), 2)))
    for shard in pickle.loads(pickle.dumps(job.pending())):
        job.finish(shard)
    assert store.jobs.unfinished() == []


def test_many_finished_shards_stay_few_fragments(store):
    job = store.jobs.plan("k", {}, [str(n) for n in range(130)], 1)
    for shard in job.pending():
        job.finish(shard)
    assert (job.done_items, job.pending()) == (130, [])
    assert len(store.dataset("jobs").get_fragments()) < 10


def test_unfinished_jobs_say_how_far_they_are(store):
    job = store.jobs.plan("k", {"a": [1]}, list("abcde"), 2)
    store.jobs.plan("k", {}, [], 2)
    job.finish(job.pending()[0])
    (status,) = store.jobs.unfinished()
    assert (status.job_id, status.kind, status.spec) == (job.job_id, "k", {"a": [1]})
    assert (status.done_items, status.total_items) == (2, 5)


def test_a_later_job_replaces_an_unfinished_one_of_the_same_kind_and_spec_that_it_overlaps(store):
    old = store.jobs.plan("k", {}, list("abc"), 1)
    apart = store.jobs.plan("k", {}, list("xyz"), 1)
    other = store.jobs.plan("k", {"other": 1}, list("abc"), 1)
    assert [status.job_id for status in store.jobs.unfinished()] == [old.job_id, apart.job_id, other.job_id]
    new = store.jobs.plan("k", {}, list("bcd"), 1)
    left = [apart.job_id, other.job_id, new.job_id]
    assert [status.job_id for status in store.jobs.unfinished()] == left
    for shard in new.pending():
        new.finish(shard)
    assert [status.job_id for status in store.jobs.unfinished()] == left[:2]


@pytest.mark.parametrize("size", [0, -1])
def test_shards_have_a_size(store, size):
    with pytest.raises(InvalidInputError):
        store.jobs.plan("k", {}, ["a"], size)
