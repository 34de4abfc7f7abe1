"""Searching through an index: recall, filters, rows that came later, and what must not pass silently."""

import numpy as np
import pytest
from attribase.query.search.index_build import partitions_for
from attribase.store import indexes
from attribase.store.errors import ConflictError, InvalidInputError
from attribase.store.maintenance import compact

from .conftest import ENCODER, INDEX_ID


def ids_of(space, rows):
    return [space.ids[int(row)].as_py() for row in rows if row >= 0]


def recall(large, space, found, queries, k, among=None):
    truth = [set(large.best(query, k, among)) for query in queries]
    return np.mean([len(t & set(ids_of(space, rows))) / k for t, rows in zip(truth, found.rows, strict=True)])


def test_what_was_measured_is_kept(indexed_once):
    (row,) = indexed_once.store.read("indexes").to_pylist()
    assert (row["index_id"], row["encoder"], row["mapper"]) == (INDEX_ID, ENCODER, "none")
    assert (row["kind"], row["metric"], row["dim"], row["column_name"]) == ("IVF_RQ", "cosine", 32, "base")
    assert (row["rows"], row["queries"], row["partitions"]) == (4060, 60, 64)
    assert row["recall_10"] >= 0.99
    assert row["recall_100"] >= 0.99
    assert row["recall_1000"] >= 0.99
    assert 0 < row["milliseconds"] < 1000
    assert row["bytes"] > 0
    assert row["table_version"] == indexed_once.store.dataset("vectors_enc").version


def test_the_measured_recall_is_that_of_questions_it_has_not_seen(indexed_once, queries):
    space = indexed_once.space
    among = set(indexed_once.ids[:3950])
    for k in (10, 100):
        found = space.search(queries, k, space.pool(), method="index")
        assert found.method == "index"
        assert found.recall == (space.index.recall_10 if k == 10 else space.index.recall_100)
        assert recall(indexed_once, space, found, queries, k, among) >= 0.97
        assert found.searched.tolist() == [k] * 20


def test_similarities_are_those_of_the_stored_vectors_and_samples_are_no_answers(indexed_once, queries):
    space = indexed_once.space
    index = space.search(queries, 50, space.pool(), method="index")
    exact = space.search(queries, 50, space.pool(), method="exact")
    known = [dict(zip(a, b, strict=True)) for a, b in zip(exact.rows, exact.similarities, strict=True)]
    for rows, similarities, truth in zip(index.rows, index.similarities, known, strict=True):
        assert (np.diff(similarities) <= 0).all()
        assert all(
            truth[row] == similarity
            for row, similarity in zip(rows, similarities, strict=True)
            if row in truth
        )
    assert index.rows.max() < 4000


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ("width = 17", lambda n: n == 17),
        ("creator = 'c7'", lambda n: n % 400 == 7),
        ("width < 900", lambda n: n < 900),
        ("license = 'CC0'", lambda n: n % 2 == 1),
        ("width >= 0", lambda _: True),
    ],
)
@pytest.mark.parametrize("k", [1, 10, 60])
def test_a_filtered_search_finds_all_there_are(indexed_once, queries, where, holds, k):
    space = indexed_once.space
    pool = space.pool("all", where)
    among = {i for n, i in enumerate(indexed_once.ids[:3950]) if holds(n)}
    assert pool.size == len(among)
    for method in ("index", "auto", "exact"):
        found = space.search(queries, k, pool, method=method)
        assert found.rows.shape == (20, min(k, len(among)))
        assert (found.rows >= 0).all()
        assert pool.mask[found.rows].all()
        assert all(len(set(rows)) == len(rows) for rows in found.rows)
        assert recall(indexed_once, space, found, queries, min(k, len(among)), among) >= 0.95


@pytest.mark.parametrize(("queries_at_once", "answers_at_once"), [(100, 1 << 18), (2, 1 << 18), (100, 1)])
def test_many_questions_get_the_answers_of_each(
    indexed_once, queries, monkeypatch, queries_at_once, answers_at_once
):
    monkeypatch.setattr("attribase.query.search.index.QUERIES_AT_ONCE", queries_at_once)
    monkeypatch.setattr("attribase.query.search.index.ANSWERS_AT_ONCE", answers_at_once)
    space = indexed_once.space
    space.open_index().leave_codes()
    together = space.search(queries, 10, space.pool(), method="index")
    for at, query in enumerate(queries):
        alone = space.search(query[None], 10, space.pool(), method="index")
        assert (alone.rows[0] == together.rows[at]).all()


