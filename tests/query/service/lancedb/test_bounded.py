"""Nearest rows within bounds of distance, against sorting all of them with numpy."""

import numpy as np
import pyarrow as pa
import pytest
from attribase.query.search.topk import rounding_margin
from attribase.query.service.lancedb.bounded import DistanceBounds, Selection
from hypothesis import given, settings
from hypothesis import strategies as st

DIM = 8
RNG = np.random.default_rng(3)
VECTORS = RNG.normal(size=(300, DIM))
VECTORS[200:] = VECTORS[:100]  # ties
UNIT = (VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)).astype(np.float32)
IDS = pa.array([f"i{(7 * n) % 300:03d}" for n in range(300)])


def by_sorting(query, rows, low, high, k):
    """Rows in order of exact similarity, then of id, whose distance is within the bounds."""
    exact = (UNIT[rows].astype(np.float64) @ query.astype(np.float64)).astype(np.float32)
    distances = np.float32(1) - exact
    names = np.asarray(IDS.to_pylist())[rows]
    order = np.lexsort((names, -exact))
    kept = [
        at
        for at in order
        if (low is None or distances[at] >= np.float32(low))
        and (high is None or distances[at] < np.float32(high))
    ]
    return rows[kept][:k].tolist()


BOUND = st.one_of(st.none(), st.floats(0, 2, width=32), st.integers(0, 299))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 299), BOUND, BOUND, st.integers(1, 300), st.integers(0, 250))
def test_a_ranking_within_bounds_equals_sorting(asked, low, high, k, first):
    query = UNIT[asked]
    distances = np.float32(1) - (UNIT.astype(np.float64) @ query.astype(np.float64)).astype(np.float32)
    # a whole number stands for the very distance of that row, where rounding decides
    low, high = (float(distances[one]) if isinstance(one, int) else one for one in (low, high))
    rows = np.arange(first, 300)
    select = Selection(
        DistanceBounds(low, high), k, float(rounding_margin(DIM)), lambda some: UNIT[some], IDS
    )
    found, similarities = select.nearest(query, rows, UNIT[rows] @ query)
    assert rows[found].tolist() == by_sorting(query, rows, low, high, k)
    assert len(similarities) == len(found)


def test_no_row_within_the_bounds_is_no_answer():
    select = Selection(DistanceBounds(3.0, None), 5, 1e-6, lambda some: UNIT[some], IDS)
    found, similarities = select.nearest(UNIT[0], np.arange(300), UNIT @ UNIT[0])
    assert (len(found), len(similarities)) == (0, 0)


@pytest.mark.parametrize(
    ("low", "high", "there"), [(None, None, False), (0.0, None, True), (None, 1.0, True)]
)
def test_bounds_exist_where_one_is_given(low, high, there):
    assert DistanceBounds(low, high).exist == there
