"""One pass over a pool, in blocks of any size, against all similarities at once."""

import numpy as np
import pytest
from attribase.runtime.pool_scores import OwnedSamples, PoolPass


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def asked():
    """Six samples of three models; the third model shares an exemplar with the first."""
    rng = np.random.default_rng(0)
    samples = OwnedSamples(
        unit(rng.normal(size=(6, 8))), np.array([0, 0, 1, 2, 2, 2]), [("a", "b"), ("c",), ("b", "c", "a")]
    )
    ids = ["a", "b", "c", *(f"g{n}" for n in range(40))]
    return samples, ids, unit(rng.normal(size=(len(ids), 8)))


@pytest.mark.parametrize("block", [1, 7, 100])
def test_a_pass_in_blocks_equals_all_similarities_at_once(asked, block):
    samples, ids, rows = asked
    scores = (samples.vectors @ rows.T).astype(np.float64)
    lines = np.quantile(scores, [0.505, 0.9], axis=1).T
    compared = PoolPass(samples, lines)
    order = np.random.default_rng(1).permutation(len(ids))
    for start in range(0, len(ids), block):
        some = order[start : start + block]
        compared.add([ids[at] for at in some], rows[some])
    compared.add([], rows[:0])
    found = compared.scores
    for sample, model in enumerate(samples.models):
        own = [ids.index(image) for image in samples.exemplars[model]]
        others = np.delete(scores[sample], own)
        assert found.best_other[sample] == pytest.approx(others.max(), abs=1e-6)
        assert sorted(found.own[sample]) == pytest.approx(sorted(scores[sample, own]), abs=1e-6)
        assert found.above[sample].tolist() == [
            (scores[sample] >= line - 1e-9).sum() for line in lines[sample]
        ]


def test_a_pool_of_own_exemplars_alone_has_no_other_best(asked):
    samples, ids, rows = asked
    compared = PoolPass(samples)
    compared.add(ids[:3], rows[:3])
    found = compared.scores
    assert found.best_other[3:].tolist() == [-np.inf] * 3
    assert np.isfinite(found.best_other[:3]).all()
    assert found.above.shape == (6, 0)