def test_auto_takes_the_index_for_broad_pools_only(indexed_once, queries, monkeypatch):
    monkeypatch.setattr("attribase.query.search.space.NARROW_ROWS", 50)
    space = indexed_once.space
    assert space.search(queries, 10, space.pool()).method == "index"
    assert space.search(queries, 10, space.pool("all", "creator = 'c7'")).method == "exact"
    assert space.search(queries, 2000, space.pool()).method == "exact"


def test_auto_compares_everything_where_there_is_no_index(large_once, queries):
    space = large_once.space
    assert space.index is None
    assert space.search(queries, 3, space.pool()).method == "exact"
    with pytest.raises(ConflictError, match="no measured index") as caught:
        space.search(queries, 3, space.pool(), method="index")
    assert "attribase" in caught.value.hint


def test_images_that_came_after_the_index_are_found(indexed, queries):
    late = indexed.add("late", queries * 5)
    space = indexed.space
    found = space.search(queries, 5, space.pool(), method="index")
    assert [ids_of(space, rows)[0] for rows in found.rows] == late
    np.testing.assert_allclose(found.similarities[:, 0], 1, atol=1e-6)


def test_indexing_again_folds_in_what_came_later(indexed, queries):
    late = indexed.add("late", queries * 5)
    assert indexes.describe(indexed.store.dataset("vectors_enc"), "base").unindexed == 20
    steps = indexed.index()
    assert {step.stage for step in steps} == {"fold", "measure", "pools", "codes"}
    assert indexes.describe(indexed.store.dataset("vectors_enc"), "base").unindexed == 0
    space = indexed.space
    assert space.index.rows == 4080
    found = space.search(queries, 5, space.pool(), method="index")
    assert [ids_of(space, rows)[0] for rows in found.rows] == late
    assert indexed.index() == []


def test_an_index_that_is_up_to_date_is_left_alone(indexed):
    before = indexed.store.versions()
    assert indexed.index() == []
    assert indexed.store.versions() == before


def test_a_higher_recall_is_measured_for(indexed):
    low = indexed.space.index
    indexed.index(recall=1.0)
    high = indexed.space.index
    assert high.target == 1.0
    assert high.recall_10 >= low.recall_10
    assert (high.nprobes, high.refine) >= (low.nprobes, low.refine)


def test_few_images_need_no_index(large):
    assert large.index(min_rows=5000) == []
    assert large.space.index is None


@pytest.mark.parametrize("kind", ["IVF_SQ", "IVF_PQ", "IVF_HNSW_SQ"])
def test_each_kind_reaches_its_recall(large, queries, kind):
    assert large.index(kind=kind, recall=0.98)
    space = large.space
    assert space.index.kind == kind
    found = space.search(queries, 10, space.pool(), method="index")
    assert recall(large, space, found, queries, 10, set(large.ids[:3950])) >= 0.95


def test_indexes_outlive_compaction(indexed, queries):
    indexed.add("late", queries * 5)
    before = indexed.space.search(queries, 10, indexed.space.pool(), method="exact")
    names = [ids_of(indexed.space, rows) for rows in before.rows]
    list(compact(indexed.store))
    space = indexed.space
    found = space.search(queries, 10, space.pool(), method="index")
    assert np.mean([set(a) == set(ids_of(space, b)) for a, b in zip(names, found.rows, strict=True)]) > 0.9


def test_a_store_without_samples_is_measured_with_noisy_images(large):
    large.store.dataset("vectors_enc").delete("item_kind = 'sample'")
    assert large.index()
    assert large.space.index.recall_10 >= 0.99


def test_wrong_wishes_are_refused(large):
    for options in ({"recall": 0.0}, {"recall": 1.5}, {"kind": "IVF_MAGIC"}):
        with pytest.raises(InvalidInputError):
            large.index(**options)


@pytest.mark.parametrize(
    ("rows", "partitions"), [(40, 1), (4000, 64), (100_000, 256), (1_000_000, 1024), (10_000_000, 2048)]
)
def test_partitions_are_about_as_many_as_rows_in_each(rows, partitions):
    assert partitions_for(rows) == partitions


def test_more_answers_and_fewer_allowed_rows_are_searched_for_deeper(indexed_once):
    facts = indexed_once.space.index
    depths = [facts.effort(k) for k in (1, 10, 30, 100, 300, 1000, 10_000)]
    assert [d.nprobes for d in depths] == sorted(d.nprobes for d in depths)
    assert (depths[1].nprobes, depths[1].refine) == (facts.nprobes, facts.refine)
    assert (depths[3].nprobes, depths[3].refine) == (facts.nprobes_100, facts.refine_100)
    assert (depths[5].nprobes, depths[5].refine) == (facts.nprobes_1000, facts.refine_1000)
    assert facts.effort(10, 0.1).nprobes >= min(facts.partitions, 10 * facts.nprobes)
    assert facts.effort(10_000, 0.001).nprobes == facts.partitions
