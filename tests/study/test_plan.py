"""The plan of a study: defaults, what a file may say, and that it can be written and read again."""

import re
import tomllib

import pytest
from attribase.store import InvalidInputError, NotFoundError
from attribase.study.plan import METRICS, RECIPES, StudyPlan, parse_plan, read_plan

FULL = """
encoders = ["thumbnail", 'my "own"']
variants = ["none", "object+style"]
mappers = ["best"]
recipe = "world"
metric = "ap"
cases = ["object_unseen"]
checks = []
seed = 7

[vectors]
'my "own"' = "features.parquet"

[check_settings.copies]
pictures = 10
strengths = [0.5, 1.0]
of = { kind = "object", every = true }
"""


def test_an_empty_plan_takes_all():
    assert parse_plan("") == StudyPlan()
    assert (StudyPlan().encoders, StudyPlan().variants, StudyPlan().checks) == (None, None, None)


def test_every_key_is_read():
    plan = parse_plan(FULL)
    found = tomllib.loads(FULL)
    assert plan.encoders == ("thumbnail", 'my "own"')
    assert plan.checks == ()
    assert plan.settings_of("copies") == found["check_settings"]["copies"]
    assert plan.settings_of("another") == {}
    assert (plan.recipe, plan.metric, plan.seed) == ("world", "ap", 7)


@pytest.mark.parametrize("text", ["", FULL])
def test_a_written_plan_reads_back_as_the_same(text):
    plan = parse_plan(text)
    assert parse_plan(plan.to_toml()) == plan


def test_what_is_left_out_is_said_in_the_written_plan():
    assert "# encoders: all" in StudyPlan().to_toml()


def test_files_of_vectors_are_relative_to_the_plan(tmp_path):
    (tmp_path / "study.toml").write_text(FULL)
    assert read_plan(tmp_path / "study.toml").vectors == {
        'my "own"': str(tmp_path / "features.parquet"),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("encoder = ['a']", "unknown key 'encoder'"),
        ("encoders = 'a'", "encoders is 'a'"),
        ("encoders = [1]", "encoders is [1]"),
        ("encoders = []", "names no encoders"),
        ("encoders = ['a', 'a']", "twice"),
        ("variants = []", "no variants and no mappers"),
        ("metric = 'map'", "metric is 'map'"),
        ("metric = 3", "metric is 3"),
        ("recipe = 'worst'", "recipe is 'worst'"),
        ("seed = true", "seed is True"),
        ("seed = 1.5", "seed is 1.5"),
        ("[vectors]\na = 1", "vectors is {'a': 1}"),
        ("[check_settings]\na = 1", "check_settings is {'a': 1}"),
        ("seed = ", "no TOML"),
    ],
)
def test_a_wrong_plan_is_one_error_with_a_next_step(text, said):
    with pytest.raises(InvalidInputError, match=re.escape(said)) as caught:
        parse_plan(text)
    assert caught.value.hint


def test_a_plan_that_cannot_be_read_says_so(tmp_path):
    with pytest.raises(NotFoundError, match="cannot read the plan"):
        read_plan(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(InvalidInputError, match="UTF-8"):
        read_plan(tmp_path / "latin.toml")


def test_metrics_and_recipes_are_those_of_the_packages():
    from attribase.query.sql.bootstrap_functions import METRICS as MEASURED
    from attribase.train import RECIPES as TRAINED

    assert tuple(MEASURED) == METRICS
    assert tuple(TRAINED) == RECIPES
