import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from attribase.runtime import influence
from attribase.store import Store
from attribase.store.errors import InvalidInputError, NotFoundError
from attribase.train import CalibrationConfig, MapperConfig, train_calibration, train_mapper
from attribase.train import calibration as module
from attribase.train.calibration import calibrate, exact_kl, smooth_shares
from attribase.train.similarities import Similarities, load_similarities
from torch.utils._python_dispatch import TorchDispatchMode

PAPER = CalibrationConfig(law="paper")


def drawn_from_softmax(tau: float, samples: int = 512, candidates: int = 400) -> Similarities:
    """Samples whose one exemplar is drawn from softmax(s / tau): the best calibration is tau itself."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0.3, 0.15, size=(samples, candidates))
    noise = rng.gumbel(size=scores.shape)  # argmax(s / tau + Gumbel noise) is a draw from that softmax
    chosen = (scores / tau + noise).argmax(axis=1)
    marked = torch.zeros(samples, candidates, dtype=torch.bool)
    marked[np.arange(samples), chosen] = True
    return Similarities(torch.from_numpy(scores).float(), marked)


@pytest.mark.parametrize("tau", [0.2, 0.05])
def test_it_recovers_the_tau_that_the_exemplars_were_drawn_with(tau):
    similarities = drawn_from_softmax(tau)
    # lambda stays 0, and beta is large: the paper's softplus gives all 400 candidates 0.007 each and
    # so moves the optimum.
    records = list(calibrate(similarities, CalibrationConfig(beta=1e5, steps=120, lr_lambda=0)))
    best = min((record for record in records if "kl" in record), key=lambda record: record["kl"])
    assert best["tau"] == pytest.approx(tau, rel=0.1)
    assert best["lambda"] == 0
    assert best["kl"] < records[0]["kl"]


def test_smooth_shares_become_influence_as_beta_grows():
    values = torch.tensor([[0.9, 0.5, 0.45, -torch.inf]])
    found = smooth_shares(values, torch.tensor(1 / 0.2), torch.tensor(0.11), beta=1e6)
    assert found[0, :3].numpy() == pytest.approx(influence([0.9, 0.5, 0.45], 0.2, 0.11), abs=1e-5)
    assert found[0, 3] == 0


def test_the_divergence_is_that_of_the_exact_influence():
    similarities = Similarities(
        torch.tensor([[0.9, 0.2, 0.5, 0.4], [0.3, -torch.inf, 0.6, -torch.inf]]),
        torch.tensor([[True, True, False, False], [True, False, False, False]]),
    )
    first = influence([0.9, 0.2, 0.5, 0.4], 0.5, 0.1)
    second = influence([0.3, 0.6], 0.5, 0.1)
    expected = [sum(0.5 * np.log(0.5 / p) for p in first[:2]), np.log(1 / second[0])]
    assert exact_kl(similarities, 0.5, 0.1, 1e-8) == pytest.approx(np.mean(expected), rel=1e-5)


def test_an_exemplar_without_influence_costs_a_finite_amount():
    similarities = Similarities(torch.tensor([[0.1, 0.9]]), torch.tensor([[True, False]]))
    assert exact_kl(similarities, 0.01, 0.5, 1e-8) == pytest.approx(-np.log(1e-8))


@pytest.fixture
def mapped(make_store) -> Store:
    store = make_store(exemplars=2)
    config = MapperConfig(temperature=0.1, lr=1e-2, epochs=40, draws=4, views=0)
    list(train_mapper(store, "made", config))
    return store


def calibration(store: Store, mapper: str, config: CalibrationConfig = PAPER) -> dict:
    list(train_calibration(store, "made", mapper, config))
    return next(row for row in store.read("calibrations").to_pylist() if row["mapper"] == mapper)


def test_it_lowers_the_divergence_raw_and_mapped(mapped):
    raw, tuned = calibration(mapped, "none"), calibration(mapped, "tuned")
    assert raw["kl_after"] <= raw["kl_before"]
    assert tuned["kl_after"] < tuned["kl_before"] - 0.5
    assert tuned["kl_after"] < raw["kl_after"]
    history = json.loads(tuned["history"])
    assert [record["step"] for record in history] == list(range(201))
    assert tuned["tau"] > 0
    assert 0 <= tuned["lambda"] < 1


def test_the_same_seed_gives_the_same_calibration(mapped):
    config = replace(PAPER, batch=16, samples=40, steps=30, seed=3)
    one, other = (calibration(mapped, "tuned", config) for _ in range(2))
    assert (one["tau"], one["lambda"]) == (other["tau"], other["lambda"])
    assert calibration(mapped, "tuned", replace(config, seed=4))["tau"] != one["tau"]


def test_similarities_are_those_of_val_samples_with_their_own_exemplars_first(mapped):
    found = load_similarities(mapped, "made", "none", CalibrationConfig(top=50, samples=10_000))
    assert found.values.shape == (48, 2 + 50)
    assert found.exemplar.sum(1).tolist() == [2] * 48
    whole = load_similarities(mapped, "made", "none", CalibrationConfig(top=10**6, samples=10_000))
    assert whole.values.shape == (48, 2 + 300)
    best = whole.values[:, 2:].sort(dim=1, descending=True).values[:, :50]
    assert torch.allclose(found.values[:, 2:].sort(dim=1, descending=True).values, best)


def test_an_exemplar_in_the_gallery_counts_once(mapped):
    mapped.upsert("members", [{"collection": "gallery", "image_id": "e-val000-0"}])
    found = load_similarities(mapped, "made", "none", CalibrationConfig(top=10**6, samples=10_000))
    finite = torch.isfinite(found.values).sum(1)
    assert finite.tolist() == [302] * 4 + [303] * 44


def test_what_is_missing_is_named(mapped):
    with pytest.raises(InvalidInputError, match="no mapper 'other'"):
        calibration(mapped, "other")
    with pytest.raises(InvalidInputError, match="split 'dev'"):
        calibration(mapped, "none", CalibrationConfig(split="dev"))
    with pytest.raises(InvalidInputError, match="'laion'"):
        calibration(mapped, "none", CalibrationConfig(gallery="laion"))
    with pytest.raises(NotFoundError):
        list(train_calibration(mapped, "unknown", "none"))


def test_a_mapper_that_is_trained_while_similarities_are_read_is_calibrated_by_the_next_call(
    mapped, monkeypatch
):
    def interrupted(*args):
        found = load_similarities(*args)
        again = MapperConfig(temperature=0.1, lr=1e-2, epochs=3, draws=4, views=0)
        list(train_mapper(mapped, "made", again))
        return found

    config = replace(PAPER, steps=5)
    monkeypatch.setattr(module, "load_similarities", interrupted)
    assert list(train_calibration(mapped, "made", "tuned", config))
    monkeypatch.undo()
    assert list(train_calibration(mapped, "made", "tuned", config))
    assert list(train_calibration(mapped, "made", "tuned", config)) == []


class LargestTensor(TorchDispatchMode):
    """Notes the bytes of the largest tensor that any operation makes anew."""

    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, tuple | list) else [made]:
            if isinstance(one, torch.Tensor) and not one._is_view():
                self.bytes = max(self.bytes, one.nbytes)
        return made


@pytest.mark.parametrize("batch", [4096, 300])
def test_a_step_makes_no_tensor_larger_than_a_block(monkeypatch, batch):
    """All similarities are 512 x 400 float32; a block is 10 samples, in float64 where the KL is exact."""
    whole = drawn_from_softmax(0.1)
    monkeypatch.setattr(module, "BLOCK", 10 * 400)
    with LargestTensor() as seen:
        list(calibrate(whole, CalibrationConfig(steps=2, batch=batch)))
    assert 0 < seen.bytes <= 10 * 400 * 8
    assert whole.values.nbytes > 10 * seen.bytes


@pytest.mark.parametrize("batch", [4096, 300])
def test_blocks_do_not_show_in_the_result(monkeypatch, batch):
    config = CalibrationConfig(steps=30, batch=batch)
    at_once = list(calibrate(drawn_from_softmax(0.1), config))
    monkeypatch.setattr(module, "BLOCK", 7 * 400)
    for one, other in zip(calibrate(drawn_from_softmax(0.1), config), at_once, strict=True):
        assert one == pytest.approx(other, rel=1e-5, abs=1e-6)


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(InvalidInputError):
        CalibrationConfig(steps=0)


def test_rows_padded_to_the_widest_exemplar_set_are_fitted_too():
    whole = drawn_from_softmax(0.1)
    padding = torch.full((len(whole.values), 3), -torch.inf)
    padded = Similarities(
        torch.cat([padding, whole.values], dim=1),
        torch.cat([torch.zeros_like(padding, dtype=torch.bool), whole.exemplar], dim=1),
    )
    config = CalibrationConfig(steps=40)
    for plain, filled in zip(calibrate(whole, config), calibrate(padded, config), strict=True):
        assert filled["tau"] == pytest.approx(plain["tau"], rel=1e-3)
        assert np.isfinite(filled["loss"])
