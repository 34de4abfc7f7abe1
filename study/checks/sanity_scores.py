"""The numbers of the check `sanity`, a value a model each: places in the pool, overlaps, recovered models."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import combinations, product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...query.evaluation.cases import Sample, read_cases
from ...query.evaluation.pools import load_pools
from ...query.evaluation.ranks import ExemplarRanks, PoolVectors, exact_cosines
from ...query.features import FeatureReader, ImageSet, Pinned
from ...runtime.mapper import normalise
from ...store import NotFoundError, key_id

Floats: TypeAlias = NDArray[np.float64]

RANDOM_DIM = 64
BLOCK = 4096
NEAREST = 10

FLIPPED = 0.2
"""Share of the models that are given the exemplars of others."""

AUDITS, FLIPS = 200, 20
"""Draws of models, and choices of those that are flipped in each."""


def choose_models(pinned: Pinned, most: int, samples: int) -> list[list[Sample]]:
    """Some samples of each of at most `most` test models of objects and styles: the same in every run."""
    rows = pinned.read("models", ["model_id", "concept_kind"]).to_pylist()
    sets = {row["model_id"] for row in rows if row["concept_kind"] == "set"}
    by_model: dict[str, list[Sample]] = {}
    try:
        cases = read_cases(pinned, splits=("test",))
    except NotFoundError:
        return []
    for sample in (sample for case in cases for sample in case.samples if sample.model_id not in sets):
        by_model.setdefault(sample.model_id, []).append(sample)
    chosen = heapq.nsmallest(most, by_model, key=lambda model: key_id("sanity", model))
    return [
        heapq.nsmallest(samples, by_model[model], key=lambda one: key_id("sanity", one.sample_id))
        for model in chosen
    ]


def random_places(models: Sequence[Sequence[Sample]], gallery: int, seed: int = 0) -> Floats:
    """(models,) the mean place of exemplars among random vectors, by the same counting as all ranks."""
    rng = np.random.default_rng(seed)
    samples = [sample for model in models for sample in model]
    offsets = np.cumsum([0, *(len(sample.exemplars) for sample in samples)], dtype=np.int64)
    names = sorted({image for sample in samples for image in sample.exemplars})
    row = {image: at for at, image in enumerate(names)}
    queries, exemplars = (_draw(rng, count) for count in (len(samples), len(names)))
    owners = np.repeat(np.arange(len(samples)), np.diff(offsets))
    images = np.array([row[image] for sample in samples for image in sample.exemplars], np.int64)
    cosines = exact_cosines(queries, exemplars, np.stack([owners, images], axis=1))
    counted = ExemplarRanks(PoolVectors(queries, offsets, cosines, np.zeros(len(images), bool)))
    blocks = (_draw(rng, min(BLOCK, gallery - start)) for start in range(0, gallery, BLOCK))
    for _ in counted.run(blocks):
        pass
    sizes = gallery + np.diff(offsets)
    return _model_means(models, _sample_means(owners, (counted.ranks - 0.5) / sizes[owners]))


def places(models: Sequence[Sequence[Sample]], reader: FeatureReader, gallery: ImageSet) -> Floats:
    """(models,) the mean place of the samples' exemplars in their pools, in (0, 1)."""
    pools = load_pools([sample for model in models for sample in model], reader, gallery)
    counted = ExemplarRanks(pools.vectors)
    for _ in counted.run(gallery.raw_blocks()):
        pass
    sizes = pools.sizes(len(gallery))[pools.owners]
    return _model_means(models, _sample_means(pools.owners, (counted.ranks - 0.5) / sizes))


def shuffle(models: Sequence[Sequence[Sample]], seed: int = 0) -> list[list[Sample]]:
    """Every model with the exemplars of another: none keeps its own, unless they are another's too."""
    order = np.random.default_rng(seed).permutation(len(models))
    other = dict(zip(order.tolist(), np.roll(order, 1).tolist(), strict=True))
    return [
        [sample._replace(exemplars=models[other[at]][0].exemplars) for sample in model]
        for at, model in enumerate(models)
    ]


