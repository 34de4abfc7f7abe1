"""Plans of objects and styles over a collection: which models to customize, which samples to draw."""

import random
from dataclasses import replace
from pathlib import Path

from ...store import InvalidInputError, Store
from ..specs import METHODS, TOKEN, ModelSpec, uses_token
from .exemplars import Exemplars, nothing_hint, object_exemplars, style_exemplars
from .prompts import CONCEPT, MEDIA, OBJECTS, plan_samples, read_captions

SPLITS = (("test", 0.2), ("val", 0.1))
"""Shares of the models; the rest is train."""


def plan_models(
    store: Store,
    collection: str,
    kind: str,
    *,
    prompts_file: Path | None = None,
    samples: int = 16,
    seed: int = 0,
    method: str = METHODS[0],
) -> list[ModelSpec]:
    """Plan a model for each image (`object`) or for 5-10 images by one creator (`style`), split 70/10/20.

    Prompts of test models differ from those of train models. Schemes: `media` (object) or `object`
    (style), and `gpt` when `prompts_file` has written captions, one a line, with `{concept}`.

    Args:
        store: holds the images of `collection`.
        collection: the exemplars.
        kind: 'object' or 'style'.
        prompts_file: written captions.
        samples: how many samples each model gets, spread evenly over its schemes.
        seed: of the split over models.
        method: how the models are customized; one whose prompts hold `V*`.

    Raises:
        InvalidInputError: the collection is empty, no creator has five images, a caption lacks `{concept}`,
            `method` is unknown or has no `V*`.
    """
    if method not in METHODS or not uses_token(method):
        raise InvalidInputError(
            f"models cannot be planned by {method!r}",
            hint=f"use one of {', '.join(name for name in METHODS if uses_token(name))}",
        )
    groups = object_exemplars(store, collection) if kind == "object" else style_exemplars(store, collection)
    if not groups:
        raise InvalidInputError(
            f"nothing to plan for kind {kind!r} in collection {collection!r}",
            hint=nothing_hint(store, collection, kind),
        )
    captions = read_captions(prompts_file)
    order = random.Random(seed)  # noqa: S311 - reproducible, not secret
    order.shuffle(groups)
    planned = [
        plan_model(group, kind, f"{kind}_{collection}", split, captions, samples)
        for group, split in zip(groups, _assign_splits(len(groups)), strict=True)
    ]
    return [replace(spec, method=method) for spec in planned]


def _assign_splits(count: int) -> list[str]:
    sizes = {name: round(share * count) for name, share in SPLITS}
    names = [name for name, size in sizes.items() for _ in range(size)]
    return names + ["train"] * (count - len(names))


def plan_model(
    group: Exemplars, kind: str, case: str, split: str, captions: dict[str, tuple[str, ...]], samples: int
) -> ModelSpec:
    """One model of some exemplars, with its prompts; without a category they name the concept by V* alone."""
    side = "test" if split == "test" else "train"
    if kind == "object":
        concept = f"{TOKEN} {group.category}".rstrip()
        schemes = {"media": [f"A {medium} of {concept}" for medium in MEDIA[side]]}
        training = (concept,)
    else:
        concept = f"{TOKEN} art"
        schemes = {"object": [f"A picture of {thing} in the style of {concept}" for thing in OBJECTS[side]]}
        training = (f"A picture in the style of {concept}",)
    if captions[side]:
        schemes["gpt"] = [caption.replace(CONCEPT, concept) for caption in captions[side]]
    return ModelSpec(
        concept_kind=kind,
        concept=group.concept,
        category=group.category or kind,
        case_name=case,
        split=split,
        exemplar_ids=group.image_ids,
        training_prompts=training,
        samples=plan_samples(schemes, samples),
    )
