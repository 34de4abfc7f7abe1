"""What `check` says of composite encoders."""

import json

import numpy as np
import pytest
from attribase.store import Store
from attribase.store.checks import check

NAME, TABLE = "a+b", "vectors_a_b"


@pytest.fixture
def store(tmp_path) -> Store:
    """Images with vectors of a (2 numbers) and b (3), and of both joined."""
    store = Store.create(tmp_path / "store")
    parts = [
        {"encoder": "a", "dim": 2, "onnx_sha256": "one"},
        {"encoder": "b", "dim": 3, "onnx_sha256": None},
    ]
    store.upsert("encoders", [*parts, {"encoder": NAME, "dim": 5, "parts": json.dumps(parts)}])
    ids = [f"i{n}" for n in range(4)]
    store.upsert("images", [{"image_id": item} for item in ids])
    rng = np.random.default_rng(0)
    raw = {name: rng.normal(size=(4, dim)) for name, dim in (("a", 2), ("b", 3))}
    lengths = {name: np.sqrt((rows**2).sum(1))[:, None] for name, rows in raw.items()}
    raw[NAME] = np.concatenate([raw["a"] / lengths["a"], raw["b"] / lengths["b"]], axis=1)
    for name, rows in raw.items():
        table = store.ensure_vectors(name, rows.shape[1])
        vectors = zip(ids, rows.astype(np.float32), strict=True)
        store.upsert(table, [{"item_id": i, "item_kind": "image", "base": row} for i, row in vectors])
    return store


def found(store: Store) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.check, one.table, one.examples) for one in check(store)]


def test_a_sound_composite_has_no_problem(store):
    assert found(store) == []


def test_a_part_that_was_embedded_again_is_named_with_its_items(store):
    other = {"item_id": "i2", "item_kind": "image", "base": np.array([-3, 4, 1], np.float32)}
    store.upsert("vectors_b", [other], update=True)
    assert found(store) == [("outdated-composite", TABLE, ("i2",))]
    (problem,) = check(store)
    assert "'b'" in problem.message
    assert problem.hint.endswith("ingest embed --encoder a+b")


def test_a_part_scaled_by_a_factor_is_the_same_part(store):
    base = store.read("vectors_b", ["item_id", "base"], "item_id = 'i1'").to_pylist()[0]["base"]
    row = {"item_id": "i1", "item_kind": "image", "base": np.array(base, np.float32) * 7}
    store.upsert("vectors_b", [row], update=True)
    assert found(store) == []


def test_a_part_that_is_another_model_now_is_named(store):
    store.upsert("encoders", [{"encoder": "a", "dim": 2, "onnx_sha256": "two"}], update=True)
    assert found(store) == [("part-changed", "encoders", (NAME,))]


def test_a_part_that_is_gone_is_named(store):
    store.dataset("encoders").delete("encoder = 'b'")
    assert found(store) == [("part-missing", "encoders", (NAME,))]


def test_an_item_that_a_part_could_not_embed_is_not_missing(store):
    store.upsert("images", [{"image_id": "bad", "bytes": b"x"}])
    missing = [one.message for one in check(store) if one.check == "missing-vector"]
    assert len(missing) == 3
    for name in ("a", "b"):
        row = {"stage": f"embed:{name}", "source": "", "item": "bad", "reason": "empty", "at": 0}
        store.upsert("failures", [row])
    assert not [one for one in check(store) if one.check == "missing-vector"]
