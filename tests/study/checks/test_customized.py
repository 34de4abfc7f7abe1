"""Models on altered exemplars: what is planned again, and that it is made once by a real base."""

import json

import pytest
from attribase.study.checks.alterations import EXEMPLARS, GLYPHS
from attribase.study.checks.altered import AlteredExemplars
from attribase.study.checks.check import CheckPlan
from attribase.study.checks.customized import pick_originals, read_samples
from attribase.study.checks.glyphs import Glyphs

from ...ingest.conftest import tiny_pipeline
from . import planted
from .planted import Planted


def test_models_are_planned_with_the_prompts_and_seeds_of_the_stores_own(tmp_path):
    made = Planted(tmp_path / "a.store", "check:x", [])
    originals = pick_originals(made.store, 4, 3)
    assert len({one.exemplar for one in originals}) == 4
    spec = originals[0].altered("check:x mirror", "a0")
    assert (spec.split, spec.case_name, spec.exemplar_ids) == ("check", "check:x mirror", ("a0",))
    assert spec.training_prompts == ("V* toy",)
    assert [(one.prompt, one.seed) for one in spec.samples] == [
        ("a V* toy", 0),
        ("a V* toy", 1),
        ("a V* toy", 2),
    ]
    assert [one.exemplar for one in pick_originals(made.store, 2, 3)] == [
        one.exemplar for one in originals[:2]
    ]


def test_samples_are_taken_in_turn_from_each_scheme(tmp_path):
    made = Planted(tmp_path / "a.store", "check:x", [])
    rows = [
        {"sample_id": f"m0-{scheme}{n}", "model_id": "m0", "scheme": scheme, "prompt": "V*", "seed": n}
        for scheme in ("media", "object")
        for n in range(5)
    ]
    made.store.upsert("samples", rows)
    (mine,) = [one for one in pick_originals(made.store, planted.MODELS, 7) if one.row["model_id"] == "m0"]
    schemes = [row["scheme"] for row in mine.samples]
    assert (schemes.count("gpt"), schemes.count("media"), schemes.count("object")) == (3, 2, 2)


def test_models_that_cannot_be_made_again_are_left_out(tmp_path):
    made = Planted(tmp_path / "a.store", "check:x", [])
    columns = [name for name in made.store.schema("models").names if name != "weights"]
    rows = made.store.read("models", columns).to_pylist()
    changes = [{"method": "external"}, {"base_model": None}, {"config": None}, {"exemplar_ids": ["o3", "o4"]}]
    changed = [row | change for row, change in zip(rows, [*changes, {"split": "val"}], strict=False)]
    made.store.upsert("models", changed, update=True)
    kept = {row["model_id"] for row in rows[5:]}
    assert {one.row["model_id"] for one in pick_originals(made.store, 9, 3)} == kept


@pytest.fixture
def with_base(pictures, tmp_path):
    """The pictures, and a test model on one of them by a tiny base; two samples are known."""
    tiny_pipeline().save_pretrained(tmp_path / "base")
    image = pictures.read("images", ["image_id"])["image_id"].to_pylist()[0]
    row = {"model_id": "m", "method": "custom-diffusion", "base_model": str(tmp_path / "base"), "seed": 0}
    row |= {"concept_kind": "object", "concept": "toy", "category": "toy", "case_name": "object_seen"}
    config = json.dumps({"training_prompts": ["V* toy"]})
    pictures.upsert("models", [row | {"exemplar_ids": [image], "split": "test", "config": config}])
    data = dict(pictures.blobs("images", "bytes", [image]))[image]
    sample = {"model_id": "m", "scheme": "gpt", "prompt": "a V* toy", "bytes": data}
    pictures.upsert("samples", [sample | {"sample_id": f"s{n}", "seed": n} for n in range(2)])
    return pictures


@pytest.mark.slow
def test_altered_exemplars_and_glyphs_are_customized_sampled_and_ranked_once(with_base, plan):
    settings = {
        "altered": {"models": 1, "samples": 1},
        "glyphs": {"models": 1, "samples": 1, "distractors": 3},
    }
    small = CheckPlan(plan.features, settings, workers=0)
    for check, changes in ((AlteredExemplars(), EXEMPLARS), (Glyphs(), GLYPHS)):
        list(check.prepare(with_base, small))
        cases = read_samples(with_base, f"check:{check.name} ")
        assert sorted(cases) == sorted(f"check:{check.name} {one.name}" for one in changes)
        assert all(len(own) == 1 for own in cases.values())
        before = with_base.versions()
        list(check.prepare(with_base, small))
        assert with_base.versions() == before
        names = {row.case_name for row in check.rows(with_base, small)}
        assert {one.name for one in changes} < names
    assert with_base.count("images") == 40 + 4 + 2 + 6
