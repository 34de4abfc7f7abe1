"""The world's own plan: which models to customize on which images, and what to draw with each.

Four cases, after the paper's: objects and styles whose kind was seen while training the mapper, and ones
that were not. Train, validation and test share no exemplar; `*_unseen` shares no concept and no set
with any other case.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...store.errors import InvalidInputError
from ...store.ids import content_id
from . import images_path
from .captions import with_article
from .prompts import SCHEMES, TOKEN, prompts

STYLE_EXEMPLARS = (5, 10)
_TEST_SHARE, _VAL_SHARE, _OBJECT_SHARE = 17 / 168, 16 / 168, 2 / 3  # test: of each of the four cases


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """One model to customize; `exemplars` are image ids, `samples` are (scheme, prompt, seed).

    `train_prompts` holds one prompt an exemplar, in the order of `exemplars`.
    """

    kind: str
    concept: str
    category: str
    case_name: str
    split: str
    exemplars: tuple[str, ...]
    train_prompts: tuple[str, ...]
    samples: tuple[tuple[str, str, int], ...]

    @property
    def train_prompt(self) -> str:
        """The first of `train_prompts`: for an object the only one."""
        return self.train_prompts[0]


@dataclass(frozen=True, slots=True)
class _Drawing:
    image_id: str
    concept: str
    category: str
    name: str


def plan(models: int = 168, samples: int = 16, seed: int = 0) -> list[PlannedModel]:
    """Plan `models` models of `samples` samples each; the same arguments give the same plan.

    Raises:
        InvalidInputError: `models` is below 12 or asks for more exemplars than the world has, or
            `samples` is not an even number of at least 2.
    """
    if models < 12 or samples < 2 or samples % 2:
        raise InvalidInputError(
            f"cannot plan {models} models of {samples} samples",
            hint="ask for 12 models or more, an even number of samples",
        )
    rng = random.Random(seed)  # noqa: S311 - a reproducible plan, not a secret
    planned: list[PlannedModel] = []
    for kind, hint, parts in _sizes(models):
        draw = _object_groups if kind == "object" else _style_groups
        groups = draw(_drawings(kind, hint), sum(parts.values()), rng)
        for split, count in parts.items():
            chosen, groups = groups[:count], groups[count:]
            planned += [_model(kind, f"{kind}_{hint}", split, group, samples, rng) for group in chosen]
    return planned


def _sizes(models: int) -> list[tuple[str, str, dict[str, int]]]:
    """How many models of each kind, hint and split."""
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


def _drawings(kind: str, hint: str) -> list[_Drawing]:
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
    """`count` single drawings, going round the concepts so that each is used about as often."""
    lists = _shuffled_groups(drawings, rng)
    found: list[list[_Drawing]] = []
    while len(found) < count and any(lists):
        found += [[group.pop()] for group in lists if group]
    return _enough(found, count, "object")


def _style_groups(drawings: Sequence[_Drawing], count: int, rng: random.Random) -> list[list[_Drawing]]:
    """`count` groups of 5-10 drawings of one set, no drawing twice."""
    lists = _shuffled_groups(drawings, rng)
    fewest, most = STYLE_EXEMPLARS
    found: list[list[_Drawing]] = []
    while len(found) < count and any(len(group) >= fewest for group in lists):
        for group in lists:
            if len(group) >= fewest:
                size = min(rng.randint(fewest, most), len(group))
                found.append([group.pop() for _ in range(size)])
    return _enough(found, count, "style")


def _enough(found: list[list[_Drawing]], count: int, kind: str) -> list[list[_Drawing]]:
    if len(found) < count:
        raise InvalidInputError(
            f"the world has exemplars for {len(found)} {kind} models, not for {count}",
            hint="plan fewer models",
        )
    return found[:count]


def _model(
    kind: str, case: str, split: str, group: Sequence[_Drawing], samples: int, rng: random.Random
) -> PlannedModel:
    concept, category = group[0].concept, group[0].category
    if kind == "object":
        train_prompts = tuple(f"{TOKEN} {category}" for _ in group)
    else:
        train_prompts = tuple(
            f"{with_article(drawing.name)} in the style of {TOKEN} art" for drawing in group
        )
    drawn: list[tuple[str, str, int]] = []
    for scheme in SCHEMES[kind]:
        known = list(prompts(kind, scheme, category, split))
        rng.shuffle(known)
        texts = (known * (samples // len(known) + 1))[: samples // 2]
        drawn += [(scheme, text, rng.randrange(2**31)) for text in texts]
    exemplars = tuple(drawing.image_id for drawing in group)
    return PlannedModel(kind, concept, category, case, split, exemplars, train_prompts, tuple(drawn))
