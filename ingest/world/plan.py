"""The world's own plan: which models to customize on which images, and which samples to draw from each.

Four cases, after the paper's: objects and styles of kinds that train models have too (`*_seen`), and of
kinds that only test models have (`*_unseen`). Train, validation and test models share no exemplar;
`*_unseen` shares no concept and no set with any other case.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...store.errors import InvalidInputError
from ...store.ids import content_id
from ..plan.exemplars import STYLE_SIZES
from ..specs import TOKEN, ModelSpec, SampleSpec
from . import images_path
from .prompts import SCHEMES, prompts, with_article

NAMELESS_STYLE = f"a picture in the style of {TOKEN} art"
"""The second training prompt of each exemplar of a style: all that is said is the style, so V* carries it."""

_TEST_SHARE, _VAL_SHARE, _OBJECT_SHARE = 17 / 168, 32 / 168, 2 / 3  # test: of each of the four cases


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A possible exemplar: one drawing of one concept."""

    image_id: str
    concept: str
    category: str
    name: str


def plan_world(
    models: int = 168, samples: int = 8, seed: int = 0, exclude: Collection[str] = ()
) -> list[ModelSpec]:
    """Plan `models` models, and `samples` samples of each by each of its schemes.

    The same arguments give the same plan. An object has one exemplar and one training prompt, a style 5-10
    exemplars with two prompts each, one of them without a name. Objects have three schemes and styles two, so
    that 8 samples are 24 of an object and 16 of a style. Images whose ids are in `exclude` are no exemplars.

    Raises:
        InvalidInputError: `models` is below 12 or asks for more exemplars than the world has, or
            `samples` is below 1.
    """
    if models < 12 or samples < 1:
        raise InvalidInputError(
            f"cannot plan {models} models with {samples} samples of each scheme",
            hint="ask for 12 models or more, and for 1 sample or more",
        )
    rng = random.Random(seed)  # noqa: S311 - a reproducible plan, not a secret
    planned: list[ModelSpec] = []
    for kind, hint, parts in _split_sizes(models):
        group = _object_groups if kind == "object" else _style_groups
        drawings = [one for one in _read_drawings(kind, hint) if one.image_id not in exclude]
        groups = group(drawings, sum(parts.values()), rng)
        for split, count in parts.items():
            chosen, groups = groups[:count], groups[count:]
            planned += [_plan_model(kind, hint, split, one, samples, seed) for one in chosen]
    return planned


def _split_sizes(models: int) -> list[tuple[str, str, dict[str, int]]]:
    """(kind, hint, {split: number of models}) of each case."""
    test = max(1, round(models * _TEST_SHARE))
    val = max(2, round(models * _VAL_SHARE))
    train = models - val - 4 * test
    objects = {"train": round(train * _OBJECT_SHARE), "val": round(val * _OBJECT_SHARE)}
    styles = {"train": train - objects["train"], "val": val - objects["val"]}
    return [
        ("object", "seen", {**objects, "test": test}),
        ("object", "unseen", {"test": test}),
        ("style", "seen", {**styles, "test": test}),
        ("style", "unseen", {"test": test}),
    ]


def _read_drawings(kind: str, hint: str) -> list[_Drawing]:
    """The exemplar images of a kind; a style's concept is the name of its set."""
    table = pq.read_table(images_path())
    mask = pc.and_(pc.equal(table["role"], kind), pc.equal(table["split_hint"], hint))
    rows = table.filter(mask).to_pylist()
    if kind == "object":
        return [_Drawing(content_id(row["image"]), row["name"], row["category"], row["name"]) for row in rows]
    return [_Drawing(content_id(row["image"]), row["set"], "style", row["name"]) for row in rows]


def _shuffled_groups(drawings: Iterable[_Drawing], rng: random.Random) -> list[list[_Drawing]]:
    """The drawings by concept, concepts and drawings shuffled."""
    groups: dict[str, list[_Drawing]] = {}
    for drawing in drawings:
        groups.setdefault(drawing.concept, []).append(drawing)
    lists = list(groups.values())
    rng.shuffle(lists)
    for group in lists:
        rng.shuffle(group)
    return lists


def _object_groups(drawings: Sequence[_Drawing], count: int, rng: random.Random) -> list[list[_Drawing]]:
    """`count` single drawings, cycling through the concepts so that each is used about as often."""
    lists = _shuffled_groups(drawings, rng)
    found: list[list[_Drawing]] = []
    while len(found) < count and any(lists):
        found += [[group.pop()] for group in lists if group]
    return _require_count(found, count, "object")


def _style_groups(drawings: Sequence[_Drawing], count: int, rng: random.Random) -> list[list[_Drawing]]:
    """`count` groups of 5-10 drawings of one set, no drawing twice."""
    lists = _shuffled_groups(drawings, rng)
    fewest, most = STYLE_SIZES
    found: list[list[_Drawing]] = []
    while len(found) < count and any(len(group) >= fewest for group in lists):
        for group in lists:
            if len(group) >= fewest:
                size = min(rng.randint(fewest, most), len(group))
                found.append([group.pop() for _ in range(size)])
    return _require_count(found, count, "style")


def _require_count(found: list[list[_Drawing]], count: int, kind: str) -> list[list[_Drawing]]:
    if len(found) < count:
        raise InvalidInputError(
            f"the world has exemplars for {len(found)} {kind} models, not for {count}",
            hint="plan fewer models",
        )
    return found[:count]


def _plan_model(
    kind: str, hint: str, split: str, drawings: Sequence[_Drawing], samples: int, seed: int
) -> ModelSpec:
    # Of its own, so that other prompts do not change which images later models are made of.
    rng = random.Random(" ".join([str(seed), *(d.image_id for d in drawings)]))  # noqa: S311
    category = drawings[0].category
    if kind == "object":
        training_prompts = tuple(f"{TOKEN} {category}" for _ in drawings)
    else:
        named = tuple(f"{with_article(d.name)} in the style of {TOKEN} art" for d in drawings)
        training_prompts = named + (NAMELESS_STYLE,) * len(drawings)
    planned: list[SampleSpec] = []
    for scheme in SCHEMES[kind]:
        known = list(prompts(kind, scheme, category, split))
        rng.shuffle(known)
        texts = (known * (samples // len(known) + 1))[:samples]
        planned += [SampleSpec(scheme, text, rng.randrange(2**31)) for text in texts]
    return ModelSpec(
        concept_kind=kind,
        concept=drawings[0].concept,
        category=category,
        case_name=f"{kind}_{hint}",
        split=split,
        exemplar_ids=tuple(drawing.image_id for drawing in drawings),
        training_prompts=training_prompts,
        samples=tuple(planned),
    )
