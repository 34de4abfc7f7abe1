import itertools
import math
import shutil
import time

import pytest
import torch
from attribase.ingest.diffusion import load_pipeline
from attribase.ingest.world.build.export import export_model
from attribase.ingest.world.build.train_unet import UnetConfig, train_unet
from attribase.ingest.world.build.training import Budget

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def fresh(work, tmp_path):
    """A copy of the work folder that nothing was trained in."""
    return shutil.copytree(work, tmp_path / "work")


def config_of(steps: int, **changes) -> UnetConfig:
    return UnetConfig(Budget(minutes=95, steps=steps), **{"batch": 8, "average_steps": 20, **changes})


def numbers_of(folder):
    return torch.load(folder / "unet.pt", weights_only=True)["numbers"]


@pytest.mark.slow
def test_the_unet_learns_resumes_where_it_stopped_and_exports_a_pipeline_that_draws(fresh, tmp_path):
    notes = [step.note for step in train_unet(fresh, config_of(60, rate=3e-3))]
    numbers = numbers_of(fresh)
    assert notes
    assert math.isfinite(numbers["loss"])
    assert numbers["images"] == numbers["step"] * 8

    list(train_unet(fresh, config_of(120, rate=3e-3)))
    resumed = numbers_of(fresh)
    assert resumed["step"] > numbers["step"]
    assert (numbers["step"], resumed["step"]) == (60, 120)
    assert numbers["loss"] < 1.3
    assert resumed["loss"] < numbers["loss"] + 0.02

    exported = export_model(fresh, tmp_path / "model")
    assert exported["step"] == resumed["step"]
    image = load_pipeline(tmp_path / "model")("tomato", num_inference_steps=2, height=32, width=32).images[0]
    assert image.size == (32, 32)
    weights = next((tmp_path / "model" / "unet").glob("*.safetensors"))
    assert weights.stat().st_size < 10_000_000  # fp16


def test_a_finished_training_changes_nothing_when_run_again(fresh):
    list(train_unet(fresh, config_of(2, batch=2)))
    before = numbers_of(fresh)
    assert list(train_unet(fresh, config_of(2, batch=2))) == []
    assert numbers_of(fresh) == before


def test_a_budget_in_steps_is_used_exactly_and_reported_in_steps(fresh):
    steps = list(train_unet(fresh, config_of(5, batch=2, average_steps=2)))
    assert [(step.done, step.total) for step in steps] == [(2, 5), (4, 5), (5, 5)]
    assert numbers_of(fresh)["images"] == 10


@pytest.mark.parametrize("seconds", [0.25, 100.0])
def test_a_budget_in_minutes_ends_when_the_clock_says_so_however_slow_a_step_is(fresh, monkeypatch, seconds):
    """A clock that advances by `seconds` at every look: a fast machine and one that stalls."""
    clock = itertools.count(step=seconds)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    config = UnetConfig(Budget(minutes=0.1), batch=2, average_seconds=0.5)
    steps = list(train_unet(fresh, config))
    assert numbers_of(fresh)["used"] >= 6
    assert steps[-1].total == 6
    assert steps[-1].done >= 6


@pytest.mark.slow
def test_two_processes_with_a_budget_in_steps_make_as_many_each(fresh):
    list(train_unet(fresh, config_of(3, batch=2, average_steps=2, workers=2)))
    numbers = numbers_of(fresh)
    assert (numbers["step"], numbers["images"]) == (3, 2 * 3 * 2)
