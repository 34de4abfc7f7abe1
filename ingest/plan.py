"""A plan over a person's own exemplars: which models to customize, what to draw with each."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..store import InvalidInputError, Store
from ..store.lookup import quote
from .specs import TOKEN, ModelSpec, SampleSpec

STYLE_SIZES = (5, 10)
SPLITS = (("test", 0.2), ("val", 0.1))
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
    """One future model: what it is about, and on which images."""

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
    """One model an image (`object`) or a group of 5-10 images by one creator (`style`), split 70/10/20.

    Prompts of test models differ from those of train models. Schemes: `media` (object) or `object`
    (style), and `gpt` when `prompts_file` has written captions, one a line, with `{concept}`.

    Raises:
        InvalidInputError: the collection is empty, no creator has five images, a caption lacks `{concept}`.
    """
    groups = _objects(store, collection) if kind == "object" else _styles(store, collection)
    if not groups:
        raise InvalidInputError(
            f"nothing to plan for kind {kind!r} in collection {collection!r}",
            hint="ingest images into it first; a style needs at least 5 images with the same `creator`",
        )
    captions = _captions(prompts_file)
    order = random.Random(seed)  # noqa: S311 - reproducible, not secret
    order.shuffle(groups)
    return [
        _spec(group, kind, f"{kind}_{collection}", split, captions, samples)
        for group, split in zip(groups, _splits(len(groups)), strict=True)
    ]


def _objects(store: Store, collection: str) -> list[_Exemplars]:
    return [
        _Exemplars(
            row["caption"] or row["category"] or "object", row["category"] or "object", (row["image_id"],)
        )
        for row in _images(store, collection)
    ]


def _styles(store: Store, collection: str) -> list[_Exemplars]:
    least, most = STYLE_SIZES
    by_creator: dict[str, list[str]] = {}
    for row in _images(store, collection):
        if row["creator"]:
            by_creator.setdefault(row["creator"], []).append(row["image_id"])
    return [
        _Exemplars(creator, "style", tuple(ids[start : start + most]))
        for creator, ids in by_creator.items()
        for start in range(0, len(ids), most)
        if len(ids[start : start + most]) >= least
    ]


def _images(store: Store, collection: str) -> list[dict[str, Any]]:
    members = store.read("members", ["image_id"], f"collection = {quote(collection)}")
    wanted = set(members["image_id"].to_pylist())
    rows = store.read("images", ["image_id", "caption", "category", "creator"]).to_pylist()
    return sorted((row for row in rows if row["image_id"] in wanted), key=lambda row: str(row["image_id"]))


def _captions(file: Path | None) -> dict[str, tuple[str, ...]]:
    """Two thirds of the written captions for train and val models, the last third for test models."""
    lines = [line.strip() for line in file.read_text().splitlines() if line.strip()] if file else []
    for number, line in enumerate(lines, 1):
        if "{concept}" not in line:
            raise InvalidInputError(
                f"{file}, caption {number} has no {{concept}}", hint="write e.g. `{concept} at the beach`"
            )
    cut = -(-2 * len(lines) // 3)
    return {"train": tuple(lines[:cut]), "test": tuple(lines[cut:])}


def _splits(count: int) -> list[str]:
    sizes = {name: round(share * count) for name, share in SPLITS}
    names = [name for name, size in sizes.items() for _ in range(size)]
    return names + ["train"] * (count - len(names))


def _spec(
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
        samples=_samples(schemes, samples),
    )


def _samples(schemes: dict[str, list[str]], count: int) -> tuple[SampleSpec, ...]:
    """`count` samples in turn over the schemes, each going round its prompts; the seed is the place."""
    drawn = []
    for place in range(count):
        scheme = sorted(schemes)[place % len(schemes)]
        prompts = schemes[scheme]
        drawn.append(SampleSpec(scheme, prompts[place // len(schemes) % len(prompts)], place))
    return tuple(drawn)
