"""Vectors whose answers are known: what must pass passes, and each thing that can be wrong fails its row."""

import numpy as np
import pytest
from attribase.query import Features
from attribase.query.catalog import gallery_ids
from attribase.query.evaluation.cases import Sample
from attribase.query.features import FeatureReader, ImageSet, Pinned
from attribase.store import Store
from attribase.study.checks.check import CheckPlan
from attribase.study.checks.sanity import CHANCE, COPY, OVERLAP, PLACE, RECOVERY, SHUFFLED, Sanity
from attribase.study.checks.sanity_scores import (
    choose_models,
    overlaps,
    places,
    random_places,
    recoveries,
    shuffle,
)

DIM, GALLERY, MODELS, SAMPLES = 12, 60, 20, 3
PLAN = CheckPlan(features=(Features("enc"),))


class Vectors:
    """A store of vectors: images of the gallery, exemplars of models of one image, and samples."""

    def __init__(self, folder, near=3.0, shift=0.0, models=MODELS):
        self.store, self.rng = Store.create(folder), np.random.default_rng(0)
        self.store.upsert("encoders", [{"encoder": "enc", "dim": DIM}])
        self.table = self.store.ensure_vectors("enc", DIM)
        self.vectors = {}
        gallery = [f"g{i:02}" for i in range(GALLERY)]
        self.images(gallery, self.rng.normal(size=(GALLERY, DIM)), "gallery")
        names = [f"e{i:02}" for i in range(models)]
        self.images(names, self.rng.normal(size=(models, DIM)) + shift, "exemplars")
        for name in names:
            row = {"model_id": f"m-{name}", "exemplar_ids": [name], "case_name": "object_seen"}
            self.store.upsert("models", [row | {"split": "test", "concept_kind": "object", "method": "lora"}])
            ids = [f"s-{name}-{i}" for i in range(SAMPLES)]
            self.store.upsert("samples", [{"sample_id": one, "model_id": f"m-{name}"} for one in ids])
            drawn = near * self.vectors[name] + shift + self.rng.normal(size=(SAMPLES, DIM))
            self.embed(ids, drawn, "sample")

    def images(self, ids, rows, collection):
        self.store.upsert("images", [{"image_id": one, "bytes": b"?"} for one in ids])
        self.store.upsert("members", [{"collection": collection, "image_id": one} for one in ids])
        self.embed(ids, rows, "image")

    def embed(self, ids, rows, kind):
        self.vectors |= dict(zip(ids, rows.astype(np.float32), strict=True))
        items = [{"item_id": one, "item_kind": kind, "base": self.vectors[one].tolist()} for one in ids]
        self.store.upsert(self.table, items)

    def opened(self):
        """The models with their samples, the reader and the gallery."""
        pinned = Pinned.now(self.store)
        reader = FeatureReader(pinned, "enc")
        return choose_models(pinned, MODELS, SAMPLES), reader, ImageSet(reader, gallery_ids(pinned))

    def cosine(self, first, second):
        a, b = self.vectors[first].astype(float), self.vectors[second].astype(float)
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    def rows(self):
        return {(row.encoder, row.question): row for row in Sanity().rows(self.store, PLAN)}


@pytest.fixture
def good(tmp_path):
    return Vectors(tmp_path / "a.store")


def test_features_that_see_the_exemplars_pass_everything(good):
    rows = good.rows()
    assert set(rows) == {
        ("random", PLACE),
        *(("enc", one) for one in (PLACE, SHUFFLED, COPY, OVERLAP, RECOVERY)),
    }
    assert all(row.passed for key, row in rows.items() if key != ("enc", PLACE))
    assert rows["enc", PLACE].high < 0.1
    assert rows["enc", SHUFFLED].reference == CHANCE
    assert rows["enc", RECOVERY].value > 0.9
    assert rows["enc", RECOVERY].reference == 4 / MODELS
    assert {row.models for row in rows.values()} == {MODELS}


def test_features_that_see_nothing_share_no_images_and_find_no_wrong_exemplars(tmp_path):
    rows = Vectors(tmp_path / "a.store", near=0.0).rows()
    assert abs(rows["enc", PLACE].value - CHANCE) < 0.15
    assert not rows["enc", OVERLAP].passed
    assert not rows["enc", RECOVERY].passed
    assert rows["enc", SHUFFLED].passed


def test_exemplars_that_are_unlike_the_gallery_are_not_at_chance_for_other_models(tmp_path):
    """All samples and exemplars lie on one side: those of other models are found before the gallery, too."""
    row = Vectors(tmp_path / "a.store", shift=3.0).rows()["enc", SHUFFLED]
    assert row.high < CHANCE
    assert row.passed is False


def test_an_image_with_the_same_vector_comes_before_the_copy(good):
    good.images(["twin"], good.vectors["e07"][None] * 2, "gallery")
    row = good.rows()["enc", COPY]
    assert (row.value, row.passed) == (pytest.approx(1 - 1 / MODELS), False)


def test_places_are_those_by_sorting(good):
    models, reader, gallery = good.opened()
    expected = []
    for model in models:
        own = []
        for sample in model:
            (exemplar,) = sample.exemplars
            similar = good.cosine(sample.sample_id, exemplar)
            above = sum(good.cosine(sample.sample_id, f"g{i:02}") >= similar for i in range(GALLERY))
            own.append((above + 0.5) / (GALLERY + 1))
        expected.append(np.mean(own))
    assert places(models, reader, gallery).tolist() == pytest.approx(expected)


def test_overlaps_are_those_by_sorting(good):
    models, reader, gallery = good.opened()
    ids = [f"g{i:02}" for i in range(GALLERY)]
    top = {
        sample.sample_id: set(sorted(ids, key=lambda one, s=sample: -good.cosine(s.sample_id, one))[:10])
        for model in models
        for sample in model
    }

    def common(a, b):
        return len(top[a.sample_id] & top[b.sample_id]) / 10

    own, others = overlaps(models, reader, gallery)
    a, b, c = models[3]
    assert own[3] == pytest.approx((common(a, b) + common(a, c) + common(b, c)) / 3)
    assert others[3] == pytest.approx(np.mean([common(x, y) for x in models[3] for y in models[2]]))


def test_random_vectors_place_exemplars_anywhere():
    models = [[Sample(f"s{i}", f"m{i}", "", (f"e{i}", f"f{i}"))] for i in range(400)]
    found = random_places(models, 500)
    assert found.mean() == pytest.approx(0.5, abs=4 * found.std() / 20)
    assert np.histogram(found, bins=4, range=(0, 1))[0].min() > 20


def test_every_model_gets_the_exemplars_of_another():
    models = [[Sample(f"s{i}", f"m{i}", "", (f"e{i}",))] for i in range(9)]
    given = [model[0].exemplars[0] for model in shuffle(models)]
    assert sorted(given) == sorted(f"e{i}" for i in range(9))
    assert all(one != f"e{i}" for i, one in enumerate(given))


def test_recovery_is_all_where_wrong_is_worse_and_chance_where_it_is_the_same():
    rng = np.random.default_rng(0)
    assert (recoveries(rng.uniform(0, 0.4, 50), rng.uniform(0.6, 1, 50)) == 1).all()
    blind = recoveries(rng.uniform(size=50), rng.uniform(size=50))
    assert blind.mean() == pytest.approx(0.2, abs=0.05)


def test_fewer_than_five_models_are_not_checked(tmp_path):
    assert Vectors(tmp_path / "a.store", models=4).rows() == {}
    assert list(Sanity().prepare(Store.create(tmp_path / "b.store"), PLAN)) == []
