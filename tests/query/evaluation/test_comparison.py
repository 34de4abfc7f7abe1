"""Comparisons read from a store, against the same numbers worked out by hand."""

import numpy as np
import pytest
from attribase.query import connect, evaluate
from attribase.query.evaluation.comparison import compare_control, compare_mappers, metric_intervals
from attribase.store import InvalidInputError


@pytest.fixture
def evaluated(fake):
    """Customized samples near their exemplars, controls that are not, a mapper that sees nothing."""
    fake.images([f"g{i}" for i in range(100)], "gallery")
    names = [f"e{i}" for i in range(12)]
    fake.images(names, "exemplars")
    for i, name in enumerate(names):
        case = "one" if i < 6 else "two"
        fake.model(f"m{i}", [name], case=case, near=2.0, samples=4)
        if i < 9:
            fake.model(f"c{i}", [name], case=case, split="control", method="none", samples=2)
    noise = fake.rng.normal(size=(2, 16, 16))
    fake.mapper("blind", *noise)
    list(evaluate(fake.store))
    with connect(fake.store.uri) as con:
        yield con


def per_sample(con, mapper, **where):
    rows = con.sql("from per_sample").to_arrow_table().to_pylist()
    return [r for r in rows if r["mapper"] == mapper and all(r[k] == v for k, v in where.items())]


def test_mappers_are_compared_on_the_same_samples(evaluated):
    found = compare_mappers(evaluated, "enc", "none", "blind", metric="ap")
    assert [c.case_name for c in found] == ["one", "two"]
    for comparison in found:
        blind = {r["sample_id"]: r["ap"] for r in per_sample(evaluated, "blind", split="test")}
        rows = per_sample(evaluated, "none", split="test", case_name=comparison.case_name)
        gaps = [row["ap"] - blind[row["sample_id"]] for row in rows]
        assert comparison.difference.estimate == pytest.approx(np.mean(gaps))
        assert comparison.second_mean - comparison.first_mean == pytest.approx(np.mean(gaps))
        assert (comparison.difference.samples, comparison.difference.groups) == (24, 6)
        assert comparison.difference.low > 0


def test_customized_models_are_compared_with_controls_of_the_same_exemplars(evaluated):
    one, two = compare_control(evaluated, "enc", metric="recall_10")
    assert one.difference.low > 0
    assert one.difference.groups == 6
    assert two.difference.groups == 3  # the exemplars that have a control
    own = [r["recall_10"] for r in per_sample(evaluated, "none", split="test", case_name="one")]
    base = [r["recall_10"] for r in per_sample(evaluated, "none", split="control", case_name="one")]
    assert (one.second_mean, one.first_mean) == pytest.approx((np.mean(own), np.mean(base)))
    assert one.difference.estimate == pytest.approx(np.mean(own) - np.mean(base))


def test_every_metric_has_an_interval_around_it(evaluated):
    found = metric_intervals(evaluated, metric="ap")
    means = {
        tuple(row[k] for k in ("encoder", "mapper", "case_name", "split", "scheme")): row["map"]
        for row in evaluated.sql("from metrics").to_arrow_table().to_pylist()
    }
    assert {tuple(keys.values()) for keys, _ in found} == set(means)
    for keys, interval in found:
        assert interval.estimate == pytest.approx(means[tuple(keys.values())])
        assert interval.low <= interval.estimate <= interval.high


def test_python_and_sql_say_the_same_intervals(evaluated):
    view = {
        tuple(row[k] for k in ("encoder", "mapper", "case_name", "split", "scheme")): row
        for row in evaluated.sql("from intervals where metric = 'ap'").to_arrow_table().to_pylist()
    }
    for keys, sure in metric_intervals(evaluated, metric="ap"):
        row = view.pop(tuple(keys.values()))
        assert (row["estimate"], row["low"], row["high"]) == pytest.approx(
            (sure.estimate, sure.low, sure.high)
        )
        assert (row["samples"], row["models"]) == (sure.samples, sure.groups)
    assert view == {}


def test_an_unknown_metric_is_refused(evaluated):
    for compare in (compare_control, metric_intervals):
        with pytest.raises(InvalidInputError, match="f1"):
            compare(evaluated, "enc", metric="f1")
