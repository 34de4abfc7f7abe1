"""Labelled retrieval: average precisions against a plain count, staleness, stops, and the view."""

import json

import numpy as np
import pytest
from attribase.query import connect, retrieve_by_label
from attribase.query.evaluation.retrieval import DEPTHS, average_precisions
from attribase.store import NotFoundError, Store
from attribase.store.errors import UnknownFieldError

from ..conftest import DIM, Fake

STYLES = 6


@pytest.fixture
def art(tmp_path):
    """60 images: 10 of each of six styles, whose vectors lie around the style's own; 5 without a style."""
    fake = Fake(Store.create(tmp_path / "store"))
    centres = fake.rng.normal(size=(STYLES, DIM))
    ids = [f"i{n:02}" for n in range(60)]
    vectors = centres[np.arange(60) % STYLES] + fake.rng.normal(size=(60, DIM))
    fake.images(ids[:40], "old", vectors[:40])
    fake.images(ids[40:], "new", vectors[40:])
    fake.images([f"plain{n}" for n in range(5)], "new")
    style(fake, {image: f"style {n % STYLES}" for n, image in enumerate(ids)})
    return fake


def style(fake, styles):
    rows = fake.store.read("images").to_pylist()
    rows = [row | {"metadata": json.dumps({"style": styles.get(row["image_id"])})} for row in rows]
    fake.store.upsert("images", rows, update=True)


def expected(fake, styles, queries, gallery, depth):
    """AP@depth of each query, by sorting and counting."""
    unit = {image: vector / np.linalg.norm(vector) for image, vector in fake.vectors.items()}
    found = {}
    for query in queries:
        others = [image for image in gallery if image != query]
        order = sorted(others, key=lambda image: -(unit[image] @ unit[query]))
        relevant = sum(styles[image] == styles[query] for image in others)
        hits, total = 0, 0.0
        for place, image in enumerate(order[:depth], start=1):
            if styles[image] == styles[query]:
                hits += 1
                total += hits / place
        found[query] = total / min(relevant, depth)
    return found


@pytest.mark.parametrize("sides", [(None, None), ("new", "old"), ("old", "old")])
def test_average_precisions_equal_a_plain_count(art, sides):
    ids = [f"i{n:02}" for n in range(60)]
    styles = {image: n % STYLES for n, image in enumerate(ids)}
    parts = {None: ids, "old": ids[:40], "new": ids[40:]}
    list(retrieve_by_label(art.store, "style", query_collection=sides[0], gallery=sides[1]))
    rows = {row["image_id"]: row for row in art.store.read("retrievals").to_pylist()}
    for depth in DEPTHS:
        plain = expected(art, styles, parts[sides[0]], parts[sides[1]], depth)
        assert rows.keys() == plain.keys()
        assert {i: rows[i][f"ap_{depth}"] for i in rows} == pytest.approx(plain, abs=1e-12)
    assert {row["value"] for row in rows.values()} == {f"style {n}" for n in range(STYLES)}


def test_perfect_and_empty_rankings_have_the_precisions_one_and_zero():
    hits = np.zeros((2, 100), bool)
    hits[0, :3] = True
    assert average_precisions(hits, np.array([3, 3])).tolist() == [[1.0] * 4, [0.0] * 4]


def test_the_view_has_means_with_intervals_over_labels(art):
    list(retrieve_by_label(art.store, "style"))
    stored = art.store.read("retrievals")
    with connect(art.store.uri) as con:
        (row,) = con.sql("from label_metrics").to_arrow_table().to_pylist()
    assert (row["queries"], row["labels"], row["candidates"]) == (60, STYLES, 59)
    assert row["chance"] == pytest.approx(9 / 59)
    for depth in DEPTHS:
        mean = np.mean(stored[f"ap_{depth}"].to_numpy())
        assert row[f"map_{depth}"] == pytest.approx(mean)
        assert row[f"map_{depth}_low"] <= mean <= row[f"map_{depth}_high"]
    assert row["map_10"] > 2 * row["chance"]


