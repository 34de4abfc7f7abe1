"""Which runs are finished: ranks are computed again when what they depend on changes, and only then."""

import json
from datetime import timedelta

import numpy as np
import pytest
from attribase.query import connect, evaluate
from attribase.query.evaluation import evaluate as evaluation
from attribase.query.evaluation.runs import RANKING, code_digest, code_version, plan_runs
from attribase.query.features import Pinned
from attribase.store import key_id
from attribase.store.maintenance import compact, pinned_versions

READ = ("members", "models", "samples", "vectors_enc")


def ranks(store):
    return sorted(map(str, store.read("ranks").to_pylist()))


def compact_now(store):
    """With a fragment to merge in every table that ranks are made of."""
    list(compact(store, keep=timedelta(0)))


def train_a_mapper(fake):
    fake.mapper("late", *fake.rng.normal(size=(2, 16, 16)))


def refresh_the_mapper(fake):
    """A mapper trained again whose vectors come out the same."""
    fake.mapper("tuned", np.eye(16), np.eye(16))


def add_an_unrelated_member(fake):
    fake.images(["other"], "unrelated")


def add_a_gallery_member_without_a_vector(fake):
    fake.store.upsert("members", [{"collection": "gallery", "image_id": "lost"}])


def permute_exemplars(fake):
    rows = fake.store.read("models").to_pylist()
    fake.store.upsert(
        "models", [row | {"exemplar_ids": row["exemplar_ids"][::-1]} for row in rows], update=True
    )


UNRELATED = (
    lambda fake: compact_now(fake.store),
    train_a_mapper,
    refresh_the_mapper,
    add_an_unrelated_member,
    add_a_gallery_member_without_a_vector,
    permute_exemplars,
)


@pytest.fixture
def evaluated(small):
    """Ranked with raw features and one mapper."""
    small.mapper("tuned", np.eye(16), np.eye(16))
    assert list(evaluate(small.store))
    return small


@pytest.mark.parametrize("change", UNRELATED)
def test_ranks_are_kept_when_a_table_changes_that_they_do_not_depend_on(evaluated, change):
    store = evaluated.store
    before, runs = ranks(store), store.count("runs")
    change(evaluated)
    for mapper in ("none", "tuned"):
        assert list(evaluate(store, mapper=mapper)) == []
    assert store.count("runs") == runs
    assert ranks(store) == before
    assert list(evaluate(store, mapper="none")) == []


def test_a_run_whose_inputs_are_the_same_is_moved_to_the_newest_versions_and_frees_the_older(evaluated):
    store = evaluated.store
    for change in UNRELATED[:4]:
        change(evaluated)
    old = pinned_versions(store)
    list(evaluate(store))
    versions = store.versions()
    for run in store.read("runs").to_pylist():
        assert json.loads(run["table_versions"]).items() <= versions.items()
    assert pinned_versions(store)["vectors_enc"] == {versions["vectors_enc"]} != old["vectors_enc"]
    moved = store.versions()
    assert list(evaluate(store)) == []
    assert store.versions() == moved


def add_to_the_gallery(fake):
    fake.images(["new"], "gallery")


def drop_from_the_gallery(fake):
    fake.store.dataset("members").delete("image_id = 'g100'")


def swap_two_vectors(fake):
    """The same vectors under each other's ids."""
    pair = {"g101": fake.vectors["g102"].tolist(), "g102": fake.vectors["g101"].tolist()}
    rows = [{"item_id": item, "item_kind": "image", "base": row} for item, row in pair.items()]
    fake.store.upsert("vectors_enc", rows, update=True)


@pytest.mark.parametrize("change", [add_to_the_gallery, drop_from_the_gallery, swap_two_vectors])
def test_all_ranks_are_computed_again_when_the_gallery_changes(small, change):
    list(evaluate(small.store))
    runs = small.store.count("runs")
    change(small)
    assert list(evaluate(small.store))
    assert small.store.count("runs") == 2 * runs


def other_exemplars(fake):
    row = next(row for row in fake.store.read("models").to_pylist() if row["model_id"] == "m4")
    fake.store.upsert("models", [row | {"exemplar_ids": row["exemplar_ids"][1:]}], update=True)


