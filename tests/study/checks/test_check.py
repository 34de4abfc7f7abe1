import csv

import pytest
from attribase.query import Features
from attribase.store import InvalidInputError
from attribase.study.checks.check import CheckFigure, CheckPlan, write_figures


def test_settings_are_whole_numbers_with_defaults():
    plan = CheckPlan((), {"copies": {"originals": 3}})
    assert plan.number("copies", "originals", 60) == 3
    assert plan.number("altered", "models", 8) == 8


@pytest.mark.parametrize("value", [0, -1, 2.5, "3", True, None])
def test_other_settings_are_refused_with_the_default(value):
    with pytest.raises(InvalidInputError, match=r"check_settings\.copies") as error:
        CheckPlan((), {"copies": {"originals": value}}).number("copies", "originals", 60)
    assert "60" in error.value.hint


def test_encoders_come_once_in_the_order_of_the_features():
    features = (Features("b"), Features("a", "m"), Features("b", "m"))
    assert CheckPlan(features).encoders() == ("b", "a")


def test_a_figure_is_written_with_its_numbers_beside_it(tmp_path):
    rows = [{"place": 0, "influence": 0.5, "low": None}, {"place": 1, "influence": 0.25, "low": 0.1}]
    (path,) = write_figures([CheckFigure("f", "F", "<svg/>", rows)], tmp_path / "new")
    assert path.read_text() == "<svg/>"
    with path.with_suffix(".csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [float(row["influence"]) for row in read] == [0.5, 0.25]
    assert [row["low"] for row in read] == ["", "0.1"]
