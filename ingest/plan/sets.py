"""Plans of sets: unrelated images with captions, one caption each to train on, the others to sample."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from ...store import InvalidInputError, Store
from ..specs import TOKENLESS, ModelSpec, SampleSpec
from .captions import CaptionedImage, captioned_images

KIND = "set"
SCHEME = "caption"
"""The scheme of samples whose prompts are held-out captions."""

SIZES = (1, 10, 100, 1000)
MODELS = 4
SAMPLES = 4
SAMPLES_OF_LARGE = 1
LARGE = 1000
"""The size from which a held-out caption has SAMPLES_OF_LARGE samples instead of SAMPLES."""


@dataclass(frozen=True)
class SetPlan:
    """Which sets to plan. The defaults are those of arXiv:2306.09345, sections 5 and C.2.

    Attributes:
        sizes: images a set.
        models: sets, and so models, of each size.
        samples: of each held-out caption; None for 4, or 1 where a set has 1000 images or more.
        captions: held-out captions of each image that are used, at most; None for all.
        seed: of the choice of images.
        method: 'captioned', or 'none' for the untouched base on the same captions: the controls.

    Raises InvalidInputError for a number below 1, a size that comes twice, or a method whose prompts hold V*.
    """

    sizes: tuple[int, ...] = SIZES
    models: int = MODELS
    samples: int | None = None
    captions: int | None = None
    seed: int = 0
    method: str = "captioned"

    def __post_init__(self) -> None:
        if self.method not in TOKENLESS:
            raise InvalidInputError(
                f"sets cannot be planned by {self.method!r}",
                hint=f"their images share no concept that V* could name: use {' or '.join(TOKENLESS)}",
            )
        numbers = [*self.sizes, self.models, *(n for n in (self.samples, self.captions) if n is not None)]
        if not self.sizes or min(numbers) < 1 or len(set(self.sizes)) < len(self.sizes):
            raise InvalidInputError(
                f"cannot plan {self.models} sets of {' '.join(map(str, self.sizes)) or 'no size'}",
                hint="use different sizes and numbers from 1, such as --sizes 1 10 100",
            )

    def samples_of(self, size: int) -> int:
        """Samples of each held-out caption in a set of `size` images."""
        return self.samples or (SAMPLES_OF_LARGE if size >= LARGE else SAMPLES)


def plan_sets(store: Store, collection: str, plan: SetPlan) -> list[ModelSpec]:
    """Plan `plan.models` models of each size, over the images of `collection` with two captions or more.

    The first caption of an image is trained on, the others are prompts; a caption that is trained on is no
    prompt of its set. Sets of one size share images only where there are too few. The split is `test`; for
    the method 'none' it is `control`.

    Raises InvalidInputError where a size is larger than the number of such images.
    """
    images = captioned_images(store, collection)
    largest = max(plan.sizes)
    if largest > len(images):
        raise InvalidInputError(
            f"a set of {largest} needs as many images with two captions or more: {collection!r} has"
            f" {len(images)}",
            hint="choose smaller --sizes, or ingest images with lists of captions: docs/sets.md",
        )
    order = random.Random(plan.seed)  # noqa: S311 - reproducible, not secret
    return [
        _plan_set(members, f"set {number} of {size}", f"{KIND}_{collection}_{size}", plan)
        for size in plan.sizes
        for number, members in enumerate(_draw_sets(images, size, plan.models, order), 1)
    ]


def _draw_sets(
    images: Sequence[CaptionedImage], size: int, number: int, order: random.Random
) -> list[list[CaptionedImage]]:
    """`number` sets of `size` images, without a common image while images last."""
    sets: list[list[CaptionedImage]] = []
    left: list[CaptionedImage] = []
    for _ in range(number):
        if len(left) < size:
            left = order.sample(images, len(images))
        sets.append(left[:size])
        left = left[size:]
    return sets


def _plan_set(members: Sequence[CaptionedImage], concept: str, case: str, plan: SetPlan) -> ModelSpec:
    trained = tuple(image.captions[0] for image in members)
    prompts = [
        caption
        for image in members
        for caption in [one for one in image.captions[1:] if one not in trained][: plan.captions]
    ]
    seeds = count()
    untouched = plan.method == "none"
    return ModelSpec(
        concept_kind=KIND,
        concept=concept,
        category=KIND,
        case_name=case,
        split="control" if untouched else "test",
        exemplar_ids=tuple(image.image_id for image in members),
        training_prompts=() if untouched else trained,
        samples=tuple(
            SampleSpec(SCHEME, prompt, next(seeds))
            for prompt in prompts
            for _ in range(plan.samples_of(len(members)))
        ),
        method=plan.method,
    )
