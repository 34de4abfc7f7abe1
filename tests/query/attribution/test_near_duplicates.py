"""Near-duplicates share a place, and their influence adds up."""

import numpy as np
import pytest
from attribase.query import attribute


@pytest.mark.usefixtures("vectors")
def test_copies_share_a_place_and_their_influence_adds_up(small):
    small.calibrate(0.2, 0.0)
    plain = {r.image_id: r.influence for r in attribute(small.store, "m2-s0", k=500).results}
    answer = attribute(small.store, "m2-s0", k=500, dedup=0.999)
    copied = [result for result in answer.results if result.copies]
    assert {frozenset((r.image_id, *r.copies)) for r in copied} >= {
        frozenset((f"g{i:03d}", f"g{150 + i}")) for i in range(10)
    }
    for result in answer.results:
        ids = (result.image_id, *result.copies)
        assert result.influence == pytest.approx(sum(plain[i] for i in ids), abs=1e-9)
    assert sum(len(r.copies) + 1 for r in answer.results) == len(plain)
    assert sum(r.influence for r in answer.results) == pytest.approx(1)


@pytest.mark.usefixtures("vectors")
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 1.0])
def test_groups_are_those_of_a_loop_over_pairs(small, threshold):
    ranked = [r.image_id for r in attribute(small.store, "m0-s2", k=500).results]
    units = {i: v / np.linalg.norm(v) for i, v in small.vectors.items()}
    groups: dict[str, list[str]] = {}
    for image in ranked:
        head = next((h for h in groups if units[h] @ units[image] >= threshold - 1e-6), None)
        groups.setdefault(head or image, []).append(image)
    answer = attribute(small.store, "m0-s2", k=9, dedup=threshold)
    expected = list(groups.items())[:9]
    assert [(r.image_id, [r.image_id, *r.copies]) for r in answer.results] == expected


def test_cosines_are_computed_in_blocks_of_bounded_size(monkeypatch):
    from attribase.query.attribution import near_duplicates

    rows = np.random.default_rng(5).normal(size=(400, 6)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    sizes = []

    def cosines(some):
        sizes.append(len(some))
        return rows[some] @ rows.T

    whole = near_duplicates.group_near_duplicates(cosines, 400, 0.8, 400)
    assert max(sizes) == 400
    sizes.clear()
    monkeypatch.setattr(near_duplicates, "COSINES_AT_ONCE", 4000)
    blocks = near_duplicates.group_near_duplicates(cosines, 400, 0.8, 400)
    assert max(sizes) == 10
    assert [group.tolist() for group in blocks] == [group.tolist() for group in whole]


def _clusters(small, groups):
    """Clusters written as `attribase cluster` writes them."""
    from datetime import datetime

    about = {"run_id": "r", "method": "vectors", "encoder": "enc", "rule": "star", "digest": "d"}
    counts = {"images": 160, "links": 0, "linked": 0, "clusters": 0, "largest": 0, "chained": 0}
    small.store.upsert("cluster_runs", [{**about, **counts, "started": datetime(2026, 1, 2)}])
    small.store.upsert(
        "cluster_members",
        [
            {"run_id": "r", "image_id": one, "cluster_id": group[0], "similarity": 1.0, "size": len(group)}
            for group in groups
            for one in group
        ],
    )


@pytest.mark.usefixtures("vectors")
@pytest.mark.parametrize("k", [1, 7, 500])
def test_copies_of_a_work_share_a_place_whatever_their_cosine(small, k):
    small.calibrate(0.2, 0.0)
    plain = attribute(small.store, "m2-s0", k=500).results
    ranked = [r.image_id for r in plain]
    groups = [[*ranked[0:40:8]], [*ranked[3:100:31]], [*ranked[-2:]]]  # near and far ones together
    _clusters(small, groups)
    work = {one: group[0] for group in groups for one in group}
    expected: dict[str, list[str]] = {}
    for one in ranked:
        expected.setdefault(work.get(one, one), []).append(one)
    answer = attribute(small.store, "m2-s0", k=k, fold=True)
    assert [[r.image_id, *r.copies] for r in answer.results] == list(expected.values())[:k]
    share = {r.image_id: r.influence for r in plain}
    for result in answer.results:
        total = sum(share[one] for one in (result.image_id, *result.copies))
        assert result.influence == pytest.approx(total, rel=1e-6)  # similarities are float32
    assert any("2026-01-02 by enc among 160 images" in note for note in answer.notes)


def test_folding_without_clusters_is_an_error_that_says_how_to_make_them(small):
    from attribase.store import ConflictError, InvalidInputError

    with pytest.raises(ConflictError, match="copies") as caught:
        attribute(small.store, "m2-s0", fold=True)
    assert "attribase -s STORE cluster" in caught.value.hint
    with pytest.raises(InvalidInputError, match="share a place"):
        attribute(small.store, "m2-s0", fold=True, dedup=0.9)
