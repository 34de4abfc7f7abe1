"""An index beside a store that changes: other tools, mappers, old versions. Nothing passes silently."""

import numpy as np
import pytest
from attribase.query.features import Pinned
from attribase.query.search import SearchSpace
from attribase.store import indexes
from attribase.store.errors import ConflictError
from attribase.store.maintenance import compact

from .conftest import ENCODER


def ids_of(space, rows):
    return [space.ids[int(row)].as_py() for row in rows if row >= 0]


def test_an_index_by_another_metric_is_an_error_not_a_scan(indexed, queries):
    dataset = indexed.store.dataset("vectors_enc")
    dataset.create_index("base", "IVF_SQ", name="base_ann", metric="l2", num_partitions=4, replace=True)
    space = indexed.space
    for method in ("auto", "index"):
        with pytest.raises(ConflictError, match="l2"):
            space.search(queries, 3, space.pool(), method=method)
    assert space.search(queries, 3, space.pool(), method="exact").method == "exact"
    with pytest.raises(ConflictError, match="l2"):
        indexed.index()
    assert indexed.index(force=True)
    assert indexed.space.search(queries, 3, space.pool(), method="index").method == "index"


def test_an_index_of_another_column_is_an_error(indexed, queries):
    add_mapper(indexed, np.eye(32))
    dataset = indexed.store.dataset("vectors_enc")
    dataset.drop_index("base_ann")
    indexed.store.dataset("vectors_enc").create_index(
        "mapped_tuned", "IVF_SQ", name="base_ann", metric="cosine", num_partitions=4
    )
    space = indexed.space
    with pytest.raises(ConflictError, match="mapped_tuned"):
        space.search(queries, 3, space.pool(), method="index")


def test_an_index_of_another_kind_than_was_measured_is_an_error(indexed, queries):
    dataset = indexed.store.dataset("vectors_enc")
    dataset.create_index("base", "IVF_SQ", name="base_ann", metric="cosine", num_partitions=4, replace=True)
    space = indexed.space
    with pytest.raises(ConflictError, match="IVF_SQ"):
        space.search(queries, 3, space.pool(), method="index")


def test_without_its_index_a_space_is_searched_exactly(indexed, queries):
    assert indexes.drop(indexed.store, "vectors_enc", "base")
    assert not indexes.drop(indexed.store, "vectors_enc", "base")
    space = indexed.space
    assert space.index is None
    assert space.search(queries, 3, space.pool()).method == "exact"
    assert indexed.index()
    assert indexed.space.index is not None


def add_mapper(large, matrix):
    large.store.upsert("mappers", [{"mapper_id": "x", "encoder": ENCODER, "mapper": "tuned"}])

    def compute(batch):
        base = batch["base"].flatten().to_numpy().reshape(len(batch), -1) @ matrix
        return (base / np.linalg.norm(base, axis=1, keepdims=True)).astype(np.float32)

    large.store.set_vector_column("vectors_enc", "mapped_tuned", compute)


def test_a_mapper_trained_anew_is_never_answered_for_by_its_old_index(indexed, queries):
    from attribase.query.search.index_build import IndexTarget, index_space

    rng = np.random.default_rng(5)
    add_mapper(indexed, rng.normal(size=(32, 32)))
    assert list(
        index_space(indexed.store, ENCODER, "tuned", IndexTarget(kind="IVF_SQ", recall=1.0, min_rows=100))
    )
    add_mapper(indexed, rng.normal(size=(32, 32)))
    space = SearchSpace.open(Pinned.now(indexed.store), ENCODER, "tuned")
    exact = space.search(queries, 10, space.pool(), method="exact")
    auto = space.search(queries, 10, space.pool())
    assert (auto.rows == exact.rows).mean() > 0.97
    list(index_space(indexed.store, ENCODER, "tuned", IndexTarget(kind="IVF_SQ", recall=1.0, min_rows=100)))
    space = SearchSpace.open(Pinned.now(indexed.store), ENCODER, "tuned")
    through = space.search(queries, 10, space.pool(), method="index")
    assert (through.rows == exact.rows).mean() > 0.97


def test_images_that_are_not_mapped_yet_are_an_error_and_not_left_out(indexed, queries):
    from attribase.query.search.index_build import IndexTarget, index_space

    def tuned():
        return SearchSpace.open(Pinned.now(indexed.store), ENCODER, "tuned")

    add_mapper(indexed, np.eye(32))
    list(index_space(indexed.store, ENCODER, "tuned", IndexTarget(min_rows=100)))
    indexed.add("late", queries * 5)
    for compacted in (False, True):
        if compacted:  # also takes what it can into the indexes
            list(compact(indexed.store))
        for method in ("auto", "index", "exact"):
            space = tuned()
            with pytest.raises(ConflictError, match="not been mapped"):
                space.search(queries, 5, space.pool(), method=method)
    add_mapper(indexed, np.eye(32))
    space = tuned()
    assert ids_of(space, space.search(queries[:1], 1, space.pool()).rows[0]) == ["late00000"]


def test_an_older_version_is_searched_as_it_was(indexed, queries):
    old = Pinned.now(indexed.store)
    indexed.add("late", queries * 5)
    indexed.index()
    space = SearchSpace.open(old, ENCODER, "none")
    found = space.search(queries, 3, space.pool(), method="index")
    assert not any(name.startswith("late") for rows in found.rows for name in ids_of(space, rows))


def test_rows_that_a_compaction_or_a_stopped_run_indexed_are_measured_by_the_next_run(indexed, queries):
    indexed.add("late", queries * 5)
    list(compact(indexed.store))
    index = indexes.describe(indexed.store.dataset("vectors_enc"), "base")
    assert (index.rows, index.unindexed, indexed.space.index.rows) == (4080, 0, 4060)
    assert {step.stage for step in indexed.index()} == {"measure", "pools", "codes"}
    assert indexed.space.index.rows == 4080
    assert indexed.index() == []
