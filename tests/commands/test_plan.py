"""`ingest plan`: options that take several numbers, and those of one kind."""

import pytest
from attribase.cli import cli
from attribase.commands.plan import join_numbers
from attribase.ingest.specs import read_specs
from attribase.store import Store
from click.testing import CliRunner


@pytest.mark.parametrize(
    ("given", "joined"),
    [
        (["--sizes", "1", "10", "100", "o"], ["--sizes", "1,10,100", "o"]),
        (["o", "--sizes", "1"], ["o", "--sizes", "1"]),
        (["--sizes", "1,10", "o"], ["--sizes", "1,10", "o"]),
        (["--sizes", "1,", "10", "--seed", "2", "o"], ["--sizes", "1,10", "--seed", "2", "o"]),
        (["--sizes", "o"], ["--sizes", "o"]),
        (["--seed", "2", "o"], ["--seed", "2", "o"]),
    ],
)
def test_the_numbers_after_an_option_become_one_value(given, joined):
    assert join_numbers(given, "--sizes") == joined


@pytest.fixture
def run(tmp_path):
    store = Store.create(tmp_path / "store")
    rows = [
        {"image_id": f"{i:02}", "caption": f"a {i}", "metadata": f'{{"captions": ["a {i}", "b {i}"]}}'}
        for i in range(6)
    ]
    store.upsert("images", rows)
    store.upsert("members", [{"collection": "exemplars", "image_id": row["image_id"]} for row in rows])
    return lambda *args: CliRunner().invoke(cli, ["-s", store.uri, "ingest", "plan", *map(str, args)])


def test_sets_of_several_sizes_are_planned(run, tmp_path):
    result = run("--kind", "set", "--sizes", 1, 4, "--models", 2, tmp_path / "sets.jsonl")
    assert result.exit_code == 0, result.stderr
    specs = read_specs(tmp_path / "sets.jsonl")
    assert [len(spec.exemplar_ids) for spec in specs] == [1, 1, 4, 4]
    assert "4 models, 40 samples" in result.stderr


def test_the_untouched_base_is_planned_with_captions(run, tmp_path):
    result = run("--kind", "object", "--method", "none", "--samples", 2, tmp_path / "untouched.jsonl")
    assert result.exit_code == 0, result.stderr
    specs = read_specs(tmp_path / "untouched.jsonl")
    assert {spec.method for spec in specs} == {"none"}
    assert all(f"a {int(spec.exemplar_ids[0])}" in spec.samples[0].prompt for spec in specs)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--kind", "set", "--samples", 3], "--samples is not for --kind set"),
        (["--kind", "object", "--sizes", 3], "--sizes is not for --kind object"),
        (["--kind", "style", "--per-caption", 3], "--per-caption is not for --kind style"),
        (["--kind", "set", "--sizes", "x"], "is not numbers from 1"),
        (["--kind", "set", "--sizes", "0"], "is not numbers from 1"),
    ],
)
def test_an_option_of_another_kind_and_no_number_are_wrong_usage(run, tmp_path, options, says):
    result = run(*options, tmp_path / "plan.jsonl")
    assert result.exit_code == 2
    assert says in result.stderr
    assert not (tmp_path / "plan.jsonl").exists()
