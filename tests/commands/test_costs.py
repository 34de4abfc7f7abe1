"""`attribase bench` and `attribase plan-cost`."""

import json

import pytest
from attribase.cli import cli
from click.testing import CliRunner

PAPER = ["plan-cost", "--models", "18000", "--samples", "4000000", "--gallery", "400000000"]


def run(*arguments):
    return CliRunner().invoke(cli, list(arguments))


def test_the_papers_size_is_estimated_stage_by_stage():
    found = run(*PAPER, "--gpu", "h100", "--format", "json")
    assert found.exit_code == 0, found.stderr
    rows = {row["stage"]: row for row in json.loads(found.stdout)}
    assert list(rows) == ["images", "customize", "sample", "embed", "map", "index", "eval", "total"]
    seconds = 18_000 * (125 * 6.68e12 + 32 * 1116.7e9) / (989e12 * 0.3)
    assert rows["customize"]["gpu_hours"] == pytest.approx(seconds / 3600, rel=0.01)
    assert "assumed: gpu_share" in found.stderr
    assert "16,384 partitions" in found.stderr


def test_a_share_and_a_price_of_the_user_are_taken():
    usual = json.loads(run(*PAPER, "--format", "json").stdout)[1]
    twice = run(*PAPER, "--gpu-share", "0.6", "--gpu-price", "1.0", "--format", "json")
    assert json.loads(twice.stdout)[1]["gpu_hours"] == pytest.approx(usual["gpu_hours"] / 2, rel=0.01)
    assert "assumed: gpu_share" not in twice.stderr


def test_measured_costs_take_the_place_of_stated_ones(tmp_path):
    costs = {"machine": "here", "costs": {"decode": {"value": 210, "unit": "u", "from": "measured: here"}}}
    (tmp_path / "costs.json").write_text(json.dumps(costs))
    usual = json.loads(run(*PAPER, "--format", "json").stdout)[3]
    measured = json.loads(run(*PAPER, "--costs", str(tmp_path / "costs.json"), "--format", "json").stdout)[3]
    assert measured["core_hours"] == pytest.approx(usual["core_hours"] / 2, rel=0.01)


@pytest.mark.parametrize("wrong", [["--gpu", "b900"], ["--storage-price", "-1"], ["--image-bytes", "nan"]])
def test_what_cannot_be_is_an_error_in_one_line(wrong):
    found = run(*PAPER, *wrong)
    assert found.exit_code == 1
    assert "Traceback" not in found.stderr
    assert found.stderr.count("error: ") == 1


def test_bench_refuses_an_unknown_card_before_it_measures():
    found = run("bench", "--gpu", "b900")
    assert (found.exit_code, "no card 'b900'" in found.stderr) == (1, True)


def test_bench_refuses_a_card_without_a_base():
    found = run("bench", "--gpu", "h100")
    assert (found.exit_code, "--base" in found.stderr) == (1, True)
