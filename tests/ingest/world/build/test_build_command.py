"""`python -m attribase.ingest.world.build`."""

import subprocess
import sys

import pytest
from attribase.ingest.world.build.__main__ import build
from click.testing import CliRunner

STEPS = ("fetch", "rasterise", "tokenizer", "looks", "vae", "unet", "export", "sheets")


def test_it_runs_as_a_module_and_lists_its_steps():
    command = [sys.executable, "-m", "attribase.ingest.world.build", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Usage: python -m attribase.ingest.world.build" in shown
    assert all(f"\n  {step} " in shown for step in STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_every_step_shows_an_example_that_begins_with_the_command(step):
    shown = CliRunner().invoke(build, [step, "--help"])
    assert shown.exit_code == 0
    assert f"Example: python -m attribase.ingest.world.build {step} --" in " ".join(shown.output.split())


@pytest.mark.parametrize("step", ["vae", "unet"])
def test_training_takes_a_budget_in_minutes_or_in_steps(step):
    shown = CliRunner().invoke(build, [step, "--help"]).output
    assert "--minutes" in shown
    assert "--steps" in shown


@pytest.mark.parametrize(
    ("step", "first"),
    [
        ("rasterise", "fetch"),
        ("tokenizer", "rasterise"),
        ("looks", "rasterise"),
        ("vae", "looks"),
        ("unet", "looks"),
    ],
)
def test_a_step_out_of_order_says_which_to_run_first(tmp_path, step, first):
    result = CliRunner().invoke(build, [step, "--work", str(tmp_path)])
    assert result.exit_code == 1
    assert f"run the `{first}` step first" in result.output


def test_an_export_of_nothing_leaves_the_target_as_it_is(tmp_path):
    result = CliRunner().invoke(build, ["export", "--work", str(tmp_path), "--to", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "run the `unet` step first" in result.output
    assert not (tmp_path / "out").exists()


def test_icons_of_a_size_that_the_networks_cannot_take_are_refused(tmp_path):
    result = CliRunner().invoke(build, ["rasterise", "--work", str(tmp_path), "--size", "72"])
    assert result.exit_code == 1
    assert "multiple of 16" in result.output
