"""Comparisons in SQL join rows whose scheme is null, and exemplars in any order."""

import pytest
from attribase.query import connect, load_sql
from attribase.store import Store

from ..ranked import Ranked


@pytest.fixture
def ranked(tmp_path):
    """Four models of one case, ranked raw and mapped, schemes `gpt` and null; two of them have a control."""
    ranked = Ranked(Store.create(tmp_path / "a.store"))
    for n in range(4):
        ranked.model(f"m{n}", [f"m{n}e0", f"m{n}e1"], "styles")
    ranked.model("c0", ["m0e1", "m0e0"], "styles", split="control", method="none")
    ranked.model("c1", ["m1e1", "m1e0", "m1e1"], "styles", split="control", method="none")
    for mapper, skill in (("none", 0.5), ("tuned", 2.0)):
        for scheme in ("gpt", "media"):
            ranked.run("enc", mapper, "styles", scheme, skill=skill)
    rows = ranked.store.read("runs").to_pylist()
    null = [row | {"scheme": None} for row in rows if row["scheme"] == "media"]
    ranked.store.upsert("runs", null, update=True)
    return ranked


def rows(store, statement, **params):
    with connect(store.uri) as con:
        return con.sql(statement, params=params or None).to_arrow_table().to_pylist()


def test_samples_without_a_scheme_are_compared_too(ranked):
    found = rows(ranked.store, "from differences where first = 'none' and metric = 'recall_10'")
    assert sorted((row["scheme"] or "", row["samples"], row["models"]) for row in found) == [
        ("", 16, 4),
        ("gpt", 16, 4),
    ]
    of_tuned = rows(ranked.store, "from intervals where mapper = 'tuned' and metric = 'recall_10'")
    means = {row["scheme"]: row["estimate"] for row in of_tuned}
    assert {row["scheme"]: row["second_mean"] for row in found} == pytest.approx(means)


def test_a_control_of_the_same_exemplars_in_another_order_is_found(ranked):
    found = rows(ranked.store, load_sql("models_by_precision"), encoder="enc", mapper="tuned")
    controls = {row["model_id"]: row["control_id"] for row in found}
    assert controls == {"m0": "c0", "m1": "c1", "m2": None, "m3": None}
