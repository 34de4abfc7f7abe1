"""Unit costs measured here: the names, units and sizes; how long anything takes is not asserted."""

import pytest
from attribase.costs import measure_unit_costs, stated_unit_costs


def run(steps):
    """The steps, and what the generator returns."""
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    return (*run(measure_unit_costs(0.05, folder, rows=3000)), folder)


def test_parts_of_the_work_are_measured_and_nothing_is_left(measured):
    _, costs, folder = measured
    names = {"decode", "hash", "write", "row_bytes", "read", "index_seconds", "index_bytes", "product_flops"}
    assert {cost.name for cost in costs} == names
    assert all(cost.value > 0 and cost.kind == "measured" for cost in costs)
    assert not list(folder.iterdir())


def test_units_are_those_of_the_stated_costs(measured):
    assert all(cost.unit == stated_unit_costs().costs[cost.name].unit for cost in measured[1])


def test_progress_names_each_part_and_ends(measured):
    steps = measured[0]
    assert [step.done for step in steps] == list(range(len(steps)))
    assert steps[-1].done == steps[-1].total


def test_an_index_takes_less_than_its_vectors(measured):
    assert measured[1]["index_bytes"] < 4
