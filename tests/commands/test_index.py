"""`attribase index`: what it prints, and how it ends."""

import json

import pytest
from attribase.cli import cli
from click.testing import CliRunner


@pytest.fixture
def run():
    def invoke(large, *arguments):
        return CliRunner().invoke(cli, ["-s", str(large.store.uri), "index", *arguments])

    return invoke


def test_below_the_size_none_is_needed(large, run):
    result = run(large)
    assert result.exit_code == 0
    assert "4000 images need no index" in result.stderr
    assert "not needed" in result.stdout
    assert large.store.count("indexes") == 0


def test_it_builds_measures_and_then_leaves_it_alone(large, run):
    first = run(large, "--min-rows", "1000", "--format", "json")
    assert first.exit_code == 0, first.output
    (row,) = json.loads(first.stdout)
    assert (row["encoder"], row["mapper"], row["state"], row["kind"]) == ("enc", "none", "indexed", "IVF_RQ")
    assert min(row["recall_10"], row["recall_100"], row["recall_1000"]) >= 0.99
    assert "recall@10" in first.stderr
    (again,) = json.loads(run(large, "--min-rows", "1000", "--format", "json").stdout)
    assert again == row | {"state": "up to date"}


def test_a_kind_can_be_chosen_and_forced(large, run):
    (row,) = json.loads(run(large, "--min-rows", "0", "--kind", "IVF_SQ", "--format", "json").stdout)
    assert row["kind"] == "IVF_SQ"
    (row,) = json.loads(run(large, "--min-rows", "0", "--format", "json").stdout)
    assert (row["kind"], row["state"]) == ("IVF_SQ", "up to date")
    (row,) = json.loads(run(large, "--min-rows", "0", "--force", "--format", "json").stdout)
    assert (row["kind"], row["state"]) == ("IVF_RQ", "indexed")


def test_another_tools_index_ends_with_what_to_do(large, run):
    dataset = large.store.dataset("vectors_enc")
    dataset.create_index("base", "IVF_SQ", name="theirs", metric="l2", num_partitions=4)
    result = run(large, "--min-rows", "0")
    assert result.exit_code == 1
    assert "theirs" in result.stderr
    assert "--force" in result.stderr
    assert run(large, "--min-rows", "0", "--force").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--encoder", "nobody"], 1),
        (["--mapper", "nobody"], 1),
        (["--recall", "0"], 2),
        (["--recall", "1.01"], 2),
        (["--kind", "FLAT"], 2),
        (["--min-rows", "-1"], 2),
    ],
)
def test_wrong_arguments_end_with_a_reason(large_once, run, arguments, code):
    result = run(large_once, *arguments)
    assert result.exit_code == code
    assert result.stderr
