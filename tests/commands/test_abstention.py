"""`query abstention`: a table to read, and rows with every figure."""

import json

import pytest
from attribase.cli import cli
from attribase.query import abstention_table
from click.testing import CliRunner


@pytest.fixture
def run(judged_once):
    def invoke(*arguments):
        return CliRunner().invoke(cli, ["-s", judged_once.store.uri, "query", "abstention", *arguments])

    return invoke


def test_json_has_every_figure_of_python(run, judged_once):
    said = json.loads(run("--alpha", "0.2", "--by", "case", "--format", "json").stdout)
    rows = abstention_table(judged_once.store, levels=(0.2,), by="case")
    assert said == json.loads(json.dumps([row.to_dict() for row in rows]))


def test_a_table_has_rates_in_percent_with_intervals(run, judged_once):
    text = run("--alpha", "0.2").stdout
    row = next(row for row in abstention_table(judged_once.store, levels=(0.2,)) if row.group == "object")
    rate = row.power
    assert f"{100 * rate.value:.1f} ({100 * rate.low:.0f} to {100 * rate.high:.0f})" in text
    assert [word in text for word in ("object", "style", "all", "judged_by", "set_size")] == [True] * 5


def test_validation_models_are_said_to_be_judged_by_the_others(run):
    assert "judged by the others" in run("--split", "val", "--pooled").stderr