def test_few_labels_have_no_interval(art):
    style(art, {f"i{n:02}": f"style {n % 2}" for n in range(60)})
    list(retrieve_by_label(art.store, "style"))
    with connect(art.store.uri) as con:
        assert con.sql("select labels, map_10_low, map_10_high from label_metrics").fetchall() == [
            (2, None, None)
        ]


def test_nothing_is_computed_again_until_a_label_or_a_vector_changes(art):
    list(retrieve_by_label(art.store, "style"))
    assert list(retrieve_by_label(art.store, "style")) == []
    assert list(retrieve_by_label(art.store, "style", force=True))
    style(art, {f"i{n:02}": f"style {n % 5}" for n in range(60)})
    assert list(retrieve_by_label(art.store, "style"))
    table = art.store.read(art.table).to_pylist()
    changed = [row | {"base": row["base"][::-1]} for row in table if row["item_id"] == "i07"]
    art.store.upsert(art.table, changed, update=True)
    assert list(retrieve_by_label(art.store, "style"))
    assert art.store.count("retrievals") == 60  # those of earlier runs are gone


def test_a_stopped_run_goes_on_and_is_not_shown_before_its_end(art, monkeypatch):
    monkeypatch.setattr("attribase.query.evaluation.retrieval.TOGETHER", 8)
    monkeypatch.setattr("attribase.query.evaluation.retrieval.COMMITTED", 16)
    steps = retrieve_by_label(art.store, "style")
    while art.store.count("retrievals") < 32:
        next(steps)
    steps.close()
    with connect(art.store.uri) as con:
        assert con.sql("from label_metrics").fetchall() == []
    first = next(retrieve_by_label(art.store, "style"))
    assert (first.done, first.total) == (32, 60)
    list(retrieve_by_label(art.store, "style"))
    with connect(art.store.uri) as con:
        assert con.sql("select queries from label_metrics").fetchall() == [(60,)]


def test_values_of_a_single_image_and_images_without_a_value_are_no_queries(art):
    style(art, {"i00": "a", "i01": "a", "i02": "alone", "i03": ""})
    list(retrieve_by_label(art.store, "style"))
    rows = art.store.read("retrievals").to_pylist()
    assert {row["image_id"]: (row["relevant"], row["candidates"]) for row in rows} == {
        "i00": (1, 2),
        "i01": (1, 2),
    }


def test_images_that_checks_made_are_neither_queries_nor_candidates(art):
    art.images(["altered"], "check:altered", art.vectors["i00"][None])
    style(art, {f"i{n:02}": f"style {n % STYLES}" for n in range(60)} | {"altered": "style 0"})
    list(retrieve_by_label(art.store, "style"))
    rows = art.store.read("retrievals", ["image_id", "candidates"]).to_pylist()
    assert "altered" not in {row["image_id"] for row in rows}
    assert {row["candidates"] for row in rows} == {59}


def test_an_artist_is_the_creator(art):
    list(retrieve_by_label(art.store, "artist"))
    rows = art.store.read("retrievals", ["label", "value"]).to_pylist()
    assert {row["label"] for row in rows} == {"creator"}
    assert {row["value"] for row in rows} == {"c0", "c1", "c2"}


def test_what_cannot_be_compared_is_an_error_with_a_next_step(art):
    with pytest.raises(UnknownFieldError) as unknown:
        list(retrieve_by_label(art.store, "genre"))
    assert "metadata.style" in unknown.value.hint
    with pytest.raises(UnknownFieldError, match="no label"):
        list(retrieve_by_label(art.store, "bytes"))
    with pytest.raises(NotFoundError, match="no collection 'moon'") as missing:
        list(retrieve_by_label(art.store, "style", gallery="moon"))
    assert "new, old" in missing.value.hint
    style(art, {"i00": "a", "i01": "b"})
    with pytest.raises(NotFoundError, match="another one of the same style"):
        list(retrieve_by_label(art.store, "style"))
