"""Plans over a collection of exemplars: which models to customize, which samples to draw, which controls."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..store import ConflictError, InvalidInputError, Store, content_id
from ..store.lookup import quote
from .specs import (
    METHODS,
    TOKEN,
    ModelSpec,
    SampleSpec,
    read_lines,
    specs_bytes,
    uses_token,
    write_specs,
)

STAGE = "plan"
STYLE_SIZES = (5, 10)  # exemplars of a style model, fewest and most
SPLITS = (("test", 0.2), ("val", 0.1))  # shares of the models; the rest is train
CONTROL_SAMPLES = 8
CONCEPT = "{concept}"
"""What stands for the concept in written captions; all other braces are text."""
CAPTION_HINT = "write captions one a line, such as `{concept} at the beach`"
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
    groups = _object_exemplars(store, collection) if kind == "object" else _style_exemplars(store, collection)
    if not groups:
        raise InvalidInputError(
            f"nothing to plan for kind {kind!r} in collection {collection!r}",
            hint=_nothing_hint(store, collection, kind),
        )
    captions = _read_captions(prompts_file)
    order = random.Random(seed)  # noqa: S311 - reproducible, not secret
    order.shuffle(groups)
    planned = [
        _plan_model(group, kind, f"{kind}_{collection}", split, captions, samples)
        for group, split in zip(groups, _assign_splits(len(groups)), strict=True)
    ]
    return [replace(spec, method=method) for spec in planned]


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


def write_plan(store: Store, path: Path, specs: Sequence[ModelSpec], *, overwrite: bool = False) -> None:
    """Write a plan, and note its hash in the store, so that a plan that was edited since is recognised.

    Raises:
        ConflictError: another file is there that is no plan as this store wrote it; `overwrite` replaces it.
        InvalidInputError: the file cannot be read or written.
    """
    data = specs_bytes(specs)
    try:
        there = content_id(path.read_bytes()) if path.is_file() and not overwrite else None
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read: {error.strerror}", hint="name another file"
        ) from error
    digest = content_id(data)
    if there not in (None, digest) and there not in _written_plans(store):
        raise ConflictError(
            f"{path} was edited since it was planned, or is no plan of this store",
            hint="name another file, or replace it with --overwrite",
        )
    job = store.jobs.plan(STAGE, {"sha256": digest}, [str(path.resolve())], 1)
    for shard in job.pending():
        job.finish(shard)
    write_specs(path, specs)


def _written_plans(store: Store) -> set[str]:
    """The hashes of the plans that were written."""
    specs = store.read("jobs", ["spec"], f"kind = {quote(STAGE)}")["spec"].to_pylist()
    return {json.loads(spec)["sha256"] for spec in specs}


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


def _nothing_hint(store: Store, collection: str, kind: str) -> str:
    """What to do where a collection has nothing to plan."""
    creators = [row["creator"] for row in _read_images(store, collection)]
    if kind == "object" or not creators:
        return f"ingest images into it first: attribase ingest images DIR --collection {collection}"
    named = [creator for creator in creators if creator]
    most = max((named.count(creator) for creator in set(named)), default=0)
    return (
        f"a style needs at least {STYLE_SIZES[0]} images with the same `creator`: {len(named)} of "
        f"{len(creators)} images have one, at most {most} the same; name them with "
        "`ingest update --metadata FILE`, or ingest a folder a creator with --subfolder creator"
    )


def _read_images(store: Store, collection: str) -> list[dict[str, Any]]:
    members = store.read("members", ["image_id"], where=f"collection = {quote(collection)}")
    wanted = set(members["image_id"].to_pylist())
    rows = store.read("images", ["image_id", "caption", "category", "creator"]).to_pylist()
    return sorted((row for row in rows if row["image_id"] in wanted), key=lambda row: str(row["image_id"]))


def _read_captions(file: Path | None) -> dict[str, tuple[str, ...]]:
    """Two thirds of the written captions for train and val models, the last third for test models."""
    try:
        found = [(number, line.strip()) for number, line in enumerate(read_lines(file), 1)] if file else []
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be read: {error.strerror}", hint=CAPTION_HINT) from error
    lines = [(number, line) for number, line in found if line]
    for caption, (number, line) in enumerate(lines, 1):
        if CONCEPT not in line:
            raise InvalidInputError(
                f"{file}, line {number}: caption {caption} has no {CONCEPT}", hint=CAPTION_HINT
            )
    captions = tuple(line for _, line in lines)
    cut = -(-2 * len(captions) // 3)
    return {"train": captions[:cut], "test": captions[cut:]}


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
        schemes["gpt"] = [caption.replace(CONCEPT, concept) for caption in captions[side]]
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
