"""A shard of samples as vectors, with what is needed to place their exemplars in the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .cases import Case
from .features import Candidates, Features
from .ranking import exemplar_similarities


@dataclass(frozen=True)
class Shard:
    """Samples with their own exemplars; E = the most that one of them has."""

    samples: tuple[str, ...]
    models: tuple[str, ...]
    schemes: tuple[str, ...]
    exemplars: tuple[tuple[str, ...], ...]  # of each sample, sorted
    queries: NDArray[np.float32]  # (samples, dim) unit rows
    similarities: NDArray[np.float32]  # (samples, E) to the own exemplars; NaN where there are fewer
    own: NDArray[np.int64]  # (pairs, 2): row, index into the gallery, of exemplars that are also in it

    def pool_sizes(self, gallery: int) -> NDArray[np.int64]:
        """(samples,) how many images each pool has: the gallery and the exemplars that are not in it."""
        exemplars = np.array([len(ids) for ids in self.exemplars], np.int64)
        return gallery + exemplars - np.bincount(self.own[:, 0], minlength=len(self.samples))


def load_shard(case: Case, indices: Sequence[int], features: Features, gallery: Candidates) -> Shard:
    """The samples of `case` at `indices` that have a vector.

    Raises ConflictError for an exemplar without one: its rank would be unknown, not bad.
    """
    embedded = features.positions([case.samples[index] for index in indices]).is_valid().to_pylist()
    rows = [index for index, known in zip(indices, embedded, strict=True) if known]
    models = [case.models[row] for row in rows]
    exemplars = [case.exemplars[model] for model in models]
    samples = [case.samples[row] for row in rows]
    queries = features.rows(samples)
    return Shard(
        samples=tuple(samples),
        models=tuple(models),
        schemes=tuple(case.schemes[row] for row in rows),
        exemplars=tuple(exemplars),
        queries=queries,
        similarities=_similarities(queries, models, case, features),
        own=_in_gallery(exemplars, gallery),
    )


def _similarities(
    queries: NDArray[np.float32], models: list[str], case: Case, features: Features
) -> NDArray[np.float32]:
    """(samples, E) of each sample to the exemplars of its model, ordered by image id, padded with NaN."""
    members: dict[str, list[int]] = {}
    for row, model in enumerate(models):
        members.setdefault(model, []).append(row)
    distinct = sorted({image for model in members for image in case.exemplars[model]})
    vectors = features.rows(distinct)
    place = {image: index for index, image in enumerate(distinct)}
    width = max((len(case.exemplars[model]) for model in members), default=0)
    similarities = np.full((len(models), width), np.nan, np.float32)
    for model, mine in members.items():
        own = vectors[[place[image] for image in case.exemplars[model]]]
        similarities[mine, : len(own)] = exemplar_similarities(queries[mine], own)
    return similarities


def _in_gallery(exemplars: list[tuple[str, ...]], gallery: Candidates) -> NDArray[np.int64]:
    """(pairs, 2): (row, index into the gallery) of every exemplar that is in the gallery too."""
    pairs = [(row, image) for row, ids in enumerate(exemplars) for image in ids]
    found = pc.index_in(pa.array([image for _, image in pairs], pa.string()), value_set=gallery.ids)
    own = [(row, at) for (row, _), at in zip(pairs, found.to_pylist(), strict=True) if at is not None]
    return np.array(own, np.int64).reshape(-1, 2)
