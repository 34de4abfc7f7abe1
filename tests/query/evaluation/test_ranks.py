"""Ranks by counting, against sorting and against arithmetic that is done in full precision."""

from dataclasses import dataclass

import numpy as np
import pytest
from attribase.query.evaluation import counting
from attribase.query.evaluation.counter import make_counter
from attribase.query.evaluation.counting import Thresholds, float32_error
from attribase.query.evaluation.ranks import TIE, ExemplarRanks, PoolVectors, exact_cosines
from attribase.store import DataError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

DEVICES = ("cpu", "torch:cpu")


@dataclass
class World:
    """Images by id; the first `gallery` are the gallery, `exemplars` are ids into all images, sorted."""

    images: np.ndarray
    gallery: int
    samples: np.ndarray
    exemplars: list[np.ndarray]

    def pools(self) -> PoolVectors:
        owners = np.repeat(np.arange(len(self.samples)), [len(mine) for mine in self.exemplars])
        ids = np.concatenate([np.zeros(0, int), *self.exemplars])
        return PoolVectors(
            samples=self.samples,
            offsets=np.cumsum([0, *(len(mine) for mine in self.exemplars)]),
            similarities=exact_cosines(self.samples, self.images, np.stack([owners, ids], axis=1)),
            in_gallery=ids < self.gallery,
        )

    def ranks(self, block=64, device="cpu", threads=2) -> list[dict[int, tuple[int, int]]]:
        """Of each sample, what it says of each exemplar: (rank, place)."""
        ranking = ExemplarRanks(self.pools(), device, threads)
        rows = self.images[: self.gallery]
        assert sum(ranking.run(rows[i : i + block] for i in range(0, len(rows), block))) == len(rows)
        found = iter(zip(ranking.ranks.tolist(), ranking.places.tolist(), strict=True))
        return [{int(e): next(found) for e in mine} for mine in self.exemplars]

    def pool(self, sample: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ids, cosines in float64 and which are exemplars, of the sample's pool."""
        ids = np.union1d(np.arange(self.gallery), self.exemplars[sample])
        rows, query = self.images[ids].astype(np.float64), self.samples[sample].astype(np.float64)
        length = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
        cosines = np.divide((rows * query).sum(1), length, out=np.zeros(len(ids)), where=length > 0)
        return ids, cosines, np.isin(ids, self.exemplars[sample])


def make(seed, dim, gallery, samples, most, twins=0.3, copies=0.3) -> World:
    """Random vectors at random lengths: some images are copies of others, some exemplars in the gallery."""
    rng = np.random.default_rng(seed)
    count = gallery + 2 * most
    images = rng.normal(size=(count, dim))
    copied = rng.random(count) < copies
    images[copied] = images[rng.integers(0, count, copied.sum())]
    images[rng.random(count) < 0.02] = 0.0
    images = (images * rng.choice([1.0, 1.0, 2.0, 0.25], (count, 1))).astype(np.float32)
    exemplars = []
    for _ in range(samples):
        mine = rng.permutation(np.arange(gallery, count))[: rng.integers(1, most + 1)]
        moved = (rng.random(len(mine)) < twins) & (mine < 2 * gallery)
        exemplars.append(np.unique(np.where(moved, mine - gallery, mine)))
    near = np.stack([images[mine].mean(0) for mine in exemplars])
    return World(images, gallery, (near + rng.normal(size=near.shape)).astype(np.float32), exemplars)


def by_sorting(world: World, sample: int) -> list[int]:
    """The pool from first to last: of images that tie the exemplars come last, these by id."""
    ids, cosines, hit = world.pool(sample)
    order = np.argsort(-cosines, kind="stable")
    level = np.empty(len(ids))
    level[order] = np.cumsum(np.diff(-cosines[order], prepend=-np.inf) > TIE)
    return ids[np.lexsort((ids, hit, level))].tolist()


WORLDS = st.builds(
    make,
    seed=st.integers(0, 2**32 - 1),
    dim=st.integers(1, 40),
    gallery=st.integers(1, 300),
    samples=st.integers(1, 12),
    most=st.sampled_from([1, 2, 12, 70]),
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(WORLDS, st.sampled_from([1, 7, 64, 1000]), st.sampled_from([1, 2, 5]), st.sampled_from(DEVICES))
def test_ranks_equal_a_full_sort_of_each_pool(world, block, threads, device):
    for sample, found in enumerate(world.ranks(block, device, threads)):
        order = by_sorting(world, sample)
        assert {e: rank for e, (rank, _) in found.items()} == {e: order.index(e) + 1 for e in found}
        places = sorted(found, key=order.index)
        assert {e: place for e, (_, place) in found.items()} == {e: i + 1 for i, e in enumerate(places)}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(WORLDS, st.sampled_from(DEVICES))
def test_average_precision_and_recall_from_ranks_equal_those_of_the_sorted_pool(world, device):
    for sample, found in enumerate(world.ranks(device=device)):
        order = by_sorting(world, sample)
        hit = np.isin(order, world.exemplars[sample])
        expected = average_precision_score(hit, -np.arange(len(order)))
        ranks, places = np.array(list(found.values())).T
        assert np.mean(places / ranks) == pytest.approx(expected, abs=1e-12)
        for k in (5, 10, 100, 10_000):  # the last is beyond every pool
            assert np.mean(ranks <= k) == pytest.approx(hit[:k].sum() / hit.sum())


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-7, 1e-6, 1e-5, 1e-4]), st.sampled_from(DEVICES))
def test_cosines_that_float32_cannot_separate_are_ranked_exactly(seed, noise, device):
    rng = np.random.default_rng(seed)
    base = rng.normal(size=48)
    images = (base + noise * rng.normal(size=(200, 48))).astype(np.float32)
    samples = (base + rng.normal(size=(4, 48))).astype(np.float32)
    world = World(images, 190, samples, [np.array([190]), np.array([3, 191]), *[np.arange(192, 200)] * 2])
    for sample, found in enumerate(world.ranks(device=device)):
        ids, cosines, hit = world.pool(sample)
        mine = dict(zip(ids.tolist(), cosines, strict=True))
        groups = by_falling_similarity(mine, sorted(found))
        before = 0
        for group in groups:
            level = min(mine[e] for e in group) - TIE
            for e in sorted(group):
                assert found[e] == (1 + before + np.sum(cosines[~hit] >= level), before + 1)
                before += 1


