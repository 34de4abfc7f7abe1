"""Measured rates against answers to the same questions, one by one."""

import numpy as np
import pytest
from attribase.query import Request, Session, abstention_table, answer_all
from attribase.query.evaluation.abstention import wilson_interval
from attribase.store import ConflictError, NotFoundError

CASES = {"object": ["t0", "t1"], "style": ["t2"]}


def by_answers(fake, models, alpha, **options):
    """Means over models of what answers say, exemplars left out by a condition for false attributions."""
    snapshot = Session(fake.store).snapshot()
    own = {row["model_id"]: row["exemplar_ids"] for row in fake.store.read("models").to_pylist()}
    false, power, coverage, sizes = [], [], [], []
    for model in models:
        items = sorted(item for item in fake.vectors if item.startswith(f"{model}-s"))
        names = ", ".join(f"'file:{image}'" for image in own[model])
        part = Request(alpha=alpha, where=f"uri not in ({names})", details=False, **options)
        without = answer_all(snapshot, items, part)
        answers = answer_all(snapshot, items, Request(alpha=alpha, k=1000, details=False, **options))
        found = [{one.image_id for one in answer.results if one.in_set} for answer in answers]
        false.append(np.mean([answer.attributed for answer in without]))
        power.append(np.mean([answer.attributed for answer in answers]))
        coverage.append(np.mean([len(one.intersection(own[model])) / len(own[model]) for one in found]))
        sizes += [answer.set_size for answer in answers]
    return np.mean(false), np.mean(power), np.mean(coverage), np.median(sizes)


@pytest.mark.parametrize("pooled", [False, True])
def test_rates_are_those_of_the_answers(judged_once, pooled):
    rows = abstention_table(judged_once.store, levels=(0.1, 0.3), pooled=pooled)
    assert [(row.group, row.alpha) for row in rows] == [
        (group, alpha) for group in ("object", "style", "all") for alpha in (0.1, 0.3)
    ]
    options = {"kind": "all"} if pooled else {}
    for row in rows:
        models = CASES.get(row.group, ["t0", "t1", "t2"])
        expected = by_answers(judged_once, models, row.alpha, **options)
        measured = (row.false_attributions.value, row.power.value, row.coverage.value, row.set_size)
        assert measured == pytest.approx(expected)
        assert row.models == len(models)
        assert row.pool_size == 150 + 9 + 12 + 4  # the gallery, and exemplars of validation and test models
    assert any(row.power.value > 0 for row in rows)
    judges = {row.group: row.validation_models for row in rows}
    assert judges == (
        {"object": 13, "style": 13, "all": 13} if pooled else {"object": 9, "style": 4, "all": 4}
    )


def test_too_few_models_are_marked(judged_once):
    supported = {(row.group, row.alpha): row.supported for row in abstention_table(judged_once.store)}
    assert supported["object", 0.1]
    assert not supported["object", 0.05]
    assert supported["style", 0.2]
    assert not supported["style", 0.1]


def test_models_that_were_trained_on_are_judged_by_the_others(judged_once):
    rows = abstention_table(judged_once.store, split="val", levels=(0.3,))
    judges = {row.group: (row.models, row.validation_models) for row in rows}
    assert judges == {"object": (9, 8), "style": (4, 3), "all": (13, 3)}
    expected = by_answers(judged_once, [f"o{n}" for n in range(9)], 0.3)
    measured = rows[0]
    assert (measured.false_attributions.value, measured.power.value) == pytest.approx(expected[:2])


def test_groups_are_cases_where_asked(judged_once):
    rows = abstention_table(judged_once.store, by="case", levels=(0.2,))
    assert [(row.group, row.models) for row in rows] == [("case", 2), ("other", 1), ("all", 3)]


def test_intervals_are_wilsons():
    # by hand, z = 1.959964: Newcombe 1998, table I, method 3
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(29, 29) == pytest.approx((0.8830, 1.0), abs=5e-5)


def test_a_row_as_a_dictionary_has_each_rate_with_its_interval(judged_once):
    row = abstention_table(judged_once.store, levels=(0.2,))[0]
    plain = row.to_dict()
    assert plain["power"] == row.power.value
    assert (plain["power_low"], plain["power_high"]) == (row.power.low, row.power.high)


def test_what_is_missing_is_named(judged_once, small):
    with pytest.raises(ConflictError, match="no abstention was trained"):
        abstention_table(small.store)
    with pytest.raises(NotFoundError, match="split 'dev'"):
        abstention_table(judged_once.store, split="dev")