def copies_first(models: Sequence[Sequence[Sample]], reader: FeatureReader, gallery: ImageSet) -> Floats:
    """(exemplars,) 1 where the first exemplar of a model, as a query, is nearer to itself than all others.

    What ties with it comes before it, unless it is the same image.
    """
    images = list(dict.fromkeys(model[0].exemplars[0] for model in models))
    vectors = reader.raw(images)
    pairs = np.stack([np.arange(len(images))] * 2, axis=1)
    cosines = exact_cosines(vectors, vectors, pairs)
    inside = gallery.indices(images) >= 0
    counted = ExemplarRanks(PoolVectors(vectors, np.arange(len(images) + 1), cosines, inside))
    for _ in counted.run(gallery.raw_blocks()):
        pass
    first: Floats = (counted.ranks == 1).astype(np.float64)
    return first


def overlaps(
    models: Sequence[Sequence[Sample]], reader: FeatureReader, gallery: ImageSet
) -> tuple[Floats, Floats]:
    """The share of the NEAREST gallery images that two samples have in common.

    Returns:
        (models,) means over all pairs of samples of a model, and over pairs with samples of another model;
        models with one sample are left out.
    """
    several = [model for model in models if len(model) > 1]
    ids = [sample.sample_id for model in several for sample in model]
    nearest = _nearest(normalise(reader.raw(ids)), gallery)
    ends = np.cumsum([len(model) for model in several])[:-1]
    found = np.split(nearest, ends) if several else []
    own = [np.mean([_common(*pair) for pair in combinations(part, 2)]) for part in found]
    others = [
        np.mean([_common(*pair) for pair in product(found[at], found[at - 1])]) for at in range(len(found))
    ]
    return np.array(own), np.array(others)


def recoveries(right: Floats, wrong: Floats, seed: int = 0) -> Floats:
    """(AUDITS,) the share of wrong exemplars found where FLIPPED of the models have them.

    As many models as were flipped are looked at, those with the worst places first. Each audit is of models
    drawn with replacement, and the mean over FLIPS choices.
    """
    rng = np.random.default_rng(seed)
    count, flipped = len(right), flipped_of(len(right))
    shares = np.empty((AUDITS, FLIPS))
    for audit in range(AUDITS):
        drawn = rng.integers(count, size=count)
        for flip in range(FLIPS):
            chosen = rng.permutation(count)[:flipped]
            scores = right[drawn].copy()
            scores[chosen] = wrong[drawn][chosen]
            worst = np.argsort(-scores, kind="stable")[:flipped]
            shares[audit, flip] = np.isin(worst, chosen).mean()
    means: Floats = shares.mean(axis=1)
    return means


def flipped_of(models: int) -> int:
    """How many of so many models are given the exemplars of others."""
    return max(1, round(FLIPPED * models))


def _nearest(queries: NDArray[np.float32], gallery: ImageSet) -> NDArray[np.int64]:
    """(queries, NEAREST) positions in the gallery, in any order."""
    count = len(queries)
    scores, rows, start = np.empty((count, 0), np.float32), np.empty((count, 0), np.int64), 0
    for block in gallery.blocks():
        scores = np.concatenate([scores, queries @ block.T], axis=1)
        mine = np.broadcast_to(np.arange(start, start + len(block)), (count, len(block)))
        rows, start = np.concatenate([rows, mine], axis=1), start + len(block)
        best = np.argpartition(-scores, min(NEAREST, scores.shape[1]) - 1, axis=1)[:, :NEAREST]
        scores, rows = np.take_along_axis(scores, best, 1), np.take_along_axis(rows, best, 1)
    return rows


def _common(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    return len(np.intersect1d(first, second)) / len(first)


def _sample_means(owners: NDArray[np.int64], values: Floats) -> Floats:
    means: Floats = np.bincount(owners, values) / np.bincount(owners)
    return means


def _model_means(models: Sequence[Sequence[Sample]], values: Floats) -> Floats:
    """(models,) means of values of all their samples, in order."""
    ends = np.cumsum([len(model) for model in models])[:-1]
    return np.array([part.mean() for part in np.split(values, ends)])


def _draw(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    return rng.normal(size=(count, RANDOM_DIM)).astype(np.float32)
