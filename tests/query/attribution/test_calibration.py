"""Answers by the law of the query's own spread: shares, the null share, and stale calibrations."""

import numpy as np
import pytest
from attribase.query import Request, attribute, attribute_many, connect, influence_by
from attribase.runtime.moments import load_moments
from attribase.runtime.spread import SpreadCalibration
from attribase.store import Store, key_id
from attribase.train import CalibrationConfig, train_calibration


@pytest.fixture
def spread(judged):
    list(train_calibration(judged.store, "enc", "none", CalibrationConfig(kind_models=4)))
    return judged


def fitted(fake, mapper="none"):
    row = next(row for row in fake.store.read("calibrations").to_pylist() if row["mapper"] == mapper)
    return SpreadCalibration.from_json(row["parameters"], row["mapper_digest"])


def by_hand(fake, query, pool, kind):
    """Share of each image of the pool and of the null."""
    moments, parameters = load_moments(fake.store, "enc", "none"), fitted(fake).of_kind(kind)
    unit = fake.vectors[query].astype(np.float64)
    unit /= np.linalg.norm(unit)
    rows = np.stack([fake.vectors[item] for item in pool]).astype(np.float64)
    similarities = rows @ unit / np.linalg.norm(rows, axis=1)
    z = (similarities - moments.mean @ unit) / np.sqrt(unit @ moments.covariance @ unit)
    near = np.clip(np.sort(z)[::-1][:10][-1], parameters.least_crowd, parameters.most_crowd)
    a = np.log1p(np.exp(parameters.sharpness + parameters.crowding * (near - 3)))
    c = parameters.curvature
    held = np.minimum(z, -a / c) if c < 0 else z
    ratios = np.exp(a * held + c * np.maximum(held, 0) ** 2 / 2 - a * a / 2) + np.exp(parameters.log_floor)
    null = np.exp(parameters.log_null + parameters.null_crowding * (near - 3))
    total = null + ratios.sum()
    return dict(zip(pool, ratios / total, strict=True)), null / total


POOL = [f"g{i:03d}" for i in range(150)] + [f"e{i:02d}" for i in [*range(9), 10, 11, *range(20, 32), 34, 35]]


@pytest.mark.parametrize(("sample", "kind"), [("t0-s0", "object"), ("t2-s1", "style")])
def test_shares_are_those_of_the_equations_by_the_kind_of_the_sample(spread, sample, kind):
    answer = attribute(spread.store, sample, k=5)
    shares, null = by_hand(spread, sample, POOL, kind)
    assert answer.law == "spread"
    assert (answer.tau, answer.lam) == (None, None)
    assert answer.exact
    assert answer.complete
    assert answer.null_share == pytest.approx(null, rel=1e-5)
    for result in answer.results:
        assert result.influence == pytest.approx(shares[result.image_id], rel=1e-4)
    listed = sum(result.influence for result in answer.results)
    assert listed + answer.remaining + answer.null_share == pytest.approx(1)
    other, _ = by_hand(spread, sample, POOL, None)
    assert answer.results[0].influence != pytest.approx(other[answer.results[0].image_id], rel=1e-4)


def test_a_feature_has_no_kind_unless_the_request_says_one(spread):
    feature = spread.vectors["t2-s1"]
    plain = attribute(spread.store, feature, k=3)
    assert plain.null_share == pytest.approx(by_hand(spread, "t2-s1", POOL, None)[1], rel=1e-5)
    asked = attribute(spread.store, feature, k=3, kind="style")
    assert asked.null_share == pytest.approx(by_hand(spread, "t2-s1", POOL, "style")[1], rel=1e-5)
    every = attribute(spread.store, "t2-s1", k=3, kind="all")
    assert every.null_share == pytest.approx(plain.null_share, rel=1e-5)


def test_a_part_of_the_pool_leaves_more_to_the_null(spread):
    whole = attribute(spread.store, "t0-s0", k=3)
    part = attribute(spread.store, "t0-s0", k=3, where="creator = 'c0'")
    assert part.null_share > whole.null_share
    assert sum(r.influence for r in part.results) + part.remaining + part.null_share == pytest.approx(1)


def test_a_sample_that_owes_nothing_has_a_larger_null_share(spread):
    near = attribute_many(spread.store, [f"t0-s{i}" for i in range(3)], Request(k=1))
    none = attribute_many(spread.store, [f"t1-s{i}" for i in range(3)], Request(k=1))
    assert max(one.null_share for one in near) < min(one.null_share for one in none)


def test_sql_has_the_null_share_and_owners_share_the_rest(spread):
    answer = attribute(spread.store, "t0-s0", k=4)
    con = connect(spread.store.uri)
    rows = con.sql("from attribute('t0-s0', k := 4)").to_arrow_table().to_pylist()
    assert [row["null_share"] for row in rows] == pytest.approx([answer.null_share] * 4)
    owners = con.sql("from influence_by('creator', 't0-s0')").to_arrow_table().to_pylist()
    assert sum(row["influence"] for row in owners) + owners[0]["null_share"] == pytest.approx(1)
    assert sum(one.influence for one in influence_by(spread.store, answer)) == pytest.approx(
        1 - answer.null_share
    )


def test_by_the_law_of_the_paper_the_null_share_is_zero(judged):
    judged.calibrate(0.3, 0.2)
    answer = attribute(judged.store, "t0-s0", k=4)
    assert (answer.law, answer.null_share, answer.tau, answer.lam) == ("paper", 0.0, 0.3, 0.2)
    assert answer.to_dict()["null_share"] == 0.0


def test_a_mapper_that_was_trained_again_has_no_influence_and_the_answer_says_so(spread):
    row = spread.store.read("calibrations").to_pylist()[0]
    spread.store.upsert("calibrations", [row | {"mapper_digest": "of another mapper"}], update=True)
    answer = attribute(spread.store, "t0-s0", k=3)
    assert answer.law is None
    assert {result.influence for result in answer.results} == {None}
    assert answer.state == "similar"
    assert "trained again since it was calibrated" in answer.state_text
    assert any("train calibration --encoder enc" in note for note in answer.notes)


def test_a_row_of_an_earlier_version_is_the_law_of_the_paper(judged):
    row = {"calibration_id": key_id("enc", "none"), "encoder": "enc", "mapper": "none"}
    judged.store.upsert("calibrations", [row | {"tau": 0.3, "lambda": 0.2}])
    expected = attribute(judged.store, "t0-s0", k=3)
    dataset = judged.store.dataset("calibrations")
    dataset.drop_columns(["law", "parameters", "mapper_digest"])
    answer = attribute(Store(judged.store.layout), "t0-s0", k=3)
    assert answer.law == "paper"
    assert answer.results == expected.results
