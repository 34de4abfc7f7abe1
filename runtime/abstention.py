"""Scores of held-out models without and with their exemplars: what "none of these" is decided by.

The score of a query is its best similarity in standard deviations of its similarities to the gallery,
(best - mean) / spread. A null score is that of a sample over the pool without its own exemplars.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..store.errors import DataError
from ..store.ids import key_id
from ..store.lookup import quote
from .conformal import Scores, p_values, set_threshold
from .mapper import DatasetSource
from .moments import GalleryMoments
from .pool_scores import OwnedSamples, PoolScores

TABLE = "abstentions"
DIGITS = 6


@dataclass(frozen=True)
class ModelScores:
    """The scores of one model's samples.

    Attributes:
        model_id: the model.
        kind: its concept kind; '' where it has none.
        null: (samples,) the best score among images that are no exemplars of it.
        exemplars: for each sample, (exemplars,) the scores of its exemplars.
    """

    model_id: str
    kind: str
    null: Scores
    exemplars: tuple[Scores, ...]


def model_scores(
    models: Sequence[tuple[str, str]], samples: OwnedSamples, found: PoolScores, moments: GalleryMoments
) -> list[ModelScores]:
    """What a pass over the pool found, as scores.

    Args:
        models: id and kind of each model of `samples`.
        samples: all have a model with at least one exemplar in the pool.
        found: the scores of a `PoolPass`.
        moments: of the gallery.
    """
    mean, spread = moments.spread(samples.vectors)
    null = (found.best_other - mean) / spread
    return [
        ModelScores(
            model_id,
            kind,
            null[own],
            tuple((found.own[sample] - mean[sample]) / spread[sample] for sample in own),
        )
        for (model_id, kind), own in zip(models, samples.of_models(), strict=True)
    ]


@dataclass(frozen=True)
class Abstention:
    """What is stored for one encoder and mapper.

    Attributes:
        models: the held-out models.
        pool_size: images that their samples were compared with.
        pool_digest: of the ids of these, `ids_digest`.
        mapper_digest: of the mapper's weights, `mapper_digest`.
        table_versions: of what was read.
    """

    models: tuple[ModelScores, ...]
    pool_size: int
    pool_digest: str
    mapper_digest: str
    table_versions: Mapping[str, int]

    def kinds(self) -> dict[str, int]:
        """How many models there are of each kind."""
        return dict(Counter(one.kind for one in self.models))

    def without(self, model_id: str | None) -> Abstention:
        """The scores of the other models: what a sample of one of these models is to be judged by."""
        others = tuple(one for one in self.models if one.model_id != model_id)
        return self if len(others) == len(self.models) else replace(self, models=others)

    def of_kind(self, kind: str | None = None) -> list[ModelScores]:
        """The models of a kind; all for None."""
        return [one for one in self.models if kind is None or one.kind == kind]

    def p_values(self, scores: NDArray[np.float64] | float, kind: str | None = None) -> Scores:
        """(questions,) p_none of these scores, by the models of a kind; by all for None."""
        return p_values(scores, [one.null for one in self.of_kind(kind)])

    def threshold(self, alpha: float, kind: str | None = None) -> float:
        """The score from which on images are in the set of level `alpha`; minus infinity: all are."""
        return set_threshold([one.exemplars for one in self.of_kind(kind)], alpha)


def scores_to_json(models: Sequence[ModelScores]) -> str:
    """The column `scores`: a kind, null and exemplar scores for each model, in the order of `model_ids`."""
    plain = [
        {
            "kind": one.kind,
            "null": one.null.round(DIGITS).tolist(),
            "exemplars": [own.round(DIGITS).tolist() for own in one.exemplars],
        }
        for one in models
    ]
    return json.dumps(plain, sort_keys=True, allow_nan=False)


def load_abstention(tables: DatasetSource, encoder: str, mapper: str) -> Abstention | None:
    """The stored scores, from a store or from one pinned at a version; None where there are none.

    They are of the pool and mapper that their digests name, which may have changed since.

    Raises:
        DataError: they are broken.
    """
    columns = ["model_ids", "scores", "pool_size", "pool_digest", "mapper_digest", "table_versions"]
    where = f"abstention_id = {quote(key_id(encoder, mapper))}"
    rows = tables.dataset(TABLE).to_table(columns=columns, filter=where).to_pylist()
    if not rows:
        return None
    row = rows[0]
    try:
        models = tuple(
            ModelScores(
                model_id,
                one["kind"],
                np.array(one["null"], np.float64),
                tuple(np.array(own, np.float64) for own in one["exemplars"]),
            )
            for model_id, one in zip(row["model_ids"], json.loads(row["scores"]), strict=True)
        )
        versions = json.loads(row["table_versions"] or "{}")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the scores in {TABLE} are broken: {error}",
            hint=f"train them again: attribase train abstention --encoder {encoder} --mapper {mapper}",
        ) from error
    return Abstention(models, row["pool_size"], row["pool_digest"], row["mapper_digest"], versions)
