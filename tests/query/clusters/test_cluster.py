"""Clusters of copies: which they are, that a stop changes nothing, and that they follow the images."""

import numpy as np
import pytest
from attribase.query.clusters.cluster import cluster_images
from attribase.query.clusters.settings import ClusterSettings
from attribase.store import ConflictError, InvalidInputError, NotFoundError, Store
from attribase.store.removal import remove
from attribase.store.removal_plan import plan_removal

from .conftest import DIM


@pytest.mark.usefixtures("compared")
@pytest.mark.parametrize("rule", ["star", "chain"])
def test_copies_are_found_and_nothing_else(planted, rule):
    run = planted.cluster(rule=rule)
    found = planted.groups(run)
    assert found == planted.components()
    assert len(found) == run["clusters"] == 60
    assert run["linked"] == sum(map(len, found))
    assert run["largest"] == 6
    assert run["images"] == len(planted.ids)  # without the sample
    assert run["recall"] == 1
    assert run["chained"] == 0


def chain(planted, count, degrees=10):
    """Images that turn by `degrees` from one to the next."""
    angle = np.radians(degrees) * np.arange(count)
    rows = np.zeros((count, DIM))
    rows[:, 0], rows[:, 1] = np.cos(angle), np.sin(angle)
    return planted.add("z", rows)


@pytest.mark.usefixtures("compared")
def test_a_chain_is_one_cluster_only_where_that_is_asked_for(planted):
    ids = chain(planted, 12)
    chained = planted.cluster(rule="chain")
    assert frozenset(ids) in planted.groups(chained)
    assert chained["chained"] > 0
    starred = planted.cluster(rule="star")
    parts = [one for one in planted.groups(starred) if one & set(ids)]
    assert len(parts) > 1
    assert starred["chained"] == 0
    members = planted.store.read("cluster_members", where=f"run_id = '{starred['run_id']}'").to_pylist()
    at = {one: place for place, one in enumerate(planted.ids)}
    for row in members:
        cosine = planted.unit[at[row["image_id"]]] @ planted.unit[at[row["cluster_id"]]]
        assert row["similarity"] == pytest.approx(cosine, abs=1e-6)
        assert cosine >= 0.9 - 1e-6


@pytest.mark.parametrize("held", [64, 256, 4096])
def test_a_work_with_more_copies_than_links_are_kept_for_is_one_cluster(planted, monkeypatch, held):
    from attribase.query.clusters import links

    monkeypatch.setattr(links, "BLOCK", 64)
    monkeypatch.setattr(links, "HELD_ROWS", held)
    monkeypatch.setattr(links, "REDUCE_AT", 200)
    rng = np.random.default_rng(5)
    ids = planted.add("m", np.ones(DIM) + 0.02 * rng.normal(size=(300, DIM)))
    run = planted.cluster(rule="chain")
    assert frozenset(ids) in planted.groups(run)
    assert planted.groups(run) == planted.components()
    assert run["links"] == run["linked"] - run["clusters"]  # a tree each


def test_again_changes_nothing_and_new_images_are_joined(planted):
    first = planted.cluster()
    assert planted.cluster() == first
    assert planted.steps == []
    (copy,) = planted.add("n", planted.unit[-1:] * 2)
    second = planted.cluster()
    assert second["run_id"] != first["run_id"]
    assert any(copy in one for one in planted.groups(second))
    runs = planted.store.read("cluster_runs")["run_id"].to_pylist()
    assert runs == [second["run_id"]]  # the first was superseded, with all of its rows
    assert planted.store.count("cluster_members") == second["linked"]
    assert planted.store.count("cluster_links") == second["links"]


def test_runs_of_other_settings_stay_and_share_links(planted):
    star, chained = planted.cluster(rule="star"), planted.cluster(rule="chain")
    compared = [step.note for step in planted.steps if step.stage == "compare"]
    assert compared == [f"{star['links']} links of an earlier run"]
    assert (chained["recall"], chained["links"]) == (star["recall"], star["links"])
    other = planted.cluster(threshold=0.99)
    assert planted.store.count("cluster_runs") == 3
    assert {star["run_id"], chained["run_id"], other["run_id"]} == set(
        planted.store.read("cluster_runs")["run_id"].to_pylist()
    )


@pytest.mark.usefixtures("compared")
def test_a_run_that_was_stopped_goes_on(planted):
    whole = planted.cluster()
    expected = planted.groups(whole)
    again = Store.create(planted.store.uri + ".copy")
    for table in ("images", "members", "encoders", "samples", "models"):
        again.upsert(table, planted.store.read(table))
    again.ensure_vectors("enc", DIM)
    again.upsert("vectors_enc", planted.store.read("vectors_enc"))
    settings = ClusterSettings(threshold=0.9)
    compared = 0
    for _ in range(100):  # a step and a stop, again and again
        steps = cluster_images(again, settings)
        for number, step in enumerate(steps):
            compared += step.stage == "compare"
            if number == 18:
                break
        else:
            break
        steps.close()
    stopped = type(planted)(again, planted.ids, planted.unit)
    run = stopped.cluster()
    assert stopped.steps == []
    assert stopped.groups(run) == expected
    assert run["run_id"] == whole["run_id"]


def test_an_image_that_was_removed_and_came_back_is_in_its_cluster_again(planted):
    first = planted.cluster()
    expected = planted.groups(first)
    image = next(iter(next(iter(expected))))
    row = planted.store.read("vectors_enc", where=f"item_id = '{image}'")
    list(remove(planted.store, plan_removal(planted.store, ids=[image])))
    assert not any(image in one for one in planted.groups(first))
    planted.store.dataset("tombstones").delete(f"item_id = '{image}'")
    planted.store.upsert("images", [{"image_id": image}])
    planted.store.upsert("vectors_enc", row)
    second = planted.cluster()
    assert second["run_id"] == first["run_id"]
    assert planted.groups(second) == expected


def test_what_cannot_be_clustered_is_an_error(planted, tmp_path):
    with pytest.raises(NotFoundError, match="nosuch"):
        planted.cluster(encoder="nosuch")
    with pytest.raises(InvalidInputError, match="threshold"):
        ClusterSettings(threshold=1.5)
    with pytest.raises(InvalidInputError, match="rule"):
        ClusterSettings(rule="ring")
    empty = Store.create(tmp_path / "empty.store")
    with pytest.raises(ConflictError, match="no images"):
        list(cluster_images(empty, ClusterSettings(method="phash")))
