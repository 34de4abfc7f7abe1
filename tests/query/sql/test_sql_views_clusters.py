"""The views of clusters, leakage and maps, on rows written by hand."""

from datetime import datetime

import pytest
from attribase.query import connect
from attribase.store import Store


def run_row(run, day, **fields):
    counts = {"images": 6, "links": 2, "linked": 4, "clusters": 2, "largest": 2, "chained": 0}
    about = {"run_id": run, "method": "vectors", "encoder": "enc", "rule": "star", "digest": "d"}
    return {**about, **counts, "threshold": 0.9, "started": datetime(2026, 1, day), **fields}


def member(run, image, cluster, similarity=1.0, size=2):
    return {
        "run_id": run,
        "image_id": image,
        "cluster_id": cluster,
        "similarity": similarity,
        "size": size,
    }


@pytest.fixture(scope="module")
def con(tmp_path_factory):
    """Images a to f: a and b are copies, c and d are; e and f have none. a, c, e, f are in the gallery."""
    store = Store.create(tmp_path_factory.mktemp("views") / "a.store")
    store.upsert(
        "images",
        [{"image_id": i, "uri": f"file:{i}", "creator": f"by {i}", "license": "MIT"} for i in "abcdef"],
    )
    store.upsert("members", [{"collection": "gallery", "image_id": i} for i in "acef"])
    store.upsert("members", [{"collection": "mine", "image_id": i} for i in "bdf"])
    store.upsert(
        "models",
        [
            {"model_id": "m", "method": "x", "exemplar_ids": ["b"], "split": "train"},
            {"model_id": "n", "method": "x", "exemplar_ids": ["a", "f"], "split": "test"},
        ],
    )
    store.upsert("samples", [{"sample_id": "s", "model_id": "m", "prompt": "a V* cat"}])
    store.upsert("cluster_runs", [run_row("old", 1), run_row("new", 2)])
    store.upsert("cluster_members", [member("old", i, "e") for i in "ef"])
    store.upsert(
        "cluster_members",
        [
            member("new", "a", "a"),
            member("new", "b", "a", 0.95),
            member("new", "c", "c"),
            member("new", "d", "c", 0.91),
        ],
    )
    about = {"encoder": "enc", "mapper": "none", "method": "umap", "settings": "{}"}
    counts = {"points": 2, "images": 6, "samples": 1}
    store.upsert(
        "maps",
        [
            {**about, **counts, "map_id": name, "created": datetime(2026, 1, day)}
            for name, day in (("first", 1), ("second", 2))
        ],
    )
    store.upsert(
        "map_points",
        [
            {"map_id": "first", "item_id": "c", "kind": "gallery", "x": 0.0, "y": 0.0},
            {"map_id": "second", "item_id": "a", "kind": "gallery", "x": 1.0, "y": 2.0},
            {"map_id": "second", "item_id": "s", "kind": "sample", "x": 3.0, "y": 4.0},
        ],
    )
    with connect(store) as con:
        yield con


def rows(con, statement):
    return con.sql(statement).fetchall()


def test_clusters_are_those_of_the_newest_run(con):
    found = rows(con, "select image_id, cluster_id, size from image_clusters order by all")
    assert found == [("a", "a", 2), ("b", "a", 2), ("c", "c", 2), ("d", "c", 2)]


def test_a_cluster_is_summed_up(con):
    found = rows(
        con,
        "select cluster_id, size, round(least::double, 2), uri, creators, licenses, collections "
        "from clusters order by all",
    )
    assert found == [("a", 2, 0.95, "file:a", 2, 1, 2), ("c", 2, 0.91, "file:c", 2, 1, 2)]


def test_leakage_tells_the_same_images_from_copies(con):
    found = rows(
        con,
        "select first, second, works, same, copied, second_images, example, example_copy "
        "from leakage order by all",
    )
    assert found == [
        ("collection gallery", "collection mine", 3, 1, 2, 3, "a", "b"),
        ("collection gallery", "split test", 2, 2, 0, 2, None, None),
        ("collection gallery", "split train", 1, 0, 1, 1, "a", "b"),
        ("collection mine", "split test", 2, 1, 1, 2, "b", "a"),
        ("collection mine", "split train", 1, 1, 0, 1, None, None),
        ("split test", "split train", 1, 0, 1, 1, "a", "b"),
    ]


def test_a_map_has_the_points_of_the_newest_with_what_is_known_of_them(con):
    found = rows(con, "select item_id, kind, x, y, creator, label, model_id, cluster_id from map_items")
    assert sorted(found) == [
        ("a", "gallery", 1.0, 2.0, "by a", None, None, "a"),
        ("s", "sample", 3.0, 4.0, None, "a V* cat", "m", None),
    ]


def test_a_store_without_clusters_has_empty_views(tmp_path):
    with connect(Store.create(tmp_path / "b.store")) as con:
        for view in ("image_clusters", "clusters", "leakage", "map_items"):
            assert rows(con, f"from {view}") == []
