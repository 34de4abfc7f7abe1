"""`is_among` beside Python's `in`, whatever order the ids are in."""

import numpy as np
import pyarrow as pa
import pytest
from attribase.query.features import is_among

NAMES = [f"image {number}" for number in range(14)]


@pytest.mark.parametrize("seed", range(60))
def test_is_among_says_what_in_says(seed):
    rng = np.random.default_rng(seed)
    ids = list(rng.permutation(NAMES)[: rng.integers(0, 12)])
    some = list(rng.permutation(NAMES)[: rng.integers(0, 12)])
    if seed % 2:  # the first ones in one order
        start = ids[: len(ids) // 2]
        some = start + [name for name in some if name not in start]
    found = is_among(pa.array(ids, pa.string()), pa.array(some, pa.string()))
    assert found.tolist() == [name in some for name in ids]


def test_ids_in_one_order_are_not_hashed(monkeypatch):
    ids = pa.array(NAMES, pa.string())
    monkeypatch.setattr("attribase.query.features.pc.is_in", None)
    assert is_among(ids, ids).all()
    assert is_among(ids, ids[:5]).tolist() == [True] * 5 + [False] * 9
    assert is_among(ids[:5], ids).all()