def by_falling_similarity(similarity, exemplars):
    """Exemplars in groups that tie, each with the one before it."""
    groups = []
    for e in sorted(exemplars, key=lambda e: -similarity[e]):
        if groups and similarity[groups[-1][-1]] - similarity[e] <= TIE:
            groups[-1].append(e)
        else:
            groups.append([e])
    return groups


def test_ranks_do_not_depend_on_blocks_threads_or_device(monkeypatch):
    world = make(5, 33, 5000, 700, 20)
    expected = world.ranks(block=5000, threads=1)
    assert world.ranks(block=13, threads=3) == expected
    assert world.ranks(block=999, device="torch:cpu") == expected
    monkeypatch.setattr(counting, "QUERIES", 64)
    assert world.ranks(block=512, threads=2) == expected


def test_nothing_is_further_off_than_the_bound_that_is_trusted():
    rng = np.random.default_rng(0)
    for dim in (3, 64, 768, 3000):
        rows = rng.normal(size=(2, 300, dim)).astype(np.float32)
        rows[1, 0] = rows[0, 0]  # a cosine of one, where all terms add up
        units = [part / np.linalg.norm(part.astype(np.float64), axis=1, keepdims=True) for part in rows]
        error = np.abs(np.float32(units[0]) @ np.float32(units[1]).T - units[0] @ units[1].T).max()
        assert error < float32_error(dim) < 1e-3


@pytest.mark.parametrize("device", DEVICES)
def test_a_gallery_vector_that_is_not_finite_is_an_error(device):
    world = make(1, 8, 50, 3, 2)
    ranking = ExemplarRanks(world.pools(), device)
    world.images[17, 3] = np.nan
    with pytest.raises(DataError, match="gallery image is not finite"):
        list(ranking.run([world.images[:50]]))


def test_no_samples_have_no_ranks():
    asked = Thresholds(np.zeros((0, 4), np.float32), np.zeros(1, np.int64), np.zeros(0))
    for device in DEVICES:
        counts = make_counter(asked, device)
        assert sum(counts.run([np.ones((5, 4), np.float32)])) == 5
        assert counts.before.shape == (0,)
