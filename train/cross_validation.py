"""Recipes compared on models that they did not learn from, without the test split.

The models of `train` and `val` are divided into folds; all models of one concept (or of one set of drawings
of a style) are in one fold, so the models of a fold are unseen ones to the others. Each recipe learns on all
folds but two, keeps its best epoch on one of these, and is measured on the other one. `measure_validation` is
the other view: models of concepts that training models share, sampled with other prompts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..store import Store
from ..store.errors import InvalidInputError
from .config import MapperConfig
from .data import TrainingData, load_data
from .fit import TrainedPair, fit
from .pairs import TrainModel
from .start import start_pair
from .validation import Validation


@dataclass(frozen=True)
class FoldRecall:
    """Recall@10 of the samples of one model, by a recipe that did not learn from it.

    recalls: by scheme, (samples,).
    """

    recipe: str
    fold: int
    model_id: str
    kind: str
    recalls: Mapping[str, NDArray[np.float32]]


def divide(groups: Sequence[tuple[str, str]], folds: int) -> list[int]:
    """The fold of each model, from its kind and its concept; models that have both in common share it.

    Folds get about as many models of each kind: the largest groups first, each to the fold with the fewest
    models of its kind; equal ones in order of their names.
    """
    sizes = Counter(groups)
    if len(sizes) < folds or folds < 3:
        raise InvalidInputError(
            f"{len(sizes)} concepts cannot be divided into {folds} folds",
            hint="use from 3 to as many folds as there are concepts",
        )
    filled: Counter[tuple[str, int]] = Counter()
    found = {}
    for group in sorted(sizes, key=lambda group: (-sizes[group], group)):
        kind = group[0]
        found[group] = min(range(folds), key=lambda fold: (filled[kind, fold], fold))
        filled[kind, found[group]] += sizes[group]
    return [found[group] for group in groups]


def cross_validate(
    store: Store, encoder: str, recipes: Mapping[str, MapperConfig], folds: int = 5
) -> Iterator[FoldRecall]:
    """Train each of `recipes` on each fold and yield the recall of every model of the fold measured.

    Raises:
        NotFoundError: nothing is embedded.
        InvalidInputError: fewer concepts than folds, or views that are not embedded.
    """
    for name, config in recipes.items():
        data = load_data(store, encoder, config, splits=("train", "val"))
        fold_of = divide(_groups(store, data.models), folds)
        for fold in range(folds):
            parts = [
                [m for m, own in zip(data.models, fold_of, strict=True) if own == one] for one in range(folds)
            ]
            measured, held_out = parts[fold], parts[(fold + 1) % folds]
            apart = {model.model_id for model in (*measured, *held_out)}
            learned = [model for model in data.models if model.model_id not in apart]
            best = _best(replace(data, models=learned, held_out=held_out), config)
            yield from _measure(name, fold, best, data, measured)


def measure_validation(
    store: Store, encoder: str, recipes: Mapping[str, MapperConfig]
) -> Iterator[FoldRecall]:
    """Train each of `recipes` on the train models and yield the recall of every val model, as fold 0.

    A recipe that keeps its best epoch chooses it on the same models, as `train mapper` does.

    Raises:
        NotFoundError: nothing is embedded.
        InvalidInputError: no val model, or views that are not embedded.
    """
    for name, config in recipes.items():
        data = load_data(store, encoder, config)
        if not data.held_out:
            raise InvalidInputError(
                "no embedded model has the split 'val'",
                hint="customize, sample and embed models with split 'val' first",
            )
        unseen = data if config.keep == "best" else replace(data, held_out=[])
        yield from _measure(name, 0, _best(unseen, config), data, data.held_out)


def _groups(store: Store, models: Sequence[TrainModel]) -> list[tuple[str, str]]:
    """Kind and concept of each model; one without a concept is a group of its own."""
    rows = store.read("models", ["model_id", "concept"]).to_pylist()
    concept = {row["model_id"]: row["concept"] for row in rows}
    return [(model.kind, concept[model.model_id] or model.model_id) for model in models]


def _best(data: TrainingData, config: MapperConfig) -> TrainedPair:
    """The pair of the best epoch."""
    start = start_pair(data, data.spans, config)
    best: TrainedPair = start
    for _, current, improved in fit(start, data, config):
        if improved:
            best = deepcopy(current)
    return best


def _measure(
    recipe: str, fold: int, pair: TrainedPair, data: TrainingData, models: Sequence[TrainModel]
) -> Iterator[FoldRecall]:
    validation = Validation.build(models, data.features, data.gallery, 1.0)
    for model, recalls in zip(models, validation.recalls(pair.real, pair.synth), strict=True):
        schemes = [scheme for scheme in sorted(model.samples) for _ in model.samples[scheme]]
        by_scheme = {
            scheme: recalls.numpy()[[own == scheme for own in schemes]] for scheme in sorted(model.samples)
        }
        yield FoldRecall(recipe, fold, model.model_id, model.kind, by_scheme)
