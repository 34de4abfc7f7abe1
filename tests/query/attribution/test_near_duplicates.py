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
