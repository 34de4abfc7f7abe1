"""Candidates of the k largest, near ties computed exactly, and their order, against plain sorting."""

import numpy as np
import pyarrow as pa
import pytest
from attribase.query.search import topk
from attribase.query.search.topk import (
    SEGMENT,
    StreamingTopK,
    batch_by_size,
    exact_similarities,
    rank_order,
    rounding_margin,
    top_k_candidates,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("held", [1, 7, 40, 10_000])
def test_groups_change_nothing(monkeypatch, held):
    monkeypatch.setattr(topk, "RESCORED_ROWS", held)
    rng = np.random.default_rng(0)
    table = rng.normal(size=(300, 24)).astype(np.float32)
    queries = rng.normal(size=(9, 24)).astype(np.float32)
    candidates = [rng.permutation(300)[:size] for size in (0, 5, 6, 0, 50, 1, 1, 300, 2)]
    seen = []

    def read(rows):
        assert (np.diff(rows) > 0).all()
        seen.append(len(rows))
        return table[rows]

    answers = list(exact_similarities(read, queries, candidates))
    assert len(answers) == 9
    for query, chosen, (rows, similarities) in zip(queries, candidates, answers, strict=True):
        assert rows.tolist() == sorted(chosen)
        truth = table[rows].astype(np.float64) @ query.astype(np.float64)
        np.testing.assert_array_equal(similarities, truth.astype(np.float32))
    assert max(seen) <= held


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ([], []),
        ([3], [range(1)]),
        ([3, 3, 3, 3], [range(3), range(3, 4)]),
        ([50, 1, 50], [range(1), range(1, 2), range(2, 3)]),
        ([0, 0, 0], [range(3)]),
    ],
)
def test_neighbours_go_together_as_far_as_they_fit(sizes, parts):
    assert list(batch_by_size(sizes, 10)) == parts


MARGIN = rounding_margin(16)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_the_best_are_among_those_that_may_be_however_sums_are_rounded(seed, count):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 40 * SEGMENT * 4))
    exact = np.round(rng.normal(size=size), rng.integers(1, 7)).astype(np.float32) / 4  # many ties
    rounded = exact + rng.uniform(-MARGIN / 4, MARGIN / 4, size).astype(np.float32)
    chosen = top_k_candidates(rounded, count, MARGIN)
    floor = np.sort(exact)[::-1][min(count, size) - 1]
    assert set(np.flatnonzero(exact >= floor)) <= set(chosen.tolist())
    assert len(chosen) < size or size <= count or (exact >= floor - 1e-3).all() or size < 4 * SEGMENT


def test_ties_are_ordered_by_image_id():
    similarities = np.array([0.5, 0.9, 0.5, 0.9, 0.1], np.float32)
    order = rank_order(pa.array(["b", "z", "a", "c", "d"]), np.arange(5), similarities)
    assert order.tolist() == [3, 1, 2, 0, 4]


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_a_stream_keeps_all_that_may_be_among_the_best(seed, k):
    rng = np.random.default_rng(seed)
    exact = np.round(rng.normal(size=(3, 400)), 2).astype(np.float32) / 4  # many ties
    scanned = exact + rng.uniform(-MARGIN / 4, MARGIN / 4, exact.shape).astype(np.float32)
    best = StreamingTopK(3, k, MARGIN)
    for start in range(0, 400, 50):
        best.push(np.arange(start, start + 50), scanned[:, start : start + 50])
    for line, rows in zip(exact, best.candidates(), strict=True):
        assert set(np.flatnonzero(line >= np.sort(line)[-k])) <= set(rows.tolist())


@pytest.mark.parametrize("dim", [1, 16, 512, 4096])
def test_the_margin_covers_twice_the_error_of_a_scan(dim):
    rng = np.random.default_rng(dim)
    rows = np.abs(rng.normal(size=(2000, dim)) ** 3).astype(np.float32)  # of one sign, so errors add up
    query = np.abs(rng.normal(size=dim) ** 3).astype(np.float32)
    query /= np.float32(np.linalg.norm(query.astype(np.float64)))
    wide = rows.astype(np.float64)
    true = wide @ query.astype(np.float64) / np.linalg.norm(wide, axis=1)
    lengths = np.sqrt(np.array([sum_in_order(row * row) for row in rows], np.float32))
    scanned = np.array([sum_in_order(row * query) for row in rows], np.float32) / lengths
    assert 2 * np.abs(scanned - true).max() <= rounding_margin(dim)


def sum_in_order(products):
    """The float32 sum with the largest error bound: one term after another."""
    return np.add.accumulate(products, dtype=np.float32)[-1]
