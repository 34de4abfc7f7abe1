"""Compiled code: what it computes, and that it is kept between processes where that can be."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from attribase.query.evaluation import kernels


def test_cosines_equal_sums_in_full_precision():
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(40, 77)) * rng.choice([1e-20, 1.0, 1e15], (40, 1))).astype(np.float32)
    rows[5] = 0.0
    norms, pairs, found = np.empty(40), rng.integers(0, 40, (200, 2)), np.empty(200)
    kernels.lengths(rows, norms)
    kernels.pair_cosines(rows, norms, rows, norms, pairs, found)
    for (one, other), cosine in zip(pairs, found, strict=True):
        a, b = rows[one].astype(float), rows[other].astype(float)
        lengths = math.sqrt(math.fsum(a * a)) * math.sqrt(math.fsum(b * b))
        assert cosine == pytest.approx(math.fsum(a * b) / lengths if lengths else 0.0, abs=1e-14)


def test_unit_rows_have_unit_length_and_zeros_stay():
    rows = np.array([[3, 4], [0, 0], [1e30, 1e30], [1e-30, 0]], np.float32)
    units, norms = np.empty_like(rows), np.empty(4)
    kernels.unit_rows(rows, norms, units)
    np.testing.assert_allclose(units, [[0.6, 0.8], [0, 0], [0.5**0.5] * 2, [1, 0]], rtol=1e-7)
    np.testing.assert_allclose(norms, [5, 0, 2**0.5 * 1e30, 1e-30], rtol=1e-6)


COMPILES = """
import numpy as np
from attribase.query.evaluation import kernels
norms = np.empty(2)
kernels.lengths(np.ones((2, 4), np.float32), norms)
stats = getattr(kernels.lengths, "stats", None)
print(norms.tolist(), sum(stats.cache_hits.values()))
"""


def run(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", COMPILES],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_second_process_compiles_nothing(tmp_path):
    assert run(NUMBA_CACHE_DIR=str(tmp_path)) == "[2.0, 2.0] 0"
    assert run(NUMBA_CACHE_DIR=str(tmp_path)) == "[2.0, 2.0] 1"


def test_where_nothing_can_be_kept_it_still_computes():
    nowhere = {"NUMBA_CACHE_DIR": "/proc/nowhere", "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    assert run(**nowhere) == "[2.0, 2.0] 0"
