"""Clusters by perceptual hash: which pictures are linked, and that no pair of near hashes is missed."""

import io

import numpy as np
import pytest
from attribase.query.clusters.cluster import cluster_images
from attribase.query.clusters.hashes import HashLikeness, link_hashes
from attribase.query.clusters.links import connected
from attribase.query.clusters.settings import ClusterSettings
from attribase.store import Store, content_id
from PIL import Image, ImageFilter


@pytest.mark.parametrize("bits", [0, 1, 4, 9])
def test_all_pairs_of_near_hashes_are_linked_and_no_others(bits):
    rng = np.random.default_rng(bits)
    some = rng.integers(0, 1 << 63, 60, np.uint64)
    values = [some, some[:20]]
    for flips in range(1, 12):  # copies that differ in so many bits
        masks = [
            np.bitwise_or.reduce(1 << rng.choice(63, flips, replace=False).astype(np.uint64)) for _ in some
        ]
        values.append(some ^ np.array(masks, np.uint64))
    values = np.concatenate(values)
    links = link_hashes(values, bits)
    distance = np.bitwise_count(values[:, None] ^ values[None])
    expected = {(a, b) for a, b in np.argwhere(distance <= bits).tolist() if a < b}
    found = set(zip(links.first.tolist(), links.second.tolist(), strict=True))
    assert found <= expected
    equal = {(a, b) for a, b in expected if distance[a, b] == 0}  # linked in a row, not each with each
    joined = {frozenset((values[a], values[b])) for a, b in found - equal}
    assert joined == {frozenset((values[a], values[b])) for a, b in expected - equal}
    component = connected(links, len(values))
    assert all(component[a] == component[b] for a, b in equal)
    pairs = zip(links.first, links.second, strict=True)
    assert links.similarity.tolist() == [1 - distance[a, b] / 64 for a, b in pairs]


def test_the_middle_of_hashes_is_what_most_have():
    likeness = HashLikeness(np.array([0, 1, 3, 0xFF], np.uint64))
    central = likeness.central(np.arange(4))
    assert central.argmax() in (1, 2)
    assert likeness.between(np.array([0]), np.arange(4))[0].tolist() == [1, 63 / 64, 62 / 64, 56 / 64]


def encoded(image, **options):
    data = io.BytesIO()
    image.save(data, **{"format": "PNG", **options})
    return data.getvalue()


def scene(seed):
    """A picture of a few large shapes."""
    rng = np.random.default_rng(seed)
    rough = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8), "RGB")
    return rough.resize((160, 120), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))


@pytest.fixture
def pictures(tmp_path):
    """A store of ten scenes, two of them also as a smaller JPEG; one broken file; one only referenced."""
    store = Store.create(tmp_path / "pictures.store")
    data = [encoded(scene(seed)) for seed in range(10)]
    data += [encoded(scene(seed).resize((90, 68)), format="JPEG", quality=80) for seed in (0, 1)]
    ids = [content_id(one) for one in data]
    store.upsert("images", [{"image_id": i, "bytes": one} for i, one in zip(ids, data, strict=True)])
    store.upsert("images", [{"image_id": "broken", "bytes": b"no picture"}, {"image_id": "far", "uri": "x"}])
    return store, ids


def test_copies_of_pictures_are_found_without_an_encoder(pictures):
    store, ids = pictures
    steps = list(cluster_images(store, ClusterSettings(method="phash")))
    assert [step.stage for step in steps][:1] == ["hash"]
    members = store.read("cluster_members").to_pylist()
    groups = {
        frozenset(r["image_id"] for r in members if r["cluster_id"] == m["cluster_id"]) for m in members
    }
    assert groups == {frozenset((ids[0], ids[10])), frozenset((ids[1], ids[11]))}
    (run,) = store.read("cluster_runs").to_pylist()
    assert (run["images"], run["bits"], run["encoder"]) == (12, 4, None)
    assert store.count("image_hashes") == 12


def test_an_encoder_confirms_what_hashes_link(pictures):
    store, ids = pictures
    again = encoded(scene(0).resize((80, 60)))
    ids = [*ids, content_id(again)]
    store.upsert("images", [{"image_id": ids[12], "bytes": again}])
    store.upsert("encoders", [{"encoder": "enc", "dim": 8}])
    store.ensure_vectors("enc", 8)
    vectors = np.random.default_rng(0).normal(size=(13, 8)).astype(np.float32)
    vectors[10], vectors[12] = 3 * vectors[0], vectors[0]  # the encoder agrees on one of two works
    store.upsert(
        "vectors_enc",
        [
            {"item_id": i, "item_kind": "image", "base": row.tolist()}
            for i, row in zip(ids, vectors, strict=True)
        ],
    )
    list(cluster_images(store, ClusterSettings(method="phash", encoder="enc")))
    members = store.read("cluster_members").to_pylist()
    assert {one["image_id"] for one in members} == {ids[0], ids[10], ids[12]}
    assert len({one["cluster_id"] for one in members}) == 1
    assert all(one["similarity"] == pytest.approx(1, abs=1e-6) for one in members)  # cosines, not bits
