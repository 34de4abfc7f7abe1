"""Fitting the law of the query's own spread to samples whose answer is known by construction."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from attribase.runtime.moments import ensure_moments, load_moments
from attribase.runtime.spread import CENTRE, SpreadCalibration, log_ratios
from attribase.store.errors import InvalidInputError
from attribase.train import CalibrationConfig, MapperConfig, train_calibration, train_mapper
from attribase.train import calibration as calibrating
from attribase.train.similarities import compare, load_held_out
from attribase.train.spread import SpreadData, fit, fit_kinds, image_kl, spread_data, with_tail

CONFIG = CalibrationConfig()


def drawn(steepness: float, samples: int = 600, images: int = 500, kind: str = "object") -> SpreadData:
    """Gallery z are normal; the z of the one exemplar are normal around `steepness`: a is known."""
    rng = np.random.default_rng(0)
    others = -np.sort(-rng.normal(size=(samples, images)), axis=1)
    own = rng.normal(steepness, 1, size=(samples, 1))
    return SpreadData(
        torch.from_numpy(own),
        torch.from_numpy(others),
        torch.zeros(samples, images, dtype=torch.float64),
        np.array([kind] * samples),
        np.arange(samples) // 10,
    )


@pytest.mark.parametrize("steepness", [1.5, 3.0])
def test_it_recovers_how_far_exemplars_stand_out(steepness):
    data = drawn(steepness)
    found, crowd = fit(data, CONFIG), data.crowds()[0].mean()
    a = float(found.steepness(float(crowd)))
    near = np.array([steepness - 0.5, steepness + 0.5])
    slope = np.diff(log_ratios(near, a, found.curvature, found.log_floor))
    assert slope == pytest.approx(steepness, abs=0.15)  # of a z - a^2 / 2


def test_as_many_nulls_as_samples_give_the_null_as_much_as_all_images():
    """The best null is as large as the sum of ratios of a gallery."""
    data = drawn(3.0)
    found, crowd = fit(data, CONFIG), float(data.crowds()[1].mean())
    a, z = float(found.steepness(crowd)), data.others.numpy()
    images = np.exp(log_ratios(z, a, found.curvature, found.log_floor)).sum(axis=1).mean()
    assert np.exp(found.log_nulls(crowd)) == pytest.approx(images, rel=0.2)
    rare = fit(data, replace(CONFIG, null_weight=0.1))
    assert rare.log_null < found.log_null - 1


def test_true_images_of_less_spread_bend_the_ratio_down_and_of_more_spread_up():
    found = []
    for spread in (0.4, 1.0, 1.5):
        data = drawn(3.0)
        data.own[:] = 3 + (data.own - 3) * spread
        found.append(fit(data, CONFIG).curvature)
    assert found[0] < -0.5
    assert -0.3 < found[1] < 0.3
    assert found[2] > found[1] + 0.2


def test_a_null_that_depends_on_crowding_is_found():
    """Samples of crowded queries have no similar exemplar: there the null counts more."""
    plain = drawn(3.0)
    crowded = drawn(3.0)
    crowded = replace(crowded, others=crowded.others + 1.0)
    crowded.own[:] = 0.0
    both = SpreadData(
        *(
            torch.cat([getattr(one, name) for one in (plain, crowded)])
            for name in ("own", "others", "log_counts")
        ),
        np.concatenate([plain.kinds, crowded.kinds]),
        np.concatenate([plain.models, crowded.models + 1000]),
    )
    assert fit(both, CONFIG).null_crowding > 0.5


def test_groups_of_the_gallery_give_what_all_images_give(make_store):
    store = make_store(gallery=1500, val=30)
    held_out = load_held_out(store, "made", "none", CONFIG)
    similarities = compare(store, "made", "none", held_out, CONFIG)

    moments = ensure_moments(store, "made", "none")
    grouped = spread_data(held_out, similarities, moments)
    assert grouped.others.shape[1] < 200
    assert grouped.log_counts.exp().sum(dim=1).tolist() == pytest.approx([1500] * len(grouped.own))
    mean, spread = moments.spread(held_out.samples)
    values = similarities.values[:, 1:].sort(dim=1, descending=True).values.double().numpy()
    plain = torch.from_numpy((values - mean[:, None]) / spread[:, None])
    whole = replace(grouped, others=plain, log_counts=torch.zeros_like(plain))
    found = fit(grouped, CONFIG)
    assert image_kl(grouped, found, 1e-8).numpy() == pytest.approx(
        image_kl(whole, found, 1e-8).numpy(), abs=0.01
    )


def test_images_beyond_the_largest_are_counted_as_the_tail_of_a_normal_distribution():
    whole = drawn(2.0)
    means, counts = with_tail(whole.others[:, :150], torch.ones(600, 150, dtype=torch.float64), 350)
    cut = replace(whole, others=means, log_counts=counts.log())
    assert counts.sum(dim=1).tolist() == pytest.approx([500] * 600)
    one, other = fit(whole, CONFIG), fit(cut, CONFIG)
    assert other.sharpness == pytest.approx(one.sharpness, abs=0.05)
    assert other.log_null == pytest.approx(one.log_null, abs=0.05)


def test_a_kind_with_enough_models_has_parameters_of_its_own():
    near, far = drawn(1.0, kind="style"), drawn(3.0)
    both = SpreadData(
        *(torch.cat([getattr(one, name) for one in (near, far)]) for name in ("own", "others", "log_counts")),
        np.concatenate([near.kinds, far.kinds]),
        np.concatenate([near.models, far.models + 1000]),
    )
    found = dict(fit_kinds(both, CONFIG))
    assert list(found) == ["all", "object", "style"]
    assert found["style"].steepness(CENTRE) < found["object"].steepness(CENTRE) - 1
    assert found["all"] not in (found["style"], found["object"])
    assert list(dict(fit_kinds(both, replace(CONFIG, kind_models=61)))) == ["all"]
    assert list(dict(fit_kinds(far, CONFIG))) == ["all"]


@pytest.fixture
def mapped(make_store):
    store = make_store(exemplars=2, val=20)
    list(train_mapper(store, "made", MapperConfig(temperature=0.1, lr=1e-2, epochs=40, draws=4, views=0)))
    return store


def row_of(store, mapper):
    return next(row for row in store.read("calibrations").to_pylist() if row["mapper"] == mapper)


def test_it_is_the_default_and_lowers_the_divergence(mapped):
    steps = list(train_calibration(mapped, "made", "tuned"))
    row = row_of(mapped, "tuned")
    assert row["law"] == "spread"
    assert row["kl_after"] < row["kl_before"] - 0.3
    assert f"{row['kl_after']:.3f} after" in steps[-1].note
    calibration = SpreadCalibration.from_json(row["parameters"], row["mapper_digest"])
    assert row["tau"] == pytest.approx(1 / float(calibration.of_kind(None).steepness(CENTRE)))
    assert row["lambda"] == 0
    assert [one["kind"] for one in json.loads(row["history"])] == list(calibration.parameters)
    assert load_moments(mapped, "made", "tuned").mapper_digest == row["mapper_digest"]
    assert list(train_calibration(mapped, "made", "tuned")) == []


def test_the_other_law_replaces_it_and_its_parameters(mapped):
    list(train_calibration(mapped, "made", "tuned"))
    list(train_calibration(mapped, "made", "tuned", CalibrationConfig(law="paper", steps=5)))
    row = row_of(mapped, "tuned")
    assert (row["law"], row["parameters"], row["mapper_digest"]) == ("paper", None, None)


def test_a_mapper_that_is_trained_meanwhile_is_calibrated_by_the_next_call(mapped, monkeypatch):
    def interrupted(*args):
        list(train_mapper(mapped, "made", MapperConfig(temperature=0.1, lr=1e-2, epochs=3, draws=4, views=0)))
        return load_held_out(*args)

    monkeypatch.setattr(calibrating, "load_held_out", interrupted)
    assert list(train_calibration(mapped, "made", "tuned"))
    monkeypatch.undo()
    assert list(train_calibration(mapped, "made", "tuned"))
    assert list(train_calibration(mapped, "made", "tuned")) == []


def test_settings_that_cannot_work_are_refused():
    for settings in ({"law": "other"}, {"null_weight": 1.0}, {"null_weight": 0.0}, {"kind_models": 0}):
        with pytest.raises(InvalidInputError):
            CalibrationConfig(**settings)
