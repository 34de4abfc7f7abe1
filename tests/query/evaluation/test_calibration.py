"""The influence of true exemplars, against eq. 5 and 6 written out."""

import numpy as np
import pytest
from attribase.query.evaluation.calibration import influence_table, sample_influence
from attribase.runtime import influence
from attribase.store import NotFoundError


def by_hand(fake, sample, exemplars, tau, lam):
    pool = sorted({i for i in fake.vectors if i.startswith("g")} | set(exemplars))
    rows = np.stack([fake.vectors[i] for i in pool]).astype(np.float64)
    query = fake.vectors[sample].astype(np.float64)
    scores = rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)
    shares = dict(zip(pool, influence(scores, tau, lam), strict=True))
    mine = np.array([shares[e] for e in exemplars])
    kl = np.mean(np.log(1 / len(mine)) - np.log(np.maximum(mine, 1e-8)))
    return mine.sum(), kl, len(mine) / len(pool)


@pytest.mark.parametrize(("tau", "lam"), [(0.3, 0.2), (0.05, 0.0), (0.5, -0.1)])
def test_it_equals_the_equations_over_each_pool(small, tau, lam):
    small.calibrate(tau, lam)
    exemplars = {
        row["model_id"]: sorted(row["exemplar_ids"]) for row in small.store.read("models").to_pylist()
    }
    found = sample_influence(small.store)
    assert [(f.case_name, len(f.samples)) for f in found] == [("case", 6), ("other", 7)]
    for case in found:
        for i, (sample, model) in enumerate(zip(case.samples, case.models, strict=True)):
            share, kl, chance = by_hand(small, sample, exemplars[model], 1.0, 0.0)
            assert case.before.share[i] == pytest.approx(share, abs=1e-6)
            assert case.before.kl[i] == pytest.approx(kl, abs=1e-5)
            assert case.chance[i] == pytest.approx(chance)
            share, kl, _ = by_hand(small, sample, exemplars[model], tau, lam)
            assert case.after.share[i] == pytest.approx(share, abs=1e-5)
            assert case.after.kl[i] == pytest.approx(kl, abs=1e-3)


def test_rows_are_means_over_samples(small):
    small.calibrate(0.3, 0.2)
    (found,), (row,) = sample_influence(small.store, case="other"), influence_table(small.store, case="other")
    assert row.samples == 7
    assert row.influence_before == pytest.approx(found.before.share.mean())
    assert row.influence_after == pytest.approx(found.after.share.mean())
    assert row.kl_after == pytest.approx(found.after.kl.mean())


def test_influence_does_not_depend_on_shards_or_blocks(small, monkeypatch):
    import attribase.query.evaluation.calibration as module

    small.calibrate(0.3, 0.2)
    whole = influence_table(small.store)
    monkeypatch.setattr(module, "SHARD", 2)
    monkeypatch.setattr(module.ImageSet.__init__, "__defaults__", (17,))
    parts = influence_table(small.store)
    for one, other in zip(whole, parts, strict=True):
        assert one.samples == other.samples
        assert one.influence_after == pytest.approx(other.influence_after, rel=1e-6)
        assert one.kl_before == pytest.approx(other.kl_before, rel=1e-6)


def test_uncalibrated_there_is_no_after(small):
    rows = influence_table(small.store)
    assert {row.influence_after for row in rows} == {None}
    assert all(0 < row.influence_before < 1 and row.kl_before > 0 for row in rows)


def test_a_split_without_samples_is_not_found(small):
    with pytest.raises(NotFoundError):
        influence_table(small.store, split="nope")


def test_encoder_mapper_and_calibration_are_of_the_versions_that_are_read(small, monkeypatch):
    import attribase.query.evaluation.calibration as module

    small.calibrate(0.3, 0.2)
    expected = influence_table(small.store)

    class Interrupted(module.Pinned):
        @classmethod
        def now(cls, store):
            pinned = super().now(store)
            store.upsert("encoders", [{"encoder": "another", "dim": 16}])
            store.ensure_vectors("another", 16)
            row = next(iter(store.read("calibrations").to_pylist()))
            store.upsert("calibrations", [row | {"tau": 5.0}], update=True)
            return pinned

    monkeypatch.setattr(module, "Pinned", Interrupted)
    assert influence_table(small.store) == expected


def test_samples_without_a_vector_are_counted_as_left_out(small):
    before = {row.case_name: row for row in influence_table(small.store)}
    small.store.upsert("samples", [{"sample_id": "m2-new", "model_id": "m2", "scheme": "gpt"}])
    after = {row.case_name: row for row in influence_table(small.store)}
    assert [(row.left_out, after[case].left_out) for case, row in sorted(before.items())] == [(0, 0), (0, 1)]
    assert after["other"].samples == before["other"].samples
