import numpy as np
import pytest
from attribase.query import Features
from attribase.study.checks.alterations import GLYPHS
from attribase.study.checks.check import CheckPlan
from attribase.study.checks.glyphs import GAIN, ITEMS, RANK, RECALL, TOP, UNALTERED, Glyphs

from . import planted
from .planted import PLAN, SAMPLES, Planted

NAMES = [one.name for one in GLYPHS]


@pytest.fixture
def made(tmp_path):
    """Models on glyphs of their exemplars, and glyphs of two gallery images."""
    made = Planted(tmp_path / "a.store", ITEMS, NAMES, near=1.0)
    made.images({f"d{n}": f"{ITEMS}/outline/g0{n}" for n in range(2)}, ITEMS)
    return made


def value(rows, question, case):
    (row,) = [row for row in rows if (row.question, row.case_name) == (question, case)]
    return row


def test_glyphs_are_ranked_among_the_gallery_and_all_other_glyphs(made):
    rows = Glyphs().rows(made.store, PLAN)
    glyphs = [f"a{i}{n}" for i in range(planted.MODELS) for n in range(2)]
    pool = [*(f"g{i:02}" for i in range(planted.GALLERY)), *glyphs, "d0", "d1"]
    for n, name in enumerate(NAMES):
        ranks = [
            made.rank(f"c{i}{n}-s{s}", f"a{i}{n}", pool)
            for i in range(planted.MODELS)
            for s in range(SAMPLES)
        ]
        found = value(rows, RECALL, name)
        assert found.value == pytest.approx(np.mean(np.array(ranks) <= TOP))
        assert found.reference == pytest.approx(TOP / len(pool))
        assert value(rows, RANK, name).value == pytest.approx(np.mean(ranks))
    assert value(rows, RECALL, UNALTERED).models == planted.MODELS
    assert value(rows, RECALL, "all").models == planted.MODELS


def test_the_gain_of_a_mapper_is_paired_with_raw_features_of_the_same_samples(made):
    def shrink(batch):
        return np.stack(batch["base"].to_pylist()).astype(np.float32) * np.linspace(
            1, 0, planted.DIM, dtype="f"
        )

    made.store.set_vector_column(made.table, "mapped_half", shrink)
    features = (Features(planted.ENCODER, "half"), Features(planted.ENCODER))
    rows = Glyphs().rows(made.store, CheckPlan(features, PLAN.settings))
    assert [row.mapper for row in rows] == sorted((row.mapper for row in rows), key=["half", "none"].index)
    for name in (*NAMES, "all", UNALTERED):
        recall = {row.mapper: row.value for row in rows if (row.question, row.case_name) == (RECALL, name)}
        assert value(rows, GAIN, name).value == pytest.approx(recall["half"] - recall["none"])
        assert value(rows, GAIN, name).reference == 0


def test_without_models_on_glyphs_there_are_no_rows(pictures, plan):
    assert Glyphs().rows(pictures, plan) == []
    assert list(Glyphs().prepare(pictures, plan)) == []
