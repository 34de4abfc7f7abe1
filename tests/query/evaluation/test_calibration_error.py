"""Calibration measured over cases and kinds, against shares computed sample by sample."""

import numpy as np
import pytest
from attribase.query.evaluation.calibration_error import measure_calibration
from attribase.runtime.moments import load_moments
from attribase.runtime.spread import SpreadCalibration, SpreadLaw
from attribase.store import ConflictError
from attribase.train import CalibrationConfig, train_calibration

GALLERY = [f"g{i:03d}" for i in range(150)]


@pytest.fixture
def spread(judged):
    list(train_calibration(judged.store, "enc", "none", CalibrationConfig(kind_models=4)))
    return judged


def shares_of(fake, sample, pool, kind):
    """Shares of the pool and, last, of the null."""
    row = fake.store.read("calibrations").to_pylist()[0]
    parameters = SpreadCalibration.from_json(row["parameters"], "").of_kind(kind)
    unit = fake.vectors[sample] / np.linalg.norm(fake.vectors[sample])
    rows = np.stack([fake.vectors[item] for item in pool]).astype(np.float64)
    similarities = rows @ unit / np.linalg.norm(rows, axis=1)
    mean, deviation = load_moments(fake.store, "enc", "none").spread(unit[None])
    law = SpreadLaw.of_query(mean[0], deviation[0], similarities, parameters)
    terms = np.append(np.exp(law.log_ratio(similarities)), np.exp(law.log_null))
    return terms / terms.sum()


def test_brier_kl_and_null_shares_are_those_of_each_sample(spread):
    found = {row.case_name: row for row in measure_calibration(spread.store).rows()}
    squares, nulls, kl = [], [], []
    for sample in (f"t1-s{i}" for i in range(3)):
        present = shares_of(spread, sample, [*GALLERY, "e11"], "object")
        absent = shares_of(spread, sample, GALLERY, "object")
        squares += [(present[:150] ** 2).sum() + (present[150] - 1) ** 2 + present[151] ** 2]
        squares += [(absent[:150] ** 2).sum() + (absent[150] - 1) ** 2]
        nulls.append((present[-1], absent[-1]))
        kl.append(-np.log(present[150] / (1 - present[151])))
    row = found["other"]
    assert (row.samples, row.nulls, row.kind, row.law) == (3, 3, "object", "spread")
    assert row.brier_after == pytest.approx(np.mean(squares), rel=1e-4)
    assert row.kl_after == pytest.approx(np.mean(kl), rel=1e-4)
    assert (row.null_share, row.null_share_of_nulls) == pytest.approx(np.mean(nulls, axis=0), rel=1e-4)


def test_rows_are_of_cases_of_kinds_and_of_all(spread):
    measured = measure_calibration(spread.store)
    assert [(row.case_name, row.kind, row.samples) for row in measured.rows()] == [
        ("case", "object", 3),
        ("case", "style", 4),
        ("other", "object", 3),
        (None, "object", 6),
        (None, "style", 4),
        (None, None, 10),
    ]
    objects, styles, every = measured.rows()[3:]
    assert every.brier_after == pytest.approx((6 * objects.brier_after + 4 * styles.brier_after) / 10)
    diagram = measured.diagram()
    assert sum(one.predicted * one.count for one in diagram) == pytest.approx(20)
    assert sum(one.true * one.count for one in diagram) == pytest.approx(20)


def test_samples_of_the_untouched_base_are_null_queries_of_test(spread):
    before = measure_calibration(spread.store).rows()[-1]
    spread.model("c0", ["e10"], split="control", method="none", kind="object", samples=5)
    after = measure_calibration(spread.store).rows()[-1]
    assert (after.samples, after.nulls) == (before.samples, before.nulls + 5)
    assert measure_calibration(spread.store, split="val").rows()[-1].nulls == 9 * 4 + 2 + 3 + 4 + 5


def test_uncalibrated_there_is_only_before(judged):
    measured = measure_calibration(judged.store)
    row = measured.rows()[-1]
    assert (measured.law, row.ece_after, row.kl_after, row.null_share) == (None, None, None, None)
    assert row.ece_before > 0
    assert measured.diagram() == []
    assert len(measured.diagram(after=False)) > 1


def test_the_law_of_the_paper_gives_nothing_to_the_null(judged):
    judged.calibrate(0.3, 0.0)
    row = measure_calibration(judged.store).rows()[-1]
    assert (row.law, row.null_share, row.null_share_of_nulls) == ("paper", 0.0, 0.0)


def test_a_calibration_of_another_mapper_is_an_error(spread):
    row = spread.store.read("calibrations").to_pylist()[0]
    spread.store.upsert("calibrations", [row | {"mapper_digest": "other"}], update=True)
    with pytest.raises(ConflictError, match="trained again"):
        measure_calibration(spread.store)