def embed_one_sample_more(fake):
    fake.store.upsert("samples", [{"sample_id": "m4-more", "model_id": "m4", "scheme": "gpt"}])
    list(evaluate(fake.store))  # it has no vector yet
    fake.embed(["m4-more"], "sample")


def another_vector_of_an_exemplar(fake):
    row = {"item_id": "e15", "item_kind": "image", "base": fake.rng.normal(size=16).tolist()}
    fake.store.upsert("vectors_enc", [row], update=True)


@pytest.mark.parametrize("change", [other_exemplars, embed_one_sample_more, another_vector_of_an_exemplar])
def test_only_the_runs_that_a_change_concerns_are_computed_again(small, change):
    list(evaluate(small.store))
    change(small)
    planned = plan_runs(small.store, Pinned.now(small.store))
    assert {(run.case_name, run.split) for run in planned} == {("other", "val")}


def test_ranks_of_a_mapper_are_computed_again_when_it_maps_otherwise(evaluated):
    evaluated.mapper("tuned", *evaluated.rng.normal(size=(2, 16, 16)))
    runs = plan_runs(evaluated.store, Pinned.now(evaluated.store))
    assert {run.mapper for run in runs} == {"tuned"}
    assert len(runs) == 8


def test_forced_again_a_moved_run_keeps_its_id(evaluated):
    store = evaluated.store
    before = ranks(store)
    compact_now(store)
    list(evaluate(store, force=True))
    assert ranks(store) == before


def test_a_run_is_named_by_what_it_ranks_and_the_versions_read(small):
    list(evaluate(small.store))
    versions = {table: small.store.versions()[table] for table in READ}
    for run in small.store.read("runs").to_pylist():
        part = run["case_name"], run["split"], run["scheme"]
        assert run["run_id"] == key_id("enc", "none", *part, versions)


def test_a_version_that_is_gone_is_ranked_again(small):
    list(evaluate(small.store))
    rows = small.store.read("runs").to_pylist()
    gone = json.dumps(dict.fromkeys(READ, 10_000))
    small.store.upsert("runs", [row | {"table_versions": gone} for row in rows], update=True)
    assert list(evaluate(small.store))
    with connect(small.store.uri) as con:
        assert con.execute("select count(*) from latest_runs").fetchone() == (8,)


def test_what_is_written_after_the_versions_were_read_is_left_for_the_next_call(small, monkeypatch):
    class Interrupted(Pinned):
        @classmethod
        def now(cls, store):
            pinned = Pinned.now(store)
            store.upsert("encoders", [{"encoder": "later", "dim": 16}])
            store.ensure_vectors("later", 16)
            small.mapper("later", np.eye(16), np.eye(16))
            return pinned

    monkeypatch.setattr(evaluation, "Pinned", Interrupted)
    list(evaluate(small.store))
    assert {(run["encoder"], run["mapper"]) for run in small.store.read("runs").to_pylist()} == {
        ("enc", "none")
    }


def test_the_code_version_is_of_code_and_not_of_files_or_prose():
    source = '"""Prose."""\nfrom .here import a\n\n\ndef f(x):\n    """More."""\n    return a + x  # why\n'
    moved = (
        '"""Other."""\nfrom ..there import (\n    a,\n)\n# a comment\ndef f(x):\n    return a + x  # why\n'
    )
    assert code_digest({"ranks": source}) == code_digest({"ranks": moved})
    assert code_digest({"ranks": source}) != code_digest({"ranks": source.replace("a + x", "a - x")})
    assert code_digest({"ranks": source}) != code_digest({"pools": source})


def test_the_code_version_changes_with_each_module_that_decides_ranks(monkeypatch):
    from attribase.query.evaluation import runs

    whole = code_version()
    assert "+ranks." in whole
    for role in RANKING:
        monkeypatch.setattr(runs, "RANKING", {name: mod for name, mod in RANKING.items() if name != role})
        assert code_version.__wrapped__() != whole
    monkeypatch.setattr(runs, "RANKING", RANKING)
    assert code_version.__wrapped__() == whole
    assert all(runs._source(f"attribase.query.{module}") for module in RANKING.values())
