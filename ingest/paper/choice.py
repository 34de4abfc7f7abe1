"""Which files become the exemplars of which model: as many models as Table 1 has, chosen by a seed."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...store import InvalidInputError
from .table1 import (
    MODELS_OF_CLASS,
    MODELS_OF_UNSEEN_CLASS,
    SEEN_CLASSES,
    TABLE_1,
    UNSEEN_CLASSES,
    scaled,
)

SCALE_HINT = "take a part of the table with --scale, such as --scale 0.1"


@dataclass(frozen=True)
class Choice:
    """The exemplars of one model.

    Attributes:
        concept: the class, the group or the artist.
        category: the word that follows V* in prompts of objects; 'style' otherwise.
        files: paths below the source's folder.
    """

    case: str
    split: str
    concept: str
    category: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Category:
    """The broad category of a class, and whether train models have it; None leaves that to the seed."""

    name: str
    seen: bool | None = None


def choose_objects(
    files_of: Mapping[str, Sequence[str]],
    categories: Mapping[str, Category],
    *,
    seed: int = 0,
    scale: float = 1.0,
) -> list[Choice]:
    """Models of one image each: of seen classes 8 train, 1 val and 1 test, of unseen ones 10 test.

    Args:
        files_of: the pictures of each class.
        categories: the classes that may be taken, with their broad categories.
        seed: of the choice of classes and pictures.
        scale: share of the classes.

    Raises InvalidInputError for too few classes with ten pictures.
    """
    order = random.Random(seed)  # noqa: S311 - reproducible, not secret
    least = max(sum(MODELS_OF_CLASS.values()), MODELS_OF_UNSEEN_CLASS)
    there = [name for name in sorted(categories) if len(files_of.get(name, ())) >= least]
    order.shuffle(there)
    wanted = {True: scaled(SEEN_CLASSES, scale), False: scaled(UNSEEN_CLASSES, scale)}
    chosen = {seen: [name for name in there if categories[name].seen is seen] for seen in (True, False)}
    free = [name for name in there if categories[name].seen is None]
    for seen in (False, True):
        missing = max(0, wanted[seen] - len(chosen[seen]))
        chosen[seen] += free[:missing]
        free = free[missing:]
        if len(chosen[seen]) < wanted[seen]:
            raise InvalidInputError(
                f"there are {len(there)} classes with a category and {least} pictures,"
                f" Table 1 takes {wanted[True]} seen and {wanted[False]} unseen ones",
                hint=SCALE_HINT,
            )
    found: list[Choice] = []
    for seen in (True, False):
        for name in sorted(chosen[seen][: wanted[seen]]):
            files = sorted(files_of[name])
            order.shuffle(files)
            found += _models_of_class(name, categories[name].name, files, seen)
    return found


def _models_of_class(name: str, category: str, files: Sequence[str], seen: bool) -> Iterable[Choice]:
    parts = MODELS_OF_CLASS if seen else {"test": MODELS_OF_UNSEEN_CLASS}
    case = "observed_imagenet" if seen else "unobserved_imagenet"
    splits = [split for split, count in parts.items() for _ in range(count)]
    return [Choice(case, split, name, category, (file,)) for split, file in zip(splits, files, strict=False)]


def choose_styles(
    source: str, files_of: Mapping[str, Sequence[str]], *, seed: int = 0, scale: float = 1.0
) -> list[Choice]:
    """A model of each group or artist, of all its pictures, as many as the table has of the source.

    Raises InvalidInputError where there are fewer groups.
    """
    parts = [(part.case, part.split, scaled(part.models, scale)) for part in TABLE_1[source]]
    wanted = sum(count for _, _, count in parts)
    groups = sorted(files_of)
    if len(groups) < wanted:
        raise InvalidInputError(
            f"{source} has {len(groups)} groups of pictures here, Table 1 takes {wanted}", hint=SCALE_HINT
        )
    random.Random(seed).shuffle(groups)  # noqa: S311 - reproducible, not secret
    splits = [(case, split) for case, split, count in parts for _ in range(count)]
    return [
        Choice(case, split, group, "style", tuple(sorted(files_of[group])))
        for (case, split), group in zip(splits, groups, strict=False)
    ]
