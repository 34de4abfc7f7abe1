"""Exact similarities in groups, against one product in float64."""

import numpy as np
import pytest
from attribase.query.search import topk as rescoring
from attribase.query.search.topk import exact_similarities, groups


@pytest.mark.parametrize("held", [1, 7, 40, 10_000])
def test_groups_change_nothing(monkeypatch, held):
    monkeypatch.setattr(rescoring, "HELD", held)
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
    assert list(groups(sizes, 10)) == parts
