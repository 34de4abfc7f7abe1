import itertools
import time

import pytest
import torch
from attribase.ingest.world.build.training import (
    Budget,
    Training,
    TrainingConfig,
    learning_rate,
    load_checkpoint,
)
from attribase.store.errors import ConflictError, DataError, InvalidInputError


def config_of(budget: Budget, **changes) -> TrainingConfig:
    defaults = {"batch": 4, "rate": 0.1, "warmup": 1, "plateau": 0.9, "average": 0.9, "weight_decay": 0.0}
    return TrainingConfig(budget, **{**defaults, **changes})


def line_training(path, config: TrainingConfig, made_from=None) -> Training:
    """A line that is fitted to y = 3 x."""
    torch.manual_seed(0)
    line = torch.nn.Linear(1, 1)

    def objective():
        x = torch.randn(config.batch, 1)
        error = (line(x) - 3 * x).square().mean()
        return error, error

    return Training({"line": line}, objective, path, config, made_from or {})


def run(training: Training):
    return list(training.run(lambda error: f"error {error:.2f}"))


def test_the_rate_warms_up_stays_and_falls_to_a_small_rest():
    rates = [learning_rate(1.0, 1000, share, warmup=10, plateau=0.4) for share in (0.0, 0.4, 0.7, 1.0, 1.5)]
    assert rates[:2] == [1.0, 1.0]
    assert rates[2] == pytest.approx(0.03 + 0.97 * 0.5)
    assert rates[3] == rates[4] == pytest.approx(0.03)
    assert learning_rate(1.0, 4, 0.0, warmup=10, plateau=0.4) == pytest.approx(0.5)


def test_the_share_of_a_budget_is_of_its_minutes_or_else_of_its_steps():
    assert Budget(minutes=2).used(step=7, seconds=30.0) == 0.25
    assert Budget(minutes=2).progress(step=7, seconds=30.4) == (30, 120)
    assert Budget(minutes=2, steps=28).used(step=7, seconds=30.0) == 0.25
    assert Budget(minutes=2, steps=28).progress(step=7, seconds=30.4) == (7, 28)


@pytest.mark.parametrize("wrong", [{"minutes": 0}, {"minutes": float("nan")}, {"minutes": 1, "steps": 0}])
def test_a_budget_of_nothing_is_refused(wrong):
    with pytest.raises(InvalidInputError) as error:
        Budget(**wrong)
    assert error.value.hint


def test_a_budget_in_steps_is_used_exactly_and_reported_in_steps(tmp_path):
    training = line_training(tmp_path / "line.pt", config_of(Budget(1, steps=19)))
    steps = run(training)
    assert [(step.done, step.total) for step in steps] == [(8, 19), (16, 19), (19, 19)]
    assert training.numbers["images"] == 19 * 4
    assert training.optimizer.state[training.weights[0]]["step"].item() == 19
    assert steps[0].stage == "line"
    assert "error" in steps[0].note


@pytest.mark.parametrize("seconds", [0.25, 100.0])
def test_a_budget_in_minutes_ends_when_the_clock_says_so_however_slow_a_step_is(
    tmp_path, monkeypatch, seconds
):
    """A clock that advances by `seconds` at every look: a fast machine and one that stalls."""
    clock = itertools.count(step=seconds)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    training = line_training(tmp_path / "line.pt", config_of(Budget(minutes=0.1)))
    steps = run(training)
    assert training.numbers["used"] >= 6
    assert steps[-1].total == 6
    assert steps[-1].done >= 6


def test_it_learns_and_its_averaged_weights_follow(tmp_path):
    training = line_training(tmp_path / "line.pt", config_of(Budget(1, steps=8)))
    run(training)
    early = training.numbers["error"]
    training = line_training(tmp_path / "line.pt", config_of(Budget(1, steps=400)))
    run(training)
    assert training.weights[0].item() == pytest.approx(3, abs=0.05)
    assert training.numbers["error"] < early / 4
    training.use_average()
    assert training.weights[0].item() == pytest.approx(3, abs=0.05)


def test_a_resumed_training_has_weights_moments_averages_and_numbers_of_the_stopped_one(tmp_path):
    path = tmp_path / "line.pt"
    first = line_training(path, config_of(Budget(1, steps=16)))
    run(first)
    second = line_training(path, config_of(Budget(1, steps=24)))
    assert second.numbers == first.numbers
    for mine, theirs in zip(second.weights, first.weights, strict=True):
        assert torch.equal(mine, theirs)
        for key in ("step", "exp_avg", "exp_avg_sq"):
            assert torch.equal(second.optimizer.state[mine][key], first.optimizer.state[theirs][key])
    assert all(map(torch.equal, second.mean, first.mean))
    assert [step.done for step in run(second)] == [24]
    assert second.optimizer.state[second.weights[0]]["step"].item() == 24


def test_a_training_that_is_stopped_goes_on_from_its_last_checkpoint(tmp_path):
    path = tmp_path / "line.pt"
    config = config_of(Budget(1, steps=80), checkpoint_seconds=0.0)
    stopped = line_training(path, config).run(str)
    for _ in range(3):
        next(stopped)
    stopped.close()
    assert load_checkpoint(path)["numbers"]["step"] == 24
    assert run(line_training(path, config))[0].done == 32


def test_the_learning_rate_of_a_round_reaches_the_optimizer(tmp_path):
    training = line_training(tmp_path / "line.pt", config_of(Budget(1, steps=8), rate=0.0))
    before = training.weights[0].clone()
    run(training)
    assert torch.equal(training.weights[0], before)


def test_a_training_that_diverges_says_so_and_keeps_the_last_checkpoint(tmp_path):
    path = tmp_path / "line.pt"
    run(line_training(path, config_of(Budget(1, steps=8))))
    broken = line_training(path, config_of(Budget(1, steps=16)))
    broken.objective = lambda: (broken.weights[0].sum() * float("nan"),) * 2
    with pytest.raises(DataError) as error:
        run(broken)
    assert "line.pt" in error.value.hint
    assert load_checkpoint(path)["numbers"]["step"] == 8


def test_checkpoints_of_something_else_and_broken_ones_are_refused(tmp_path):
    path = tmp_path / "line.pt"
    config = config_of(Budget(1, steps=1))
    run(line_training(path, config, {"width": 1}))
    with pytest.raises(ConflictError) as other:
        line_training(path, config, {"width": 2})
    assert "width 1" in str(other.value)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(DataError):
        line_training(path, config)
    torch.save({"mean": []}, path)
    with pytest.raises(DataError):
        line_training(path, config)
    assert load_checkpoint(tmp_path / "none.pt") is None
