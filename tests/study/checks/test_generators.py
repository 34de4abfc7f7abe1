import numpy as np
import pytest
from attribase.query import Features, evaluate
from attribase.study.checks.check import CheckPlan
from attribase.study.checks.generators import GAIN, RECALL, Generators

from . import planted
from .planted import PLAN, SAMPLES, Planted


def made_columns(store):
    return [name for name in store.schema("models").names if name != "weights"]


@pytest.fixture
def made(tmp_path):
    """Test models by the method that a training model has, by another one, and on an unknown base."""
    made = Planted(tmp_path / "a.store", "check:x", [], near=0.6)
    made.model("learned", "o0", "object_seen", "train")
    for i in range(planted.MODELS):
        made.model(f"l{i}", f"o{i}", "object: lora", "test")
        made.model(f"x{i}", f"o{i}", "object: xl", "test")
    changed = made.store.read("models", made_columns(made.store)).to_pylist()
    for row in changed:
        row["method"] = "lora" if row["case_name"] == "object: lora" else row["method"]
        row["base_model"] = None if row["case_name"] == "object: xl" else row["base_model"]
    made.store.upsert("models", changed, update=True)
    shrink = np.linspace(1, 0, planted.DIM, dtype="f")
    made.store.set_vector_column(
        made.table, "mapped_half", lambda b: np.stack(b["base"].to_pylist()).astype(np.float32) * shrink
    )
    made.store.upsert("mappers", [{"mapper_id": "x", "encoder": planted.ENCODER, "mapper": "half"}])
    list(evaluate(made.store, planted.ENCODER))
    return made


CASES = {
    "custom-diffusion on world, learned from": "m",
    "lora on world": "l",
    "custom-diffusion on unknown": "x",
}


def test_recall_by_method_and_base_is_that_of_their_samples(made):
    plan = CheckPlan((Features(planted.ENCODER), Features(planted.ENCODER, "half")), PLAN.settings)
    rows = Generators().rows(made.store, plan)
    assert {row.case_name for row in rows} == set(CASES)
    raw = {row.case_name: row for row in rows if row.question == RECALL and row.mapper == "none"}
    mapped = {row.case_name: row for row in rows if row.question == RECALL and row.mapper == "half"}
    for case, prefix in CASES.items():
        found = [
            made.rank(f"{prefix}{i}-s{s}", f"o{i}", [f"g{n:02}" for n in range(planted.GALLERY)]) <= 10
            for i in range(planted.MODELS)
            for s in range(SAMPLES)
        ]
        assert raw[case].value == pytest.approx(np.mean(found))
        assert raw[case].reference == pytest.approx(10 / (planted.GALLERY + 1))
        assert raw[case].models == planted.MODELS
        (gain,) = [row for row in rows if row.question == GAIN and row.case_name == case]
        assert gain.value == pytest.approx(mapped[case].value - raw[case].value)
        assert gain.low <= gain.value <= gain.high


def test_one_generator_alone_is_compared_with_nothing(tmp_path):
    made = Planted(tmp_path / "b.store", "check:x", [])
    list(evaluate(made.store, planted.ENCODER))
    assert Generators().rows(made.store, PLAN) == []
    assert list(Generators().prepare(made.store, PLAN)) == []
