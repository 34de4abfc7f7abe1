"""Differences between mappers over models, against means worked out from rows of samples."""

import numpy as np
import pytest
from attribase.query import connect, evaluate
from attribase.query.evaluation.significance import significance
from attribase.store import InvalidInputError, NotFoundError


@pytest.fixture
def con(fake):
    """Seven objects and six styles; raw features see the exemplars, `blind` and `other` see nothing."""
    fake.images([f"g{i}" for i in range(100)], "gallery")
    names = [f"e{i}" for i in range(13)]
    fake.images(names, "exemplars")
    for i, name in enumerate(names):
        kind = "object" if i < 7 else "style"
        fake.model(f"m{i}", [name], case=f"{kind}_seen", kind=kind, near=2.0, samples=4)
    for mapper in ("blind", "other"):
        fake.mapper(mapper, *fake.rng.normal(size=(2, 16, 16)))
    list(evaluate(fake.store))
    with connect(fake.store.uri) as con:
        yield con


def model_means(con, mapper, case):
    means = {}
    for row in con.sql("from per_sample").to_arrow_table().to_pylist():
        if row["mapper"] == mapper and row["case_name"] in case:
            means.setdefault(row["exemplar_set"], []).append(row["ap"])
    return {name: np.mean(own) for name, own in means.items()}


def test_every_two_mappers_are_compared_by_group_over_models(con):
    rows = significance(con, metric="ap")
    assert [(row.group, row.first, row.second, row.test.models) for row in rows] == [
        (group, first, second, models)
        for first, second in (("none", "blind"), ("none", "other"), ("blind", "other"))
        for group, models in (("object", 7), ("style", 6), ("all", 13))
    ]
    cases = {"object": ["object_seen"], "style": ["style_seen"], "all": ["object_seen", "style_seen"]}
    for row in rows:
        first, second = (model_means(con, mapper, cases[row.group]) for mapper in (row.first, row.second))
        gaps = np.array([second[name] - first[name] for name in first])
        assert row.test.difference == pytest.approx(gaps.mean())
        assert row.test.effect == pytest.approx(gaps.mean() / gaps.std(ddof=1))
        assert row.test.adjusted >= row.test.p
    held = {(row.first, row.second) for row in rows if row.group == "all" and row.test.holds}
    assert held == {("none", "blind"), ("none", "other")}
    smallest = min(rows, key=lambda row: row.test.p)
    assert smallest.test.adjusted == pytest.approx(len(rows) * smallest.test.p)


def test_fewer_comparisons_are_corrected_for_fewer(con):
    rows = significance(con, metric="ap", mappers=["blind"], cases=["object_seen"])
    (row,) = rows
    assert (row.group, row.first, row.second) == ("object", "none", "blind")
    assert row.test.p == row.test.adjusted == 2 / 2**7  # raw features are better for all seven
    assert row.to_dict()["first_mean"] - row.to_dict()["second_mean"] == pytest.approx(-row.test.difference)


def test_the_view_has_the_same_rows(con):
    shown = {
        (row["group"], frozenset((row["first"], row["second"]))): row
        for row in con.sql("from significance where metric = 'ap'").to_arrow_table().to_pylist()
    }
    rows = significance(con, metric="ap")
    assert len(shown) == len(rows)
    for row in rows:
        other = shown[row.group, frozenset((row.first, row.second))]
        assert (other["encoder"], other["split"], other["models"]) == ("enc", "test", row.test.models)
        sign = 1 if row.first == other["first"] else -1
        assert other["difference"] * sign == pytest.approx(row.test.difference)
        assert other["effect"] * sign == pytest.approx(row.test.effect)
        ends = sorted(sign * other[name] for name in ("low", "high"))
        assert ends == pytest.approx([row.test.low, row.test.high])
        assert (other["p"], other["adjusted"]) == (
            pytest.approx(row.test.p),
            pytest.approx(row.test.adjusted),
        )
        assert other["holds"] == row.test.holds


def test_what_was_not_ranked_or_is_no_metric_is_an_error(con):
    with pytest.raises(NotFoundError, match="no encoder has two mappers"):
        significance(con, mappers=["none"])
    with pytest.raises(InvalidInputError, match="no metric"):
        significance(con, metric="accuracy")


@pytest.mark.parametrize(
    ("chosen", "said", "known"),
    [
        ({"encoders": ["enc", "other"]}, "no encoder 'other'", "enc"),
        ({"mappers": ["blind", "tuned"]}, "no mapper 'tuned'", "blind, none, other"),
        ({"cases": ["object_seen", "nowhere"]}, "no case 'nowhere'", "object_seen, style_seen"),
        ({"split": "training"}, "no split 'training'", "test"),
    ],
)
def test_a_name_that_was_not_ranked_is_an_error_that_lists_those_that_were(con, chosen, said, known):
    with pytest.raises(NotFoundError, match=said) as error:
        significance(con, **chosen)
    assert error.value.hint == f"there is {known}"
