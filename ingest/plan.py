"""Plans over a collection of exemplars: which models to customize, which samples to draw, which controls."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..store import InvalidInputError, Store
from ..store.lookup import quote
from .specs import TOKEN, ModelSpec, SampleSpec

STYLE_SIZES = (5, 10)  # exemplars of a style model, fewest and most
SPLITS = (("test", 0.2), ("val", 0.1))  # shares of the models; the rest is train
CONTROL_SAMPLES = 8
MEDIA = {
    "train": (
        "painting",
        "drawing",
        "watercolor",
        "sculpture",
        "tattoo",
        "mosaic",
        "cartoon",
        "pencil sketch",
    ),
    "test": ("digital art", "poster", "stained glass", "origami", "embroidery", "charcoal drawing"),
}
OBJECTS = {
    "train": ("a house", "a boat", "a tree", "a dog", "a teapot", "a mountain", "a bicycle", "a flower"),
    "test": ("a bridge", "a cat", "a chair", "a car", "an island", "a bird"),
}


@dataclass(frozen=True)
class _Exemplars:
    """The exemplars of one model and what they show."""

    concept: str
    category: str
    image_ids: tuple[str, ...]


def plan_models(
    store: Store,
    collection: str,
    kind: str,
    *,
    prompts_file: Path | None = None,
    samples: int = 16,
    seed: int = 0,
) -> list[ModelSpec]:
    """Plan a model for each image (`object`) or for 5-10 images by one creator (`style`), split 70/10/20.

    Prompts of test models differ from those of train models. Schemes: `media` (object) or `object`
    (style), and `gpt` when `prompts_file` has written captions, one a line, with `{concept}`.

    Args:
        store: holds the images of `collection`.
        collection: the exemplars.
        kind: 'object' or 'style'.
        prompts_file: written captions.
        samples: how many samples each model gets.
        seed: of the split over models.

    Raises:
        InvalidInputError: the collection is empty, no creator has five images, a caption lacks `{concept}`.
    """
    groups = _object_exemplars(store, collection) if kind == "object" else _style_exemplars(store, collection)
    if not groups:
        raise InvalidInputError(
            f"nothing to plan for kind {kind!r} in collection {collection!r}",
            hint="ingest images into it first; a style needs at least 5 images with the same `creator`",
        )
    captions = _read_captions(prompts_file)
    order = random.Random(seed)  # noqa: S311 - reproducible, not secret
    order.shuffle(groups)
    return [
        _plan_model(group, kind, f"{kind}_{collection}", split, captions, samples)
        for group, split in zip(groups, _assign_splits(len(groups)), strict=True)
    ]


def plan_controls(specs: Sequence[ModelSpec]) -> list[ModelSpec]:
    """A control for each test model: the untouched base on its prompts and seeds, with V* left out.

    Evaluated against the same exemplars, controls measure how often an exemplar is found by chance or by
    the words of the prompt alone. Each has about CONTROL_SAMPLES samples, evenly over the schemes.
    """
    return [
        replace(
            spec, split="control", method="none", seed=0, training_prompts=(), samples=_control_samples(spec)
        )
        for spec in specs
        if spec.split == "test"
    ]


def _control_samples(spec: ModelSpec) -> tuple[SampleSpec, ...]:
    step = max(1, len(spec.samples) // CONTROL_SAMPLES)
    return tuple(
        replace(sample, prompt=" ".join(sample.prompt.replace(TOKEN, "").split()))
        for sample in spec.samples[::step]
    )


def _object_exemplars(store: Store, collection: str) -> list[_Exemplars]:
    return [
        _Exemplars(
            row["caption"] or row["category"] or "object", row["category"] or "object", (row["image_id"],)
        )
        for row in _read_images(store, collection)
    ]


def _style_exemplars(store: Store, collection: str) -> list[_Exemplars]:
    least, most = STYLE_SIZES
    by_creator: dict[str, list[str]] = {}
    for row in _read_images(store, collection):
        if row["creator"]:
            by_creator.setdefault(row["creator"], []).append(row["image_id"])
    return [
        _Exemplars(creator, "style", tuple(ids[start : start + most]))
        for creator, ids in by_creator.items()
        for start in range(0, len(ids), most)
        if len(ids[start : start + most]) >= least
    ]


def _read_images(store: Store, collection: str) -> list[dict[str, Any]]:
    members = store.read("members", ["image_id"], where=f"collection = {quote(collection)}")
    wanted = set(members["image_id"].to_pylist())
    rows = store.read("images", ["image_id", "caption", "category", "creator"]).to_pylist()
    return sorted((row for row in rows if row["image_id"] in wanted), key=lambda row: str(row["image_id"]))


def _read_captions(file: Path | None) -> dict[str, tuple[str, ...]]:
    """Two thirds of the written captions for train and val models, the last third for test models."""
    lines = [line.strip() for line in file.read_text().splitlines() if line.strip()] if file else []
    for number, line in enumerate(lines, 1):
        if "{concept}" not in line:
            raise InvalidInputError(
                f"{file}, caption {number} has no {{concept}}", hint="write e.g. `{concept} at the beach`"
            )
    cut = -(-2 * len(lines) // 3)
    return {"train": tuple(lines[:cut]), "test": tuple(lines[cut:])}


def _assign_splits(count: int) -> list[str]:
    sizes = {name: round(share * count) for name, share in SPLITS}
    names = [name for name, size in sizes.items() for _ in range(size)]
    return names + ["train"] * (count - len(names))


def _plan_model(
    group: _Exemplars, kind: str, case: str, split: str, captions: dict[str, tuple[str, ...]], samples: int
) -> ModelSpec:
    side = "test" if split == "test" else "train"
    if kind == "object":
        concept = f"{TOKEN} {group.category}"
        schemes = {"media": [f"A {medium} of {concept}" for medium in MEDIA[side]]}
        training = (concept,)
    else:
        concept = f"{TOKEN} art"
        schemes = {"object": [f"A picture of {thing} in the style of {concept}" for thing in OBJECTS[side]]}
        training = (f"A picture in the style of {concept}",)
    if captions[side]:
        schemes["gpt"] = [caption.format(concept=concept) for caption in captions[side]]
    return ModelSpec(
        concept_kind=kind,
        concept=group.concept,
        category=group.category,
        case_name=case,
        split=split,
        exemplar_ids=group.image_ids,
        training_prompts=training,
        samples=_plan_samples(schemes, samples),
    )


def _plan_samples(schemes: dict[str, list[str]], count: int) -> tuple[SampleSpec, ...]:
    """`count` samples, alternating between schemes and cycling through their prompts; seeds count from 0."""
    planned = []
    for seed in range(count):
        scheme = sorted(schemes)[seed % len(schemes)]
        prompts = schemes[scheme]
        planned.append(SampleSpec(scheme, prompts[seed // len(schemes) % len(prompts)], seed))
    return tuple(planned)
