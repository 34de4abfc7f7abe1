from dataclasses import replace

import numpy as np
import pytest
from attribase.query import evaluate
from attribase.query.features import Pinned
from attribase.query.search import SearchSpace
from attribase.store import NotFoundError
from attribase.store.removal import remove
from attribase.store.removal_plan import plan_removal
from attribase.study.checks.alterations import COPIES
from attribase.study.checks.copies import FIRST, ITEMS, PRECISION, RANK, CopyDetection
from attribase.study.checks.making import pick_images

from .conftest import ENCODER, IMAGES


def value(rows, question, case):
    (row,) = [row for row in rows if (row.question, row.case_name) == (question, case)]
    return row


def test_copies_are_made_once_and_found(pictures, plan):
    check = CopyDetection()
    assert list(check.prepare(pictures, plan))
    assert pictures.count("samples") == 12 * len(COPIES)
    before = pictures.versions()
    list(check.prepare(pictures, plan))
    assert pictures.versions() == before
    rows = check.rows(pictures, plan)
    unaltered = value(rows, FIRST, "unaltered")
    assert (unaltered.value, unaltered.passed, unaltered.models) == (1.0, True, 6)
    assert unaltered.reference == pytest.approx(1 / (IMAGES - 6))  # the distractors' originals are left out
    assert value(rows, RANK, "unaltered").value == 1
    assert 0 < value(rows, PRECISION, "all").low <= value(rows, PRECISION, "all").value <= 1


def test_a_run_that_was_stopped_makes_the_rest(pictures, plan):
    steps = CopyDetection().prepare(pictures, plan)
    next(steps)
    steps.close()
    list(CopyDetection().prepare(pictures, plan))
    assert CopyDetection().rows(pictures, plan)


def test_more_originals_keep_those_that_were_copied(pictures, plan):
    few = pick_images(pictures, ITEMS, 12)
    assert pick_images(pictures, ITEMS, 20)[:12] == few
    list(CopyDetection().prepare(pictures, plan))
    more = replace(plan, settings={"copies": {"originals": 8}})
    list(CopyDetection().prepare(pictures, more))
    assert pictures.count("samples") == 16 * len(COPIES)


def test_nothing_else_takes_copies_in(pictures, plan):
    pools = [SearchSpace.open(Pinned.now(pictures), ENCODER, "none").pool("all").size]
    list(CopyDetection().prepare(pictures, plan))
    pools.append(SearchSpace.open(Pinned.now(pictures), ENCODER, "none").pool("all").size)
    assert pools == [IMAGES, IMAGES]
    with pytest.raises(NotFoundError, match="no samples to evaluate"):
        list(evaluate(pictures, ENCODER))


def test_removing_an_image_removes_its_copies(pictures, plan):
    list(CopyDetection().prepare(pictures, plan))
    original = pick_images(pictures, ITEMS, 1)[0]
    list(remove(pictures, plan_removal(pictures, ids=[original])))
    left = pictures.read("samples", ["metadata"])["metadata"].to_pylist()
    assert len(left) == 11 * len(COPIES)
    assert not [text for text in left if original in text]
    buried = pictures.read("tombstones", ["item_kind", "made_from"]).to_pylist()
    assert [one["made_from"] for one in buried if one["item_kind"] == "sample"] == [[original]] * len(COPIES)


def test_without_what_was_prepared_there_are_no_rows_and_no_figures(pictures, plan):
    assert CopyDetection().rows(pictures, plan) == []
    assert CopyDetection().figures(pictures, plan) == []


def test_the_figure_draws_the_numbers_beside_it(pictures, plan):
    check = CopyDetection()
    list(check.prepare(pictures, plan))
    (figure,) = check.figures(pictures, plan)  # nothing is calibrated
    assert figure.name == "copies-similarity"
    assert figure.svg.startswith("<svg")
    assert figure.svg.count("<svg") == 1
    copied, *others = [row["similarity"] for row in figure.rows]
    assert others == sorted(others, reverse=True)
    assert copied == pytest.approx(
        value(check.rows(pictures, plan), "similarity of the original", "all").value
    )
    assert np.isfinite([row["low"] for row in figure.rows]).all()
