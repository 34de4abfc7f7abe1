"""Comparisons read from a store, against the same numbers worked out by hand."""

from itertools import groupby

import numpy as np
import pytest
from attribase.query import connect, evaluate
from attribase.query.evaluation.comparison import compare_control
from attribase.store import InvalidInputError

from ..intervals import interval


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


def view(con, name, metric, **where):
    rows = con.sql(f"from {name}").to_arrow_table().to_pylist()
    return [r for r in rows if r["metric"] == metric and all(r[k] == v for k, v in where.items())]


def test_mappers_are_compared_on_the_same_samples(evaluated):
    found = view(evaluated, "differences", "ap", encoder="enc", first="blind", second="none", split="test")
    assert sorted({c["case_name"] for c in found}) == ["one", "two"]
    for comparison in found:
        same = {"split": "test", "case_name": comparison["case_name"], "scheme": comparison["scheme"]}
        blind = {r["sample_id"]: r["ap"] for r in per_sample(evaluated, "blind", split="test")}
        rows = per_sample(evaluated, "none", **same)
        gaps = [row["ap"] - blind[row["sample_id"]] for row in rows]
        assert comparison["difference"] == pytest.approx(np.mean(gaps))
        assert comparison["second_mean"] - comparison["first_mean"] == pytest.approx(np.mean(gaps))
        assert comparison["models"] == 6
        assert comparison["low"] > 0
    for case in ("one", "two"):
        assert sum(c["samples"] for c in found if c["case_name"] == case) == 24


def test_customized_models_are_compared_with_controls_of_the_same_exemplars(evaluated):
    one, two = compare_control(evaluated, "enc", metric="recall_10")
    assert one.difference.low > 0
    assert one.difference.groups == 6
    assert two.difference.groups == 3  # the exemplars that have a control
    own = [r["recall_10"] for r in per_sample(evaluated, "none", split="test", case_name="one")]
    base = [r["recall_10"] for r in per_sample(evaluated, "none", split="control", case_name="one")]
    assert (one.second_mean, one.first_mean) == pytest.approx((np.mean(own), np.mean(base)))
    assert one.difference.estimate == pytest.approx(np.mean(own) - np.mean(base))


GROUP = ("encoder", "mapper", "case_name", "split", "scheme")


def test_every_metric_has_an_interval_around_it(evaluated):
    found = view(evaluated, "intervals", "ap")
    means = {
        tuple(row[k] for k in GROUP): row["map"]
        for row in evaluated.sql("from metrics").to_arrow_table().to_pylist()
    }
    assert {tuple(row[k] for k in GROUP) for row in found} == set(means)
    for row in found:
        assert row["estimate"] == pytest.approx(means[tuple(row[k] for k in GROUP)])
        if row["models"] < 5:
            assert (row["low"], row["high"]) == (None, None)
        else:
            assert row["low"] <= row["estimate"] <= row["high"]
    assert {row["models"] < 5 for row in found} == {True, False}


def test_python_and_sql_give_the_same_intervals(evaluated):
    rows = {tuple(row[k] for k in GROUP): row for row in view(evaluated, "intervals", "ap")}
    samples = evaluated.sql("from per_sample").to_arrow_table().to_pylist()
    samples.sort(key=lambda row: [row[k] for k in GROUP])
    for keys, members in groupby(samples, key=lambda row: tuple(row[k] for k in GROUP)):
        mine = list(members)
        sure = interval([row["ap"] for row in mine], [row["exemplar_set"] for row in mine])
        row = rows.pop(keys)
        assert row["estimate"] == pytest.approx(sure.estimate)
        ends = (None, None) if sure.groups < 5 else pytest.approx((sure.low, sure.high))
        assert (row["low"], row["high"]) == ends
        assert (row["samples"], row["models"]) == (sure.samples, sure.groups)
    assert rows == {}


def test_an_unknown_metric_is_refused(evaluated):
    with pytest.raises(InvalidInputError, match="f1"):
        compare_control(evaluated, "enc", metric="f1")
